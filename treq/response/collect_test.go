package response_test

import (
	"errors"
	"fmt"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/internal/testkit/bodytest"
	"github.com/seed-7c003b53/gotreq/treq/request"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

var errBoom = errors.New("boom")

func TestCollect(t *testing.T) {
	for name, test := range map[string]struct {
		reason error
		is     error // the error of Collect
	}{
		"complete":         {response.ErrDone, nil},
		"perhaps complete": {response.ErrPotentialDataLoss, nil},
		"cut short":        {&response.FailedError{Reasons: []error{errBoom}}, errBoom},
	} {
		t.Run(name, func(t *testing.T) {
			deferred.FailOnUnhandled(t)
			both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
				var got []string
				s.Send("a")
				d := r.Collect(func(data []byte) error {
					got = append(got, string(data))
					return nil
				})
				s.Send("b", "c")
				deferredtest.NoResult(t, d)
				s.End(test.reason)
				if test.is == nil {
					deferredtest.SuccessResultOf(t, d)
				} else if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, test.is) {
					t.Error(err)
				}
				if text := strings.Join(got, "|"); text != "a|b|c" {
					t.Errorf("collected %q", text)
				}
			})
		})
	}
}

func TestCollectNothing(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		s.SendAll()
		d := r.Collect(func(data []byte) error {
			t.Errorf("collected %q", data)
			return nil
		})
		deferredtest.SuccessResultOf(t, d)
	})
}

// TestCollectorFails checks that an error or a panic of the collector, at any piece,
// fails the Deferred and closes the connection.
func TestCollectorFails(t *testing.T) {
	deferred.FailOnUnhandled(t)
	for name, fail := range map[string]func() error{
		"an error": func() error { return errBoom },
		"a panic":  func() error { panic(errBoom) },
	} {
		for _, early := range []bool{false, true} {
			t.Run(fmt.Sprint(name, ", early: ", early), func(t *testing.T) {
				both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
					if early {
						s.Send("bad")
					}
					calls := 0
					d := r.Collect(func(data []byte) error {
						calls++
						return fail()
					})
					s.Send("bad", "more")
					if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, errBoom) {
						t.Error(err)
					}
					if calls != 1 {
						t.Errorf("called %d times", calls)
					}
					if !strings.HasSuffix(strings.Join(s.Asked, " "), "stop") {
						t.Errorf("asked for %v", s.Asked)
					}
					s.End(errors.New("aborted")) // the Deferred does not fire again
				})
			})
		}
	}
}

func TestCollectCancelled(t *testing.T) {
	for name, cancel := range map[string]func(d *deferred.Deferred[deferred.None], s *bodytest.Source){
		"between pieces":                 func(d *deferred.Deferred[deferred.None], s *bodytest.Source) { d.Cancel() },
		"by its collector":               func(d *deferred.Deferred[deferred.None], s *bodytest.Source) { s.Send("cancel") },
		"by its collector, which fails":  func(d *deferred.Deferred[deferred.None], s *bodytest.Source) { s.Send("cancel and fail") },
		"by its collector, which panics": func(d *deferred.Deferred[deferred.None], s *bodytest.Source) { s.Send("cancel and panic") },
	} {
		t.Run(name, func(t *testing.T) {
			deferred.FailOnUnhandled(t)
			both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
				var d *deferred.Deferred[deferred.None]
				d = r.Collect(func(data []byte) error {
					switch string(data) {
					case "cancel":
						d.Cancel()
					case "cancel and fail":
						d.Cancel()
						return errBoom
					case "cancel and panic":
						d.Cancel()
						panic(errBoom)
					case "more":
						t.Error("called again")
					}
					return nil
				})
				s.Send("a")
				cancel(d, s)
				s.Send("more")
				if err := deferredtest.FailureResultOf(t, d); !errors.Is(err, deferred.ErrCancelled) {
					t.Error(err)
				}
				s.WantAsked(t, "resume stop")
				s.End(errors.New("aborted"))
			})
		})
	}
}

// TestCollectTwice checks that a body that is not buffered is collected only once.
func TestCollectTwice(t *testing.T) {
	r, s := bodytest.New(200)
	ignore := func([]byte) error { return nil }
	first := r.Collect(ignore)
	for name, d := range map[string]func() error{
		"Collect": func() error { return deferredtest.FailureResultOf(t, r.Collect(ignore)) },
		"Content": func() error { return deferredtest.FailureResultOf(t, r.Content()) },
		"Text":    func() error { return deferredtest.FailureResultOf(t, r.Text()) },
	} {
		if err := d(); !errors.Is(err, response.ErrBodyTaken) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s.SendAll("a")
	deferredtest.SuccessResultOf(t, first)
}

// TestContentAgain checks that Content, Text, JSON and Collect may be called before,
// during and after the arrival of the body.
func TestContentAgain(t *testing.T) {
	both(t, func(t *testing.T, r *response.Response, s *bodytest.Source) {
		var all []*deferred.Deferred[[]byte]
		ask := func() { all = append(all, r.Content()) }
		ask()
		s.Send(`"caf`)
		ask()
		all[0].AddCallback(func(data []byte) ([]byte, error) {
			ask()
			return data, nil
		})
		s.SendAll(`é"`)
		ask()
		if len(all) != 4 {
			t.Errorf("%d Deferreds", len(all))
		}
		for i, d := range all {
			if got := string(deferredtest.SuccessResultOf(t, d)); got != `"café"` {
				t.Errorf("%d: got %q", i, got)
			}
		}
		if got := deferredtest.SuccessResultOf(t, r.TextWith("utf-8")); got != `"café"` {
			t.Errorf("got %q", got)
		}
		if got := deferredtest.SuccessResultOf(t, response.JSON[string](r)); got != "café" {
			t.Errorf("got %q", got)
		}
		var pieces []string
		deferredtest.SuccessResultOf(t, r.Collect(func(data []byte) error {
			pieces = append(pieces, string(data))
			return nil
		}))
		if len(pieces) != 1 || pieces[0] != `"café"` {
			t.Errorf("collected %q", pieces)
		}
	})
}

// TestContentIsNotShared checks that an append to one result does not change another.
func TestContentIsNotShared(t *testing.T) {
	r, s := bodytest.New(200)
	first, second := r.Content(), r.Content()
	s.SendAll("a", "b")
	_ = append(deferredtest.SuccessResultOf(t, first), 'x')
	_ = append(deferredtest.SuccessResultOf(t, second), 'y')
	if got := string(deferredtest.SuccessResultOf(t, r.Content())); got != "ab" {
		t.Errorf("got %q", got)
	}
}

func TestContentOfNothing(t *testing.T) {
	r, s := bodytest.New(200)
	s.SendAll()
	if got := deferredtest.SuccessResultOf(t, r.Content()); got == nil || len(got) != 0 {
		t.Errorf("got %#v", got)
	}
}

// TestContentLength checks that a wrong or an immense length does no harm.
func TestContentLength(t *testing.T) {
	for _, length := range []int64{1, 1 << 60, response.UnknownLength} {
		r, s := bodytest.New(200)
		r.Length = length
		d := r.Content()
		s.SendAll("abc")
		if got := string(deferredtest.SuccessResultOf(t, d)); got != "abc" {
			t.Errorf("Length %d: got %q", length, got)
		}
	}
}

func TestContentFails(t *testing.T) {
	deferred.FailOnUnhandled(t)
	r, s := bodytest.New(200)
	first := r.Content()
	second := deferred.Map(r.Text(), func(string) (string, error) { return "not called", nil })
	s.Send("a")
	s.End(&response.FailedError{Reasons: []error{errBoom}})
	for i, err := range []error{
		deferredtest.FailureResultOf(t, first),
		deferredtest.FailureResultOf(t, second),
		deferredtest.FailureResultOf(t, r.Content()),
	} {
		if !errors.Is(err, errBoom) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

// TestContentCancelled checks that cancelling the last Deferred closes the connection.
func TestContentCancelled(t *testing.T) {
	deferred.FailOnUnhandled(t)
	r, s := bodytest.New(200)
	first, second := r.Content(), r.Content()
	s.WantAsked(t, "resume")
	first.Cancel()
	deferredtest.FailureResultOf(t, first)
	s.WantAsked(t, "")
	second.Cancel()
	deferredtest.FailureResultOf(t, second)
	s.WantAsked(t, "stop")
	late := r.Content()
	s.Send("lost")
	s.End(errBoom)
	if err := deferredtest.FailureResultOf(t, late); !errors.Is(err, errBoom) {
		t.Error(err)
	}
}

// TestContentCancelledWithin has a handler that cancels another Deferred at the end of
// the body.
func TestContentCancelledWithin(t *testing.T) {
	deferred.FailOnUnhandled(t)
	r, s := bodytest.New(200)
	first, second := r.Content(), r.Content()
	first.AddCallback(func(data []byte) ([]byte, error) {
		second.Cancel()
		return data, nil
	})
	s.SendAll("a")
	deferredtest.SuccessResultOf(t, first)
	if err := deferredtest.FailureResultOf(t, second); !errors.Is(err, deferred.ErrCancelled) {
		t.Error(err)
	}
}

func TestText(t *testing.T) {
	for name, test := range map[string]struct {
		contentType, body, want string
	}{
		"no Content-Type":       {"", "caf\xe9", "café"},
		"no charset":            {"text/plain", "caf\xe9", "café"},
		"UTF-8":                 {"text/plain; charset=utf-8", "café", "café"},
		"quoted, in capitals":   {`text/plain; CHARSET="UTF-8"`, "café", "café"},
		"among others":          {"text/plain; a=b; charset=utf-8; c=d", "café", "café"},
		"ISO-8859-2":            {"text/plain; charset=iso-8859-2", "\xb1", "ą"},
		"UTF-16":                {"text/plain; charset=utf-16le", "h\x00i\x00", "hi"},
		"not a media type":      {"; charset=utf-8", "café", "café"},
		"an empty charset":      {"text/plain; charset=", "caf\xe9", "café"},
		"Japanese in Shift JIS": {"text/html; charset=Shift_JIS", "\x93\xfa\x96\x7b", "日本"},
	} {
		t.Run(name, func(t *testing.T) {
			r, s := bodytest.New(200, "Content-Type", test.contentType)
			s.SendAll(test.body)
			if got := deferredtest.SuccessResultOf(t, r.Text()); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
	t.Run("unknown charset", func(t *testing.T) {
		r, s := bodytest.New(200, "Content-Type", "text/plain; charset=klingon")
		s.SendAll("x")
		if err := deferredtest.FailureResultOf(t, r.Text()); !strings.Contains(err.Error(), `"klingon"`) {
			t.Error(err)
		}
	})
}

func TestJSON(t *testing.T) {
	r, s := bodytest.New(200, "Content-Type", "application/json")
	s.SendAll(`{"a": [1, 2]}`)
	var into map[string][]int
	deferredtest.SuccessResultOf(t, r.JSON(&into))
	want := map[string][]int{"a": {1, 2}}
	if !reflect.DeepEqual(into, want) {
		t.Errorf("got %v", into)
	}
	if got := deferredtest.SuccessResultOf(t, response.JSON[map[string][]int](r)); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v", got)
	}
	if err := deferredtest.FailureResultOf(t, response.JSON[int](r)); !strings.Contains(err.Error(), "as JSON") {
		t.Error(err)
	}
}

func TestString(t *testing.T) {
	r, _ := bodytest.New(200, "Content-Type", "text/plain; charset=utf-8")
	if got, want := r.String(), `<Response 200 "text/plain; charset=utf-8" unknown size>`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r.Length = 13
	const want = `<Response 200 "text/plain; charset=utf-8" 13 bytes>`
	for _, got := range []string{r.String(), fmt.Sprintf("%#v", r), r.LogValue().String()} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestErrors(t *testing.T) {
	failed := &response.FailedError{Reasons: []error{errBoom, errors.New("crash")}}
	if got := failed.Error(); got != "the response failed: boom; crash" || !errors.Is(failed, errBoom) {
		t.Error(got)
	}
	r, _ := bodytest.New(200)
	r.Request = &request.Request{Method: "GET", URL: &url.URL{Scheme: "http", User: url.UserPassword("me", "secret"), Host: "a.example"}}
	failed.Response = r
	if got := failed.Error(); got != "GET http://me:xxxxx@a.example: the response failed: boom; crash" {
		t.Error(got)
	}
	never := &response.NeverReceivedError{Reasons: []error{errBoom}}
	if got := never.Error(); got != "no response: boom" || !errors.Is(never, errBoom) {
		t.Error(got)
	}
}
