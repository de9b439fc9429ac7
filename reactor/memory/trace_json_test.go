package memory_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

func TestTraceAsJSON(t *testing.T) {
	events := memory.Trace{
		{At: 1500 * time.Millisecond, Conn: 2, Side: memory.ServerSide, Kind: "write", N: 5, Text: "\"re\\x00ply\""},
		{Conn: 3, From: "10.0.0.1:49152", Kind: "connect", Text: "192.0.2.1:80"},
		{Kind: "advance", Text: "1.5s"},
	}
	text, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"at":1500000000,"conn":2,"side":"server","kind":"write","n":5,"text":"\"re\\x00ply\""},` +
		`{"at":0,"conn":3,"from":"10.0.0.1:49152","kind":"connect","text":"192.0.2.1:80"},` +
		`{"at":0,"kind":"advance","text":"1.5s"}]`
	if string(text) != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
	first := story(t, memory.New())
	if text, err = json.Marshal(first); err != nil {
		t.Fatal(err)
	}
	var again memory.Trace
	if err := json.Unmarshal(text, &again); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(again, first) {
		t.Errorf("another trace came back:\n%s\nwant\n%s", again, first)
	}
}

func TestAnAttemptToConnectHasTheAddressOfItsClient(t *testing.T) {
	r := memory.New()
	r.StartTrace()
	connect(r, "192.0.2.1:80", &peer{})
	connect(r, "[::1]:80", &peer{})
	var from []string
	for _, e := range r.Trace() {
		if e.Kind == "connect" {
			from = append(from, e.From)
		}
	}
	if want := []string{"10.0.0.1:49152", "[::1]:49153"}; !slices.Equal(from, want) {
		t.Errorf("got %q, want %q", from, want)
	}
}

func TestHostNames(t *testing.T) {
	r := memory.New()
	r.AddHost("web.example", "192.0.2.1", "2001:db8::1")
	r.AddHost("Api.example.", "192.0.2.1")
	r.AddHost("*", "192.0.2.9")
	want := map[string]string{"192.0.2.1": "api.example", "2001:db8::1": "web.example"}
	if got := r.HostNames(); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
