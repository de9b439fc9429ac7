package web

import (
	"net/http"
	"net/url"
	"strings"
)

// This file holds the tree of resources: what is in it, how the way to one is
// found, and which of its methods answers a request.

// A Resource is something that has a URL. It is Twisted's IResource.
//
// A type becomes a Resource by embedding a [Node], or a [Leaf], and answers
// requests by having a method for each HTTP method that it supports: RenderGET,
// RenderPOST and so on (see [GETRenderer]), or Render for all of them (see
// [Renderer]). All methods are called on the loop's goroutine.
type Resource interface {
	// IsLeaf reports whether the way ends here, whatever else is in the path:
	// the rest is then in the request's Postpath.
	IsLeaf() bool
	// GetChildWithDefault returns the child called name, or nil to have GetChild
	// asked. It is called before the request's content is there.
	GetChildWithDefault(name string, req *Request) Resource
	// GetChild returns a child that is made on request, or nil if there is none.
	GetChild(name string, req *Request) Resource
}

// A Renderer is a [Resource] that answers requests of every method. Where it has
// Render, its other methods are not looked at.
//
// Render writes the response to req. When it returns, the response is finished,
// unless Render has called [Request.NotDoneYet]. In Twisted's terms, what it has
// written is the string that it would return, and to call NotDoneYet is to
// return NOT_DONE_YET. If it panics the answer is a 500.
type Renderer interface {
	Render(req *Request)
}

// Each of these is a [Resource] that answers requests of one method, as
// [Renderer] says; they are the render_GET and so on of Twisted. A GETRenderer
// answers HEAD too: the body that it writes is not sent.
//
// For a method that a resource has no function for, the answer is a 405 whose
// Allow lists those that it has (RFC 9110, section 15.5.6), or a 501 if HTTP
// knows no such method.
type (
	GETRenderer     interface{ RenderGET(req *Request) }
	HEADRenderer    interface{ RenderHEAD(req *Request) }
	POSTRenderer    interface{ RenderPOST(req *Request) }
	PUTRenderer     interface{ RenderPUT(req *Request) }
	PATCHRenderer   interface{ RenderPATCH(req *Request) }
	DELETERenderer  interface{ RenderDELETE(req *Request) }
	OPTIONSRenderer interface{ RenderOPTIONS(req *Request) }
)

// A StreamingResource is a [Resource] that is rendered as soon as the head of a
// request has come. Its content is not kept: what comes of it is given to whom
// [Request.DeliverContent] names.
type StreamingResource interface {
	Resource
	StreamsContent() bool
}

// A Node is what a [Resource] is made of: its children. The zero value has none.
// A type that embeds one is a Resource; alone, it is a directory. It is Twisted's
// resource.Resource.
type Node struct {
	children map[string]Resource
}

// IsLeaf returns false.
func (n *Node) IsLeaf() bool { return false }

// PutChild makes child the child called name, a segment of a path without
// escapes. The child called "" is what is found when the path ends in a slash.
func (n *Node) PutChild(name string, child Resource) {
	if child == nil {
		panic("web: PutChild of a nil Resource")
	}
	if n.children == nil {
		n.children = make(map[string]Resource)
	}
	n.children[name] = child
}

// Children returns the children that PutChild put, by name. The map is the
// node's own.
func (n *Node) Children() map[string]Resource { return n.children }

// GetChildWithDefault returns the child that PutChild put, or nil.
func (n *Node) GetChildWithDefault(name string, _ *Request) Resource { return n.children[name] }

// GetChild returns nil: there are no other children. A type that embeds a Node
// has a method of its own if it makes children on request.
func (n *Node) GetChild(string, *Request) Resource { return nil }

// A Leaf is a [Node] where every way ends: it answers for all paths below its
// own. It is a Twisted Resource with isLeaf set.
type Leaf struct{ Node }

// IsLeaf returns true.
func (*Leaf) IsLeaf() bool { return true }

// RenderFunc returns a leaf that f renders; see [Renderer].
func RenderFunc(f func(req *Request)) Resource { return &renderFunc{f: f} }

type renderFunc struct {
	Leaf
	f func(req *Request)
}

func (r *renderFunc) Render(req *Request) { r.f(req) }

// getChildForRequest follows the path of req from root on. It is Twisted's
// resource.getChildForRequest.
func getChildForRequest(root Resource, req *Request) Resource {
	at := root
	for len(req.Postpath) != 0 && !at.IsLeaf() {
		name := req.Postpath[0]
		req.Prepath = append(req.Prepath, name)
		req.Postpath = req.Postpath[1:]
		child := at.GetChildWithDefault(name, req)
		if child == nil {
			child = at.GetChild(name, req)
		}
		if child == nil {
			return NotFound("")
		}
		at = child
	}
	return at
}

// segments returns the parts of a path between its slashes, unescaped each by
// itself: an escaped slash stays part of a name. An escape that is none stays as
// it is, as in Twisted.
func segments(path string) []string {
	parts := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, p := range parts {
		if name, err := url.PathUnescape(p); err == nil {
			parts[i] = name
		}
	}
	return parts
}

// renderOf returns the function of res that answers a request of that method, or
// nil.
func renderOf(res Resource, method string) func(*Request) {
	switch method {
	case http.MethodHead:
		if r, ok := res.(HEADRenderer); ok {
			return r.RenderHEAD
		}
		fallthrough
	case http.MethodGet:
		if r, ok := res.(GETRenderer); ok {
			return r.RenderGET
		}
	case http.MethodPost:
		if r, ok := res.(POSTRenderer); ok {
			return r.RenderPOST
		}
	case http.MethodPut:
		if r, ok := res.(PUTRenderer); ok {
			return r.RenderPUT
		}
	case http.MethodPatch:
		if r, ok := res.(PATCHRenderer); ok {
			return r.RenderPATCH
		}
	case http.MethodDelete:
		if r, ok := res.(DELETERenderer); ok {
			return r.RenderDELETE
		}
	case http.MethodOptions:
		if r, ok := res.(OPTIONSRenderer); ok {
			return r.RenderOPTIONS
		}
	}
	return nil
}

// methods are those that a resource can have a function for, in the order that
// Allow lists them.
var methods = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

// render has res answer req, or answers that it cannot.
func render(res Resource, req *Request) {
	if r, ok := res.(Renderer); ok {
		r.Render(req)
		return
	}
	if f := renderOf(res, req.Method); f != nil {
		f(req)
		return
	}
	switch req.Method {
	case http.MethodConnect, http.MethodTrace:
	default:
		known := false
		for _, m := range methods {
			known = known || m == req.Method
		}
		if !known {
			ErrorPage(http.StatusNotImplemented, "Not Implemented", "The method "+req.Method+" is not known here.").Render(req)
			return
		}
	}
	allowed := make([]string, 0, len(methods))
	for _, m := range methods {
		if renderOf(res, m) != nil {
			allowed = append(allowed, m)
		}
	}
	req.SetHeader("Allow", strings.Join(allowed, ", "))
	ErrorPage(http.StatusMethodNotAllowed, "Method Not Allowed", "The method "+req.Method+" cannot be used here.").Render(req)
}
