package endpoints

import (
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
//	unix:path         with timeout=
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
		args.name("host", "port")
		host, port := args.required("host"), args.port()
		config := HostnameConfig{Timeout: args.seconds("timeout")}
		if local := args.optional("bindAddress"); local != "" {
			config.LocalAddress = net.JoinHostPort(local, "0")
		}
		return NewHostname(r, host, port, config), args.check()
	case "unix":
		args.name("path")
		path := args.required("path")
		config := reactor.ConnectConfig{Timeout: args.seconds("timeout")}
		return NewUNIXClient(r, path, config), args.check()
	}
	return nil, unknownKind(kind)
}

// ServerFromString returns the endpoint of a description, which has the form that
// [ClientFromString] takes. It is Twisted's serverFromString, for these kinds:
//
//	tcp:port          with interface=, the only IP address to listen on
//	unix:address      where the address is a path
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
		args.name("port")
		return NewTCPServer(r, net.JoinHostPort(args.optional("interface"), args.port())), args.check()
	case "unix":
		args.name("address")
		return NewUNIXServer(r, args.required("address")), args.check()
	}
	return nil, unknownKind(kind)
}

func unknownKind(kind string) error {
	return fmt.Errorf(`the kind of endpoint is %q, not "tcp" or "unix"`, kind)
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

// check returns the first error. A leftover argument is an error too.
func (a *arguments) check() error {
	if left := slices.Sorted(maps.Keys(a.named)); len(left) != 0 {
		a.fail(fmt.Errorf("there is no argument called %q", left[0]))
	}
	return a.err
}
