package request_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A received is what a server got.
type received struct {
	method, uri, host, body string
	header                  http.Header
	length                  int64
	coding                  []string
}

// everyByte has every byte once.
func everyByte() string {
	var b strings.Builder
	for c := range 256 {
		b.WriteByte(byte(c))
	}
	return b.String()
}

// shells returns the POSIX shells of this machine.
func shells(t *testing.T) []string {
	t.Helper()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("this machine has no curl")
	}
	var found []string
	for _, name := range []string{"sh", "dash", "bash", "zsh", "busybox"} {
		if _, err := exec.LookPath(name); err == nil {
			found = append(found, name)
		}
	}
	if len(found) == 0 {
		t.Skip("this machine has no shell")
	}
	return found
}

// TestCurlSendsTheRequest runs the commands, and compares what a server gets with the
// request.
func TestCurlSendsTheRequest(t *testing.T) {
	var got *received
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = &received{r.Method, r.RequestURI, r.Host, string(body), r.Header, r.ContentLength, r.TransferEncoding}
	}))
	defer server.Close()
	base, _ := url.Parse(server.URL)

	form := http.Header{"Content-Type": {request.FormContentType}}
	tests := []struct {
		name   string
		r      request.Request
		target string // "" means the root
		body   string // of a request whose body is not Bytes
	}{
		{name: "GET", r: request.Request{Method: "GET"}},
		{name: "HEAD", r: request.Request{Method: "HEAD"}},
		{name: "POST", r: request.Request{Method: "POST"}},
		{name: "PUT", r: request.Request{Method: "PUT"}},
		{name: "PATCH", r: request.Request{Method: "PATCH", Body: request.Bytes("")}},
		{name: "DELETE", r: request.Request{Method: "DELETE"}},
		{name: "OPTIONS", r: request.Request{Method: "OPTIONS"}},
		{name: "a strange method", r: request.Request{Method: "it's!#$%&*`|~"}},
		{name: "GET with a body", r: request.Request{Method: "GET", Body: request.Bytes("a")}},
		{name: "DELETE with a body", r: request.Request{Method: "DELETE", Body: request.Bytes("a")}},
		{name: "POST of text", r: request.Request{Method: "POST", Body: request.Bytes("a b")}},
		{name: "a form", r: request.Request{Method: "POST", Header: form, Body: request.Form(url.Values{"a": {"b c", "d&e"}, "ü": {"'"}})}},
		{name: "JSON", r: request.Request{Method: "PUT", Header: http.Header{"Content-Type": {"application/json"}}, Body: request.Bytes(`{"a": "it's $HOME \"quoted\" \\n"}`)}},
		{name: "quotes", r: request.Request{Method: "POST", Body: request.Bytes(`'it''s' "$HOME" $(ls) ` + "`ls`" + ` \\ \' !! %s %% \n`)}},
		{name: "lines", r: request.Request{Method: "POST", Body: request.Bytes("\na\n\n\tb\r\nc\n")}},
		{name: "an at sign", r: request.Request{Method: "POST", Body: request.Bytes("@/etc/passwd")}},
		{name: "an option", r: request.Request{Method: "POST", Body: request.Bytes("--help")}},
		{name: "every byte", r: request.Request{Method: "POST", Body: request.Bytes(everyByte())}},
		{name: "no UTF-8", r: request.Request{Method: "POST", Body: request.Bytes("\xff\xfe'%")}},
		{name: "an option of printf", r: request.Request{Method: "POST", Body: request.Bytes("-v\x00")}},
		{name: "two dashes for printf", r: request.Request{Method: "POST", Body: request.Bytes("--\r")}},
		{name: "headers that are no UTF-8", r: request.Request{Method: "GET", Header: http.Header{"X-Latin": {"caf\xe9"}, "X-Utf": {"\u0085é"}, "X-Blank": {" \t"}}}},
		{name: "digits after an escape", r: request.Request{Method: "POST", Body: request.Bytes("\x00123\x0177\xff8")}},
		{name: "200 KiB", r: request.Request{Method: "POST", Body: request.Bytes(strings.Repeat("0123456'%\\\n", 20_000))}},
		{name: "2 MiB", r: request.Request{Method: "POST", Body: request.Bytes(strings.Repeat("0123456789abcdef", 1<<17))}},
		{name: "a path and a query", target: "/a/b%20c/%2F?d=e&f=g%20h&i", r: request.Request{Method: "GET"}},
		{name: "shell characters", target: "/$HOME/'/`ls`/(a)/!;*?~&$(ls)", r: request.Request{Method: "GET"}},
		{name: "globs", target: "/[1-3]/{a,b}?c[]=[d]", r: request.Request{Method: "GET"}},
		{name: "dots", target: "/a/../b/./c/%2e%2e/d", r: request.Request{Method: "GET"}},
		{name: "an empty query", target: "/?", r: request.Request{Method: "GET"}},
		{name: "a fragment and a user", target: "/#part", r: request.Request{Method: "GET"}},
		{name: "headers", r: request.Request{Method: "GET", Header: http.Header{
			"X-Empty": {""}, "X-Two": {"one", "two"}, "X-Quotes": {`it's "$HOME" ` + "`ls` \\"}, "@X": nil, "X-At": {"@file"}, "X-Tab": {"a\tb"},
		}}},
		{name: "what curl adds", r: request.Request{Method: "POST", Body: request.Bytes("a"), Header: http.Header{
			"Accept": {"text/html"}, "User-Agent": {"me/1.0"}, "Content-Type": {"text/plain"}, "Accept-Encoding": {"zstd"},
		}}},
		{name: "lengths", r: request.Request{Method: "POST", Body: request.Bytes("a"), Header: http.Header{"Content-Length": {"5"}, "Transfer-Encoding": {"chunked"}}}},
		{name: "a host", r: request.Request{Method: "GET", Header: http.Header{"Host": {"other.example"}}}},
		{name: "a User-Agent", r: request.Request{Method: "GET", UserAgent: "me/1.0"}},
		{name: "another User-Agent", r: request.Request{Method: "GET", UserAgent: "me/1.0", Header: http.Header{"User-Agent": {"you/2"}}}},
		{name: "no User-Agent", r: request.Request{Method: "GET", UserAgent: "me/1.0", Header: http.Header{"User-Agent": nil}}},
		{name: "codings", r: request.Request{Method: "GET", AcceptEncoding: "gzip,br"}},
		{name: "credentials", r: request.Request{Method: "GET", Header: http.Header{"Authorization": {"Basic dXNlcjpwYXNz"}, "Cookie": {"a=b; c=d"}}}},
		{name: "an expectation", r: request.Request{Method: "POST", Body: request.Bytes("a"), ExpectContinue: time.Second}},
		{name: "an expectation of its own", r: request.Request{Method: "POST", Body: request.Bytes("a"), Header: http.Header{"Expect": {"100-continue"}}}},
		{name: "a stream", body: "abc", r: request.Request{Method: "PUT", Body: request.NewFileBodyProducer(strings.NewReader("abc"), request.FileBodyConfig{})}},
		{name: "a stream of unknown length", body: "abc", r: request.Request{Method: "PUT", Body: request.NewFileBodyProducer(io.MultiReader(strings.NewReader("abc")), request.FileBodyConfig{})}},
	}
	for _, shell := range shells(t) {
		for _, test := range tests {
			t.Run(shell+"/"+test.name, func(t *testing.T) {
				u, err := base.Parse("/")
				if err != nil {
					t.Fatal(err)
				}
				if test.target != "" {
					parsed, err := url.Parse("http://user:password@" + base.Host + test.target)
					if err != nil {
						t.Fatal(err)
					}
					u = parsed
				}
				r := test.r
				r.URL = u
				command := r.CurlWithSecrets()
				dir := t.TempDir()
				if _, file, ok := strings.Cut(command, " < "); ok {
					if err := os.WriteFile(filepath.Join(dir, strings.Trim(file, "'")), []byte(test.body), 0o666); err != nil {
						t.Fatal(err)
					}
				}
				got = nil
				run(t, shell, dir, command)
				if got == nil {
					t.Fatalf("the server got nothing from %s", command)
				}
				want := expected(&r, test.body)
				got.header.Del("Content-Length")
				if !reflect.DeepEqual(*got, want) {
					t.Errorf("%.2000s\ngot  %.2000v\nwant %.2000v", command, *got, want)
				}
			})
		}
	}
}

// expected returns what a server gets from an agent that sends r.
func expected(r *request.Request, body string) received {
	want := received{method: r.Method, uri: r.URL.RequestURI(), host: r.URL.Host, body: body, header: http.Header{}}
	for name, values := range r.Header {
		switch name {
		case "Host":
			want.host = values[0]
		case "@X", "Content-Length", "Transfer-Encoding":
		default:
			if len(values) > 0 {
				if want.header[name] = values; name == "X-Blank" {
					want.header[name] = []string{""}
				}
			}
		}
	}
	if _, own := r.Header["User-Agent"]; !own && r.UserAgent != "" {
		want.header["User-Agent"] = []string{r.UserAgent}
	}
	if r.AcceptEncoding != "" {
		want.header["Accept-Encoding"] = []string{r.AcceptEncoding}
	}
	if r.ExpectContinue > 0 {
		want.header["Expect"] = []string{"100-continue"}
	}
	if r.Body != nil {
		want.length = r.Body.Length()
		if want.length < 0 {
			want.coding = []string{"chunked"}
		}
	}
	if text, ok := r.Body.(request.Bytes); ok {
		want.body = string(text)
	}
	return want
}

// run runs command in a shell whose files and settings of curl are those of dir.
func run(t *testing.T, shell, dir, command string) {
	t.Helper()
	args := []string{"-c"}
	if shell == "busybox" {
		args = []string{"sh", "-c"}
	}
	// A long command comes from a file.
	script := filepath.Join(dir, "script")
	if err := os.WriteFile(script, []byte(command+"\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(shell, append(args, ". ./script")...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "CURL_HOME="+dir, "http_proxy=", "no_proxy=*")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s\n%.2000s", shell, err, out, command)
	}
}

// TestCurlOfAStreamFails: nothing is sent in place of a body that the command does not have.
func TestCurlOfAStreamFails(t *testing.T) {
	requests := 0
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests++ }))
	defer server.Close()
	u, _ := url.Parse(server.URL)
	body := request.NewFileBodyProducer(strings.NewReader("abc"), request.FileBodyConfig{})
	r := request.Request{Method: "PUT", URL: u, Body: body}
	command := r.Curl()
	if !strings.HasSuffix(command, " --data-binary @- < 'the body: 3 bytes'") {
		t.Errorf("got %s", command)
	}
	for _, shell := range shells(t) {
		args := []string{"-c", command}
		if shell == "busybox" {
			args = append([]string{"sh"}, args...)
		}
		cmd := exec.Command(shell, args...)
		cmd.Dir = t.TempDir()
		if out, err := cmd.CombinedOutput(); err == nil || requests != 0 {
			t.Errorf("%s: got %v, %s, %d requests", shell, err, out, requests)
		}
	}
	body.StopProducing()
}

// TestCurlHidesSecrets: a command has no secrets, unless asked for.
func TestCurlHidesSecrets(t *testing.T) {
	u, _ := url.Parse("http://user:s3cret@an.example/a;jsessionid=s3cret?token=s3cret&page=2&mine=s3cret#access_token=s3cret")
	header := func(contentType string) http.Header {
		return http.Header{
			"Authorization": {"Bearer s3cret"}, "Proxy-Authorization": {"Basic s3cret"}, "Cookie": {"a=s3cret"}, "X-Api-Key": {"s3cret"},
			"Referer": {"http://u:s3cret@an.example/?sig=s3cret"}, "X-Mine": {"s3cret"}, "Content-Type": {contentType},
		}
	}
	for _, test := range []struct{ contentType, body string }{
		{request.FormContentType, "client_secret=s3cret&a=b&mine=s3cret"},
		{"application/json", `{"password":"s3cret", "mine": "s3cret"}`},
		{"text/plain", "see http://u:s3cret@an.example/?token=s3cret"},
		{request.FormContentType, "client_secret=\xffs3cret"},
	} {
		r := request.Request{Method: "POST", URL: u, Header: header(test.contentType), Body: request.Bytes(test.body)}
		command := r.Curl("X-Mine", "mine")
		if strings.Contains(command, "s3cret") {
			t.Errorf("got %s", command)
		}
		for _, shown := range []string{"Bearer xxxxx", "page=2", "token=xxxxx"} {
			if !strings.Contains(command, shown) {
				t.Errorf("without %s: %s", shown, command)
			}
		}
		if command := r.CurlWithSecrets(); strings.Contains(command, "xxxxx") || strings.Count(command, "s3cret") < 7 {
			t.Errorf("with its secrets: %s", command)
		}
	}
}

// TestCurl has whole commands.
func TestCurl(t *testing.T) {
	u, _ := url.Parse("http://an.example/a")
	for _, test := range []struct {
		r    request.Request
		want string
	}{
		{request.Request{Method: "GET", URL: u}, "curl http://an.example/a -H Accept: -H User-Agent:"},
		{request.Request{Method: "HEAD", URL: u, AcceptEncoding: "gzip"}, "curl http://an.example/a --head -H 'Accept-Encoding: gzip' -H Accept: -H User-Agent:"},
		{request.Request{Method: "GET", URL: u, UserAgent: "me/1"}, "curl http://an.example/a -H 'User-Agent: me/1' -H Accept:"},
		{request.Request{Method: "GET", URL: u, UserAgent: "me/1", Header: http.Header{"User-Agent": {}}}, "curl http://an.example/a -H Accept: -H User-Agent:"},
		{request.Request{Method: "GET", URL: u, UserAgent: "me/1", Header: http.Header{"User-Agent": {"x"}}}, "curl http://an.example/a -H 'User-Agent: x' -H Accept:"},
		{request.Request{Method: "POST", URL: u, Header: http.Header{"Accept": {"*/*"}, "Content-Type": {"text/plain"}, "User-Agent": {"me"}}, Body: request.Bytes("it's")},
			`curl http://an.example/a -H 'Accept: */*' -H 'Content-Type: text/plain' -H 'User-Agent: me' -H Expect: --data-raw 'it'\''s'`},
		{request.Request{Method: "PUT", URL: u, Body: request.Bytes("\x00%\\'")},
			`printf '\000%%\\'\''' | curl http://an.example/a -X PUT -H Accept: -H User-Agent: -H Content-Type: -H Expect: --data-binary @-`},
		{request.Request{Method: "GET", URL: u, Header: http.Header{"X": {"a\r\nY: z\x00\t"}}}, "curl http://an.example/a -H 'X: a??Y: z?\t' -H Accept: -H User-Agent:"},
		{request.Request{}, "curl '' -X '' -H Accept: -H User-Agent:"},
	} {
		if got := test.r.Curl(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}
