package main

// differences are the intended ones. The first that fits a mismatch is the one that counts.
// A difference without Cases may occur in any case, and does not make the case count as
// different. docs/parity.md lists all.
var differences = []Difference{
	{
		Field: "Sent.*.Header.Accept-Encoding", Treq: `[*"gzip"]`, Ours: `[*"gzip,deflate,br,zstd"]`,
		Reason: "This library decodes four content codings, Twisted one.",
	},
	{
		Field: "Got.*.Header.content-encoding", Treq: `[""]`, Ours: none,
		Reason: "Twisted's ContentDecoderAgent adds an empty header to a response that had none.",
	},
	{
		Field: "Got.*.Header.content-length|Got.*.Header.connection|Got.*.Header.transfer-encoding", Treq: none,
		Reason: "A response has all headers that the server sent, except for a Content-Length beside chunks. Twisted removes the headers of the connection.",
	},

	// Requests.
	{
		Cases: "url with a user*", Field: "Sent.0|Got.0.Errors.request", Treq: none + `|"argument"`,
		Reason: "The user and the password are sent as Basic credentials, to the origin of the URL only, as by requests, httpx and curl. Twisted takes the user for the host.",
	},
	{
		Cases: "url bad escape", Field: "Sent.0.Target|Got.0.URL", Ours: `*/100%25"`,
		Reason: "A % that begins no escape is sent as %25. treq sends it as it is.",
	},
	{
		Cases: "params none", Field: "Sent.0.Target|Got.0.URL", Ours: `*/?"`,
		Reason: "A URL that ends in ? keeps the ?.",
	},
	{
		Cases: "url with a query alone", Field: "Got.0.URL", Ours: `"http://raw.example:*?a=b"`,
		Reason: "Request.URL is the URL as given. Both send the same.",
	},
	{
		Cases: "url host in capitals", Field: "Got.0.URL", Ours: `"http://RAW.Example:*/"`,
		Reason: "Request.URL is the URL as given. Both send the same.",
	},
	{
		Cases: "headers in lower case", Field: "Sent.0.Header.Etag|Sent.0.Header.Dnt|Sent.0.Header.Www-Authenticate", Treq: none,
		Reason: "Header names are written as in net/http. Their meaning does not depend on upper and lower case.",
	},
	{
		Cases: "headers in lower case", Field: "Sent.0.Header.ETag|Sent.0.Header.DNT|Sent.0.Header.WWW-Authenticate", Ours: none,
		Reason: "A consequence of the difference before.",
	},
	{
		Cases: "headers over two lines", Field: "Sent.0|Got.0.Errors.request", Ours: none + `|"argument"`,
		Reason: "A value with line breaks is an error, because a line break could begin another header. Twisted replaces line breaks by spaces.",
	},
	{
		Cases: "headers Content-Type and form", Field: "Sent.0.Header.Content-Type", Ours: `["text/x"]`,
		Reason: "The caller's Content-Type is kept, except for a multipart body, whose Content-Type has the boundary.",
	},
	{
		Cases: "headers Content-Length", Field: "Sent.0.Header.Content-Length|Sent.0.Body", Ours: `["3"]|"abc"`,
		Reason: "Content-Length is the length of the body. Twisted also sends the caller's, and thus two.",
	},
	{
		Cases: "data missing in a PATCH", Field: "Sent.0.Header.Content-Length", Treq: none, Ours: `["0"]`,
		Reason: "If the method gives a body a meaning, a request without a body says so (RFC 9110, section 8.6). Twisted does this for POST and PUT only.",
	},
	{
		Cases: "data and json|files and json", Field: "Sent.0|Got.0.Errors.request", Ours: none + `|"argument"`,
		Reason: "Two bodies are an error, as in later versions of treq. treq 22.2 warns and drops the JSON.",
	},
	{
		Cases: "json object not in order", Field: "Sent.0.Body", Ours: `"{\"a\":2,\"b\":1}"`,
		Reason: "A Go map has no order, and encoding/json sorts its keys. A struct keeps its order.",
	},
	{
		Cases: "json unicode|json control characters", Field: "Sent.0.Header.Content-Length|Sent.0.Body",
		Ours:   `["14"]|["17"]|"\"hÃ© â\u0099¥ ð\u009f\u0098\u0080\""|"\"\\u0000\\n\x7f\\u2028\""`,
		Reason: "The value is the same. encoding/json writes UTF-8 where json.dumps writes escapes.",
	},
	{
		Cases: "files empty", Field: "Sent.0|Got.0.Errors.request", Treq: none + `|"argument"`,
		Reason: "An empty file can be sent.",
	},
	{
		Cases: "files of a name with quotes|files of a name over two lines", Field: "Sent.0.Header.Content-Length|Sent.0.Body",
		Ours:   `["14*"]|*filename=\"a%22b.txt\"\r*|*filename=\"a%0D%0Ab.txt\"\r*`,
		Reason: "Quotes and line breaks in names are escaped as the HTML standard says.",
	},

	// Redirects.
	{
		Cases: "redirect 301 of a POST like a browser|redirect 302 of a POST like a browser|redirect 303 of a POST*", Field: "Sent.1.Header.Content-Type", Ours: none,
		Reason: "The headers that describe the body are dropped together with the body (RFC 9110, section 15.4).",
	},
	{
		Cases: "redirect 307 of a POST like a browser", Field: "Sent.1|Got.0.Errors.request", Treq: none + `|"failed: redirect refused"`,
		Reason: "307 and 308 repeat the request, as in browsers and RFC 9110.",
	},
	{
		Cases: "redirect 308 of a POST like a browser", Field: "Sent.1.Method|Sent.1.Header.Content-Length|Sent.1.Body", Ours: `"POST"|["3"]|"abc"`,
		Reason: "307 and 308 repeat the request, as in browsers and RFC 9110.",
	},
	{
		Cases: "redirect of a body", Field: "Sent.1.Header.Content-Length|Sent.1.Body", Ours: `["3"]|"abc"`,
		Reason: "307 repeats the request with its body. Twisted drops the body.",
	},
	{
		Cases: "redirect 303 of a HEAD", Field: "Sent.1.Method", Treq: `"GET"`, Ours: `"HEAD"`,
		Reason: "A HEAD request stays a HEAD request (RFC 9110, section 15.4.4).",
	},
	{
		Cases: "redirect 303 of a HEAD", Field: "Got.0.Length|Got.0.Content|Got.0.Text", Ours: `0|""`,
		Reason: "A consequence of the difference before.",
	},
	{
		Cases: "redirect to unicode|redirect with spaces", Field: "Sent.1|Got.0.Errors.request", Treq: none + `|"argument"|"not in its charset"`,
		Reason: "A Location that needs percent-encoding gets it, as in browsers.",
	},
	{
		Cases: "redirect to another scheme|redirect to a bad URL", Field: "Got.0.Errors.request", Ours: `"failed: scheme"|"failed: redirect to a bad URL"`,
		Reason: "Every error of following a redirect has the response of the redirect.",
	},
	{
		Cases: "redirect with a body", Field: "Sent.1.Connection", Treq: "1", Ours: "0",
		Reason: "The body of a redirect is read, and the connection is used again. Twisted abandons both.",
	},

	// Codings, charsets and JSON.
	{
		Cases: "coding deflate*|coding x-gzip|coding gzip in capitals", Field: "Got.0.Header.content-encoding|Got.0.Length|Got.0.Content|Got.0.Text|Got.0.Errors.text", Ours: none + `|-1|*hello*|*"deflated\": true*`,
		Reason: "Deflate is decoded. So is gzip under the name x-gzip and in capitals (RFC 9110, section 8.4.1).",
	},
	{
		Cases: "coding gzip of nothing|coding gzip of a HEAD", Field: "Got.0.Header.content-encoding|Got.0.Length", Ours: `["gzip"]|0`,
		Reason: "Without a body, nothing is decoded, and the header stays as the server sent it.",
	},
	{
		Cases: "coding gzip in two members", Field: "Got.0.Content|Got.0.Text", Treq: `"one"`, Ours: `"onetwo"`,
		Reason: "A gzip file may have several members (RFC 1952, section 2.2). Twisted drops all but the first.",
	},
	{
		Cases: "coding gzip corrupt|coding gzip with a bad checksum|coding gzip truncated", Field: "Got.0.Errors.*", Treq: none, Ours: `"failed: bad coding"`,
		Reason: "A body that cannot be decoded is an error. Twisted returns the part that it has, without an error.",
	},
	{
		Cases: "coding gzip truncated", Field: "Got.0.Content|Got.0.Text", Ours: `""`,
		Reason: "A consequence of the difference before.",
	},
	{
		Cases: "charset utf-8 with a byte order mark", Field: "Got.0.Text", Treq: `"\ufeffx"`, Ours: `"x"`,
		Reason: "A byte order mark is not part of the text.",
	},
	{
		Cases: "charset utf-16le with a byte order mark", Field: "Got.0.Text", Ours: `"h"`,
		Reason: "The same.",
	},
	{
		Cases: "charset of the type before", Field: "Got.0.Text", Ours: `"é"`,
		Reason: "A type without a charset takes that of the same type before it, as in browsers.",
	},
	{
		Cases: "charset empty", Field: "Got.0.Text|Got.0.Errors.text", Ours: `"x"|` + none,
		Reason: "An empty charset counts as none, so the default is used.",
	},
	{
		Cases: "json response NaN", Field: "Got.0.JSON|Got.0.Errors.json", Ours: `<nil>|"not JSON"`,
		Reason: "NaN is not JSON.",
	},
	{
		Cases: "json response with a byte order mark", Field: "Got.0.JSON|Got.0.Errors.json", Ours: `1|` + none,
		Reason: "RFC 8259, section 8.1, lets a reader ignore a byte order mark.",
	},
	{
		Cases: "cookies in quotes", Field: "Got.*.Cookies", Treq: `["a=\"x y\""]`, Ours: `["a=x y"]`,
		Reason: "The value has no quotes; the field Quoted says that it had some. Both send the same.",
	},
	{
		Cases: "cookies and a header", Field: "Sent.0.Header.Cookie", Treq: `["b=2"]`, Ours: `["b=2; a=1"]`,
		Reason: "A Cookie header and the cookies of the jar go together, as in net/http. Twisted sends the header only.",
	},
	{
		Cases: "cookies for https only", Field: "Got.*.Cookies", Treq: `["a=1"]`, Ours: `[]`,
		Reason: "A Secure cookie that comes over http is refused (RFC 6265bis, section 5.7). Python's jar keeps it.",
	},

	// Connections and errors.
	{
		Cases: "connection of HTTP/1.0", Field: "Sent.1.Connection", Treq: "0", Ours: "1",
		Reason: "An HTTP/1.0 server closes the connection unless it says otherwise (RFC 9112, section 9.3). Twisted uses the connection again.",
	},
	{
		Cases: "connection with unexpected bytes", Field: "Sent.1.Connection", Treq: "0", Ours: "1",
		Reason: "Unexpected bytes after a response close the connection, because they could be taken for the next response.",
	},
	{
		Cases: "headers folded", Field: "Got.0.Header.x-a", Treq: `["one two\tthree"]`, Ours: `["one two three"]`,
		Reason: "A fold becomes a space (RFC 9112, section 5.2).",
	},
	{
		Cases: "error timeout*", Field: "Got.0.Errors.request", Treq: `"never received: timeout"|"failed: timeout"`, Ours: `"timeout"`,
		Reason: "A timeout is a *deferred.TimeoutError, not a cancelled response.",
	},
	{
		Cases: "https of a wrong name|https to a server without TLS", Field: "Got.0.Errors.request", Treq: `"never received: TLS"`, Ours: `"TLS"`,
		Reason: "TLS fails before the request can be sent, so the error is one of connecting.",
	},
	{
		Cases: "error port", Field: "Got.0.Errors.request", Treq: `"timeout"`, Ours: `"argument"`,
		Reason: "The request fails at once. Twisted's Deferred does not fire.",
	},
	{
		Cases: "error binary garbage", Field: "Got.0.Errors.request", Treq: `"failed: connection closed"`, Ours: `"failed: not HTTP"`,
		Reason: "Bytes that cannot begin a response are refused without waiting for the end of the line.",
	},
	{
		Cases: "error HTTP/2|error status of four digits|error negative length|error NUL in a header",
		Field: "Got.0.Errors.request", Treq: none, Ours: `"failed: not HTTP"`,
		Reason: "The response is refused, as RFC 9112 demands or allows. Its meaning is a guess, and attackers profit when servers and proxies guess differently.",
	},
	{
		Cases: "error one length twice|error empty lines before", Field: "Got.0.Errors.request", Treq: `"failed: not HTTP"`, Ours: none,
		Reason: "The response is accepted, as RFC 9112 allows (sections 2.2 and 6.3).",
	},
	{
		Cases: "odd spaces in the status line|odd coding*", Field: "Got.0.Errors.request", Treq: `"failed: not HTTP"`, Ours: none,
		Reason: "A response is accepted if curl and browsers accept it. If it could be read in two ways, it is the last of its connection.",
	},
	{
		Cases: "odd line ends in chunks", Field: "Got.0.Errors.*|Got.0.Content|Got.0.Text", Ours: none + `|"ok"`,
		Reason: "The same: a line in a chunked body may end in LF alone.",
	},
	{
		Cases: "odd blanks before the colon", Field: "Got.0.Header.*|Got.0.Length", Ours: none + `|["b"]|2`,
		Reason: "Blanks before a colon are not part of the name, so that the length counts. treq takes them for a part of the name.",
	},
	{
		Cases: "error header of 64 KiB", Field: "Got.0.Errors.request", Treq: `"failed: connection closed"`, Ours: none,
		Reason: "All headers together have one limit, so a line may be longer than Twisted's 16 KiB.",
	},
	{
		Cases: "error header of 1 MiB", Field: "Got.0.Errors.request", Treq: `"failed: connection closed"`, Ours: `"failed: not HTTP"`,
		Reason: "The error names the limit. Twisted's error says that the connection was closed.",
	},
	{
		Cases: "error headers of 256 KiB", Field: "Got.0.Errors.request", Treq: none, Ours: `"failed: not HTTP"`,
		Reason: "There is a limit for all headers together. Twisted has none.",
	},
	{
		Cases: "error switched protocols", Field: "Got.0.Errors.request", Treq: `"failed: connection closed"`, Ours: `"failed: switched protocols"`,
		Reason: "The error says what happened. Twisted's error says that the connection was closed.",
	},
}
