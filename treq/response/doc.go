// Package response is what comes back: a [Response], and the ways to read its
// body.
//
// The body of a response is not read by itself: [Response.Content],
// [Response.Text] and [Response.JSON] read all of it, [Response.Collect] hands it
// on piece by piece, and [Response.DeliverBody] connects it to a protocol.
package response
