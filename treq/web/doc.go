// Package web is the other side of the wire: what answers requests, on the same
// reactor that makes them.
package web
