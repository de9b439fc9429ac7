package peers_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// This file has clients of other people talk HTTP/2 with a server.

// A target is a server of the handler of the exam that is asked by programs.
type target struct {
	backend
	authority *treqtesting.Authority
	root      string // the file of the authority's certificate
	folder    string
	large     string // a file of bodySize bytes
}

func newTarget(t *testing.T, serve func(t *testing.T, config *tls.Config) string) *target {
	var authority treqtesting.Authority
	folder := t.TempDir()
	g := &target{authority: &authority, folder: folder, root: filepath.Join(folder, "root.pem"), large: filepath.Join(folder, "large")}
	for file, text := range map[string]string{g.root: string(authority.RootPEM()), g.large: blob(4, *bodySize)} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	g.plain, g.secure = serve(t, nil), serve(t, authority.ServerTLS("127.0.0.1"))
	return g
}

// run runs a program whose words may be PLAIN, SECURE, ROOT, LARGE and SIZE for those of g, and
// returns what it prints.
func (g *target) run(t *testing.T, command string, more ...string) (string, error) {
	t.Helper()
	words := strings.Fields(command)
	path := daemon.Path(t, words[0])
	for i := range words {
		words[i] = g.fill(words[i])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, append(words[1:], more...)...)
	cmd.Dir = g.folder
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (g *target) fill(text string) string {
	return strings.NewReplacer("SECURE", g.secure, "PLAIN", g.plain, "ROOT", g.root, "LARGE", g.large, "SIZE", strconv.Itoa(*bodySize),
		"DEVNULL", os.DevNull, "DIGEST4", digest(blob(4, *bodySize)), "LONG", strings.Repeat("v", 20_000)).Replace(text)
}

// A trial is a program that is run, and what its output must have.
type trial struct {
	command string
	words   []string // more arguments, which may have spaces
	want    string   // a regular expression
}

func (g *target) try(t *testing.T, trials []trial) {
	t.Helper()
	for _, test := range trials {
		var words []string
		for _, w := range test.words {
			words = append(words, g.fill(w))
		}
		out, err := g.run(t, test.command, words...)
		if err != nil || !regexp.MustCompile("(?s)"+g.fill(test.want)).MatchString(out) {
			t.Errorf("%s %q: %v\n%.1000s\nwant %s", test.command, test.words, err, out, test.want)
		}
	}
}

func (g *target) curl(t *testing.T) {
	const curl = "curl -sS --max-time 30 --cacert ROOT "
	trials := []trial{
		{"-w |%{http_version}|%{num_connects}| SECURE/hello SECURE/hello", nil, `^GET hello\|2\|1\|GET hello\|2\|0\|$`},
		{"--http1.1 -w |%{http_version}| SECURE/hello", nil, `^GET hello\|1.1\|$`},
		{"--http2-prior-knowledge -w |%{http_version}| PLAIN/hello", nil, `^GET hello\|2\|$`},
		{"--http2 -w |%{http_version}| PLAIN/hello", nil, `^GET hello\|1.1\|$`}, // Upgrade: h2c is ignored
		{"--http2 -d x -w |%{http_version}| PLAIN/hello", nil, `^POST hello\|1.1\|$`},
	}
	trials = append(trials, []trial{ // curl 7.88 cannot use a plain connection of HTTP/2 again
		{"-L -w |%{http_code}|%{num_connects} SECURE/to?code=302", nil, `^\|200\|1$`},
		{"-Z --parallel-max 40 SECURE/streamed?n=SIZE&i=[1-40] -o DEVNULL -w %{http_code}:%{size_download}:%{http_version}\\n", nil, `(200:SIZE:2\n){40}$`},
	}...)
	urls := []string{"SECURE", "--http2-prior-knowledge PLAIN"}
	if !*all {
		urls = urls[:1]
	}
	for _, url := range urls {
		for _, test := range []trial{
			{"-I URL/known?n=5", nil, `^HTTP/2 200.*content-length: 5`},
			{"-d a=b URL/echo", nil, `^a=b$`},
			{"-T LARGE URL/upload", nil, `^PUT DIGEST4 true <nil>$`},
			{"-X POST -T LARGE -H content-length: URL/upload", nil, `^POST DIGEST4 false <nil>$`},
			{"-T LARGE URL/echo -o echoed -w %{size_upload}|%{size_download}|%{http_code}", nil, `^SIZE\|SIZE\|200$`},
			{"-T LARGE -H Expect:100-continue -i URL/upload", nil, `^HTTP/2 100.*HTTP/2 200.*PUT DIGEST4 true <nil>$`},
			{"-i URL/early", nil, `^HTTP/2 103.*HTTP/2 102.*HTTP/2 200.*early$`},
			{"--compressed URL/gzip?n=SIZE -o DEVNULL -w %{http_code}", nil, `^200$`},
			{"-b a=1;b=2 URL/cookies -D -", nil, `set-cookie: c=3.*a=1;b=2$`},
			{"-i URL/empty", nil, `^HTTP/2 204`},
			{"-i URL/missing", nil, `^HTTP/2 404.*missing$`},
			{"URL/headers -H X-Many:LONG", nil, `^20000$`},
			{"-i URL/headers?n=60", nil, `x-many-59: h{100}.*x-twice: 1.*x-twice: 2`},
			{"-X PURGE URL/hello", nil, `^PURGE hello$`},
		} {
			trials = append(trials, trial{strings.Replace(test.command, "URL", url, 1), test.words, test.want})
		}
	}
	for i := range trials {
		trials[i].command = curl + trials[i].command
	}
	g.try(t, trials)
	if echoed, err := os.ReadFile(filepath.Join(g.folder, "echoed")); err != nil || string(echoed) != blob(4, *bodySize) {
		t.Errorf("curl: the echo of the upload is %s, %v", digest(string(echoed)), err)
	}
}

func (g *target) nghttp(t *testing.T) {
	urls := []string{"SECURE", "PLAIN"}
	if !*all {
		urls = urls[:1]
	}
	for _, url := range urls {
		var trials []trial
		for _, test := range []trial{
			{"nghttp -y URL/hello", nil, `^GET hello$`},
			{"nghttp -y --no-dep URL/hello", nil, `^GET hello$`},
			{"nghttp -y --no-rfc7540-pri URL/hello", nil, `^GET hello$`},
			{"nghttp -nvy URL/hello", nil, `recv SETTINGS.*:status: 200.*recv DATA.*END_STREAM.*send GOAWAY`},
			{"nghttp -ny -m 40 -s -p 1 -p 256 URL/streamed?n=SIZE URL/hello", nil, `(  200 +\S+ /.*){80}`},
			{"nghttp -y -w 1 -W 16 URL/query?SIZE", nil, `^SIZE$`},
			{"nghttp -y -b 255 -d LARGE URL/upload", nil, `^POST DIGEST4 true <nil>$`},
			{"nghttp -y -b 255 --no-content-length -d LARGE URL/upload", nil, `^POST DIGEST4 false <nil>$`},
			{"nghttp -y -w 6 -W 16 -d LARGE URL/upload", nil, `^POST DIGEST4 true <nil>$`},
			{"nghttp -nvy --expect-continue -d LARGE URL/upload", nil, `:status: 100.*:status: 200`},
			{"nghttp -nvy -d LARGE URL/trailers", []string{"--trailer", "x-sent: sent"}, `recv \(stream_id=\d+\) x-echo: sent`},
			{"nghttp -y --continuation URL/hello", nil, `^GET hello$`},
			{"nghttp -y URL/headers", []string{"-H", "x-many: LONG"}, `^20000$`},
			{"nghttp -y -c 0 URL/hello", nil, `^GET hello$`},
			{"nghttp -y -c 65536 --encoder-header-table-size=0 -m 2 URL/hello", nil, `^GET helloGET hello$`},
			{"nghttp -ny -v URL/hello", []string{"-H", ":method: DELETE", "-H", "user-agent: me"}, `:method: DELETE.*:status: 200`},
		} {
			trials = append(trials, trial{strings.ReplaceAll(test.command, "URL", url), test.words, test.want})
		}
		g.try(t, trials)
	}
	out, err := g.run(t, "nghttp -nv -u PLAIN/hello")
	if err == nil && strings.Contains(out, "HTTP Upgrade success") {
		t.Errorf("nghttp -u: the upgrade was not ignored: %s", out)
	}
}

// load has h2load make many requests, none of which may fail.
func (g *target) load(t *testing.T) {
	n := strconv.Itoa(*manySize)
	for _, test := range []string{"-c 1 -m 1", "-c 1 -m 100", "-c 4 -m 32", "-c 1 -m 500", "-c 2 -m 10 -w 8 -W 16", "-c 1 -m 10 --header-table-size=0 --encoder-header-table-size=0", "-c 1 -m 50 -f 16777215"} {
		for _, path := range []string{"PLAIN/hello", "SECURE/hello", "PLAIN/known?n=20000", "-d ROOT PLAIN/upload", "-d ROOT SECURE/echo"} {
			g.try(t, []trial{{"h2load -n " + n + " " + test + " " + path, nil,
				fmt.Sprintf("requests: %s total, %[1]s started, %[1]s done, %[1]s succeeded, 0 failed, 0 errored, 0 timeout.*status codes: %[1]s 2xx", n)}})
		}
	}
}
