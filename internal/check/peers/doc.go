// Package peers checks the client with other people's servers: proxies (squid, haproxy,
// microsocks, danted) and TLS (openssl). It has nothing but tests. A test whose program is
// not installed says so and is skipped; "make peers" prints which tests ran.
package peers
