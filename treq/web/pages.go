package web

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
)

// This file has the resources with a fixed page.

// A Page is a leaf with the same response for all methods: [ErrorPage], [NotFound],
// [Forbidden], [Redirect].
type Page struct {
	Leaf
	// Code is the status code.
	Code int
	// Header has additional headers.
	Header http.Header
	// Body is HTML.
	Body string
}

// Render sends the page; see [Renderer].
func (p *Page) Render(req *Request) {
	req.SetResponseCode(p.Code)
	for name, values := range p.Header {
		req.ResponseHeader[http.CanonicalHeaderKey(name)] = values
	}
	req.SetHeader("Content-Type", "text/html; charset=utf-8")
	req.WriteString(p.Body)
}

// ErrorPage returns a page with a status code, a title and a paragraph of text. It
// escapes both texts. It is twisted.web.pages.errorPage.
func ErrorPage(code int, brief, detail string) *Page {
	return &Page{Code: code, Body: fmt.Sprintf("<!DOCTYPE html>\n<html>\n<head><title>%d - %s</title></head>\n"+
		"<body>\n<h1>%[2]s</h1>\n<p>%s</p>\n</body>\n</html>\n", code, html.EscapeString(brief), html.EscapeString(detail))}
}

// NotFound returns a 404. "" means the usual detail. It is twisted.web.pages.notFound.
func NotFound(detail string) *Page {
	if detail == "" {
		detail = "There is nothing at this address."
	}
	return ErrorPage(http.StatusNotFound, "Not Found", detail)
}

// Forbidden returns a 403. "" means the usual detail. It is twisted.web.pages.forbidden.
func Forbidden(detail string) *Page {
	if detail == "" {
		detail = "Access to this address is not allowed."
	}
	return ErrorPage(http.StatusForbidden, "Forbidden", detail)
}

// Redirect returns a 302 to url; see also [Request.Redirect]. It is
// twisted.web.util.Redirect.
func Redirect(url string) *Page {
	return &Page{
		Code:   http.StatusFound,
		Header: http.Header{"Location": {url}},
		Body:   "<!DOCTYPE html>\n<title>Found</title>\n<a href=\"" + html.EscapeString(url) + "\">" + html.EscapeString(url) + "</a>\n",
	}
}

// Data is a resource with its content in memory. It answers GET and HEAD. It is
// twisted.web.static.Data.
type Data struct {
	Node
	// Content is the body. It must not be changed while a response with it is sent:
	// it is not copied.
	Content []byte
	// Type is the media type of Content. "" means that [http.DetectContentType] finds
	// the type.
	Type string
}

// NewData returns a Data; see its fields. It is short for &Data{Content: content, Type: mediaType}.
func NewData(content []byte, mediaType string) *Data {
	return &Data{Content: content, Type: mediaType}
}

// RenderGET sends the content; see [GETRenderer].
func (d *Data) RenderGET(req *Request) {
	if d.Type != "" {
		req.SetHeader("Content-Type", d.Type)
	}
	req.SetHeader("Content-Length", strconv.Itoa(len(d.Content)))
	req.writeKept(d.Content)
}
