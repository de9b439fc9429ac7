package wire_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

func TestError(t *testing.T) {
	for _, test := range []struct {
		err  *wire.Error
		text string
	}{
		{&wire.Error{Kind: wire.ErrHost}, "invalid Host"},
		{&wire.Error{Kind: wire.ErrHost, Detail: "missing"}, "invalid Host: missing"},
	} {
		wrapped := fmt.Errorf("GET /: %w", test.err)
		if got, want := wrapped.Error(), "GET /: "+test.text; got != want {
			t.Errorf("the text is %q, want %q", got, want)
		}
		var e *wire.Error
		var k wire.Kind
		if !errors.As(wrapped, &e) || e != test.err || !errors.As(wrapped, &k) || k != wire.ErrHost {
			t.Errorf("errors.As found %v and %v", e, k)
		}
		if !errors.Is(wrapped, wire.ErrHost) || errors.Is(wrapped, wire.ErrMethod) {
			t.Errorf("errors.Is does not tell the kind of %v", wrapped)
		}
	}
}

// TestKindsDiffer checks that no two kinds have the same text, since the text is the
// kind.
func TestKindsDiffer(t *testing.T) {
	seen := map[wire.Kind]bool{}
	for _, k := range []wire.Kind{
		wire.ErrMethod, wire.ErrTarget, wire.ErrHost, wire.ErrRequestLine,
		wire.ErrStatusLine, wire.ErrPhrase, wire.ErrTooManyInformational, wire.ErrNoResponse,
		wire.ErrVersion, wire.ErrEmptyLines, wire.ErrLineEnd, wire.ErrFold, wire.ErrHeaderName, wire.ErrHeaderValue,
		wire.ErrStartLineTooLong, wire.ErrHeadersTooLarge, wire.ErrTooManyHeaders, wire.ErrPartialHead,
		wire.ErrContentLength, wire.ErrContentLengthsDiffer, wire.ErrLengthAndCoding, wire.ErrTransferCoding,
		wire.ErrChunkSize, wire.ErrChunkExtension, wire.ErrChunkEnd, wire.ErrTrailersTooLarge, wire.ErrPartialBody,
	} {
		if k == "" || seen[k] {
			t.Errorf("the text %q is empty, or another kind has it", string(k))
		}
		seen[k] = true
	}
}

// TestStatus checks that every kind has the status of the RFCs, or 400 if they have no
// better one.
func TestStatus(t *testing.T) {
	for kind, want := range map[wire.Kind]int{
		wire.ErrStartLineTooLong: 414,
		wire.ErrHeadersTooLarge:  431,
		wire.ErrTooManyHeaders:   431,
		wire.ErrTrailersTooLarge: 431,
		wire.ErrTransferCoding:   501,
		wire.ErrVersion:          505,
		wire.ErrHost:             400,
		wire.ErrLengthAndCoding:  400,
		wire.ErrPartialBody:      400,
		wire.Kind("another"):     400,
	} {
		if got := kind.Status(); got != want {
			t.Errorf("%q: %d, want %d", kind, got, want)
		}
	}
}

func TestOrDefault(t *testing.T) {
	documented := wire.Limits{StartLineBytes: 16384, HeaderBytes: 131072, HeaderCount: 512, TrailerBytes: 16384, ChunkExtensionBytes: 16384, Informational: 64}
	if got := (wire.Limits{}).OrDefault(); got != documented {
		t.Errorf("the defaults are %+v, want %+v", got, documented)
	}
	own := wire.Limits{StartLineBytes: 1, HeaderBytes: 2, HeaderCount: 3, TrailerBytes: 4, ChunkExtensionBytes: 5, Informational: 6}
	if got := own.OrDefault(); got != own {
		t.Errorf("%+v became %+v", own, got)
	}
	own.TrailerBytes = 0
	if got := own.OrDefault(); got.TrailerBytes != 16384 || got.ChunkExtensionBytes != 5 {
		t.Errorf("%+v became %+v", own, got)
	}
}
