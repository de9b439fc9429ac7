package response_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// reading starts a coroutine that reads r to its end, and records each piece.
func reading(r *response.Response, pieces *[]string) *deferred.Deferred[error] {
	return deferred.Go(func(co *deferred.Co) (error, error) {
		body, buf := r.Reader(co), make([]byte, 4)
		for {
			n, err := body.Read(buf)
			if err != nil {
				return err, nil
			}
			*pieces = append(*pieces, string(buf[:n]))
		}
	})
}

func TestReader(t *testing.T) {
	cut := &response.FailedError{Reasons: []error{reactor.ErrConnectionLost}}
	for _, c := range []struct {
		name string
		end  error
		want error
	}{
		{"whole", response.ErrDone, io.EOF},
		{"perhaps whole", response.ErrPotentialDataLoss, io.EOF},
		{"cut short", cut, cut},
	} {
		for _, buffered := range []bool{false, true} {
			r, s := bodytest.New(200)
			if buffered {
				r.Buffer()
			}
			s.Send("ab") // before there is a reader
			var pieces []string
			ended := reading(r, &pieces)
			s.Send("cdefg", "h")
			s.End(c.end)
			var got error
			ended.AddCallback(func(err error) (error, error) { got = err; return nil, nil })
			if all := strings.Join(pieces, "|"); all != "ab|cdef|g|h" {
				t.Errorf("%s, buffered %v: read %q", c.name, buffered, all)
			}
			if got != c.want {
				t.Errorf("%s, buffered %v: ended with %v, want %v", c.name, buffered, got, c.want)
			}
		}
	}
}

// TestReaderHoldsBack checks that the body is paused until the piece is read.
func TestReaderHoldsBack(t *testing.T) {
	r, s := bodytest.New(200)
	next := deferred.New[deferred.None]()
	deferred.Go(func(co *deferred.Co) (none deferred.None, _ error) {
		body, buf := r.Reader(co), make([]byte, 1)
		for range 3 {
			if _, err := body.Read(buf); err != nil {
				return none, err
			}
			deferred.Await(co, next)
		}
		return none, nil
	})
	s.WantAsked(t, "pause resume")
	s.Send("abc")
	s.WantAsked(t, "pause")
	next.Callback(deferred.None{})
	s.WantAsked(t, "") // two more bytes are held
}

func TestReaderCancelled(t *testing.T) {
	r, s := bodytest.New(200)
	var pieces []string
	ended := reading(r, &pieces)
	s.Send("a")
	s.WantAsked(t, "pause resume pause resume")
	ended.Cancel()
	s.WantAsked(t, "stop")
	ended.AddCallback(func(err error) (error, error) {
		if !errors.Is(err, deferred.ErrCancelled) {
			t.Errorf("read failed with %v", err)
		}
		return nil, nil
	})
	if !ended.Called() {
		t.Error("the coroutine has not ended")
	}
}

func TestReaderClosed(t *testing.T) {
	r, s := bodytest.New(200)
	s.Send("abc")
	deferred.Go(func(co *deferred.Co) (none deferred.None, _ error) {
		body, buf := r.Reader(co), make([]byte, 1)
		body.Read(buf)
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		if n, err := body.Read(buf); n != 0 || err != io.ErrClosedPipe {
			t.Errorf("after Close: %d, %v", n, err)
		}
		if err := body.Close(); err != nil {
			t.Error(err)
		}
		again := r.Reader(co)
		if _, err := again.Read(buf); err != response.ErrBodyTaken {
			t.Errorf("a second reader: %v", err)
		}
		return none, again.Close()
	})
	if got := strings.Join(s.Asked, " "); !strings.HasSuffix(got, "stop") || strings.Count(got, "stop") != 1 {
		t.Errorf("the transport was asked to %q, want one stop, last", got)
	}
}

// TestReaderOfJSON checks that a json.Decoder reads a body that arrives in small pieces.
func TestReaderOfJSON(t *testing.T) {
	r, s := bodytest.New(200)
	var got []int
	deferred.Go(func(co *deferred.Co) (none deferred.None, _ error) {
		d := json.NewDecoder(r.Reader(co))
		for {
			var v struct{ N int }
			if err := d.Decode(&v); err == io.EOF {
				return none, nil
			} else if err != nil {
				t.Error(err)
				return none, nil
			}
			got = append(got, v.N)
		}
	})
	s.Send(`{"n":1}`, `{"n"`, `:2}{"n":3}`)
	if len(got) != 3 {
		t.Errorf("got %v before the end", got)
	}
	s.End(response.ErrDone)
}
