package response_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/response"
)

// TestJoinedContentTypes checks where a Content-Type that a proxy joined of several is cut.
// The charset is unknown, since the error names it.
func TestJoinedContentTypes(t *testing.T) {
	for _, test := range []struct{ value, want string }{
		{",text/html;charset=x-a,text/html", "x-a"},
		{`text/html;charset="x-a",text/plain`, ""},
		{`text/html;charset="x-ab",text/plain`, ""},
		{`text/html;charset="x-a,text/plain`, ""}, // the quote does not end, and no charset has a comma
		{"text/html;charset=_x-a", "_x-a"},
		{"text/html;charset=-", "-"},
	} {
		_, err := textOf(of("x", test.value))
		var why *response.CharsetError
		if test.want == "" && err != nil || test.want != "" && (!errors.As(err, &why) || why.Charset != test.want) {
			t.Errorf("%s: %v, want %q", test.value, err, test.want)
		}
	}
}

// TestErrorsWithoutReasons checks that an error that a program makes has a text, though it
// has no reasons.
func TestErrorsWithoutReasons(t *testing.T) {
	for err, want := range map[error]string{
		new(response.NeverReceivedError): "no response: ",
		new(response.FailedError):        "the response failed: ",
	} {
		if got := err.Error(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
