// Package treq makes HTTP requests whose responses are Deferreds. It is the Go
// form of the Python library of that name: like requests to use, but on a
// reactor.
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
// What the Deferred fires with is a [response.Response]: its head is there, and its
// body is read by its methods, or by [Collect], [CollectThen], [Content],
// [TextContent] and [JSONContent]. A response with an error status is a response;
// the Deferred fails if there is none.
//
// # Options
//
// What a request has beside its URL it is told by options, in any order:
//
//	the URL's query       Params, ParamList, ParamsOf
//	headers               Headers
//	the body              Body, Data, JSON, Files
//	who is asking         BasicAuth, Auth, Cookies, CookieJar
//	how long it may take  Timeout, ReadTimeout, TotalTimeout
//	redirects             AllowRedirects, BrowserLikeRedirects
//	the connection        Persistent, Agent, Reactor, ExpectContinue
//	the response          Unbuffered, Decoding, Informational
//
// [All] makes one of several.
//
// # Where to go from here
//
// The functions of this package work on the default reactor, and belong to its
// goroutine. Each request stands alone, but for the connections, which they share: a
// program that keeps cookies, or has an agent or a reactor of its own, makes a
// [client.HTTPClient], which has the same methods. Code that is to be tested takes a
// [Client], and gets [Default] in the program and a StubTreq, of package
// treq/testing, in its tests.
//
// A program of ordinary goroutines calls [reactor.Background] and
// [reactor.BlockingCallFromThread].
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
