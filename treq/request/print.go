package request

import (
	"fmt"
	"log/slog"

	"github.com/seed-7c003b53/gotreq/internal/secret"
)

// This file prints requests without their secrets: the headers and the body stay out of logs.

// String describes r by its method and its URL, whose secrets are hidden:
//
//	<Request GET http://an.example/?token=xxxxx>
func (r *Request) String() string {
	url := ""
	if r.URL != nil {
		url = " " + secret.Names(nil).URL(r.URL)
	}
	return fmt.Sprintf("<Request %.20s%s>", r.Method, url)
}

// GoString is String, for the verb %#v.
func (r *Request) GoString() string { return r.String() }

// LogValue is String, for slog.
func (r *Request) LogValue() slog.Value { return slog.StringValue(r.String()) }
