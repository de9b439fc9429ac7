package agent_test

import (
	"bytes"
	"cmp"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// encoders encode what the decoders decode.
var encoders = map[string]func(w io.Writer) writeFlushCloser{
	"gzip":    func(w io.Writer) writeFlushCloser { return gzip.NewWriter(w) },
	"deflate": func(w io.Writer) writeFlushCloser { return zlib.NewWriter(w) },
	"bare": func(w io.Writer) writeFlushCloser {
		f, err := flate.NewWriter(w, 6)
		return must(f, err)
	},
	"br":   func(w io.Writer) writeFlushCloser { return brotli.NewWriterLevel(w, 5) },
	"zstd": func(w io.Writer) writeFlushCloser { return must(zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))) },
}

type writeFlushCloser interface {
	io.WriteCloser
	Flush() error
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// coded returns data encoded in coding, a key of encoders.
func coded(coding string, data []byte) []byte {
	var b bytes.Buffer
	w := encoders[coding](&b)
	must(w.Write(data))
	must(0, w.Close())
	return b.Bytes()
}

// codings has all encoders, with the name that a server would use.
var codings = []struct{ encoder, name string }{
	{"gzip", "gzip"}, {"deflate", "deflate"}, {"bare", "deflate"}, {"br", "br"}, {"zstd", "zstd"},
}

// decoding passes a response with the given Content-Encoding through a
// ContentDecoderAgent.
func decoding(t *testing.T, contentEncoding string, config agent.DecoderConfig) (*response.Response, *bodytest.Source) {
	t.Helper()
	s := &script{t: t}
	config.Decoders = append(agent.Decoders(), void)
	d := agent.NewContentDecoderAgent(s, config).Request(newRequest("GET", "http://example.com/foo"))
	r, body := reply(200, "Content-Encoding", contentEncoding)
	s.answer(r)
	return deferredtest.SuccessResultOf(t, d), body
}

// noneLeft fails the test if there are more coroutines than before. A coroutine ends
// shortly after its body.
func noneLeft(t *testing.T, before int) {
	t.Helper()
	for range 1000 {
		if coroutines() <= before {
			return
		}
		runtime.Gosched()
	}
	t.Errorf("%d coroutines, %d before", coroutines(), before)
}

// coroutines returns the number of coroutines. It does not count goroutines, because the
// runtime starts and ends some at any time.
func coroutines() int {
	stacks := make([]byte, 1<<20)
	return bytes.Count(stacks[:runtime.Stack(stacks, true)], []byte("internal/coro.(*Pool).start.func"))
}

// void is a decoder that decodes everything to nothing.
var void = agent.Decoder{Name: "void", Open: func(r io.Reader) (io.ReadCloser, error) {
	return io.NopCloser(voidReader{r}), nil
}}

type voidReader struct{ io.Reader }

func (v voidReader) Read(p []byte) (int, error) {
	_, err := io.Copy(io.Discard, v.Reader)
	return 0, cmp.Or(err, io.EOF)
}

func isDone(t *testing.T, r *bodytest.Reader, want error) {
	t.Helper()
	if r.Made != 1 || len(r.Lost) != 1 || !errors.Is(r.Lost[0], want) {
		t.Errorf("ConnectionMade %d times, ConnectionLost with %v, want %v", r.Made, r.Lost, want)
	}
}

// text returns n bytes that can be compressed, but not by much.
func text(n int) []byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	data := make([]byte, n)
	for i := range data {
		data[i] = "etaoinshrdlu \n"[rnd.IntN(14)]
	}
	return data
}

func TestAcceptEncoding(t *testing.T) {
	one, two := agent.Decoder{Name: "decoder1"}, agent.Decoder{Name: "decoder2"}
	for _, test := range []struct {
		name     string
		decoders []agent.Decoder
		headers  []string
		want     []string
	}{
		{"acceptHeaders", []agent.Decoder{one, two}, nil, []string{"decoder1,decoder2"}},
		{"existingHeaders", []agent.Decoder{one, two}, []string{"Foo", "bar", "Accept-Encoding", "fizz"}, []string{"fizz", "decoder1,decoder2"}},
		{"none", []agent.Decoder{}, nil, nil},
		{"none, and existing", []agent.Decoder{}, []string{"Accept-Encoding", "fizz"}, []string{"fizz"}},
		{"a range", []agent.Decoder{one}, []string{"Range", "bytes=1-"}, nil},
		{"all", nil, nil, []string{"gzip,deflate,br,zstd"}},
	} {
		s := &script{t: t}
		req := newRequest("GET", "http://example.com/foo", test.headers...)
		before := req.Header.Clone()
		agent.NewContentDecoderAgent(s, agent.DecoderConfig{Decoders: test.decoders}).Request(req)
		if got := accepted(s.last()); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
		if fmt.Sprint(req.Header) != fmt.Sprint(before) {
			t.Errorf("%s: the request was changed", test.name)
		}
	}
	// A request without headers.
	s := &script{t: t}
	agent.NewContentDecoderAgent(s, agent.DecoderConfig{Decoders: []agent.Decoder{one}}).Request(&request.Request{Method: "GET", URL: newRequest("GET", "http://a").URL})
	if got := accepted(s.last()); !slices.Equal(got, []string{"decoder1"}) {
		t.Errorf("got %v", got)
	}
	// Each of two nested agents names its decoders, once.
	inner := agent.NewContentDecoderAgent(s, agent.DecoderConfig{Decoders: []agent.Decoder{one}})
	agent.NewContentDecoderAgent(inner, agent.DecoderConfig{Decoders: []agent.Decoder{two}}).Request(newRequest("GET", "http://a"))
	if got := accepted(s.last()); !slices.Equal(got, []string{"decoder2,decoder1"}) {
		t.Errorf("two agents: got %v", got)
	}
	agent.NewContentDecoderAgent(inner, agent.DecoderConfig{Decoders: []agent.Decoder{one}}).Request(newRequest("GET", "http://a"))
	if got := accepted(s.last()); !slices.Equal(got, []string{"decoder1"}) {
		t.Errorf("two agents with the same decoder: got %v", got)
	}
}

// accepted returns the values of Accept-Encoding that go out with req.
func accepted(req *request.Request) []string {
	values := req.Header["Accept-Encoding"]
	if req.AcceptEncoding != "" {
		values = append(slices.Clip(values), req.AcceptEncoding)
	}
	return values
}

// marking returns a Decoder that puts name and parentheses around its input.
func marking(name string) agent.Decoder {
	return agent.Decoder{Name: name, Open: func(r io.Reader) (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(strings.NewReader(name+"("), r, strings.NewReader(")"))), nil
	}}
}

func TestContentEncoding(t *testing.T) {
	for _, test := range []struct {
		name     string
		encoding []string
		left     []string
		want     string
	}{
		{"plainEncodingResponse", nil, nil, "body"},
		{"unsupportedEncoding", []string{"fizz"}, []string{"fizz"}, "body"},
		{"unknownEncoding", []string{"one,fizz,two"}, []string{"one,fizz"}, "two(body)"},
		{"one", []string{"one"}, nil, "one(body)"},
		{"in a row", []string{"one, two"}, nil, "one(two(body))"},
		{"in two headers", []string{"one", "two"}, nil, "one(two(body))"},
		{"twice", []string{"one,one"}, nil, "one(one(body))"},
		{"case and space", []string{" ONE\t,\tTwo "}, nil, "one(two(body))"},
		{"x-", []string{"x-one"}, nil, "one(body)"},
		{"empty names", []string{",one,,", ""}, nil, "one(body)"},
		{"identity", []string{"identity"}, []string{"identity"}, "body"},
		{"identity too", []string{"identity, one, identity"}, nil, "one(body)"},
		{"unknown at the end", []string{"one,fizz"}, []string{"one,fizz"}, "body"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &script{t: t}
			a := agent.NewContentDecoderAgent(s, agent.DecoderConfig{Decoders: []agent.Decoder{marking("one"), marking("two")}})
			d := a.Request(newRequest("GET", "http://example.com/foo"))
			r := whole(200, "body", "Foo", "bar", "Content-Length", "4")
			if test.encoding != nil {
				r.Header["Content-Encoding"] = test.encoding
			}
			s.answer(r)
			got := deferredtest.SuccessResultOf(t, d)
			if left := got.Header["Content-Encoding"]; !slices.Equal(left, test.left) {
				t.Errorf("Content-Encoding is %q, want %q", left, test.left)
			}
			decoded := test.want != "body"
			if got.Header.Get("Foo") != "bar" || (got.Header.Get("Content-Length") == "") != decoded || (got.Length == response.UnknownLength) != decoded {
				t.Errorf("headers are %v, the length is %d", got.Header, got.Length)
			}
			if text := deferredtest.SuccessResultOf(t, got.Text()); text != test.want {
				t.Errorf("got %q, want %q", text, test.want)
			}
		})
	}
}

func TestTooManyCodings(t *testing.T) {
	s := &script{t: t}
	d := agent.NewContentDecoderAgent(s, agent.DecoderConfig{}).Request(newRequest("GET", "http://example.com/foo"))
	r, body := reply(200, "Content-Encoding", strings.Repeat("gzip,", 6))
	s.answer(r)
	var failed *response.FailedError
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, agent.ErrTooManyCodings) || !errors.As(err, &failed) || failed.Response != r {
		t.Errorf("got %v", err)
	}
	if body.Stopped != 1 {
		t.Error("the connection is still open")
	}
}

func TestNothingToDecode(t *testing.T) {
	for _, test := range []struct {
		method string
		code   int
		body   string
	}{{"HEAD", 200, ""}, {"GET", 204, ""}, {"GET", 304, ""}, {"GET", 200, ""}, {"GET", 206, "part"}} {
		s := &script{t: t}
		req := newRequest("GET", "http://example.com/foo")
		req.Method = test.method
		d := agent.NewContentDecoderAgent(s, agent.DecoderConfig{}).Request(req)
		r := whole(test.code, test.body, "Content-Encoding", "gzip", "Content-Length", "12")
		s.answer(r)
		got := deferredtest.SuccessResultOf(t, d)
		if got.Length != int64(len(test.body)) || got.Header.Get("Content-Encoding") != "gzip" || got.Header.Get("Content-Length") != "12" {
			t.Errorf("%s %d: %d, %v", test.method, test.code, got.Length, got.Header)
		}
		if text := deferredtest.SuccessResultOf(t, got.Text()); text != test.body {
			t.Errorf("%s %d: %q", test.method, test.code, text)
		}
	}
	// An empty body of unknown length.
	for _, c := range codings {
		r, body := decoding(t, c.name, agent.DecoderConfig{})
		p := new(bodytest.Reader)
		r.DeliverBody(p)
		body.End(response.ErrDone)
		isDone(t, p, response.ErrDone)
	}
}

// TestDecoders decodes every coding, from pieces of several sizes and with each way to
// end a body.
func TestDecoders(t *testing.T) {
	before := coroutines()
	for _, c := range codings {
		for _, n := range []int{0, 1, 10, 1000, 100_000} {
			plain := text(n)
			data := coded(c.encoder, plain)
			for _, piece := range []int{1, 7, 1000, len(data)} {
				if piece < 1000 && n > 1000 {
					continue
				}
				for _, end := range []error{response.ErrDone, response.ErrPotentialDataLoss} {
					r, body := decoding(t, c.name, agent.DecoderConfig{})
					p := new(bodytest.Reader)
					if err := r.DeliverBody(p); err != nil {
						t.Fatal(err)
					}
					for part := range slices.Chunk(data, piece) {
						scratch := bytes.Clone(part)
						body.Write(scratch)
						clear(scratch) // it was valid only during Write
					}
					body.End(end)
					if !bytes.Equal(p.Got, plain) {
						t.Fatalf("%s of %d in pieces of %d: got %d bytes", c.encoder, n, piece, len(p.Got))
					}
					isDone(t, p, end)
				}
			}
		}
	}
	noneLeft(t, before)
}

// TestDecodeEarlyBody is Twisted's gzipEncodingResponse: the body arrives before it has a
// reader.
func TestDecodeEarlyBody(t *testing.T) {
	r, body := decoding(t, "gzip", agent.DecoderConfig{})
	data := coded("gzip", []byte("xxxxxxyyyy"))
	body.Write(data[:5])
	body.Write(data[5:])
	body.End(response.ErrDone)
	p := new(bodytest.Reader)
	r.DeliverBody(p)
	if string(p.Got) != "xxxxxxyyyy" {
		t.Errorf("got %q", p.Got)
	}
	isDone(t, p, response.ErrDone)
	if err := r.DeliverBody(new(bodytest.Reader)); err != response.ErrBodyTaken {
		t.Errorf("a second reader got %v", err)
	}
}

// TestDecodeFlushed checks that the bytes that a server flushed are decoded before the
// body ends.
func TestDecodeFlushed(t *testing.T) {
	for _, c := range codings {
		var b bytes.Buffer
		w := encoders[c.encoder](&b)
		r, body := decoding(t, c.name, agent.DecoderConfig{})
		p := new(bodytest.Reader)
		r.DeliverBody(p)
		for i := range 3 {
			must(w.Write([]byte("event")))
			must(0, w.Flush())
			body.Write(b.Next(b.Len()))
			if want := strings.Repeat("event", i+1); string(p.Got) != want {
				t.Errorf("%s: got %q, want %q", c.encoder, p.Got, want)
			}
		}
		w.Close()
		body.Write(b.Bytes())
		body.End(response.ErrDone)
		isDone(t, p, response.ErrDone)
	}
}

func TestDecodeMembers(t *testing.T) {
	for _, coding := range []string{"gzip", "zstd"} {
		r, body := decoding(t, coding, agent.DecoderConfig{})
		p := new(bodytest.Reader)
		r.DeliverBody(p)
		for _, member := range []string{"one", "", "two", "three"} {
			body.Write(coded(coding, []byte(member)))
		}
		if string(p.Got) != "onetwothree" {
			t.Errorf("%s: got %q", coding, p.Got)
		}
		body.End(response.ErrDone)
		isDone(t, p, response.ErrDone)
	}
}

func TestDecodeInARow(t *testing.T) {
	plain := text(200_000)
	data := coded("zstd", coded("br", coded("bare", coded("gzip", plain))))
	r, body := decoding(t, "gzip, deflate, br, zstd", agent.DecoderConfig{})
	p := new(bodytest.Reader)
	r.DeliverBody(p)
	for part := range slices.Chunk(data, 1000) {
		body.Write(part)
	}
	body.End(response.ErrDone)
	if !bytes.Equal(p.Got, plain) {
		t.Errorf("got %d bytes", len(p.Got))
	}
	isDone(t, p, response.ErrDone)
}

// TestDecodeErrors is Twisted's brokenContent and flushError: the body is not in the
// coding that its Content-Encoding names.
func TestDecodeErrors(t *testing.T) {
	before := coroutines()
	for _, c := range codings {
		plain := text(100_000)
		data := coded(c.encoder, plain)
		changed := bytes.Clone(data)
		copy(changed[len(data)/2:], "these are not the bytes")
		for _, test := range []struct {
			name string
			data []byte
			want error // nil: any
		}{
			{"not coded", []byte("not coded content"), nil},
			{"cut short", data[:len(data)-1], io.ErrUnexpectedEOF},
			{"cut to a byte", data[:1], io.ErrUnexpectedEOF},
			{"cut in the middle", data[:len(data)/2], io.ErrUnexpectedEOF},
			{"corrupt", changed, nil},
		} {
			if c.encoder == "bare" && test.name == "corrupt" {
				continue // it has no checksum
			}
			t.Run(c.encoder+" "+test.name, func(t *testing.T) {
				r, body := decoding(t, c.name, agent.DecoderConfig{})
				p := new(bodytest.Reader)
				r.DeliverBody(p)
				for part := range slices.Chunk(test.data, 500) {
					if body.Stopped == 0 {
						body.Write(part)
					}
				}
				early := len(p.Lost) != 0
				if early != (body.Stopped != 0) {
					t.Errorf("ended: %v, closed: %v", early, body.Stopped != 0)
				}
				body.End(response.ErrDone)
				if len(p.Lost) != 1 {
					t.Fatalf("ConnectionLost with %v", p.Lost)
				}
				var failed *response.FailedError
				var why *agent.DecodeError
				if len(p.Lost) == 0 || !errors.As(p.Lost[0], &failed) || !errors.As(p.Lost[0], &why) || failed.Response != r || why.Coding != c.name {
					t.Fatalf("got %v", p.Lost)
				}
				if test.want != nil && !errors.Is(why, test.want) {
					t.Errorf("got %v, want %v", why.Err, test.want)
				}
				if !bytes.HasPrefix(plain, p.Got) && test.name != "corrupt" && test.name != "not coded" {
					t.Error("the bytes before the error are wrong")
				}
			})
		}
	}
	noneLeft(t, before)
}

// TestDecodeConnectionLost checks that the loss of the connection hides the decoder's
// error.
func TestDecodeConnectionLost(t *testing.T) {
	lost := errors.New("lost")
	for _, c := range codings {
		data := coded(c.encoder, text(100_000))
		for _, n := range []int{0, 1, 1000, len(data)} {
			r, body := decoding(t, c.name, agent.DecoderConfig{})
			p := new(bodytest.Reader)
			r.DeliverBody(p)
			body.Write(data[:n])
			body.End(lost)
			if len(p.Lost) != 1 || p.Lost[0] != lost {
				t.Errorf("%s, %d bytes: got %v", c.encoder, n, p.Lost)
			}
		}
	}
}

// TestDecodeErrorInARow checks that the error names the coding at fault.
func TestDecodeErrorInARow(t *testing.T) {
	good := coded("gzip", text(1000))
	for _, test := range []struct {
		data []byte
		want string
	}{
		{coded("zstd", coded("br", good[:len(good)-2])), "gzip"},
		{coded("zstd", append(coded("br", good[:len(good)-2]), 1)), "gzip"},
		{coded("zstd", coded("br", good)[:20]), "br"},
		{coded("zstd", coded("br", good))[:30], "zstd"},
	} {
		r, body := decoding(t, "gzip, br, zstd", agent.DecoderConfig{})
		body.Write(test.data)
		body.End(response.ErrDone)
		var why *agent.DecodeError
		if err := deferredtest.FailureResultOf(t, r.Content()); !errors.As(err, &why) || why.Coding != test.want {
			t.Errorf("got %v, want %s", err, test.want)
		}
	}
}

func TestDecoderPanics(t *testing.T) {
	for name, open := range map[string]func(r io.Reader) (io.ReadCloser, error){
		"Open": func(io.Reader) (io.ReadCloser, error) { panic("oh") },
		"Read": func(io.Reader) (io.ReadCloser, error) { return panicking{}, nil },
	} {
		s := &script{t: t}
		d := agent.NewContentDecoderAgent(s, agent.DecoderConfig{Decoders: []agent.Decoder{{Name: "odd", Open: open}}}).Request(newRequest("GET", "http://example.com/"))
		s.answer(whole(200, "x", "Content-Encoding", "odd"))
		var p *deferred.PanicError
		var why *agent.DecodeError
		err := deferredtest.FailureResultOf(t, deferredtest.SuccessResultOf(t, d).Content())
		if !errors.As(err, &p) || p.Value != "oh" || !errors.As(err, &why) || why.Coding != "odd" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("oh") }
func (panicking) Close() error             { panic("must not be called") }

// TestDecodeTrailing has a decoder that ends before its input does.
func TestDecodeTrailing(t *testing.T) {
	s := &script{t: t}
	first := agent.Decoder{Name: "first", Open: func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(io.LimitReader(r, 3)), nil }}
	for body, want := range map[string]error{"abc": nil, "abcd": agent.ErrTrailingData} {
		d := agent.NewContentDecoderAgent(s, agent.DecoderConfig{Decoders: []agent.Decoder{first}}).Request(newRequest("GET", "http://example.com/"))
		s.answer(whole(200, body, "Content-Encoding", "first"))
		content := deferredtest.SuccessResultOf(t, d).Content()
		if want != nil {
			if err := deferredtest.FailureResultOf(t, content); !errors.Is(err, want) {
				t.Errorf("%q: got %v", body, err)
			}
		} else if got := deferredtest.SuccessResultOf(t, content); string(got) != "abc" {
			t.Errorf("%q: got %q", body, got)
		}
	}
}

// TestDecodeTails has what may follow a coded body. Browsers and urllib3 ignore it, unless
// it is one more member of a gzip file or one more zstd frame.
func TestDecodeTails(t *testing.T) {
	type tail struct {
		name string
		data string
		more string // what it decodes to
		want error
	}
	tails := []tail{
		{"nothing", "", "", nil},
		{"line end", "\r\n", "", nil},
		{"one byte", "x", "", nil},
		{"two bytes", "xy", "", nil},
		{"three bytes", "xyz", "", nil},
		{"NUL", "\x00", "", nil},
		{"NULs", strings.Repeat("\x00", 100_000), "", nil},
		{"garbage", string(text(50_000)), "", nil},
	}
	var also = map[string][]tail{
		"gzip": {
			{"a member", string(coded("gzip", []byte("more"))), "more", nil},
			{"a member and garbage", string(coded("gzip", []byte("more"))) + "\n", "more", nil},
			{"magic of another method", "\x1f\x8b\x07", "", nil},
			{"a member of another coding", string(coded("zstd", []byte("more"))), "", nil},
			{"a corrupt member", "\x1f\x8b\x08\x00" + strings.Repeat("x", 100), "", nil},
		},
		"deflate": {{"a body", string(coded("deflate", []byte("more"))), "", nil}},
		"bare":    {{"a body", string(coded("bare", []byte("more"))), "", nil}},
		"br":      {{"a body", string(coded("br", []byte("more"))), "", nil}},
		"zstd": {
			{"a frame", string(coded("zstd", []byte("more"))), "more", nil},
			{"a frame and garbage", string(coded("zstd", []byte("more"))) + "\n", "more", nil},
			{"a skippable frame", "\x53\x2a\x4d\x18\x05\x00\x00\x00abcde", "", nil},
			{"a skippable frame and a frame", "\x50\x2a\x4d\x18\x00\x00\x00\x00" + string(coded("zstd", []byte("more"))), "more", nil},
			{"a skippable frame cut short", "\x53\x2a\x4d\x18\x05\x00\x00\x00abcd", "", io.ErrUnexpectedEOF},
			{"the head of a skippable frame cut short", "\x53\x2a\x4d\x18\x05", "", io.ErrUnexpectedEOF},
			{"a member of another coding", string(coded("gzip", []byte("more"))), "", nil},
		},
	}
	for _, coding := range []string{"gzip", "zstd"} {
		second := coded(coding, text(100))
		for n := 1; n < len(second); n++ {
			also[coding] = append(also[coding], tail{fmt.Sprintf("a second cut after %d", n), string(second[:n]), "", io.ErrUnexpectedEOF})
		}
	}
	plain := text(600)
	for _, c := range codings {
		for _, tail := range slices.Concat(tails, also[c.encoder]) {
			data := append(coded(c.encoder, plain), tail.data...)
			for _, piece := range []int{1, 200, len(data)} {
				if piece == 1 && len(data) > 5000 {
					continue
				}
				r, body := decoding(t, c.name, agent.DecoderConfig{})
				p := new(bodytest.Reader)
				r.DeliverBody(p)
				for part := range slices.Chunk(data, piece) {
					if body.Stopped == 0 {
						body.Write(bytes.Clone(part))
					}
				}
				stopped := body.Stopped
				body.End(response.ErrDone)
				want := cmp.Or(tail.want, response.ErrDone)
				corrupt := tail.name == "a corrupt member"
				if corrupt && (len(p.Lost) != 1 || !errors.As(p.Lost[0], new(*agent.DecodeError))) ||
					!corrupt && (len(p.Lost) != 1 || !errors.Is(p.Lost[0], want) || stopped != 0) {
					t.Errorf("%s, %s, in pieces of %d: %v, stopped %d times, want %v", c.encoder, tail.name, piece, p.Lost, stopped, want)
				}
				if tail.want == nil && !corrupt && string(p.Got) != string(plain)+tail.more {
					t.Errorf("%s, %s, in pieces of %d: got %d bytes, want %d", c.encoder, tail.name, piece, len(p.Got), len(plain)+len(tail.more))
				}
			}
		}
	}
}

// TestDecodeCut: a body that is cut short at any byte but its beginning is an error, and no
// bytes at all are an empty body.
func TestDecodeCut(t *testing.T) {
	type body struct {
		encoder, name string
		data          []byte
	}
	var named bytes.Buffer
	w := gzip.NewWriter(&named)
	w.Name, w.Comment, w.Extra = "name", "comment", []byte("extra")
	must(w.Write(text(100)))
	must(0, w.Close())
	bodies := []body{{"gzip with a name", "gzip", named.Bytes()}}
	for _, c := range codings {
		for _, plain := range [][]byte{nil, []byte("x"), text(600)} {
			bodies = append(bodies, body{c.encoder, c.name, coded(c.encoder, plain)})
		}
	}
	for _, c := range bodies {
		for n := range c.data {
			r, body := decoding(t, c.name, agent.DecoderConfig{})
			body.Write(c.data[:n])
			body.End(response.ErrDone)
			d := r.Content()
			if n == 0 {
				if got := deferredtest.SuccessResultOf(t, d); len(got) != 0 {
					t.Errorf("%s of nothing: got %q", c.encoder, got)
				}
			} else if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%s, cut after %d of %d: %v", c.encoder, n, len(c.data), err)
			}
		}
	}
}

// TestDecodeEndless has servers that never stop to send what decodes to nothing.
func TestDecodeEndless(t *testing.T) {
	junk := strings.Repeat("\x00", 4096)
	type endless struct {
		name, coding, begin, again string
		most                       int // bytes of the body that are taken
		fails                      bool
	}
	const slack = 64 << 10 // of buffers
	tests := []endless{
		{"empty gzip members", "gzip", "", strings.Repeat(string(coded("gzip", nil)), 100), 1<<20 + slack, true},
		{"empty gzip members after one", "gzip", string(coded("gzip", []byte("hello"))), strings.Repeat(string(coded("gzip", nil)), 100), 1<<20 + slack, true},
		{"empty blocks", "deflate", "", strings.Repeat("\x00\x00\x00\xff\xff", 1000), 1<<20 + slack, true},
		{"skippable frames", "zstd", "", strings.Repeat("\x53\x2a\x4d\x18\x05\x00\x00\x00abcde", 300), 1<<20 + slack, true},
		{"skippable frames after one", "zstd", string(coded("zstd", []byte("hello"))), strings.Repeat("\x53\x2a\x4d\x18\x05\x00\x00\x00abcde", 300), 1<<20 + slack, true},
		{"a long skippable frame", "zstd", "\x53\x2a\x4d\x18\xff\xff\xff\xff", junk, 1<<20 + slack, true},
		{"junk after two codings", "gzip, zstd", string(coded("zstd", coded("gzip", []byte("hello")))), junk, 256<<10 + slack, false},
	}
	for _, c := range codings {
		tests = append(tests, endless{"junk after " + c.encoder, c.name, string(coded(c.encoder, []byte("hello"))), junk, 256<<10 + slack, false})
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			r, body := decoding(t, test.coding, agent.DecoderConfig{MaxSize: 1000})
			p := new(bodytest.Reader)
			r.DeliverBody(p)
			body.Write([]byte(test.begin))
			taken := 0
			for ; body.Stopped == 0 && taken < 10<<20; taken += len(test.again) {
				body.Write([]byte(test.again))
			}
			if taken > test.most || body.Stopped != 1 || len(p.Lost) != 1 {
				t.Fatalf("%d bytes were taken, stopped %d times, ended with %v", taken, body.Stopped, p.Lost)
			}
			if failed := errors.As(p.Lost[0], new(*agent.DecodeError)); failed != test.fails || !failed && !errors.Is(p.Lost[0], response.ErrDone) {
				t.Errorf("ended with %v", p.Lost[0])
			}
			if !test.fails && string(p.Got) != "hello" {
				t.Errorf("got %q", p.Got)
			}
		})
	}
}

// TestDecodeTrailingInARow: each decoder ignores what follows its body.
func TestDecodeTrailingInARow(t *testing.T) {
	data := coded("gzip", []byte("x"))
	for _, coding := range []string{"br", "deflate", "bare", "zstd"} {
		data = append(coded(coding, append(data, "\n\n"...)), "\x00\x00"...)
	}
	r, body := decoding(t, "gzip, br, deflate, deflate, zstd", agent.DecoderConfig{})
	body.Write(data)
	body.End(response.ErrDone)
	if got := deferredtest.SuccessResultOf(t, r.Content()); string(got) != "x" {
		t.Errorf("got %q", got)
	}
}

// zeros returns n zeros encoded in coding.
func zeros(coding string, n int) []byte {
	var b bytes.Buffer
	w := encoders[coding](&b)
	block := make([]byte, 1<<20)
	for ; n > 0; n -= len(block) {
		must(w.Write(block))
	}
	must(0, w.Close())
	return b.Bytes()
}

func TestBomb(t *testing.T) {
	const large = 4 << 20
	gz, br := zeros("gzip", large), zeros("br", large)
	low := agent.DecoderConfig{MaxExpansion: 200, ExpansionAllowed: 1 << 20}
	for _, test := range []struct {
		name, encoding string
		data           []byte
		option         agent.DecoderConfig
		most           int // the most bytes that may be decoded
		ok             bool
	}{
		{"by default", "zstd", zeros("zstd", 40<<20), agent.DecoderConfig{}, agent.DefaultExpansionAllowed, false},
		{"little, by default", "gzip", gz, agent.DecoderConfig{}, large, true},
		{"gzip", "gzip", gz, low, 1 << 20, false},
		{"br", "br", br, low, 1 << 20, false},
		{"zstd", "zstd", zeros("zstd", large), low, 1 << 20, false},
		{"twice", "gzip, gzip", coded("gzip", gz), low, 1 << 20, false},
		// The result is empty, but the inner stage still has to work.
		{"nothing", "void, gzip", gz, low, 0, false},
		{"allowed", "gzip", gz, agent.DecoderConfig{MaxExpansion: 2000, ExpansionAllowed: 1}, large, true},
		{"no bound", "br", br, agent.DecoderConfig{MaxExpansion: -1}, large, true},
		{"a bound on size", "gzip", coded("gzip", text(1000)), agent.DecoderConfig{MaxSize: 999}, 999, false},
		{"just that size", "gzip", coded("gzip", text(1000)), agent.DecoderConfig{MaxSize: 1000}, 1000, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, body := decoding(t, test.encoding, test.option)
			n := 0
			d := r.Collect(func(data []byte) error {
				n += len(data)
				return nil
			})
			for part := range slices.Chunk(test.data, 4096) {
				if body.Stopped == 0 {
					body.Write(part)
					body.RunTasks()
				}
			}
			body.End(response.ErrDone)
			body.RunTasks()
			if test.ok {
				deferredtest.SuccessResultOf(t, d)
			} else if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, agent.ErrDecodedTooLarge) {
				t.Errorf("got %v", err)
			} else if body.Stopped != 1 {
				t.Error("the connection was not closed")
			}
			if n > test.most || test.ok && n != test.most {
				t.Errorf("%d bytes were decoded", n)
			}
		})
	}
}

// TestZstdWindow has a window that is too large for browsers.
func TestZstdWindow(t *testing.T) {
	var b bytes.Buffer
	w := must(zstd.NewWriter(&b, zstd.WithWindowSize(16<<20), zstd.WithEncoderConcurrency(1)))
	must(io.CopyN(w, zeroReader{}, 32<<20))
	must(0, w.Close())
	r, body := decoding(t, "zstd", agent.DecoderConfig{})
	body.Write(b.Bytes())
	body.End(response.ErrDone)
	var why *agent.DecodeError
	if err := deferredtest.FailureResultOf(t, r.Content()); !errors.As(err, &why) {
		t.Errorf("got %v", err)
	}
}

type zeroReader struct{}

func (zeroReader) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestDecodePause checks that a paused reader gets nothing, although more bytes are
// there, and that the connection is paused too.
func TestDecodePause(t *testing.T) {
	before := coroutines()
	plain := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB, about 3 KB when encoded
	for _, c := range codings {
		r, body := decoding(t, c.name, agent.DecoderConfig{})
		p := new(bodytest.Reader)
		p.OnData = func(string) { p.PauseProducing() }
		r.DeliverBody(p)
		resumedBefore := body.Resumed
		body.Write(coded(c.encoder, plain))
		for pieces := 1; len(p.Got) < len(plain); pieces++ {
			if p.Pieces != pieces || body.Paused != pieces || len(p.Lost) != 0 || !bytes.HasPrefix(plain, p.Got) {
				t.Fatalf("%s: %d pieces, paused %d times, want %d; lost %v", c.encoder, p.Pieces, body.Paused, pieces, p.Lost)
			}
			p.ResumeProducing()
		}
		if p.Pieces < 10 {
			t.Errorf("%s: %d pieces", c.encoder, p.Pieces)
		}
		if body.Resumed != resumedBefore {
			t.Errorf("%s: the connection was resumed before everything was decoded", c.encoder)
		}
		p.ResumeProducing()
		if body.Resumed == resumedBefore {
			t.Errorf("%s: the connection was not resumed", c.encoder)
		}
		p.PauseProducing()
		body.End(response.ErrDone)
		p.ResumeProducing()
		if !bytes.Equal(p.Got, plain) {
			t.Errorf("%s: got %d bytes", c.encoder, len(p.Got))
		}
		isDone(t, p, response.ErrDone)
	}
	noneLeft(t, before)
}

// TestDecodeResumeInside checks that a reader that pauses and resumes within DataReceived
// takes constant stack.
func TestDecodeResumeInside(t *testing.T) {
	plain := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	deepest := 0
	for _, end := range []bool{false, true} {
		r, body := decoding(t, "gzip", agent.DecoderConfig{})
		p := new(bodytest.Reader)
		p.OnData = func(string) {
			deepest = max(deepest, runtime.Callers(0, make([]uintptr, 200)))
			p.PauseProducing()
			p.ResumeProducing()
		}
		if end {
			body.Write(coded("gzip", plain))
			body.End(response.ErrDone)
		}
		r.DeliverBody(p)
		if !end {
			body.Write(coded("gzip", plain))
			body.End(response.ErrDone)
		}
		body.RunTasks()
		if !bytes.Equal(p.Got, plain) || deepest > 30 {
			t.Errorf("got %d bytes, %d calls deep", len(p.Got), deepest)
		}
		isDone(t, p, response.ErrDone)
	}
}

// TestDecodeResumeInsideGoesOn checks that a reader that pauses and resumes within
// DataReceived gets the later bytes too.
func TestDecodeResumeInsideGoesOn(t *testing.T) {
	r, body := decoding(t, "gzip", agent.DecoderConfig{})
	p := new(bodytest.Reader)
	p.OnData = func(string) {
		p.PauseProducing()
		p.ResumeProducing()
	}
	r.DeliverBody(p)
	var data bytes.Buffer
	w := encoders["gzip"](&data)
	for _, part := range []string{"first", "second"} {
		must(w.Write([]byte(part)))
		must(0, w.Flush())
		body.Write(data.Bytes())
		data.Reset()
	}
	if string(p.Got) != "firstsecond" || body.Paused == 0 {
		t.Errorf("got %q; paused %d times", p.Got, body.Paused)
	}
}

// TestDecodeStopReadsNoFurther checks that StopProducing stops the reading from a
// decoder.
func TestDecodeStopReadsNoFurther(t *testing.T) {
	reads := 0
	counted := agent.Decoder{Name: "counted", Open: func(r io.Reader) (io.ReadCloser, error) {
		return io.NopCloser(readerFunc(func(p []byte) (int, error) {
			reads++
			return r.Read(p[:1])
		})), nil
	}}
	s := &script{t: t}
	d := agent.NewContentDecoderAgent(s, agent.DecoderConfig{Decoders: []agent.Decoder{counted}}).Request(newRequest("GET", "http://example.com/"))
	s.answer(whole(200, "abc", "Content-Encoding", "counted"))
	p := new(bodytest.Reader)
	p.OnData = func(string) { p.StopProducing() }
	deferredtest.SuccessResultOf(t, d).DeliverBody(p)
	if reads != 1 || string(p.Got) != "a" {
		t.Errorf("read %d times; got %q", reads, p.Got)
	}
}

type readerFunc func(p []byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestDecodeNothingInARow checks that an empty body of the outermost coding is an empty
// body of the other codings too, though it lacks their headers.
func TestDecodeNothingInARow(t *testing.T) {
	for _, coding := range []string{"gzip", "deflate", "br", "zstd"} {
		r, body := decoding(t, coding+", gzip", agent.DecoderConfig{})
		body.Write(coded("gzip", nil))
		body.End(response.ErrDone)
		if got := deferredtest.SuccessResultOf(t, r.Content()); len(got) != 0 {
			t.Errorf("%s: got %q", coding, got)
		}
	}
}

// TestDecodeBareDeflate checks each of the three conditions that tell a bare deflate body
// from a zlib header (RFC 1950, section 2.2).
func TestDecodeBareDeflate(t *testing.T) {
	for name, head := range map[string]struct {
		first byte // the header of a stored block; all but the lowest three bits are padding
		size  byte
	}{
		"the method is another":   {0x00, 0},
		"only the method fits":    {0x08, 1},
		"only the check fits":     {0x00, 31},
		"the window is too large": {0x88, 28},
	} {
		plain := text(int(head.size))
		data := slices.Concat([]byte{head.first, head.size, 0, ^head.size, 0xff}, plain, []byte{1, 0, 0, 0xff, 0xff})
		r, body := decoding(t, "deflate", agent.DecoderConfig{})
		body.Write(data)
		body.End(response.ErrDone)
		if got := deferredtest.SuccessResultOf(t, r.Content()); !bytes.Equal(got, plain) {
			t.Errorf("%s: got %q, want %q", name, got, plain)
		}
	}
}

func TestDecodeStop(t *testing.T) {
	before := coroutines()
	plain := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	data := coded("gzip", plain)
	for _, when := range []string{"at once", "inside", "paused", "hungry", "paused, after the end"} {
		t.Run(when, func(t *testing.T) {
			r, body := decoding(t, "gzip", agent.DecoderConfig{})
			p := new(bodytest.Reader)
			switch when {
			case "inside":
				p.OnData = func(string) { p.StopProducing() }
			case "paused", "paused, after the end":
				p.OnData = func(string) { p.PauseProducing() }
			}
			r.DeliverBody(p)
			switch when {
			case "hungry":
				body.Write(data[:len(data)/2])
			case "at once":
			default:
				body.Write(data)
			}
			if when == "paused, after the end" {
				body.End(response.ErrDone)
			}
			pieces := p.Pieces
			p.StopProducing()
			p.StopProducing()
			p.ResumeProducing()
			if p.Pieces != pieces {
				t.Error("the reader got bytes after StopProducing")
			}
			isDone(t, p, errAborted)
			if all := when == "paused, after the end"; (body.Stopped == 1) == all {
				t.Errorf("the body was stopped %d times", body.Stopped)
			}
			if when != "at once" && when != "hungry" && pieces != 1 {
				t.Errorf("%d pieces", pieces)
			}
		})
	}
	noneLeft(t, before)
}

// TestDecodeCancel checks that cancelling Text closes the connection and leaves no
// coroutine.
func TestDecodeCancel(t *testing.T) {
	before := coroutines()
	r, body := decoding(t, "br", agent.DecoderConfig{})
	body.OnStop = nil
	r.Buffer()
	d := r.Text()
	data := coded("br", text(100_000))
	body.Write(data[:1000])
	d.Cancel()
	if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) || body.Stopped != 1 {
		t.Errorf("got %v, stopped %d times", err, body.Stopped)
	}
	noneLeft(t, before)
}

// TestDecodeReaderPanics checks that the panic of a reader reaches the caller of Write,
// and leaves no coroutine.
func TestDecodeReaderPanics(t *testing.T) {
	before := coroutines()
	r, body := decoding(t, "gzip", agent.DecoderConfig{})
	p := &bodytest.Reader{OnData: func(string) { panic("oh") }}
	r.DeliverBody(p)
	func() {
		defer func() {
			if v := recover(); v != "oh" {
				t.Errorf("recovered %v", v)
			}
		}()
		body.Write(coded("gzip", []byte("x")))
	}()
	p.OnData = nil
	body.End(errAborted)
	isDone(t, p, errAborted)
	noneLeft(t, before)
}

// TestDecodeOverTheWire decodes with the real client, agent and server.
func TestDecodeOverTheWire(t *testing.T) {
	plain := text(50_000)
	for _, c := range codings {
		data := coded(c.encoder, plain)
		inner := treqtesting.NewHandlerTraversalAgent(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("Accept-Encoding") != "gzip,deflate,br,zstd" {
				t.Errorf("the server got %v", r.Header)
			}
			w.Header().Set("Content-Encoding", c.name)
			w.Write(data)
		}), treqtesting.Config{})
		a := agent.NewContentDecoderAgent(inner, agent.DecoderConfig{})
		for range 2 {
			d := deferred.Then(a.Request(newRequest("GET", "http://example.com/")), (*response.Response).Content)
			inner.Flush()
			if got := deferredtest.SuccessResultOf(t, d); !bytes.Equal(got, plain) {
				t.Errorf("%s: got %d bytes", c.encoder, len(got))
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	for i, c := range codings {
		f.Add(uint8(i), coded(c.encoder, text(300)), uint8(3))
	}
	f.Add(uint8(5), coded("gzip", coded("br", text(300))), uint8(100))
	f.Fuzz(func(t *testing.T, which uint8, data []byte, piece uint8) {
		encoding := "br, gzip"
		if int(which) < len(codings) {
			encoding = codings[which].name
		}
		before := coroutines()
		var results [2]string
		for i := range results {
			r, body := decoding(t, encoding, agent.DecoderConfig{})
			p := new(bodytest.Reader)
			r.DeliverBody(p)
			size := len(data)
			if i == 1 {
				size = int(piece)
			}
			for part := range slices.Chunk(data, max(1, size)) {
				if body.Stopped == 0 {
					body.Write(bytes.Clone(part))
				}
			}
			body.End(response.ErrDone)
			if len(p.Lost) != 1 {
				t.Fatalf("lost %v", p.Lost)
			}
			var why *agent.DecodeError
			if p.Lost[0] != response.ErrDone && !errors.As(p.Lost[0], &why) {
				t.Fatalf("lost %v", p.Lost)
			}
			if why == nil {
				results[i] = string(p.Got)
			} else {
				results[i] = "error"
			}
		}
		if results[0] != results[1] {
			t.Errorf("whole: %q\nin pieces: %q", results[0], results[1])
		}
		noneLeft(t, before)
	})
}

func BenchmarkDecode(b *testing.B) {
	deferred.SetDebugging(false)
	defer deferred.SetDebugging(true) // as in TestMain
	for _, c := range codings {
		for _, n := range []int{300, 1 << 20} {
			plain := text(n)
			data := coded(c.encoder, plain)
			b.Run(fmt.Sprintf("%s/%d", c.encoder, n), func(b *testing.B) {
				s := &script{}
				b.SetBytes(int64(n))
				b.ReportAllocs()
				a := agent.NewContentDecoderAgent(s, agent.DecoderConfig{})
				req := &request.Request{Method: "GET"}
				for b.Loop() {
					var r *response.Response
					var body *bodytest.Source
					s.respond = func(*request.Request) *response.Response {
						s.requests, s.waiting = s.requests[:0], s.waiting[:0]
						r, body = reply(200, "Content-Encoding", c.name)
						return r
					}
					a.Request(req)
					p := sink{}
					r.DeliverBody(&p)
					for part := range slices.Chunk(data, 64<<10) {
						body.Write(part)
					}
					body.End(response.ErrDone)
					if p.n != n {
						b.Fatalf("got %d", p.n)
					}
				}
			})
		}
	}
}

type sink struct{ n int }

func (*sink) ConnectionMade(response.BodyTransport) {}
func (s *sink) DataReceived(data []byte)            { s.n += len(data) }
func (*sink) ConnectionLost(error)                  {}
