// Package client is what a program makes requests with: [HTTPClient], and the
// options that say what a request carries.
package client
