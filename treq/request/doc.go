// Package request is what goes out: a [Request] as agents take it, and the
// producers of its body.
package request
