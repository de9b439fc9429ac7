// Package auth is what a client proves itself with: [Basic] and [Digest]
// credentials, and a [Netrc] file that has them for many hosts. agent.AuthAgent
// takes any of them to its requests.
//
//	client.Get(url, client.Auth(auth.Basic("user", "password")))
//
//	digest := auth.NewDigest("user", "password") // kept: it counts what it has sent
//	client.Get(url, client.Auth(digest))
//
// # Where credentials go
//
// To one [Origin]: scheme, host and port of the request that they were given to.
// agent.AuthAgent sees to that; no credentials do it themselves. So they follow no
// redirect to another host, nor from https to http.
//
// Basic sends the password to whoever is at the other end. Digest does not, but
// what a listener hears is enough to try passwords at home. Both belong on https.
package auth
