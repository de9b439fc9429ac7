package http1

import (
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestLengthsBesideIdentity: the coding identity means nothing, so that the lengths count as
// they do without it.
func TestLengthsBesideIdentity(t *testing.T) {
	for lengths, kind := range map[string]wire.Kind{
		"Content-Length: 2\nContent-Length: 3\n": wire.ErrContentLengthsDiffer,
		"Content-Length: 2, 3\n":                 wire.ErrContentLengthsDiffer,
		"Content-Length: abc\n":                  wire.ErrContentLength,
		"Content-Length: -1\n":                   wire.ErrContentLength,
		"Content-Length: 2, 2\n":                 "",
	} {
		for _, coding := range []string{"", "Transfer-Encoding: identity\n", "Transfer-Encoding: identity, Identity\n"} {
			in := bytesOf(ok + coding + lengths + "\nhi")
			sameHoweverSplit(t, freshResponse("GET"), in)
			err := errorOf(freshResponse("GET")(), in)
			if kind != "" {
				wantKind(t, err, kind)
			} else if err != nil {
				t.Errorf("%q: %v", in, err)
			}
		}
	}
}
