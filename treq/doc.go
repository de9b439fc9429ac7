// Package treq makes HTTP requests whose responses are Deferreds. It is a Go version of
// the Python library treq: as easy to use as requests, but on a reactor.
//
//	func main() { task.React(run) }
//
//	func run(r reactor.Reactor) *deferred.Deferred[string] {
//		d := treq.Get("http://www.example.com/", treq.Params{"a": {"b"}}, treq.Timeout(5*time.Second))
//		return deferred.Then(d, func(resp *response.Response) *deferred.Deferred[string] {
//			fmt.Println(resp.Code, resp.Header.Get("Content-Type"))
//			return resp.Text()
//		})
//	}
//
// The Deferred fires with a [response.Response] when the head of the response has arrived.
// Its methods, or [Collect], [CollectThen], [Content], [TextContent] and [JSONContent],
// read the body. A response with an error status is a response too: the Deferred fails
// only if there is none.
//
// # Options
//
// Everything but the URL is given by options, in any order:
//
//	the URL's path        PathParams
//	the URL's query       Params, ParamList, ParamsOf
//	headers               Headers
//	the body              Body, Data, JSON, Files
//	who is asking         BasicAuth, Auth, Cookies, CookieJar
//	how long it may take  Timeout, ReadTimeout, TotalTimeout
//	redirects             AllowRedirects, BrowserLikeRedirects, SensitiveHeaders
//	the connection        Persistent, Agent, Reactor, ExpectContinue
//	the response          Unbuffered, MaxSize, Decoding, Informational
//
// [All] combines several options into one.
//
// # Where to go from here
//
// The functions of this package use the default reactor and belong to its goroutine. Their
// requests share connections, and nothing else. A program that keeps cookies, or has its
// own agent or reactor, makes a [client.HTTPClient], which has the same methods. A function
// to be tested takes a [Client]: [Default] in the program, a StubTreq of package
// treq/testing in its tests.
//
// A program of ordinary goroutines uses package treq/blocking, whose functions and options are
// these, and whose results are not Deferreds.
//
// # Coming from treq
//
//	treq.get(url, params={"a": "b"})   treq.Get(url, treq.Params{"a": {"b"}})
//	headers={"Accept": ["text/*"]}     treq.Headers{"Accept": {"text/*"}}
//	data={"a": "b"}; json=value        treq.Data(map[string]string{"a": "b"}); treq.JSON(value)
//	files={"photo": open(name, "rb")}  treq.Files{{Name: "photo", Value: multipart.FromFile(f)}}
//	auth=("user", "password")          treq.BasicAuth("user", "password")
//	timeout=5                          treq.Timeout(5*time.Second)
//	allow_redirects=False              treq.AllowRedirects(false)
//	treq.content(response)             treq.Content(resp), or resp.Content()
//	treq.json_content(response)        treq.JSONContent[T](resp)
//	HTTPClient(Agent(reactor))         client.New(r, client.Config{})
package treq
