package web_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// TestHandlerUsesItsWriterLate checks that a ResponseWriter that is used after its handler has returned fails, and harms no
// other response: the buffer is another handler's by then.
func TestHandlerUsesItsWriterLate(t *testing.T) {
	for name, late := range map[string]struct {
		use func(w http.ResponseWriter) error
		err string
	}{
		"Write":         {func(w http.ResponseWriter) error { _, err := w.Write([]byte("late")); return err }, "has returned"},
		"a large Write": {func(w http.ResponseWriter) error { _, err := w.Write(make([]byte, 5000)); return err }, "has returned"},
		"WriteString":   {func(w http.ResponseWriter) error { _, err := fmt.Fprint(w, "late"); return err }, "has returned"},
		"Flush and Write": {func(w http.ResponseWriter) error {
			w.(http.Flusher).Flush()
			_, err := w.Write([]byte("late"))
			return err
		}, "has returned"},
		"FlushError":  {func(w http.ResponseWriter) error { return http.NewResponseController(w).Flush() }, "has returned"},
		"WriteHeader": {func(w http.ResponseWriter) error { w.WriteHeader(404); return nil }, ""},
		"a deadline": {func(w http.ResponseWriter) error {
			return http.NewResponseController(w).SetReadDeadline(time.Unix(1e6, 0))
		}, ""},
		"Hijack": {func(w http.ResponseWriter) error { _, _, err := w.(http.Hijacker).Hijack(); return err }, "lost"},
	} {
		for _, second := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " ", second), func(t *testing.T) {
				logs(t)
				var kept http.ResponseWriter
				gate := deferred.New[deferred.None]()
				s := serveHandler(t, func(w http.ResponseWriter, r *http.Request) {
					fmt.Fprint(w, "as long as the other")
					if r.URL.Path == "/kept" {
						kept = w
					} else {
						web.Await(r.Context(), gate)
					}
				})
				finish := func() {
					if err := late.use(kept); err == nil && late.err != "" || err != nil && !strings.Contains(err.Error(), late.err) {
						t.Errorf("got %v", err)
					}
					gate.Callback(deferred.None{})
					s.Pump()
				}
				var got string
				if second {
					c := s.dial()
					first := c.get("/kept").wait()
					next := c.get("/next").wait()
					finish()
					got = string(first.body) + " " + string(next.body)
					c.gone(t)
				} else {
					first := s.get("/kept")
					next := s.connect().send("GET /next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
					finish()
					got = body(first) + " " + body(next.take())
				}
				want(t, got, "as long as the other as long as the other")
				if second {
					s.settled(t)
				}
			})
		}
	}
}
