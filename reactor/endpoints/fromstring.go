package endpoints

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// This file reads and writes descriptions of endpoints. A description is a kind and
// its arguments, separated by colons. An argument may begin with its name and an equals
// sign. A backslash quotes the character after it.

// ClientFromString returns the endpoint of a description. It is Twisted's
// clientFromString, for these kinds:
//
//	tcp:host:port     with timeout= in seconds and bindAddress=, an IP address
//	tls:host:port     TLS over tcp, with the same, and with the arguments below
//	unix:path         with timeout=
//
// The server of a tls endpoint must have a certificate for host. trustRoots= is a folder
// with files of certificates whose names end in ".pem"; without it, the system's roots are
// trusted. certificate= and privateKey= are files with the client's own certificate and its
// key, which may be one file. All these are in PEM, and are read at once.
//
// host, port and path may have their names too ("tcp:port=80:host=an.example"). A colon
// in an argument is written "\:" ("tcp:\:\:1:80"); see [QuoteStringArgument].
func ClientFromString(r reactor.Reactor, description string) (ClientEndpoint, error) {
	endpoint, err := clientFrom(r, description)
	if err != nil {
		return nil, fmt.Errorf("endpoints: client %q: %w", description, err)
	}
	return endpoint, nil
}

func clientFrom(r reactor.Reactor, description string) (ClientEndpoint, error) {
	kind, args, err := parse(description)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "tcp":
		return args.hostname(r), args.check()
	case "tls":
		below := args.hostname(r)
		config := &tls.Config{ServerName: below.host, RootCAs: args.roots("trustRoots")}
		if key := args.optional("privateKey"); key != "" || args.named["certificate"] != "" {
			certificate := args.required("certificate")
			config.Certificates = args.keyPair(certificate, cmp.Or(key, certificate), "")
		}
		return WrapTLS(r, reactor.TLSConfig{Config: config}, below), args.check()
	case "unix":
		args.name("path")
		path := args.required("path")
		config := reactor.ConnectConfig{Timeout: args.seconds("timeout")}
		return NewUNIXClient(r, path, config), args.check()
	}
	return nil, unknownKind(kind, `"tcp", "tls" or "unix"`)
}

// ServerFromString returns the endpoint of a description, which has the form that
// [ClientFromString] takes. It is Twisted's serverFromString, for these kinds:
//
//	tcp:port          with interface=, the only IP address to listen on
//	ssl:port          TLS over tcp, with interface= and privateKey=, a file
//	unix:address      where the address is a path
//
// The file of privateKey= has the server's key, and its certificate unless that is in the
// file of certKey=. extraCertChain= is a file with the certificates between that and its
// root. All these are in PEM, and are read at once.
func ServerFromString(r reactor.Reactor, description string) (ServerEndpoint, error) {
	endpoint, err := serverFrom(r, description)
	if err != nil {
		return nil, fmt.Errorf("endpoints: server %q: %w", description, err)
	}
	return endpoint, nil
}

func serverFrom(r reactor.Reactor, description string) (ServerEndpoint, error) {
	kind, args, err := parse(description)
	if err != nil {
		return nil, err
	}
	switch kind {
	case "tcp":
		return args.tcpServer(r), args.check()
	case "ssl":
		below := args.tcpServer(r)
		key := args.required("privateKey")
		pair := args.keyPair(cmp.Or(args.optional("certKey"), key), key, args.optional("extraCertChain"))
		return WrapTLSServer(r, reactor.TLSConfig{Config: &tls.Config{Certificates: pair}}, below), args.check()
	case "unix":
		args.name("address")
		return NewUNIXServer(r, args.required("address")), args.check()
	}
	return nil, unknownKind(kind, `"tcp", "ssl" or "unix"`)
}

func unknownKind(kind, known string) error {
	return fmt.Errorf("the kind of endpoint is %q, not %s", kind, known)
}

// QuoteStringArgument quotes an argument for a description. It is Twisted's
// quoteStringArgument.
func QuoteStringArgument(argument string) string { return quoter.Replace(argument) }

var quoter = strings.NewReplacer(`\`, `\\`, `:`, `\:`, `=`, `\=`)

// describe returns the description of an endpoint.
func describe(kind string, args ...string) string {
	for _, a := range args {
		kind += ":" + QuoteStringArgument(a)
	}
	return kind
}

// arguments are the arguments of one description. Its methods remove the arguments
// that they return, and keep the first error for check.
type arguments struct {
	positional []string
	named      map[string]string
	err        error
}

// parse splits a description into its kind and its arguments.
func parse(description string) (kind string, _ *arguments, err error) {
	args := &arguments{named: map[string]string{}}
	var name string
	var hasName bool
	var text strings.Builder
	end := func() {
		if hasName {
			args.named[name] = text.String()
		} else {
			args.positional = append(args.positional, text.String())
		}
		hasName = false
		text.Reset()
	}
	for i := 0; i < len(description); i++ {
		switch c := description[i]; {
		case c == '\\':
			if i++; i == len(description) {
				return "", nil, errors.New("it ends with a backslash")
			}
			text.WriteByte(description[i])
		case c == ':':
			end()
		case c == '=' && !hasName:
			name, hasName = text.String(), true
			text.Reset()
		default:
			text.WriteByte(c)
		}
	}
	end()
	if len(args.positional) == 0 {
		return "", nil, errors.New("it does not begin with a kind of endpoint")
	}
	kind, args.positional = strings.ToLower(args.positional[0]), args.positional[1:]
	return kind, args, nil
}

// name gives the unused names to the positional arguments, in order.
func (a *arguments) name(names ...string) {
	for _, n := range names {
		if _, taken := a.named[n]; !taken && len(a.positional) != 0 {
			a.named[n], a.positional = a.positional[0], a.positional[1:]
		}
	}
	if len(a.positional) != 0 {
		a.fail(fmt.Errorf("%q is one argument too many", a.positional[0]))
	}
}

func (a *arguments) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// optional returns an argument, or "" if it is missing.
func (a *arguments) optional(name string) string {
	value := a.named[name]
	delete(a.named, name)
	return value
}

func (a *arguments) required(name string) string {
	value := a.optional(name)
	if value == "" {
		a.fail(errors.New("the " + name + " is missing"))
	}
	return value
}

func (a *arguments) port() string {
	port := a.required("port")
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		a.fail(fmt.Errorf("%q is not a port number", port))
	}
	return port
}

func (a *arguments) seconds(name string) time.Duration {
	text := a.optional(name)
	if text == "" {
		return 0
	}
	seconds, err := strconv.ParseUint(text, 10, 31)
	if err != nil || seconds == 0 {
		a.fail(fmt.Errorf("the %s is %q, not a number of seconds", name, text))
	}
	return time.Duration(seconds) * time.Second
}

// hostname returns the endpoint of the arguments of a tcp client.
func (a *arguments) hostname(r reactor.Reactor) *Hostname {
	a.name("host", "port")
	host, port := a.required("host"), a.port()
	config := HostnameConfig{Timeout: a.seconds("timeout")}
	if local := a.optional("bindAddress"); local != "" {
		config.LocalAddress = net.JoinHostPort(local, "0")
	}
	return NewHostname(r, host, port, config)
}

// tcpServer returns the endpoint of the arguments of a tcp server.
func (a *arguments) tcpServer(r reactor.TCP) *TCPServer {
	a.name("port")
	return NewTCPServer(r, net.JoinHostPort(a.optional("interface"), a.port()))
}

// check returns the first error. A leftover argument is an error too.
func (a *arguments) check() error {
	if left := slices.Sorted(maps.Keys(a.named)); len(left) != 0 {
		a.fail(fmt.Errorf("there is no argument called %q", left[0]))
	}
	return a.err
}
