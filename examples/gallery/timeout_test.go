package gallery

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var timeoutExhibit = exhibit{
	file: "timeout.go", fault: "a timeout that leaves the write going",
	network: memory.Conditions{MaxLatency: 20 * time.Second, Whole: true},
	faulty:  twoVersions((*editor).saveFaulty), mended: twoVersions((*editor).saveMended),
}

// twoVersions opens a text and saves two versions of it. The second one is the one that stays, if it could be saved.
func twoVersions(save func(e *editor, text string) *response.Deferred) program {
	return func(t testing.TB, r *memory.Reactor) {
		f := &files{}
		serve(t, r.Machine("files", "192.0.2.1"), &web.Site{Handler: f})
		e := &editor{client: client.New(r.Machine("editor", "192.0.2.2"), client.Config{Defaults: careful})}
		saved := deferred.ThenBoth(text(e.client.Get("http://files/text")), func(string, error) *response.Deferred {
			return save(e, "a draft")
		}).ThenBoth(func(*response.Response, error) *response.Deferred {
			return save(e, "the text")
		})
		_, err := result(t, r, saved, 2*time.Minute)
		if err == nil && f.text != "the text" {
			t.Errorf("the text was saved, and is %q", f.text)
		}
	}
}

// files keeps a text, of the newest version that has come.
type files struct {
	text    string
	version int
}

func (f *files) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	text, ok := content(w, req)
	version, _ := strconv.Atoi(req.Header.Get("Version"))
	if ok && version >= f.version {
		f.text, f.version = text, version
	}
}
