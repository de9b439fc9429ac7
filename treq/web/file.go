package web

import (
	"cmp"
	"errors"
	"fmt"
	"html"
	"io"
	"io/fs"
	"log/slog"
	"mime"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// This file has files and directories as resources. ranges.go decides which bytes of a
// file a request gets.

// A File is a file, or a directory and everything below it, as a resource. It answers GET
// and HEAD, conditional requests and ranges (RFC 9110, sections 13 and 14). It reads and
// sends 62 KiB at a time, as fast as the client takes them. It is
// twisted.web.static.File.
//
// Nothing outside the directory can be reached, neither by ".." nor by a symbolic link
// (see [os.Root]). Links within the directory work. Only regular files are sent. The
// response for a file that does not exist is a 404, and for one that cannot be read a
// 403.
//
// Files are opened and read on the loop's goroutine.
type File struct {
	Node
	// Path is the file or the directory. It need not exist yet.
	Path string
	// IndexNames are the files that may be sent for a directory: the first existing
	// one is. nil means index.html and index.htm.
	IndexNames []string
	// NoListing forbids the listing of a directory without an index; the answer is a
	// 403.
	NoListing bool
	// Types maps extensions, in lower case and with the dot, to media types.
	// [mime.TypeByExtension] finds the types of other extensions.
	Types map[string]string
	// DefaultType is the media type of all other files. "" means
	// application/octet-stream.
	DefaultType string

	rel   string // the file's path below Path, with slashes; "" for Path itself
	slash bool   // the request's path ends in a slash
}

// maxPath bounds the path of a file below Path, as Linux bounds paths. Without it, the
// search for a file of many segments would cost the square of their number.
const maxPath = 4096

// GetChild returns the file called name in a directory; see [Resource].
func (f *File) GetChild(name string, req *Request) Resource {
	switch {
	case f.slash, len(f.rel)+len(name) > maxPath:
		return nil
	case name == "":
		child := *f
		child.Node = Node{}
		child.slash = true
		return &child
	case name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") || strings.ContainsRune(name, filepath.Separator):
		return nil
	}
	child := *f
	child.Node = Node{}
	child.rel = strings.TrimPrefix(f.rel+"/"+name, "/")
	return &child
}

// errNotRegular is the error of opening neither a file nor a directory, but for example a
// pipe, which could block.
var errNotRegular = errors.New("neither a file nor a directory")

// open opens f, or the file called name in the directory f.
func (f *File) open(name string) (*os.File, fs.FileInfo, error) {
	if f.rel == "" && name == "" {
		return openRegular(os.Stat, os.Open, f.Path)
	}
	root, err := os.OpenRoot(f.Path)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	name = strings.Trim(f.rel+"/"+name, "/")
	return openRegular(root.Stat, root.Open, filepath.FromSlash(name))
}

// openRegular opens a regular file or a directory.
func openRegular(stat func(string) (fs.FileInfo, error), open func(string) (*os.File, error), name string) (*os.File, fs.FileInfo, error) {
	info, err := stat(name)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		err = errNotRegular
	}
	if err != nil {
		return nil, nil, err
	}
	file, err := open(name)
	if err != nil {
		return nil, nil, err
	}
	if info, err = file.Stat(); err != nil {
		file.Close()
		return nil, nil, err
	}
	return file, info, nil
}

// RenderGET sends the file, its directory, or an error; see [GETRenderer].
func (f *File) RenderGET(req *Request) {
	file, info, err := f.open("")
	switch {
	case errors.Is(err, fs.ErrPermission):
		Forbidden("").Render(req)
		return
	case err != nil:
		NotFound("").Render(req)
		return
	}
	if !info.IsDir() && (!f.slash || f.isRoot(req)) {
		f.send(req, file, info)
		return
	}
	defer file.Close()
	switch {
	case !info.IsDir():
		NotFound("").Render(req)
	case f.slash:
		f.renderDirectory(req, file)
	default:
		redirectToSlash(req)
	}
}

// isRoot reports whether f is the root of the site and req is for "/", whose slash does not
// mean a directory.
func (f *File) isRoot(req *Request) bool { return f.rel == "" && len(req.Prepath) == 1 }

// redirectToSlash redirects to the same URL with a slash at its end. Several slashes at
// its start become one: two would begin the name of a host. To browsers, a backslash is a
// slash, too.
func redirectToSlash(req *Request) {
	to := "/" + strings.Trim(strings.ReplaceAll(req.Path, "\\", "%5C"), "/") + "/"
	if _, query, ok := strings.Cut(req.URI, "?"); ok {
		to += "?" + query
	}
	Redirect(to).Render(req)
}

// renderDirectory sends the index of a directory, or a list of its files.
func (f *File) renderDirectory(req *Request, dir *os.File) {
	index := f.IndexNames
	if index == nil {
		index = []string{"index.html", "index.htm"}
	}
	for _, name := range index {
		file, info, err := f.open(name)
		if err != nil {
			continue
		}
		if info.Mode().IsRegular() {
			f.send(req, file, info)
			return
		}
		file.Close()
	}
	if f.NoListing {
		Forbidden("").Render(req)
		return
	}
	f.list(req, dir)
}

// list sends a page with links to the files of a directory.
func (f *File) list(req *Request, dir *os.File) {
	entries, err := dir.ReadDir(-1)
	if err != nil {
		slog.Error("web: a directory cannot be listed", "path", f.Path, "below", f.rel, "error", err)
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		name := e.Name()
		if e.IsDir() {
			name += "/"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	req.SetHeader("Content-Type", "text/html; charset=utf-8")
	title := html.EscapeString("/" + strings.Join(req.Prepath, "/"))
	fmt.Fprintf(req, "<!DOCTYPE html>\n<html>\n<head><title>%s</title></head>\n<body>\n<h1>%[1]s</h1>\n<ul>\n", title)
	for _, name := range names {
		// "./" prevents a name with a colon from becoming a URL with a scheme.
		link := "./" + (&url.URL{Path: name}).EscapedPath()
		fmt.Fprintf(req, "<li><a href=\"%s\">%s</a></li>\n", html.EscapeString(link), html.EscapeString(name))
	}
	req.WriteString("</ul>\n</body>\n</html>\n")
}

// send sends a regular file or an error, and closes the file at the end.
func (f *File) send(req *Request, file *os.File, info fs.FileInfo) {
	parts := f.plan(req, info)
	if len(parts) == 0 {
		file.Close()
		return
	}
	req.RegisterPullProducer(&filePlayer{req: req, file: file, parts: parts})
}

// plan sets the head for a file, and returns the parts of the body, or nil if there is no
// body.
func (f *File) plan(req *Request, info fs.FileInfo) []part {
	tag := fmt.Sprintf("\"%x-%x\"", info.ModTime().UnixNano(), info.Size())
	decided := req.SetETag(tag)
	decided = req.SetLastModified(info.ModTime()) || decided
	if decided {
		return nil
	}
	req.SetHeader("Accept-Ranges", "bytes")
	plan := planRanges(req, tag, info.Size(), f.typeOf(info.Name()))
	if req.code == http.StatusRequestedRangeNotSatisfiable {
		return nil
	}
	req.SetHeader("Content-Length", itoa(plan.length))
	if req.Method == http.MethodHead || plan.length == 0 {
		return nil
	}
	return plan.parts
}

// typeOf returns the media type of files called name.
func (f *File) typeOf(name string) string {
	extension := strings.ToLower(filepath.Ext(name))
	if t, ok := f.Types[extension]; ok {
		return t
	}
	if t := mime.TypeByExtension(extension); t != "" {
		return t
	}
	return cmp.Or(f.DefaultType, "application/octet-stream")
}

// A filePlayer is the producer of the parts of a file.
type filePlayer struct {
	req   *Request
	file  *os.File
	parts []part // the parts still to be sent
}

// fileChunk is the number of bytes of a file that are in memory at a time.
const fileChunk = maxPiece

// ResumeProducing sends the next piece.
func (p *filePlayer) ResumeProducing() {
	for len(p.parts) != 0 {
		next := &p.parts[0]
		if next.text != "" {
			p.req.WriteString(next.text)
			next.text = ""
		}
		if next.size != 0 {
			if err := p.sendPiece(next); err != nil {
				p.end()
				p.req.Fail(fmt.Errorf("sending a file: %w", err))
				return
			}
			if next.size != 0 {
				return
			}
		}
		p.parts = p.parts[1:]
	}
	p.end()
	p.req.Finish()
}

// sendPiece sends a piece of the part next. It fails if the file has become too short.
func (p *filePlayer) sendPiece(next *part) error {
	site := p.req.Site
	if site.fileBuffer == nil {
		site.fileBuffer = make([]byte, fileChunk)
	}
	n, err := p.file.ReadAt(site.fileBuffer[:min(fileChunk, next.size)], next.offset)
	p.req.Write(site.fileBuffer[:n])
	next.offset += int64(n)
	next.size -= int64(n)
	switch {
	case next.size == 0:
		return nil
	case err == io.EOF:
		return io.ErrUnexpectedEOF
	}
	return err
}

func (p *filePlayer) end() {
	p.StopProducing()
	p.req.UnregisterProducer()
}

// StopProducing closes the file.
func (p *filePlayer) StopProducing() {
	p.file.Close()
	p.parts = nil
}
