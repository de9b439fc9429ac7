package wire_test

import (
	"errors"
	"fmt"
	"strings"
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
		wire.ErrPreface, wire.ErrFrameSize, wire.ErrFrame, wire.ErrStreamState, wire.ErrFlowControl, wire.ErrSettings,
		wire.ErrHeaderBlock, wire.ErrPseudoHeader, wire.ErrConnectionHeader, wire.ErrFlood, wire.ErrPartialFrame,
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

// TestHTTP2Errors: the texts of the errors of HTTP/2, and what errors.Is finds in them.
func TestHTTP2Errors(t *testing.T) {
	for _, row := range []struct {
		err  error
		text string
		is   []error
		not  []error
	}{
		{&wire.StreamError{Stream: 3, Code: wire.Cancel, Remote: true}, "the peer reset stream 3: CANCEL", []error{wire.Cancel}, []error{wire.NoError, wire.Kind("")}},
		{&wire.StreamError{Stream: 3, Code: wire.ProtocolError, Kind: wire.ErrHeaderName, Detail: "x"}, "stream 3: PROTOCOL_ERROR, invalid header name: x", []error{wire.ProtocolError, wire.ErrHeaderName}, []error{wire.ErrHost}},
		{&wire.ConnectionError{Code: wire.EnhanceYourCalm, Remote: true, Detail: "x"}, "the peer ended the HTTP/2 connection: ENHANCE_YOUR_CALM: x", []error{wire.EnhanceYourCalm}, []error{wire.ErrFlood}},
		{&wire.ConnectionError{Code: wire.EnhanceYourCalm, Kind: wire.ErrFlood}, "the HTTP/2 connection failed: ENHANCE_YOUR_CALM, too much traffic that does no work", []error{wire.EnhanceYourCalm, wire.ErrFlood}, []error{wire.Cancel}},
		{wire.Code(99), "error code 99", []error{wire.Code(99)}, []error{wire.NoError}},
	} {
		wrapped := fmt.Errorf("GET /: %w", row.err)
		if row.err.Error() != row.text {
			t.Errorf("the text is %q, want %q", row.err, row.text)
		}
		for _, target := range row.is {
			if !errors.Is(wrapped, target) {
				t.Errorf("%v: errors.Is does not find %v", row.err, target)
			}
		}
		for _, target := range row.not {
			if errors.Is(wrapped, target) {
				t.Errorf("%v: errors.Is finds %v", row.err, target)
			}
		}
	}
	for code := wire.NoError; code <= wire.HTTP11Required; code++ {
		if text := code.Error(); text != strings.ToUpper(text) {
			t.Errorf("code %d has no name: %s", uint32(code), text)
		}
	}
}
