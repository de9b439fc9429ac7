// Package auth authorizes requests. [Basic], [Digest] and [Bearer] are credentials for one
// server, and [BearerFrom] fetches their tokens; a [Netrc] file has credentials for many.
// agent.AuthAgent applies them to requests.
//
//	client.Get(url, client.Auth(auth.Basic("user", "password")))
//
//	digest := auth.NewDigest("user", "password") // keep it: it remembers challenges
//	client.Get(url, client.Auth(digest))
//
//	tokens := auth.BearerFrom(fetch) // keep it: all requests share a token
//	client.Get(url, client.Auth(tokens))
//
// # Where credentials go
//
// Credentials are for one origin: the scheme, host and port of the request they are given
// to. agent.AuthAgent ensures this, not the credentials themselves. A redirect to another
// host, or from https to http, gets none.
//
// Basic sends the password itself, and Bearer the token. Digest does not, but a listener can
// try passwords against the hash. Use all of them over https.
package auth
