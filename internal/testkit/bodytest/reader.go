package bodytest

import (
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/treq/response"
)

// A Reader is a BodyProtocol. It records its calls, and then calls those functions that
// are set.
type Reader struct {
	response.BodyTransport

	OnMade func()
	OnData func(data string)
	OnLost func()

	Told   []string // "made", the pieces, and the text of the error at the end
	Made   int      // how often ConnectionMade was called
	Pieces int      // how often DataReceived was called
	Got    []byte   // all pieces
	Lost   []error  // the errors that ConnectionLost was called with
}

// ConnectionMade keeps t.
func (r *Reader) ConnectionMade(t response.BodyTransport) {
	r.BodyTransport = t
	r.Made++
	r.Told = append(r.Told, "made")
	if r.OnMade != nil {
		r.OnMade()
	}
}

// DataReceived keeps the data.
func (r *Reader) DataReceived(data []byte) {
	r.Pieces++
	r.Got = append(r.Got, data...)
	r.Told = append(r.Told, string(data))
	if r.OnData != nil {
		r.OnData(string(data))
	}
}

// ConnectionLost keeps the reason.
func (r *Reader) ConnectionLost(reason error) {
	r.Lost = append(r.Lost, reason)
	r.Told = append(r.Told, reason.Error())
	if r.OnLost != nil {
		r.OnLost()
	}
}

// Err returns the last error of Lost, or nil.
func (r *Reader) Err() error {
	if len(r.Lost) == 0 {
		return nil
	}
	return r.Lost[len(r.Lost)-1]
}

// Want checks Told.
func (r *Reader) Want(t testing.TB, told ...string) {
	t.Helper()
	got, want := strings.Join(r.Told, "|"), strings.Join(told, "|")
	if got != want {
		t.Errorf("the reader was told\n%s\nwant\n%s", got, want)
	}
}
