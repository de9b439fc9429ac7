package web_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/descriptors"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// postBytes returns a POST request with n bytes of content.
func postBytes(n int) string {
	return "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: " + itoa(n) + "\r\n\r\n" + pattern(n)
}

// pattern returns n bytes that do not repeat soon.
func pattern(n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i * (i>>8 + 1) >> 3)
	}
	return string(b)
}

// TestContentReads checks that content in a file is read as content in memory is.
func TestContentReads(t *testing.T) {
	for _, memory := range []int64{0, 10_000} {
		dir := t.TempDir()
		for _, n := range []int{0, 1, 8 << 10, 8<<10 + 1, 10_000, 10_001, 100_000} {
			text, read, files := pattern(n), 0, 0
			s := serve(t, &web.Site{MemoryContent: memory, TempDir: dir, Root: web.RenderFunc(func(req *web.Request) {
				read++
				files = len(descriptors.In(t, dir))
				c := req.Content
				if c.Len() != n || c.Size() != int64(n) {
					t.Errorf("%d bytes: Len %d, Size %d", n, c.Len(), c.Size())
				}
				if err := iotest.TestReader(c, []byte(text)); err != nil {
					t.Errorf("%d bytes: %v", n, err)
				}
				c.Seek(0, io.SeekStart)
				io.CopyN(io.Discard, c, int64(n/2))
				var b bytes.Buffer
				written, err := io.Copy(&b, c)
				if b.String() != text[n/2:] || written != int64(b.Len()) || err != nil || c.Len() != 0 {
					t.Errorf("%d bytes: %d, %v, %d left after the half", n, written, err, c.Len())
				}
				c.Seek(10, io.SeekEnd)
				if k, err := c.WriteTo(&b); k != 0 || err != nil || c.Len() != 0 {
					t.Errorf("%d bytes: %d, %v, %d left after the end", n, k, err, c.Len())
				}
			})})
			want(t, head(s.ask(postBytes(n))), "HTTP/1.1 200 OK")
			chunks := strings.Builder{}
			for i := 0; i < n; i += 999 {
				fmt.Fprintf(&chunks, "%x\r\n%s\r\n", min(999, n-i), text[i:min(i+999, n)])
			}
			want(t, head(s.ask("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"+chunks.String()+"0\r\n\r\n")), "HTTP/1.1 200 OK")
			want(t, read, 2)
			want(t, files == 1, memory != 0 && n > 10_000)
		}
	}
}

// TestContentEnds checks that a request's file is removed, and its memory free for others,
// in whatever way the request ends.
func TestContentEnds(t *testing.T) {
	const head20k = "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n"
	chunk := "4e20\r\n" + pattern(20_000) + "\r\n"
	const chunked = "POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
	const form = "Content-Type: application/x-www-form-urlencoded\r\n\r\n"
	var open *web.Request
	for _, test := range []struct {
		name, request string
		render        func(req *web.Request)
		then          func(p *peer)
		code          string
	}{
		{"finished", postBytes(20_000), hello, nil, "200"},
		{"finished later", postBytes(20_000), func(req *web.Request) { req.NotDoneYet(); open = req }, func(*peer) { open.Finish() }, "200"},
		{"failed", postBytes(20_000), func(req *web.Request) { req.Fail(errors.New("x")) }, nil, "500"},
		{"a panic", postBytes(20_000), func(req *web.Request) { panic("x") }, nil, "500"},
		{"aborted", postBytes(20_000), func(req *web.Request) { panic(http.ErrAbortHandler) }, nil, ""},
		{"aborted after the head", postBytes(20_000), func(req *web.Request) { req.NotDoneYet(); open = req }, func(*peer) { open.Write([]byte("x")); open.Fail(errors.New("x")) }, "200"},
		{"lost while it is received", head20k + "\r\n" + pattern(19_000), hello, func(p *peer) { p.AbortConnection() }, ""},
		{"ended while it is received", head20k + "\r\n" + pattern(19_000), hello, func(p *peer) { p.LoseWriteConnection() }, "400"},
		{"lost while it is answered", postBytes(20_000), func(req *web.Request) { req.NotDoneYet() }, func(p *peer) { p.AbortConnection() }, ""},
		{"too slow", head20k + "\r\n" + pattern(19_000), hello, func(p *peer) { p.server.RunFor(2 * time.Minute) }, "408"},
		{"too large", chunked + strings.Repeat(chunk, 4), hello, nil, "413"},
		{"not HTTP", chunked + chunk + "zz\r\n", hello, nil, "400"},
		{"a bad form", head20k + "Content-Type: multipart/form-data\r\n\r\n" + pattern(20_000), hello, nil, "400"},
		{"a form with too many fields", head20k + form + strings.Repeat("a&", 10_000), hello, nil, "413"},
		{"a form", head20k + form + strings.Repeat("&", 20_000), hello, nil, "200"},
	} {
		for _, total := range []int64{1, 50_000, 1 << 20} { // a file; memory, but for forms; memory
			logs(t)
			dir := t.TempDir()
			render := test.render
			s := serve(t, &web.Site{MemoryContentTotal: total, MaxContent: 50_000, MaxFields: 5000, TempDir: dir,
				Root: web.RenderFunc(func(req *web.Request) { render(req) })})
			for range 3 {
				p := s.connect().send(test.request)
				if test.then != nil {
					want(t, len(descriptors.In(t, dir)) == 1, total == 1)
					test.then(p)
				}
				s.Pump()
				code, _, _ := strings.Cut(strings.TrimPrefix(p.take(), "HTTP/1.1 "), " ")
				if expected := test.code; strings.Contains(test.name, "form") && total == 1 {
					want(t, code, "503") // no memory for the values
				} else if code != expected {
					t.Errorf("%s, %d bytes in all: %s", test.name, total, code)
				}
				if n := len(descriptors.In(t, dir)); n != 0 {
					t.Errorf("%s, %d bytes in all: %d files are open", test.name, total, n)
				}
			}
			if left, err := os.ReadDir(dir); len(left) != 0 || err != nil {
				t.Errorf("%s: %v, %v are left", test.name, left, err)
			}
			// The next request has all the memory.
			inMemory := false
			render = func(req *web.Request) { inMemory = len(descriptors.In(t, dir)) == 0 }
			s.ask(postBytes(int(min(total, 45_000))))
			want(t, inMemory, true)
		}
	}
}

// TestContentOfAll checks that the content of many requests together does not take more
// memory than it may, and that the first 8 KiB of each need no file.
func TestContentOfAll(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, &web.Site{Root: web.RenderFunc(hello), MemoryContentTotal: 100_000, TempDir: dir})
	var peers []*peer
	for range 10 {
		peers = append(peers, s.connect().send(postBytes(25_000)[:24_000]))
	}
	want(t, len(descriptors.In(t, dir)), 6)
	for range 10 {
		peers = append(peers, s.connect().send(postBytes(8000)[:7000]))
	}
	want(t, len(descriptors.In(t, dir)), 6)
	for _, p := range peers {
		p.AbortConnection()
	}
	s.Pump()
	want(t, len(descriptors.In(t, dir)), 0)
}

// TestContentCannotBeKept checks the answer when no file can be made.
func TestContentCannotBeKept(t *testing.T) {
	logged := logs(t)
	s := serve(t, &web.Site{Root: web.RenderFunc(hello), MemoryContent: 10_000, TempDir: filepath.Join(t.TempDir(), "none")})
	want(t, head(s.ask(postBytes(20_000))), "HTTP/1.1 500 Internal Server Error")
	want(t, strings.Contains(logged(), "keeping the content of a request"), true)
	want(t, head(s.ask(postBytes(10_000))), "HTTP/1.1 200 OK")
}

// TestFormInAFile checks that forms are read from files, too.
func TestFormInAFile(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, &web.Site{MemoryContent: 10_000, TempDir: dir, Root: web.RenderFunc(func(req *web.Request) {
		fmt.Fprint(req, len(req.Args.Get("a")), len(req.Args["b"]), req.Content.Size(), len(descriptors.In(t, dir)))
	})})
	text := "a=" + strings.Repeat("x", 50_000) + "&b=1&b=2"
	want(t, body(s.ask(post("Content-Type: application/x-www-form-urlencoded\r\n", text))), "50000 2 50010 1")
	text = "--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" + strings.Repeat("x", 50_000) + "\r\n--x--"
	want(t, body(s.ask(post("Content-Type: multipart/form-data; boundary=x\r\n", text))), "50000 1 "+itoa(len(text))+" 1")
}

// TestFormsBesideSlowUploads checks that clients whose uploads never end do not get others'
// forms refused, and that the values of all forms have a limit of their own.
func TestFormsBesideSlowUploads(t *testing.T) {
	for _, size := range []int{100, 8000, 9000, 100_000} {
		for _, length := range []int{2_000_000, 9_000_000} { // of a form, of which a part comes
			dir := t.TempDir()
			s := serve(t, &web.Site{Root: web.RenderFunc(hello), TempDir: dir, MemoryContentTotal: 1 << 20, MemoryContent: 100_000})
			part := fmt.Sprintf("POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s", length, pattern(99_000))
			for range 15 {
				s.connect().send(part)
			}
			if len(descriptors.In(t, dir)) == 0 {
				t.Error("the uploads do not use up the memory for content")
			}
			for range 20 {
				got := s.ask(post("Content-Type: application/x-www-form-urlencoded\r\n", "a="+strings.Repeat("y", size)))
				want(t, head(got), "HTTP/1.1 200 OK")
			}
		}
	}
}

// TestTheValuesOfAllForms checks the limit of the values of forms, and that they count until
// the responses are finished.
func TestTheValuesOfAllForms(t *testing.T) {
	var open []*web.Request
	s := serve(t, &web.Site{MemoryContentTotal: 100_000, TempDir: t.TempDir(), Root: web.RenderFunc(func(req *web.Request) {
		req.NotDoneYet()
		open = append(open, req)
	})})
	form := post("Content-Type: application/x-www-form-urlencoded\r\n", "a="+strings.Repeat("y", 29_998))
	var peers []*peer
	for range 3 {
		peers = append(peers, s.connect().send(form))
	}
	want(t, len(open), 3)
	want(t, head(s.ask(form)), "HTTP/1.1 503 Service Unavailable")
	s.ask(post("Content-Type: application/x-www-form-urlencoded\r\n", "a=small"))
	want(t, len(open), 4)
	open[0].Finish()
	s.ask(form)
	want(t, len(open), 5)
	want(t, head(s.ask(form)), "HTTP/1.1 503 Service Unavailable")
	peers[1].AbortConnection()
	s.Pump()
	s.ask(form)
	want(t, len(open), 6)
}

// TestFileContentTotal checks that the content of all requests in files is bounded, and that
// each request gives its share back.
func TestFileContentTotal(t *testing.T) {
	const total = 50_000
	half := postBytes(total / 2)
	chunks := "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + strings.Repeat("3e8\r\n"+pattern(1000)+"\r\n", total/2000) + "0\r\n\r\n"
	for _, test := range []struct {
		name  string
		total int64
		held  []string // requests that hold files
		next  string
		code  string
	}{
		{"as much as allowed", total, []string{half}, half, "200"},
		{"a byte more", total, []string{half}, postBytes(total/2 + 1), "503"},
		{"in chunks", total, []string{chunks}, chunks, "200"},
		{"a chunk more", total - 1, []string{chunks}, chunks, "503"},
		{"alone", total, nil, postBytes(total), "200"},
		{"a byte more, alone", total, nil, postBytes(total + 1), "503"},
		{"in memory", total, []string{half, half}, postBytes(8 << 10), "200"},
		{"no bound", -1, []string{half, half}, half, "200"},
		{"the default", 0, []string{half, half}, half, "200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			var waiting []*web.Request
			s := serve(t, &web.Site{MemoryContentTotal: 1, FileContentTotal: test.total, TempDir: dir,
				Root: web.RenderFunc(func(req *web.Request) { req.NotDoneYet(); waiting = append(waiting, req) })})
			finish := func() {
				for _, req := range waiting {
					req.Finish()
				}
				waiting = nil
				s.Pump()
			}
			for _, request := range test.held {
				s.connect().send(request)
			}
			want(t, len(descriptors.In(t, dir)), len(test.held))
			for range 2 {
				held := len(waiting)
				p := s.connect().send(test.next)
				if len(waiting) > held {
					waiting[held].Finish()
					waiting = waiting[:held]
					s.Pump()
				}
				want(t, strings.Fields(p.take() + " - -")[1], test.code)
				want(t, len(descriptors.In(t, dir)), len(test.held))
			}
			finish()
			for range 2 { // all of it can be used again
				p := s.connect().send(half)
				want(t, len(waiting), 1)
				finish()
				want(t, head(p.take()), "HTTP/1.1 200 OK")
			}
		})
	}
}
