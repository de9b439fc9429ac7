// Package web serves HTTP on the same reactor that makes requests. It is Twisted Web, and
// also serves any [http.Handler].
//
//	root := &web.Node{}
//	root.PutChild("hello", web.RenderFunc(func(req *web.Request) {
//		req.WriteString("Hello, " + req.Args.Get("name"))
//	}))
//	root.PutChild("files", &web.File{Path: "/srv/www"})
//	root.PutChild("app", &web.HandlerResource{Handler: mux})
//	port, err := reactor.ListenTCP("localhost:8080", &web.Site{Root: root})
//
// A [Site] is the factory of a port's connections, real or in memory, with TLS (by
// [reactor.TLSServer]) or without. It speaks HTTP/1.1 and HTTP/2, as the client prefers; see
// [Site.Protocols]. A [Resource] has a URL: each segment of the path names
// a child of the resource before. A [Request] describes one request and takes the
// response. Everything belongs to the loop's goroutine.
//
// # Answering
//
// A resource is a type that embeds a [Node] or a [Leaf], with a method for each HTTP
// method it answers:
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
// The response consists of the bytes that the method has written when it returns. A
// method whose response waits for something calls [Request.NotDoneYet], and later
// [Request.Finish]; or it passes a Deferred to [FinishWhen]. A producer makes a large
// response, and pauses when the client does.
//
// # http.Handler
//
// A Site with a Handler serves it as net/http's server would, but on the loop's
// goroutine: the handler is a coroutine, and while it reads, writes, or calls [Await],
// other code runs. A [HandlerResource] can run handlers that block in other ways in
// threads.
//
// Middlewares, any func(http.Handler) http.Handler, work around handlers, and by a
// [ResourceHandler] around resources. [http.TimeoutHandler] runs its handler on another
// goroutine, and so needs a HandlerResource with InThreads.
//
// # In production
//
//	site := &web.Site{
//		Root:      root,
//		AccessLog: web.SlogAccessLog(slog.Default()),
//		Encoding:  &web.Encoding{},
//		Proxies:   web.Proxies{Addresses: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}},
//	}
//
// [Site.AccessLog] has a line for each request, in the formats of Apache or as a record of
// slog. An [Encoding] compresses responses with zstd, br or gzip. Behind [Proxies] that are
// named, the addresses, schemes and hosts are those of the clients.
//
// # Ending and limits
//
// A reactor that is stopped, also by SIGTERM, first calls [Site.Shutdown], which lets the
// responses under way end. The fields of a Site bound what a client can take of the
// server's time and memory; their defaults are safe. No client keeps others waiting: a
// connection answers a few requests in each turn of the loop.
//
// # Coming from Twisted
//
//	resource.Resource, isLeaf          Node, Leaf
//	render_GET and so on               RenderGET and so on; Render
//	return b"..."                      req.Write, or req.WriteString
//	return NOT_DONE_YET                req.NotDoneYet()
//	getChild, getChildWithDefault      the same; nil stands for no child
//	request.method, uri, path, args,   Method, URI, Path, Args,
//	  content, prepath, postpath         Content, Prepath, Postpath
//	requestHeaders, responseHeaders    Header, ResponseHeader
//	addCookie(k, v, ...)               AddCookie(&http.Cookie{...})
//	setETag(...) is CACHED             SetETag(...) is true
//	registerProducer(p, False)         RegisterPullProducer
//	processingFailed                   Fail
//	other methods of Request           the same
//	EncodingResourceWrapper,           EncodingResource, or Encoding of a Site;
//	  GzipEncoderFactory                 GzipEncoder
//	combinedLogFormatter               CombinedLog
//	server.Site, server.Session        Site, Session
//	static.File, static.Data           File, Data
//	pages.errorPage, notFound,         ErrorPage, NotFound,
//	  forbidden; util.Redirect           Forbidden, Redirect
//	wsgi.WSGIResource                  HandlerResource
//
// Some things differ on purpose. The resource is found when the head of a request
// arrives, so that a client need not send a request that is refused. RenderGET answers
// HEAD, and only the head is sent. A response without a Content-Type gets the type that
// [http.DetectContentType] finds, not text/html. No Server header is sent. If-None-Match
// overrules If-Modified-Since (RFC 9110, section 13.2.2). A [File] does not follow
// symbolic links out of its directory, has entity tags, and does not serve compressed
// files as encoded ones.
//
// # Cost
//
// A connection between requests has no goroutine and no buffer. A handler costs about a
// microsecond more than a resource, because it is a coroutine.
package web
