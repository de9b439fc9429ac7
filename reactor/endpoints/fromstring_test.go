package endpoints_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/endpoints"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

func TestClientFromString(t *testing.T) {
	for _, c := range []struct {
		description string
		want        string // how the endpoint describes itself
		timeout     time.Duration
		local       string
		err         string
	}{
		{description: "tcp:an.example:80", want: "tcp:an.example:80"},
		{description: "TCP:an.example:80", want: "tcp:an.example:80"},
		{description: "tcp:host=an.example:port=80", want: "tcp:an.example:80"},
		{description: "tcp:port=80:host=an.example", want: "tcp:an.example:80"},
		{description: "tcp:host=an.example:80", want: "tcp:an.example:80"},
		{description: "tcp:an.example:port=80", want: "tcp:an.example:80"},
		{description: `tcp:\:\:1:80`, want: `tcp:\:\:1:80`},
		{description: `tcp:host=\:\:1:port=80`, want: `tcp:\:\:1:80`},
		{description: "tcp:an.example:80:timeout=5", want: "tcp:an.example:80", timeout: 5 * time.Second},
		{description: "tcp:an.example:80:bindAddress=192.0.2.1", want: "tcp:an.example:80", local: "192.0.2.1:0"},
		{description: `tcp:an.example:80:bindAddress=2001\:db8\:\:1`, want: "tcp:an.example:80", local: "[2001:db8::1]:0"},
		{description: "unix:/run/socket", want: "unix:/run/socket"},
		{description: "unix:path=/run/a=b:timeout=5", want: `unix:/run/a\=b`, timeout: 5 * time.Second},
		{description: `unix:C\:\\socket`, want: `unix:C\:\\socket`},

		{description: "", err: `endpoints: client "": the kind of endpoint is "", not "tcp", "tls" or "unix"`},
		{description: "an.example", err: `endpoints: client "an.example": the kind of endpoint is "an.example", not "tcp", "tls" or "unix"`},
		{description: "host=an.example", err: `endpoints: client "host=an.example": it does not begin with a kind of endpoint`},
		{description: `tcp:an.example:80\`, err: `endpoints: client "tcp:an.example:80\\": it ends with a backslash`},
		{description: "tcp", err: `endpoints: client "tcp": the host is missing`},
		{description: "tcp:an.example", err: `endpoints: client "tcp:an.example": the port is missing`},
		{description: "tcp::80", err: `endpoints: client "tcp::80": the host is missing`},
		{description: "tcp:an.example:http", err: `endpoints: client "tcp:an.example:http": "http" is not a port number`},
		{description: "tcp:an.example:65536", err: `endpoints: client "tcp:an.example:65536": "65536" is not a port number`},
		{description: "tcp:::1:80", err: `endpoints: client "tcp:::1:80": "1" is one argument too many`},
		{description: "tcp:an.example:80:timeout=soon", err: `endpoints: client "tcp:an.example:80:timeout=soon": the timeout is "soon", not a number of seconds`},
		{description: "tcp:an.example:80:timeout=0", err: `endpoints: client "tcp:an.example:80:timeout=0": the timeout is "0", not a number of seconds`},
		{description: "tcp:an.example:80:tls=yes:colour=red", err: `endpoints: client "tcp:an.example:80:tls=yes:colour=red": there is no argument called "colour"`},
		{description: "unix", err: `endpoints: client "unix": the path is missing`},
		{description: "unix:/run/socket:80", err: `endpoints: client "unix:/run/socket:80": "80" is one argument too many`},
	} {
		t.Run(c.description, func(t *testing.T) {
			r := memory.New()
			got, err := endpoints.ClientFromString(r, c.description)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("error\n%v, want\n%v", err, c.err)
				}
				if got != nil {
					t.Errorf("got the endpoint %v with the error", got)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if text := fmt.Sprint(got); text != c.want {
				t.Errorf("endpoint %s, want %s", text, c.want)
			}
			r.AddHost("*", "192.0.2.1", "2001:db8::1")
			await(r, got.Connect(&peers{}))
			r.Pump()
			attempt := append(r.TCPClients, r.UNIXClients...)[0]
			if attempt.Timeout != c.timeout || attempt.LocalAddress != c.local {
				t.Errorf("timeout %v from %q, want %v from %q", attempt.Timeout, attempt.LocalAddress, c.timeout, c.local)
			}
		})
	}
}

func TestServerFromString(t *testing.T) {
	for _, c := range []struct {
		description string
		want        string // where it listens
		err         string
	}{
		{description: "tcp:80", want: "[::]:80"},
		{description: "tcp:port=80", want: "[::]:80"},
		{description: "tcp:80:interface=127.0.0.1", want: "127.0.0.1:80"},
		{description: `tcp:80:interface=\:\:1`, want: "[::1]:80"},
		{description: "unix:/run/socket", want: "/run/socket"},
		{description: "unix:address=/run/socket", want: "/run/socket"},

		{description: "udp:80", err: `endpoints: server "udp:80": the kind of endpoint is "udp", not "tcp", "ssl" or "unix"`},
		{description: `\`, err: `endpoints: server "\\": it ends with a backslash`},
		{description: "tcp", err: `endpoints: server "tcp": the port is missing`},
		{description: "tcp:eighty", err: `endpoints: server "tcp:eighty": "eighty" is not a port number`},
		{description: "tcp:80:127.0.0.1", err: `endpoints: server "tcp:80:127.0.0.1": "127.0.0.1" is one argument too many`},
		{description: "tcp:80:backlog=5", err: `endpoints: server "tcp:80:backlog=5": there is no argument called "backlog"`},
		{description: "unix", err: `endpoints: server "unix": the address is missing`},
	} {
		t.Run(c.description, func(t *testing.T) {
			r := newReactor(t)
			endpoint, err := endpoints.ServerFromString(r, c.description)
			if c.err != "" {
				if err == nil || err.Error() != c.err {
					t.Errorf("error\n%v, want\n%v", err, c.err)
				}
				if endpoint != nil {
					t.Errorf("got the endpoint %v with the error", endpoint)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			port := valueOf(t, await[reactor.Port](r, endpoint.Listen(&peers{})))
			if got := port.Addr().String(); got != c.want {
				t.Errorf("listens on %s, want %s", got, c.want)
			}
		})
	}
}

func FuzzQuoteStringArgument(f *testing.F) {
	for _, s := range []string{"/run/socket", `C:\socket`, "a=b", `\`, ":"} {
		f.Add(s)
	}
	r := memory.New()
	f.Fuzz(func(t *testing.T, path string) {
		if path == "" {
			return
		}
		quoted := endpoints.QuoteStringArgument(path)
		for _, description := range []string{"unix:" + quoted, "unix:path=" + quoted} {
			got, err := endpoints.ClientFromString(r, description)
			if err != nil {
				t.Fatal(err)
			}
			if want := endpoints.NewUNIXClient(r, path, reactor.ConnectConfig{}); got.(fmt.Stringer).String() != want.String() {
				t.Errorf("%s is %v, want %v", description, got, want)
			}
		}
	})
}
