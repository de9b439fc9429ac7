package daemon_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
)

// TestMain is also the program that TestStart runs.
func TestMain(m *testing.M) {
	if port := os.Getenv("DAEMON_TEST_PORT"); port != "" {
		fmt.Println("it serves")
		fmt.Println(http.ListenAndServe(net.JoinHostPort("127.0.0.1", port), http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "hello")
		})))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestStart(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	attempts := 0
	var address string
	t.Run("running", func(t *testing.T) {
		d := daemon.Start(t, self, func(s *daemon.Setup) []string {
			attempts++
			port := s.Port("http")
			if attempts == 1 { // its port is taken
				l, err := net.Listen("tcp", "127.0.0.1:"+port)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { l.Close() })
			}
			t.Setenv("DAEMON_TEST_PORT", port)
			return nil
		})
		address = d.Address("http")
		resp, err := http.Get("http://" + address)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if body, _ := io.ReadAll(resp.Body); string(body) != "hello" || !strings.Contains(d.Output(), "it serves") {
			t.Errorf("got %q; it printed %q", body, d.Output())
		}
	})
	if attempts != 2 {
		t.Errorf("%d attempts, want a second one with another port", attempts)
	}
	if c, err := net.Dial("tcp", address); err == nil {
		c.Close()
		t.Error("it runs after its test")
	}
}

func TestPathSkips(t *testing.T) {
	skipped := false
	t.Run("missing", func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		daemon.Path(t, "no-such-daemon")
	})
	if !skipped {
		t.Error("the test was not skipped")
	}
}
