// Package web is the other side of the wire: what answers requests, on the same
// reactor that makes them. It is Twisted Web, and it serves any [http.Handler].
//
//	root := &web.Node{}
//	root.PutChild("hello", web.RenderFunc(func(req *web.Request) {
//		req.WriteString("Hello, " + req.Args.Get("name"))
//	}))
//	root.PutChild("files", web.NewFile("/srv/www"))
//	root.PutChild("app", web.NewHandlerResource(mux))
//	port, err := reactor.ListenTCP("localhost:8080", &web.Site{Root: root})
//
// A [Site] is the factory of a port's connections, real or in memory, with TLS by
// [reactor.TLSServer] or without. A [Resource] is something that has a URL; the
// way to one goes over its parents' children, segment by segment. A [Request] is
// what it is asked, and takes the response.
//
// # Answering
//
// A resource is a type that embeds a [Node] or a [Leaf] and has a method for each
// HTTP method that it answers:
//
//	type Clock struct {
//		web.Leaf
//		reactor reactor.Reactor
//	}
//
//	func (c *Clock) RenderGET(req *web.Request) {
//		fmt.Fprintln(req, c.reactor.Now())
//	}
//
// What the method has written when it returns is the response. A response that has
// to wait for something says so with [Request.NotDoneYet], and ends with
// [Request.Finish]; or it hands what it waits for to [FinishWhen]. A large one is
// made by a producer, which pauses when the client does.
//
// # http.Handler
//
// [NewSite] serves a handler as net/http's server would, on the loop's goroutine:
// the handler is a coroutine that waits, where it reads, writes, or calls [Await],
// without keeping others from running. [NewThreadHandlerResource] is for handlers
// that block in other ways.
//
// # Coming from Twisted
//
//	resource.Resource, isLeaf          Node, Leaf
//	render_GET and so on               RenderGET and so on; Render
//	return b"..."                      req.Write, or req.WriteString
//	return NOT_DONE_YET                req.NotDoneYet()
//	getChild, getChildWithDefault      the same; nil is for "there is none"
//	request.method, uri, path, args,   Method, URI, Path, Args,
//	  content, prepath, postpath         Content, Prepath, Postpath
//	requestHeaders, responseHeaders    Header, ResponseHeader
//	addCookie(k, v, ...)               AddCookie(&http.Cookie{...})
//	setETag(...) is CACHED             SetETag(...) is true
//	registerProducer(p, False)         RegisterPullProducer
//	processingFailed                   Fail
//	other methods of Request           the same
//	server.Site, server.Session        Site, Session
//	static.File, static.Data           File, Data
//	pages.errorPage, notFound,         ErrorPage, NotFound,
//	  forbidden; util.Redirect           Forbidden, Redirect
//	wsgi.WSGIResource                  HandlerResource
//
// What is different on purpose: the resource is found when the head of a request
// has come, so that one that is refused need not be sent; HEAD is answered by
// RenderGET, of which nothing but the head is sent; a response without a
// Content-Type has the one that [http.DetectContentType] finds, not text/html;
// no Server is sent; If-None-Match overrules If-Modified-Since (RFC 9110, section
// 13.2.2); a [File] does not leave its directory by symbolic links, has entity
// tags, and does not take compressed files for encoded ones.
//
// # What it costs
//
// A connection that waits for a request has no goroutine and no buffer. A request
// that a handler answers takes a coroutine, about a microsecond, over one that a
// resource does. HTTP/2 is not spoken.
package web
