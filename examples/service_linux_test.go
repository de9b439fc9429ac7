package examples_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os/exec"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
)

// A running service is the example "service" as a process.
type runningService struct {
	*exec.Cmd
	address string
	log     bytes.Buffer // complete when ended
	ended   chan error
}

// startService starts the example, and kills it at the end of the test.
func startService(t *testing.T) *runningService {
	t.Helper()
	s := &runningService{Cmd: command("service", "127.0.0.1:0"), ended: make(chan error, 1)}
	s.Stderr = t.Output()
	stdout, err := s.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Process.Kill() })
	out := bufio.NewReader(stdout)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s.address = strings.TrimPrefix(strings.TrimSpace(line), "listening on http://")
	go func() {
		io.Copy(&s.log, out)
		s.ended <- s.Wait()
	}()
	return s
}

// terminate ends the service by SIGTERM, and returns its log.
func (s *runningService) terminate(t *testing.T) string {
	t.Helper()
	if err := s.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-s.ended:
		if err != nil {
			t.Errorf("the service ended with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Fatal("the service does not end")
	}
	return s.log.String()
}

// TestServiceStops checks that SIGTERM lets a request under way end, and ends the program with
// status 0.
func TestServiceStops(t *testing.T) {
	s := startService(t)
	type answer struct {
		text string
		err  error
	}
	answered, sent := make(chan answer, 1), make(chan struct{})
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { close(sent) }})
	go func() {
		text, err := fetch(ctx, "http://"+s.address+"/notes")
		answered <- answer{text, err}
	}()
	<-sent
	// Another connection is idle when the service ends. Its response also says that the
	// service has read the first request, which came before.
	idle := &http.Client{Transport: &http.Transport{}}
	resp, err := idle.Post("http://"+s.address+"/none", "text/plain", nil)
	if err != nil {
		t.Fatal(err)
	}
	io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	log := s.terminate(t)
	got := <-answered
	if got.err != nil || got.text != "{}\n" {
		t.Errorf("%q, %v", got.text, got.err)
	}
	says(t, log, "method=POST uri=/none", "status=404", "method=GET uri=/notes", "status=200", "duration=5")
}

// clientAddress is the address that the tests send as that of another client.
const clientAddress = "203.0.113.9"

func fetch(ctx context.Context, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", url, nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("X-Forwarded-For", clientAddress)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", resp.Status, text)
	}
	return string(text), err
}

// fronts are programs in front of two services, %[2]s and %[3]s, at port %[1]s. %[4]s is a folder.
var fronts = map[string]struct{ config, args string }{
	"nginx": {`
daemon off; worker_processes 1; pid %[4]s/pid; error_log stderr;
events {}
http {
	access_log off;
	client_body_temp_path %[4]s/1; proxy_temp_path %[4]s/2; fastcgi_temp_path %[4]s/3; uwsgi_temp_path %[4]s/4; scgi_temp_path %[4]s/5;
	upstream service { server %[2]s; server %[3]s; keepalive 8; }
	server {
		listen 127.0.0.1:%[1]s;
		location / {
			proxy_pass http://service;
			proxy_http_version 1.1;
			proxy_set_header Connection "";
			proxy_set_header Host $host;
			proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
			proxy_set_header X-Forwarded-Proto $scheme;
			proxy_next_upstream error timeout;
		}
	}
}
`, "-e stderr -c"},
	"haproxy": {`
defaults
	mode http
	timeout client 10s
	timeout server 10s
	timeout connect 1s
	option redispatch
	retries 3
	retry-on conn-failure empty-response
	http-reuse always
frontend f
	bind 127.0.0.1:%[1]s
	http-request set-header X-Forwarded-Proto http
	option forwardfor
	default_backend b
backend b
	balance roundrobin
	server one %[2]s check inter 100
	server two %[3]s check inter 100
`, "-f"},
}

// TestServiceBehindProxies runs two services behind nginx, and behind haproxy, and ends one of
// them under load: no request is lost. The logs have the clients' addresses.
func TestServiceBehindProxies(t *testing.T) {
	for name, front := range fronts {
		t.Run(name, func(t *testing.T) {
			daemon.Path(t, name)
			one, two := startService(t), startService(t)
			proxy := daemon.Start(t, name, func(s *daemon.Setup) []string {
				file := s.File("config", fmt.Sprintf(front.config, s.Port("http"), one.address, two.address, s.Dir))
				return append(strings.Fields(front.args), file)
			})
			url := "http://" + proxy.Address("http") + "/notes"
			// Each client makes a request when there is a ticket. Two thirds are
			// left when the first service ends.
			const clients, requests = 10, 60
			tickets, results := make(chan struct{}, requests), make(chan error, requests)
			for range clients {
				go func() {
					for range tickets {
						_, err := fetch(t.Context(), url)
						results <- err
					}
				}()
			}
			for range requests {
				tickets <- struct{}{}
			}
			close(tickets)
			logs := ""
			for i := range requests {
				if err := <-results; err != nil {
					t.Error(err)
				}
				if i == requests/3 {
					logs = one.terminate(t)
				}
			}
			logs += two.terminate(t)
			lines := regexp.MustCompile(`(?m)^.* uri=/notes .*$`).FindAllString(logs, -1)
			if len(lines) != requests {
				t.Errorf("%d requests were logged; want %d", len(lines), requests)
			}
			for _, line := range lines {
				if !strings.Contains(line, " status=200 ") || !strings.Contains(line, " client="+clientAddress+":0 ") {
					t.Error(line)
				}
			}
		})
	}
}
