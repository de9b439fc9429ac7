package web

import (
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
	"strconv"
	"strings"
)

// This file holds files and directories as resources. Which parts of a file a
// request is for is in ranges.go.

// A File is a file, or a directory and all that is below it, as a resource. It
// answers GET and HEAD, conditional requests and ranges (RFC 9110, sections 13 and
// 14), and sends a file as fast as the client takes it, 64 KiB at a time. It is
// twisted.web.static.File.
//
// Nothing outside the directory can be reached, not by ".." and not by a symbolic
// link (see [os.Root]); links within it are followed. Only regular files are
// sent. What does not exist is a 404, what may not be read a 403.
//
// Files are opened and read on the loop's goroutine.
type File struct {
	Node
	// Path is where the file or directory is.
	Path string
	// IndexNames are the files that stand for a directory, the first that exists.
	IndexNames []string
	// NoListing keeps a directory that has none of them from being listed: the
	// answer is then a 403.
	NoListing bool
	// Types maps extensions ("." and all, in lower case) to media types. What is
	// not in it is for [mime.TypeByExtension] to say.
	Types map[string]string
	// DefaultType is the media type of all others.
	DefaultType string

	rel   string // where it is, in Path, with slashes; "" for Path itself
	slash bool   // the path of the request ends in a slash
}

// NewFile returns the file or directory at path as a resource, with index.html and
// index.htm for IndexNames and application/octet-stream for DefaultType. It need
// not exist yet.
func NewFile(path string) *File {
	return &File{Path: path, IndexNames: []string{"index.html", "index.htm"}, DefaultType: "application/octet-stream"}
}

// GetChild returns the file called name in a directory; see [Resource].
func (f *File) GetChild(name string, req *Request) Resource {
	switch {
	case f.slash:
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

// errNotRegular is the error of opening what is neither a file nor a directory.
var errNotRegular = errors.New("neither a file nor a directory")

// open opens the file, or the one in it called name. It opens nothing that could
// block, as a pipe does.
func (f *File) open(name string) (*os.File, fs.FileInfo, error) {
	if f.rel == "" && name == "" {
		return check(os.Stat, os.Open, f.Path)
	}
	root, err := os.OpenRoot(f.Path)
	if err != nil {
		return nil, nil, err
	}
	defer root.Close()
	name = strings.Trim(f.rel+"/"+name, "/")
	return check(root.Stat, root.Open, filepath.FromSlash(name))
}

func check(stat func(string) (fs.FileInfo, error), open func(string) (*os.File, error), name string) (*os.File, fs.FileInfo, error) {
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

// RenderGET sends the file; see [GETRenderer].
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
	sending := false
	defer func() {
		if !sending {
			file.Close()
		}
	}()
	switch {
	case info.IsDir() && !f.slash:
		redirectToSlash(req)
	case info.IsDir():
		f.renderDirectory(req, file)
	case f.slash:
		NotFound("").Render(req)
	default:
		sending = f.send(req, file, info)
	}
}

// redirectToSlash sends the client to the same URL with a slash after it. All
// slashes before it are made one: two would be a host's name.
func redirectToSlash(req *Request) {
	to := "/" + strings.Trim(req.Path, "/") + "/"
	if _, query, ok := strings.Cut(req.URI, "?"); ok {
		to += "?" + query
	}
	Redirect(to).Render(req)
}

// renderDirectory sends the index of a directory, or the list of what is in it.
func (f *File) renderDirectory(req *Request, dir *os.File) {
	for _, name := range f.IndexNames {
		file, info, err := f.open(name)
		if err != nil {
			continue
		}
		if info.Mode().IsRegular() {
			if !f.send(req, file, info) {
				file.Close()
			}
			return
		}
		file.Close()
	}
	if f.NoListing {
		Forbidden("").Render(req)
		return
	}
	entries, err := dir.ReadDir(-1)
	if err != nil {
		slog.Error("web: a directory that cannot be listed", "path", f.Path, "below", f.rel, "error", err)
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
		// "./" keeps a name with a colon in it from being a URL of its own.
		link := "./" + (&url.URL{Path: name}).EscapedPath()
		fmt.Fprintf(req, "<li><a href=\"%s\">%s</a></li>\n", html.EscapeString(link), html.EscapeString(name))
	}
	req.WriteString("</ul>\n</body>\n</html>\n")
}

// send sends a regular file, or says why not. It reports whether the file is
// being sent: then it is closed in the end.
func (f *File) send(req *Request, file *os.File, info fs.FileInfo) (sending bool) {
	tag := fmt.Sprintf("\"%x-%x\"", info.ModTime().UnixNano(), info.Size())
	cached := req.SetETag(tag)
	cached = req.SetLastModified(info.ModTime()) || cached
	if cached {
		return false
	}
	req.SetHeader("Accept-Ranges", "bytes")
	mediaType := f.typeOf(info.Name())
	plan := planRanges(req, tag, info.Size(), mediaType)
	if req.code == http.StatusRequestedRangeNotSatisfiable {
		return false
	}
	req.SetHeader("Content-Length", strconv.FormatInt(plan.length, 10))
	if req.Method == http.MethodHead || plan.length == 0 {
		return false
	}
	p := &filePlayer{req: req, file: file, parts: plan.parts}
	req.RegisterPullProducer(p)
	return true
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
	return f.DefaultType
}

// A filePlayer is the producer of a file's parts.
type filePlayer struct {
	req   *Request
	file  *os.File
	parts []part
}

// fileChunk is how much of a file is in memory at a time.
const fileChunk = 64 << 10

// ResumeProducing sends the next piece.
func (p *filePlayer) ResumeProducing() {
	for len(p.parts) != 0 {
		next := &p.parts[0]
		if next.text != "" {
			p.req.WriteString(next.text)
			next.text = ""
		}
		if next.size == 0 {
			p.parts = p.parts[1:]
			continue
		}
		buffer := p.req.Site.fileBuffer()
		n, err := p.file.ReadAt(buffer[:min(int64(len(buffer)), next.size)], next.offset)
		p.req.Write(buffer[:n])
		next.offset += int64(n)
		next.size -= int64(n)
		if err != nil && next.size != 0 {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF // it has become shorter
			}
			p.StopProducing()
			p.req.UnregisterProducer()
			p.req.Fail(fmt.Errorf("sending a file: %w", err))
			return
		}
		if next.size != 0 {
			return
		}
	}
	p.StopProducing()
	p.req.UnregisterProducer()
	p.req.Finish()
}

// StopProducing closes the file.
func (p *filePlayer) StopProducing() {
	p.file.Close()
	p.parts = nil
}
