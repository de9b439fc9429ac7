package gallery

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

var lockExhibit = exhibit{
	file: "lock.go", fault: "a lock released twice",
	network: memory.Conditions{MayFail: []memory.Link{{A: "office", B: "printer"}}, Faults: memory.Refused},
	faulty:  threeDocuments((*spooler).printFaulty), mended: threeDocuments((*spooler).printMended),
}

// threeDocuments prints three documents at a time. The pages of each are together.
func threeDocuments(print func(s *spooler, document string, pages int) *deferred.Deferred[deferred.None]) program {
	return func(t testing.TB, r *memory.Reactor) {
		var printed []string
		serve(t, r.Machine("printer", "192.0.2.1"), &web.Site{Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			if page, ok := content(w, req); ok {
				printed = append(printed, page)
			}
		})})
		s := &spooler{client: client.New(r.Machine("office", "192.0.2.2"), client.Config{Defaults: careful})}
		var documents []*deferred.Deferred[deferred.None]
		for _, document := range []string{"a", "b", "c"} {
			documents = append(documents, print(s, document, 2))
		}
		if _, err := result(t, r, deferred.DeferredList(documents, deferred.ConsumeErrors), time.Minute); err != nil {
			t.Error(err)
		}
		for i, page := range printed {
			if document := page[:1]; i > 0 && page[1:] == "1" && !strings.HasPrefix(printed[i-1], document) {
				t.Errorf("the printer printed %q", printed)
				break
			}
		}
	}
}
