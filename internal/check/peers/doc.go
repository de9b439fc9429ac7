// Package peers checks the client and the server with other people's programs: proxies (squid,
// haproxy, microsocks, danted), TLS (openssl), and HTTP/2 (curl, nghttp, h2load, httpx, Chromium,
// nghttpd, nghttpx, nginx, haproxy, Caddy, net/http). It has nothing but tests. A test whose
// program is not installed says so and is skipped; "make peers" prints which tests ran, and runs
// those that take long.
package peers
