package web

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// This file has the tree of resources: its nodes, the search for one, and the choice of
// its method that answers a request.

// A Resource has a URL. It is Twisted's IResource.
//
// A type becomes a Resource by embedding a [Node] or a [Leaf]. It answers requests with a
// method for each HTTP method that it supports, such as RenderGET (see [GETRenderer]), or
// with Render for all of them (see [Renderer]). All methods are called on the loop's
// goroutine.
type Resource interface {
	// IsLeaf reports whether the search for a resource ends here. The remaining path
	// is then in the request's Postpath.
	IsLeaf() bool
	// GetChildWithDefault returns the child called name. If it returns nil, GetChild
	// is called. Both are called before the request's content arrives.
	GetChildWithDefault(name string, req *Request) Resource
	// GetChild returns a child made for the request, or nil.
	GetChild(name string, req *Request) Resource
}

// A Renderer is a [Resource] that answers requests of every method but CONNECT, which needs
// a [CONNECTRenderer] or a [HandlerResource]. Its other methods are not called.
//
// Render writes the response to req. The response is finished when Render returns, unless
// Render has called [Request.NotDoneYet]. If it panics, the answer is a 500.
type Renderer interface {
	Render(req *Request)
}

// Each of these is a [Resource] that answers requests of one method, as a [Renderer]
// does; they are Twisted's render_GET and so on. A GETRenderer answers HEAD too, and its
// body is not sent then.
//
// The answer to a method that the resource does not support is a 405, whose Allow lists
// the supported ones (RFC 9110, section 15.5.6). The answer to a method that HTTP does
// not have is a 501.
type (
	GETRenderer     interface{ RenderGET(req *Request) }
	HEADRenderer    interface{ RenderHEAD(req *Request) }
	POSTRenderer    interface{ RenderPOST(req *Request) }
	PUTRenderer     interface{ RenderPUT(req *Request) }
	PATCHRenderer   interface{ RenderPATCH(req *Request) }
	DELETERenderer  interface{ RenderDELETE(req *Request) }
	OPTIONSRenderer interface{ RenderOPTIONS(req *Request) }
)

// A CONNECTRenderer is a [Resource] that answers CONNECT, as a [Renderer] does for the other methods. It is called before the
// request's content, which over HTTP/2 is what the client sends through the tunnel. It opens the tunnel by
// [Request.SwitchProtocol]; an answer of its own has an error code.
type CONNECTRenderer interface{ RenderCONNECT(req *Request) }

// A StreamingResource is a [Resource] that is rendered when the head of a request
// arrives. The content is not kept: [Request.DeliverContent] passes it to a receiver.
type StreamingResource interface {
	Resource
	StreamsContent() bool
}

// A Node has children; the zero value has none. A type that embeds a Node is a
// [Resource]; a Node alone is a directory. It is Twisted's resource.Resource.
type Node struct {
	children map[string]Resource
}

// IsLeaf returns false.
func (n *Node) IsLeaf() bool { return false }

// PutChild sets the child for name, an unescaped segment of a path. The child for ""
// serves paths that end in a slash. Without one, the root of a Site serves "/" itself.
func (n *Node) PutChild(name string, child Resource) {
	if child == nil {
		panic("web: PutChild of a nil Resource")
	}
	if n.children == nil {
		n.children = make(map[string]Resource)
	}
	n.children[name] = child
}

// Children returns the children that PutChild has set, by name. The map is the Node's,
// not a copy.
func (n *Node) Children() map[string]Resource { return n.children }

// GetChildWithDefault returns the child that PutChild has set, or nil.
func (n *Node) GetChildWithDefault(name string, _ *Request) Resource { return n.children[name] }

// GetChild returns nil. A type that embeds a Node and makes children on request has its
// own GetChild.
func (n *Node) GetChild(string, *Request) Resource { return nil }

// A Leaf is a [Node] that answers for all paths below its own. It is a Twisted Resource
// with isLeaf set.
type Leaf struct{ Node }

// IsLeaf returns true.
func (*Leaf) IsLeaf() bool { return true }

// RenderFunc returns a leaf whose Render is f; see [Renderer].
func RenderFunc(f func(req *Request)) Resource { return &renderFunc{f: f} }

type renderFunc struct {
	Leaf
	f func(req *Request)
}

func (r *renderFunc) Render(req *Request) { r.f(req) }

// getChildForRequest follows the path of req from root. The root answers for "/" itself if it
// has no child for "" and answers requests. In Twisted it must be a leaf for that.
func getChildForRequest(root Resource, req *Request) Resource {
	at := req.enter(root)
	for len(req.Postpath) != 0 && !at.IsLeaf() {
		name := req.Postpath[0]
		req.Prepath = append(req.Prepath, name)
		req.Postpath = req.Postpath[1:]
		child := at.GetChildWithDefault(name, req)
		if child == nil {
			child = at.GetChild(name, req)
		}
		if child == nil {
			if name == "" && len(req.Prepath) == 1 && len(req.Postpath) == 0 && renders(at) {
				return at
			}
			return NotFound("")
		}
		at = req.enter(child)
	}
	return at
}

// setSegments splits a path at its slashes and unescapes the parts, which become Postpath. An
// escaped slash thus becomes a part of a name. A part with an invalid escape is not changed, as
// in Twisted. Prepath gets room for the first ones in the same array.
func (r *Request) setSegments(path string) {
	const depth = 8 // few trees are deeper
	path = strings.TrimPrefix(path, "/")
	n := strings.Count(path, "/") + 1
	room := make([]string, n+min(n, depth))
	r.Postpath, r.Prepath = room[:n:n], room[n:n]
	for i := range r.Postpath {
		var part string
		part, path, _ = strings.Cut(path, "/")
		if name, err := url.PathUnescape(part); err == nil {
			part = name
		}
		r.Postpath[i] = part
	}
}

// renderOf returns the function of res that answers method, or nil.
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
	case http.MethodConnect:
		if r, ok := res.(CONNECTRenderer); ok {
			return r.RenderCONNECT
		}
	}
	return nil
}

// renders reports whether res answers requests of any method.
func renders(res Resource) bool {
	_, all := res.(Renderer)
	return all || slices.ContainsFunc(methods, func(m string) bool { return renderOf(res, m) != nil })
}

// canTunnel reports whether the Render of res can answer CONNECT: only an http.Handler knows that it may be asked, and a
// success would tell the client that it has a tunnel.
func canTunnel(res Resource) bool {
	_, ok := res.(*HandlerResource)
	return ok
}

// methods are the methods that a resource can support, in the order of Allow.
var methods = []string{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}

// render calls the function of res for req, or answers that the method is not supported.
func render(res Resource, req *Request) {
	r, all := res.(Renderer)
	if all && (req.Method != http.MethodConnect || canTunnel(res)) {
		r.Render(req)
		return
	}
	if f := renderOf(res, req.Method); f != nil {
		f(req)
		return
	}
	if !slices.Contains(methods, req.Method) && req.Method != http.MethodConnect && req.Method != http.MethodTrace {
		ErrorPage(http.StatusNotImplemented, "Not Implemented", "The method "+req.Method+" is not known here.").Render(req)
		return
	}
	allowed := make([]string, 0, len(methods)+1)
	if renderOf(res, http.MethodConnect) != nil {
		allowed = append(allowed, http.MethodConnect)
	}
	for _, m := range methods {
		if all || renderOf(res, m) != nil {
			allowed = append(allowed, m)
		}
	}
	req.SetHeader("Allow", strings.Join(allowed, ", "))
	ErrorPage(http.StatusMethodNotAllowed, "Method Not Allowed", "The method "+req.Method+" cannot be used here.").Render(req)
}
