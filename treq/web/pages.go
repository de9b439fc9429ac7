package web

import (
	"fmt"
	"html"
	"net/http"
	"strconv"
)

// This file holds the resources that are always the same page.

// A Page is a resource with one response, whatever the method and whatever is
// below it in the path: [ErrorPage], [NotFound], [Forbidden], [Redirect].
type Page struct {
	Leaf
	// Code is the status code.
	Code int
	// Header is sent with it.
	Header http.Header
	// Body is what is sent. It is HTML.
	Body string
}

// Render sends the page; see [Renderer].
func (p *Page) Render(req *Request) {
	req.SetResponseCode(p.Code)
	for name, values := range p.Header {
		req.ResponseHeader[name] = values
	}
	req.SetHeader("Content-Type", "text/html; charset=utf-8")
	req.WriteString(p.Body)
}

// ErrorPage returns a page with that status code, a title and a paragraph of text.
// Both are escaped. It is twisted.web.pages.errorPage.
func ErrorPage(code int, brief, detail string) *Page {
	return &Page{Code: code, Body: fmt.Sprintf("<!DOCTYPE html>\n<html>\n<head><title>%d - %s</title></head>\n"+
		"<body>\n<h1>%[2]s</h1>\n<p>%s</p>\n</body>\n</html>\n", code, html.EscapeString(brief), html.EscapeString(detail))}
}

// NotFound returns the page for what does not exist, a 404. An empty detail
// stands for the usual one. It is twisted.web.pages.notFound.
func NotFound(detail string) *Page {
	if detail == "" {
		detail = "There is nothing at this address."
	}
	return ErrorPage(http.StatusNotFound, "Not Found", detail)
}

// Forbidden returns the page for what may not be had, a 403. An empty detail
// stands for the usual one. It is twisted.web.pages.forbidden.
func Forbidden(detail string) *Page {
	if detail == "" {
		detail = "This may not be had."
	}
	return ErrorPage(http.StatusForbidden, "Forbidden", detail)
}

// Redirect returns a page that sends the client to url, with a 302. It is
// twisted.web.util.Redirect; see [Request.Redirect] too.
func Redirect(url string) *Page {
	return &Page{
		Code:   http.StatusFound,
		Header: http.Header{"Location": {url}},
		Body:   "<!DOCTYPE html>\n<title>Found</title>\n<a href=\"" + html.EscapeString(url) + "\">" + html.EscapeString(url) + "</a>\n",
	}
}

// Data is a resource whose content is in memory. It answers GET and HEAD. It is
// twisted.web.static.Data.
type Data struct {
	Node
	// Content is what is sent, and Type its media type.
	Content []byte
	Type    string
}

// NewData returns a resource with that content of that media type.
func NewData(content []byte, mediaType string) *Data {
	return &Data{Content: content, Type: mediaType}
}

// RenderGET sends the content; see [GETRenderer].
func (d *Data) RenderGET(req *Request) {
	req.SetHeader("Content-Type", d.Type)
	req.SetHeader("Content-Length", strconv.Itoa(len(d.Content)))
	req.Write(d.Content)
}
