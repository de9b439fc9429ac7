package peers_test

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// This file starts servers of other people that speak HTTP/2, in front of one that speaks what
// they ask for.

// A front is a server in front of the handler of the exam.
type front struct {
	plain, secure string // the URLs for HTTP/2; "" if it has none
	// except names the questions of the exam that it does not pass on, and why.
	except map[string]string
}

// A backend is a server of the handler of the exam.
type backend struct {
	plain, secure string // the URLs
}

func (b backend) host() string       { return strings.TrimPrefix(b.plain, "http://") }
func (b backend) secureHost() string { return strings.TrimPrefix(b.secure, "https://") }

// certificate writes the certificate and the key of authority for 127.0.0.1 to one file, and to
// two.
func certificate(s *daemon.Setup, authority *treqtesting.Authority) (both, cert, key string) {
	certPEM, keyPEM := authority.CertificatePEM("127.0.0.1")
	return s.File("both.pem", string(certPEM)+string(keyPEM)), s.File("cert.pem", string(certPEM)), s.File("key.pem", string(keyPEM))
}

// haproxyFront is a haproxy that passes requests on over HTTP/2, if second says so, else over
// HTTP/1.1.
func haproxyFront(t *testing.T, authority *treqtesting.Authority, to backend, second bool) front {
	d := daemon.Start(t, "haproxy", func(s *daemon.Setup) []string {
		both, _, _ := certificate(s, authority)
		server := "server one " + to.host()
		if second {
			server = "server one " + to.host() + " proto h2"
			if to.secure != "" {
				server = "server one " + to.secureHost() + " ssl verify none alpn h2"
			}
		}
		return []string{"-db", "-f", s.File("haproxy.cfg", fmt.Sprintf(`
global
    tune.bufsize 65536
    tune.h2.max-concurrent-streams 200
defaults
    retries 0
    timeout connect 5s
    timeout client 30s
    timeout server 30s
listen all
    mode http
    bind 127.0.0.1:%s proto h2
    bind 127.0.0.1:%s ssl crt %s alpn h2
    %s
`, s.Port("http"), s.Port("https"), both, server))}
	})
	except := map[string]string{}
	if second {
		except["interim"] = "it may cut a response after two interim ones"
		except["cut short"] = "it may cut other responses of the same connection too"
	}
	return front{"http://" + d.Address("http"), "https://" + d.Address("https"), except}
}

// nghttpx is an nghttpx that passes requests on as haproxyFront does.
func nghttpxFront(t *testing.T, authority *treqtesting.Authority, to backend, second bool) front {
	d := daemon.Start(t, "nghttpx", func(s *daemon.Setup) []string {
		_, cert, key := certificate(s, authority)
		server := "--backend=" + strings.ReplaceAll(to.host(), ":", ",") + ";;proto=http/1.1"
		if second {
			server = "--backend=" + strings.ReplaceAll(to.host(), ":", ",") + ";;proto=h2"
			if to.secure != "" {
				server = "--backend=" + strings.ReplaceAll(to.secureHost(), ":", ",") + ";;proto=h2;tls"
			}
		}
		return []string{"--conf=/dev/null", "--frontend=127.0.0.1," + s.Port("http") + ";no-tls", "--frontend=127.0.0.1," + s.Port("https"),
			server, "--workers=1", "--insecure", "--no-location-rewrite", "--max-request-header-fields=200", "--max-response-header-fields=200", "--single-process", key, cert}
	})
	except := map[string]string{}
	if !second {
		except["100-continue"] = "it sends no 100"
		except["100-continue refused"] = "it may wait for the body before it passes the answer on"
	}
	return front{"http://" + d.Address("http"), "https://" + d.Address("https"), except}
}

// nginxFront is an nginx that passes requests on over HTTP/1.1, or over HTTP/2 in the way that
// it does for gRPC. text goes into its server.
func nginxFront(t *testing.T, authority *treqtesting.Authority, to backend, second bool, text string) front {
	d := daemon.Start(t, "nginx", func(s *daemon.Setup) []string {
		_, cert, key := certificate(s, authority)
		pass := "proxy_pass " + to.plain + "; proxy_http_version 1.1; proxy_buffering off; proxy_request_buffering off;"
		if second {
			pass = "grpc_pass grpc://" + to.host() + ";"
			if to.secure != "" {
				pass = "grpc_pass grpcs://" + to.secureHost() + ";"
			}
		}
		return []string{"-e", "stderr", "-c", s.File("config", strings.NewReplacer("DIR", s.Dir, "HTTPPORT", s.Port("http"), "HTTPSPORT", s.Port("https"),
			"CERT", cert, "KEY", key, "PASS", pass, "TEXT", text).Replace(`
			daemon off; worker_processes 1; pid DIR/pid; error_log stderr;
			events {}
			http {
				access_log off; client_max_body_size 0; large_client_header_buffers 16 32k;
				proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k; grpc_buffer_size 32k; http2_max_concurrent_streams 200;
				client_body_temp_path DIR/1; proxy_temp_path DIR/2; fastcgi_temp_path DIR/3; uwsgi_temp_path DIR/4; scgi_temp_path DIR/5;
				ssl_certificate CERT; ssl_certificate_key KEY;
				server {
					listen 127.0.0.1:HTTPPORT http2; listen 127.0.0.1:HTTPSPORT ssl http2;
					TEXT
					location / { PASS }
				}
			}`))}
	})
	except := map[string]string{
		"trailers both ways": "it takes no trailers of a request, and ends the connection",
		"interim":            "it takes no interim response but 100",
		"100-continue":       "it sends no 100",
	}
	if second {
		except["HEAD"] = "the length is 0 then"
		except["early answer"] = "it may find an error in a RST_STREAM without one"
	} else {
		except["trailers"] = "it drops them"
	}
	return front{"http://" + d.Address("http"), "https://" + d.Address("https"), except}
}

// caddyFront is a Caddy that passes requests on as haproxyFront does.
func caddyFront(t *testing.T, authority *treqtesting.Authority, to backend, second bool) front {
	d := daemon.Start(t, "caddy", func(s *daemon.Setup) []string {
		_, cert, key := certificate(s, authority)
		pass := "reverse_proxy " + to.plain
		if second {
			pass = "reverse_proxy h2c://" + to.host()
			if to.secure != "" {
				pass = "reverse_proxy " + to.secure
			}
		}
		pass += " {\nflush_interval -1\n"
		if second && to.secure != "" {
			pass += "transport http {\ntls_insecure_skip_verify\nversions 2\n}\n"
		}
		return []string{"run", "--adapter", "caddyfile", "--config", s.File("Caddyfile", strings.NewReplacer("DIR", s.Dir, "HTTPPORT", s.Port("http"), "HTTPSPORT", s.Port("https"),
			"CERT", cert, "KEY", key, "PASS", pass+"}").Replace(`
{
	admin off
	auto_https off
	persist_config off
	storage file_system DIR/storage
	servers {
		protocols h1 h2 h2c
		max_header_size 64KiB
	}
}
http://127.0.0.1:HTTPPORT {
	bind 127.0.0.1
	PASS
}
https://127.0.0.1:HTTPSPORT {
	bind 127.0.0.1
	tls CERT KEY
	PASS
}
`))}
	})
	except := map[string]string{}
	if second {
		const waits = "it may wait a minute for the rest of a request that has been answered"
		except["100-continue refused"], except["early answer"] = waits, waits
	}
	return front{"http://" + d.Address("http"), "https://" + d.Address("https"), except}
}

// fronts are the servers in front of a backend. They pass requests on over HTTP/2, if second
// says so.
var fronts = map[string]func(t *testing.T, authority *treqtesting.Authority, to backend, second bool) front{
	"caddy":   caddyFront,
	"haproxy": haproxyFront,
	"nghttpx": nghttpxFront,
	"nginx": func(t *testing.T, authority *treqtesting.Authority, to backend, second bool) front {
		return nginxFront(t, authority, to, second, "")
	},
}

// TestExamFronts has net/http sit the exam with net/http behind each of the fronts.
func TestExamFronts(t *testing.T) {
	long(t)
	var authority treqtesting.Authority
	plain, secure := serveTheirs(t, nil, nil), serveTheirs(t, authority.ServerTLS("127.0.0.1"), nil)
	for name, start := range fronts {
		for way, test := range map[string]struct {
			to     backend
			second bool
		}{
			"HTTP/1.1": {backend{plain: plain}, false},
			"HTTP/2":   {backend{plain: plain}, true},
			"h2":       {backend{plain: plain, secure: secure}, true},
		} {
			t.Run(name+", "+way, func(t *testing.T) {
				t.Parallel()
				f := start(t, &authority, test.to, test.second)
				for url, config := range map[string]*tls.Config{f.plain: nil, f.secure: authority.ClientTLS()} {
					sit(t, theirs(config), url, f.except)
				}
			})
		}
	}
}
