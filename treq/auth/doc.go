// Package auth authorizes requests. [Basic] and [Digest] are credentials for one server;
// a [Netrc] file has credentials for many. agent.AuthAgent applies them to requests.
//
//	client.Get(url, client.Auth(auth.Basic("user", "password")))
//
//	digest := auth.NewDigest("user", "password") // keep it: it remembers challenges
//	client.Get(url, client.Auth(digest))
//
// # Where credentials go
//
// Credentials are for one origin: the scheme, host and port of the request they are given
// to. agent.AuthAgent ensures this, not the credentials themselves. A redirect to another
// host, or from https to http, gets none.
//
// Basic sends the password itself. Digest does not, but a listener can try passwords
// against the hash. Use both over https.
package auth
