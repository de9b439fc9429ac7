package peers_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// oddClients are settings of net/http as a client that are allowed and unusual.
var oddClients = map[string]*http.HTTP2Config{
	"small windows": {MaxReceiveBufferPerStream: 2000, MaxReceiveBufferPerConnection: 64 << 10},
	"large windows": {MaxReceiveBufferPerStream: 4<<20 - 1, MaxReceiveBufferPerConnection: 4<<20 - 1},
	"small tables":  {MaxDecoderHeaderTableSize: 1, MaxEncoderHeaderTableSize: 1},
	"large tables":  {MaxDecoderHeaderTableSize: 4<<20 - 1, MaxEncoderHeaderTableSize: 4<<20 - 1},
	"small frames":  {MaxReadFrameSize: 16 << 10},
	"large frames":  {MaxReadFrameSize: 16<<20 - 1, MaxReceiveBufferPerStream: 4<<20 - 1, MaxReceiveBufferPerConnection: 4<<20 - 1},
	"all small": {MaxReceiveBufferPerStream: 3000, MaxReceiveBufferPerConnection: 64 << 10,
		MaxDecoderHeaderTableSize: 40, MaxEncoderHeaderTableSize: 40, MaxReadFrameSize: 16 << 10},
}

// oddServers are settings of net/http as a server. It refuses what a client sends with a window or
// a table of the usual size before it knows better, so none is smaller than that. Those of
// nghttpd are.
var oddServers = map[string]*http.HTTP2Config{
	"one stream":    {MaxConcurrentStreams: 1},
	"large windows": {MaxReceiveBufferPerStream: 4<<20 - 1, MaxReceiveBufferPerConnection: 4<<20 - 1},
	"small tables":  {MaxEncoderHeaderTableSize: 1},
	"large tables":  {MaxDecoderHeaderTableSize: 4<<20 - 1, MaxEncoderHeaderTableSize: 4<<20 - 1},
	"small frames":  {MaxReadFrameSize: 16 << 10},
	"large frames":  {MaxReadFrameSize: 16<<20 - 1, MaxReceiveBufferPerStream: 4<<20 - 1, MaxReceiveBufferPerConnection: 4<<20 - 1},
	"all small": {MaxConcurrentStreams: 2, MaxReceiveBufferPerStream: 65535, MaxReceiveBufferPerConnection: 64 << 10,
		MaxEncoderHeaderTableSize: 40, MaxReadFrameSize: 16 << 10},
}

// nghttpds are the options of nghttpds that sit the exam.
var nghttpds = map[string][]string{
	"usual":               nil,
	"padding":             {"--padding=255"},
	"tiny windows":        {"--window-bits=8", "--connection-window-bits=16"},
	"tiny connection":     {"--window-bits=14", "--connection-window-bits=10"},
	"large windows":       {"--window-bits=30", "--connection-window-bits=30"},
	"no tables":           {"--header-table-size=0", "--encoder-header-table-size=0"},
	"large tables":        {"--header-table-size=1M", "--encoder-header-table-size=1M"},
	"one stream":          {"--max-concurrent-streams=1"},
	"early":               {"--early-response"},
	"without lengths":     {"--no-content-length", "--padding=1"},
	"without dependences": {"--no-rfc7540-pri"},
	"two workers":         {"--workers=2"},
}

// nghttpd starts an nghttpd with files, which also sends uploads back. It returns its URLs.
func nghttpd(t *testing.T, authority *treqtesting.Authority, options ...string) (plain, secure string) {
	start := func(secure bool) string {
		return daemon.Start(t, "nghttpd", func(s *daemon.Setup) []string {
			_, cert, key := certificate(s, authority)
			docs := filepath.Join(s.Dir, "docs")
			if err := os.Mkdir(docs, 0o755); err != nil {
				t.Fatal(err)
			}
			for name, text := range map[string]string{"large": blob(1, *bodySize), "small.txt": "small", "empty": ""} {
				if err := os.WriteFile(filepath.Join(docs, name), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			args := append([]string{"--address=127.0.0.1", "--htdocs=" + docs, "--echo-upload", "--trailer", "x-sent: after"}, options...)
			if !secure {
				return append(args, "--no-tls", s.Port("http"))
			}
			return append(args, s.Port("http"), key, cert)
		}).Address("http")
	}
	return "http://" + start(false), "https://" + start(true)
}

// nghttpdQuestions are an exam for the nghttpd that is called name.
//
// One with tiny windows gets no upload before its settings are acknowledged, since it may reset
// such an upload although no window was exceeded: see TestNghttpdLowersWindows.
func nghttpdQuestions(name string) []question {
	large := blob(4, *bodySize)
	const trailer = "+X-Sent: after"
	q := []question{
		{name: "small", method: "GET", path: "/small.txt", shows: "Content-Type", want: "200 small|Content-Type: text/plain" + trailer, alone: strings.HasPrefix(name, "tiny")},
		{name: "HEAD", method: "HEAD", path: "/small.txt", want: "200 "},
		{name: "missing", method: "POST", path: "/missing", body: "x", want: "200 x" + trailer},
		{name: "empty", method: "GET", path: "/empty", want: "200 " + trailer},
		{name: "not modified", method: "GET", path: "/small.txt", header: http.Header{"If-Modified-Since": {"Thu, 01 Jan 2099 00:00:00 GMT"}}, want: "304 "},
		{name: "long header", method: "GET", path: "/small.txt", header: http.Header{"X-Long": {blobText(1, 20_000)}}, want: "200 small" + trailer},
		{name: "upload", method: "POST", path: "/small.txt", body: large, want: "200 " + digest(large) + trailer},
		{name: "upload of unknown length", method: "PUT", path: "/small.txt", body: large, unknown: true, want: "200 " + digest(large) + trailer},
		{name: "small upload", method: "POST", path: "/small.txt", body: "up", want: "200 up" + trailer},
	}
	for i := range 10 {
		q = append(q, question{name: fmt.Sprint("large ", i), method: "GET", path: "/large", want: "200 " + digest(blob(1, *bodySize)) + trailer})
	}
	return q
}
