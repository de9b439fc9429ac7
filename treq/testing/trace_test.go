package testing_test

import (
	"flag"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// This file tests that a program in memory does the same things in the same order each time.

// tracedRuns is the environment variable with the number of traced runs. If it is set,
// TestMain runs all tests of this package that often, and compares the traces of all
// reactors with those of the first run.
const tracedRuns = "TREQTESTING_TRACED_RUNS"

func TestMain(m *testing.M) {
	runs, _ := strconv.Atoi(os.Getenv(tracedRuns))
	if runs == 0 {
		os.Exit(m.Run())
	}
	flag.Set("test.skip", "TestAgentSpy|TestLines") // they use no reactor
	var reactors []*memory.Reactor
	treqtesting.TraceReactors(func(r *memory.Reactor) {
		r.StartTrace()
		reactors = append(reactors, r)
	})
	var first []string
	events := 0
	for i := range runs {
		reactors = nil
		if code := m.Run(); code != 0 {
			os.Exit(code)
		}
		traces := make([]string, len(reactors))
		for j, r := range reactors {
			traces[j] = comparable(r.Trace())
		}
		if i == 0 {
			first = traces
			for _, trace := range first {
				events += strings.Count(trace, "\n")
			}
		}
		if diff := cmp.Diff(first, traces); diff != "" {
			fmt.Printf("run %d differs (-first +this):\n%s", i+1, diff)
			os.Exit(1)
		}
	}
	fmt.Printf("%d runs of all tests, each of %d events in %d reactors, were the same\n", runs, events, len(first))
}

// comparable returns a trace without encrypted bytes, since crypto/tls uses the system's
// random numbers.
func comparable(trace memory.Trace) string {
	encrypted := false
	for _, e := range trace {
		// A TLS record starts with its type, 22 for a handshake or 23 for data, and 3.
		encrypted = encrypted || strings.HasPrefix(e.Text, `"\x16\x03`) || strings.HasPrefix(e.Text, `"\x17\x03`)
	}
	for i, e := range trace {
		if encrypted && (e.Kind == "read" || e.Kind == "write") {
			trace[i].Text = ""
		}
	}
	return trace.String()
}

// story is a program that uses most features of a StubTreq. It returns its results and the
// trace.
func story(t testing.TB, config treqtesting.Config) (results []string, trace memory.Trace) {
	later := &openResource{}
	root := &web.Node{}
	root.PutChild("echo", &web.HandlerResource{Handler: echo})
	root.PutChild("later", later)
	root.PutChild("session", &sessionResource{})
	root.PutChild("moved", web.Redirect("/session"))
	root.PutChild("form", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, _, err := r.FormFile("file")
		if err != nil {
			t.Error(err)
			return
		}
		n, _ := f.Seek(0, 2)
		fmt.Fprintf(w, "%d %s", n, r.MultipartForm.Value)
	})})
	root.PutChild("slow", &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		clock := web.FromContext(r.Context()).Clock()
		for i := range 3 {
			fmt.Fprint(w, i)
			w.(http.Flusher).Flush()
			pause := deferred.New[deferred.None]()
			clock.CallLater(time.Second, func() { pause.Callback(deferred.None{}) })
			web.Await(r.Context(), pause)
		}
	})})
	stub := treqtesting.NewStubTreq(root, config)
	r := stub.Reactor()
	r.StartTrace()
	note := func(d *deferred.Deferred[*response.Response]) {
		deferred.Then(d, (*response.Response).Text).AddBoth(func(text string, err error) (string, error) {
			results = append(results, fmt.Sprint(len(text), text[:min(len(text), 80)], err))
			return "", nil
		})
	}
	for _, scheme := range []string{"http", "https"} {
		for i := range 3 {
			url := fmt.Sprintf("%s://%d.example", scheme, i%2)
			note(stub.Post(url+"/echo", client.Body(large[:100<<10]), client.Headers{"a": {"1"}, "b": {"2"}, "c": {"3"}, "d": {"4"}}))
			note(stub.Get(url+"/echo", client.Params{"a": {"b", "c"}, "d": {"e"}}, client.Cookies{"x": "y", "z": "w"}))
			note(stub.Get(url + "/moved"))
			note(stub.Get(url+"/slow", client.ReadTimeout(time.Duration(i+1)*700*time.Millisecond)))
			note(stub.Post(url+"/form", client.Data(map[string]string{"a": "b", "c": "d"}),
				client.Files{{Name: "file", Value: multipart.FromReader("a.txt", strings.NewReader(large[:80<<10]))}}))
			r.RunFor(time.Second)
		}
	}
	note(stub.Get("http://1.example/later", client.Timeout(time.Second)))
	stub.Advance(time.Second)
	note(stub.Get("http://1.example/later"))
	later.req.WriteString("later ")
	stub.Flush()
	later.req.WriteString("and later")
	later.req.Finish()
	stub.Flush()
	given := stub.Get("http://1.example/later")
	note(given)
	given.Cancel()
	stub.Advance(time.Hour)
	return results, r.Trace()
}

// TestSameTrace: all runs of a program do the same things in the same order. make traces
// runs all tests a thousand times.
func TestSameTrace(t *testing.T) {
	for _, test := range []struct {
		name   string
		config treqtesting.Config
		runs   int
	}{
		{"plain", treqtesting.Config{}, 20},
		{"TLS", treqtesting.Config{RealTLS: true}, 5},
		{"HTTP/2", treqtesting.Config{HTTP2: true}, 20},
		{"HTTP/2 with TLS", treqtesting.Config{HTTP2: true, RealTLS: true}, 5},
	} {
		runs := test.runs
		if raceEnabled || os.Getenv(tracedRuns) != "" {
			runs = 2
		}
		first, trace := story(t, test.config)
		want := comparable(trace)
		if len(first) != 33 || strings.Count(want, "\n") < 300 {
			t.Errorf("%s: only %d results and %d events\n%s", test.name, len(first), len(trace), strings.Join(first, "\n"))
		}
		for i := range runs {
			results, trace := story(t, test.config)
			if diff := cmp.Diff(first, results); diff != "" {
				t.Fatalf("%s: run %d has other results (-first +this):\n%s", test.name, i+2, diff)
			}
			if got := comparable(trace); got != want {
				t.Fatalf("%s: run %d has another trace (-first +this):\n%s", test.name, i+2, cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")))
			}
		}
	}
}
