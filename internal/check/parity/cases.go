package main

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"strings"
)

// cases are all cases, in the order of running.
var cases = join(
	methodCases, paramCases, urlCases, headerCases, dataCases, jsonCases, fileCases, authCases, cookieCases,
	redirectCases, codingCases, charsetCases, bodyCases, connectionCases, secureCases, errorCases,
)

var methodCases = []Case{
	one("method GET", Request{URL: "{bin}/get"}),
	one("method POST", Request{Method: "POST", URL: "{bin}/post"}),
	one("method PUT", Request{Method: "PUT", URL: "{bin}/put"}),
	one("method PATCH", Request{Method: "PATCH", URL: "{bin}/patch", Data: &Data{Bytes: []byte("abc")}}),
	one("method DELETE", Request{Method: "DELETE", URL: "{bin}/delete"}),
	one("method HEAD", Request{Method: "HEAD", URL: "{bin}/get"}),
	one("method OPTIONS", Request{Method: "OPTIONS", URL: "{raw}/"}),
	one("method in lower case", Request{Method: "post", URL: "{raw}/"}),
	one("method of an unknown name", Request{Method: "purge-All", URL: "{raw}/"}),
	one("method with a space", Request{Method: "GET /x", URL: "{raw}/"}),
	one("method with a dash", Request{Method: "M-SEARCH", URL: "{raw}/"}),
}

var paramCases = []Case{
	one("params dict", Request{URL: "{bin}/get", Params: dict{"foo": {"bar"}, "baz": {"bax"}}}),
	one("params dict sorted", Request{URL: "{raw}/", Params: dict{"a": {"1"}}}),
	one("params dict of many", Request{URL: "{raw}/", Params: dict{"foo": {"bar", "baz", "bax"}}}),
	one("params list", Request{URL: "{raw}/", ParamList: pairs{{"foo", "bar"}, {"baz", "bax"}, {"foo", "quux"}}}),
	one("params after those of the URL", Request{URL: "{raw}/?ham=egg&x", Params: dict{"foo": {"bar"}}}),
	one("params unicode", Request{URL: "{raw}/", ParamList: pairs{{"töst", "♥ 日本"}}}),
	one("params reserved", Request{URL: "{raw}/", ParamList: pairs{{"a&b=c", "?/#+&=;:@ %41~!$'()*,\"<>"}}}),
	one("params empty", Request{URL: "{raw}/", ParamList: pairs{{"a", ""}, {"", "b"}}}),
	one("params control characters", Request{URL: "{raw}/", ParamList: pairs{{"a\r\nb", "\x00\x7f\t"}}}),
	one("params none", Request{URL: "{raw}/?", Params: dict{}}),
	one("params before a fragment", Request{URL: "{raw}/p?q=1#frag", Params: dict{"a": {"b"}}}),
}

var urlCases = []Case{
	one("url escapes stay", Request{URL: "{raw}/a%2fb%20c/%7Euser?x=%7e%2F+%20"}),
	one("url unicode", Request{URL: "{raw}/ü/日本?ü=é"}),
	one("url reserved in path", Request{URL: "{raw}/a;b=c,d/!$&'()*+:@-._~"}),
	one("url reserved in query", Request{URL: "{raw}/?a/b?c:d@e!$'()*+,;=&&f"}),
	one("url spaces and quotes", Request{URL: "{raw}/a b\"<>?c d\"<>"}),
	one("url brackets", Request{URL: "{raw}/[a]{b}|c\\d^e`f?[a]{b}|c\\d^e`f"}),
	one("url dots", Request{URL: "{raw}/a/../b/./c//d"}),
	one("url without a path", Request{URL: "{raw}"}),
	one("url with a query alone", Request{URL: "{raw}?a=b"}),
	one("url with a fragment", Request{URL: "{raw}/a?b#c"}),
	one("url idna", Request{URL: "http://bücher.example:{port}/"}),
	one("url idna in capitals", Request{URL: "http://BÜCHER.Example:{port}/"}),
	one("url host in capitals", Request{URL: "HTTP://RAW.Example:{port}/"}),
	one("url with a user", Request{URL: "http://me:secret@raw.example:{port}/"}),
	one("url with a user and auth", Request{URL: "http://me:secret@raw.example:{port}/", Auth: []string{"u", "p"}}),
	one("url bad escape", Request{URL: "{raw}/100%"}),
}

var headerCases = []Case{
	one("headers in lower case", Request{URL: "{raw}/", Headers: dict{"x-test": {"1"}, "etag": {"2"}, "dnt": {"1"}, "www-authenticate": {"x"}}}),
	one("headers of several values", Request{URL: "{raw}/", Headers: dict{"X-Many": {"a", "b", "c"}}}),
	one("headers empty", Request{URL: "{raw}/", Headers: dict{"X-Empty": {""}}}),
	one("headers in UTF-8", Request{URL: "{raw}/", Headers: dict{"X-Text": {"h\u00e9 ♥"}}}),
	one("headers with spaces around the value", Request{URL: "{raw}/", Headers: dict{"X-Space": {"  a  b\t"}}}),
	one("headers over two lines", Request{URL: "{raw}/", Headers: dict{"X-Inject": {"a\r\nEvil: b"}}}),
	one("headers Host", Request{URL: "{raw}/", Headers: dict{"Host": {"else.example"}}}),
	one("headers User-Agent and Accept", Request{URL: "{bin}/headers", Headers: dict{"User-Agent": {"parity"}, "Accept": {"text/html"}}}),
	one("headers Accept-Encoding", Request{URL: "{raw}/", Headers: dict{"Accept-Encoding": {"identity"}}}),
	one("headers Content-Type and data", Request{Method: "POST", URL: "{raw}/", Headers: dict{"Content-Type": {"text/x"}}, Data: &Data{Bytes: []byte("abc")}}),
	one("headers Content-Type and form", Request{Method: "POST", URL: "{raw}/", Headers: dict{"content-type": {"text/x"}}, Data: &Data{Dict: dict{"a": {"b"}}}}),
	one("headers Content-Length", Request{Method: "POST", URL: "{raw}/", Headers: dict{"Content-Length": {"2"}}, Data: &Data{Bytes: []byte("abc")}}),
	one("headers Connection close", Request{URL: "{raw}/", Headers: dict{"Connection": {"close"}}}),
	answer("headers of responses", "HTTP/1.1 200 Fine by me\r\nX-a: 1\r\nx-A: 2\r\nX-B:   padded \t\r\nX-Empty:\r\nX-Latin: h\xe9\r\nX-Utf: h\xc3\xa9\r\nContent-Length: 2\r\n\r\nok"),
	answer("headers folded", "HTTP/1.1 200 OK\r\nX-A: one\r\n two\r\n\tthree\r\nContent-Length: 2\r\n\r\nok"),
}

var dataCases = []Case{
	post("data bytes", Data{Bytes: []byte("\x00\xff bytes\r\n")}),
	post("data empty", Data{Empty: true}),
	post("data dict", Data{Dict: dict{"a": {"1"}, "b": {"2", "3"}}}),
	post("data dict of one", Data{Dict: dict{"k\u00e9y": {"v&=+ %"}}}),
	post("data pairs", Data{Pairs: pairs{{"z", "1"}, {"a", "2 ~-._*"}, {"z", "3"}}}),
	post("data file", Data{File: []byte("from a file")}),
	post("data large", Data{Bytes: bytes.Repeat([]byte("0123456789abcdef"), 1<<14)}),
	post("data large file", Data{File: bytes.Repeat([]byte("0123456789abcdef"), 1<<14)}),
	one("data of a GET", Request{URL: "{raw}/", Data: &Data{Bytes: []byte("x")}}),
	one("data form at httpbin", Request{Method: "POST", URL: "{bin}/post", Data: &Data{Pairs: pairs{{"a", "b c"}}}, Read: []string{"json"}}),
	one("data missing in a PUT", Request{Method: "PUT", URL: "{raw}/"}),
	one("data missing in a PATCH", Request{Method: "PATCH", URL: "{raw}/"}),
	one("data missing in a DELETE", Request{Method: "DELETE", URL: "{raw}/"}),
	one("data of a DELETE", Request{Method: "DELETE", URL: "{raw}/", Data: &Data{Bytes: []byte("x")}}),
	one("data and json", Request{Method: "POST", URL: "{raw}/", Data: &Data{Bytes: []byte("x")}, JSON: js(`1`)}),
}

var jsonCases = []Case{
	json1("json object", `{"a":[1,2.5,{"b":null}],"c":"d"}`),
	json1("json object not in order", `{"b":1,"a":2}`),
	json1("json list", `[1,"2",[]]`),
	json1("json number", `17`),
	json1("json fraction", `0.1`),
	json1("json string", `"text"`),
	json1("json true", `true`),
	json1("json null", `null`),
	json1("json unicode", `"h\u00e9 \u2665 \ud83d\ude00"`),
	json1("json markup", `"<a&b>"`),
	json1("json control characters", `"\u0000\n\u007f\u2028"`),
	one("json at httpbin", Request{Method: "POST", URL: "{bin}/post", JSON: js(`{"msg":"Hello!"}`), Read: []string{"json"}}),
	answer("json response", typed("application/json", `{"a":[1,2,{"b":null}],"c":"é"}`), Request{Read: []string{"json", "text"}}),
	answer("json response in UTF-16", typed("application/json; charset=utf-16be", "\x00{\x00}"), Request{Read: []string{"json", "text"}}),
	answer("json response typed as text", typed("text/plain", `"é"`), Request{Read: []string{"json", "text"}}),
	answer("json response cut short", typed("application/json", `{"a":`), Request{Read: []string{"json", "text"}}),
	answer("json response with two values", typed("application/json", `1 2`), Request{Read: []string{"json"}}),
	answer("json response NaN", typed("application/json", `[NaN]`), Request{Read: []string{"json"}}),
	answer("json response empty", typed("application/json", ``), Request{Read: []string{"json"}}),
	answer("json response with a byte order mark", typed("application/json", "\xef\xbb\xbf1"), Request{Read: []string{"json"}}),
}

var fileCases = []Case{
	upload("files named by the file", nil, File{Field: "f", Form: "file", Name: "notes.txt", Content: []byte("hello")}),
	upload("files named by the caller", nil, File{Field: "f", Form: "pair", Name: "a.png", Content: []byte("\x89PNG")}),
	upload("files typed by the caller", nil, File{Field: "f", Form: "triple", Name: "a.bin", ContentType: "text/x-mine", Content: []byte("x")}),
	upload("files without a name", nil, File{Field: "f", Form: "nameless", Content: []byte("x")}),
	upload("files of an unknown type", nil, File{Field: "f", Form: "pair", Name: "a.zzz", Content: []byte("x")}),
	upload("files empty", nil, File{Field: "f", Form: "pair", Name: "a.txt"}),
	upload("files several", nil, File{Field: "z", Form: "pair", Name: "a.txt", Content: []byte("1")}, File{Field: "a", Form: "pair", Name: "b.html", Content: []byte("2")}, File{Field: "z", Form: "pair", Name: "c.json", Content: []byte("3")}),
	upload("files and a dict", &Data{Dict: dict{"b": {"1"}, "a": {"2"}}}, File{Field: "f", Form: "pair", Name: "a.txt", Content: []byte("x")}),
	upload("files and pairs", &Data{Pairs: pairs{{"b", "1"}, {"a", "é"}}}, File{Field: "f", Form: "pair", Name: "a.txt", Content: []byte("x")}),
	upload("files of a unicode name", nil, File{Field: "fé", Form: "pair", Name: "ü♥.txt", Content: []byte("x")}),
	upload("files of a name with quotes", nil, File{Field: "f", Form: "pair", Name: `a"b.txt`, Content: []byte("x")}),
	upload("files of a name over two lines", nil, File{Field: "f", Form: "pair", Name: "a\r\nb.txt", Content: []byte("x")}),
	upload("files large", nil, File{Field: "f", Form: "pair", Name: "a.txt", Content: bytes.Repeat([]byte("0123456789abcdef"), 1<<14)}),
	upload("files and bytes", &Data{Bytes: []byte("x")}, File{Field: "f", Form: "pair", Name: "a.txt", Content: []byte("x")}),
	one("files and json", Request{Method: "POST", URL: "{raw}/", JSON: js(`1`), Files: []File{{Field: "f", Form: "pair", Name: "a.txt", Content: []byte("x")}}}),
	one("files at httpbin", Request{Method: "POST", URL: "{bin}/post", Files: []File{{Field: "f", Form: "pair", Name: "a.txt", Content: []byte("x")}}, Data: &Data{Pairs: pairs{{"a", "b"}}}}),
}

var authCases = []Case{
	one("auth right", Request{URL: "{bin}/basic-auth/treq/treq", Auth: []string{"treq", "treq"}}),
	one("auth wrong", Request{URL: "{bin}/basic-auth/treq/treq", Auth: []string{"not-treq", "not-treq"}}),
	one("auth missing", Request{URL: "{bin}/basic-auth/treq/treq"}),
	one("auth in UTF-8", Request{URL: "{raw}/", Auth: []string{"usér", "pass:♥"}}),
	one("auth long", Request{URL: "{raw}/", Auth: []string{"user", strings.Repeat("p", 200)}}),
	one("auth empty", Request{URL: "{raw}/", Auth: []string{"", ""}}),
	one("auth and a header", Request{URL: "{raw}/", Auth: []string{"a", "b"}, Headers: dict{"authorization": {"Bearer x"}}}),
	redirect("auth to the same origin", "302 Found", "/next", Request{Auth: []string{"a", "b"}}),
	redirect("auth to another host", "302 Found", "http://other.example:{port}/next", Request{Auth: []string{"a", "b"}}),
	redirect("auth to another port", "302 Found", "{bin}/get", Request{Auth: []string{"a", "b"}}),
	redirect("auth header to another host", "302 Found", "http://other.example:{port}/next", Request{Headers: dict{"Authorization": {"Bearer x"}, "X-Mine": {"1"}}}),
}

var cookieCases = []Case{
	one("cookies dict", Request{URL: "{bin}/cookies", Cookies: map[string]string{"a": "1", "b": "2"}, Read: []string{"json"}}),
	one("cookies dict of one", Request{URL: "{raw}/", Cookies: map[string]string{"a": "1"}}),
	one("cookies quoted", Request{URL: "{raw}/", Cookies: map[string]string{"a": "x y,z;é"}}),
	one("cookies jar", Request{URL: "{raw}/", CookieJar: []Cookie{{"a", "1", "raw.example", "/"}, {"b", "2", "other.example", "/"}}}),
	one("cookies jar with a path", Request{URL: "{raw}/p/q", CookieJar: []Cookie{{"a", "1", "raw.example", "/p"}, {"b", "2", "raw.example", "/x"}}}),
	one("cookies and a header", Request{URL: "{raw}/", Cookies: map[string]string{"a": "1"}, Headers: dict{"Cookie": {"b=2"}}}),
	one("cookies set at httpbin", Request{URL: "{bin}/cookies/set?a=1", NoRedirects: true}, Request{URL: "{bin}/cookies"}),
	one("cookies set by a redirect", Request{URL: "{bin}/cookies/set?a=1"}),
	one("cookies deleted", Request{URL: "{bin}/cookies/set?a=1", NoRedirects: true}, Request{URL: "{bin}/cookies/set?b=2", NoRedirects: true}, Request{URL: "{bin}/cookies/delete?a", NoRedirects: true}, Request{URL: "{bin}/cookies"}),
	setCookie("cookies set and sent again", "a=1", "{raw}/"),
	setCookie("cookies of a path", "a=1; Path=/p", "{raw}/p/x", "{raw}/q"),
	setCookie("cookies of the default path", "a=1", "{raw}/sub/x", "{raw}/"),
	setCookie("cookies not to another host", "a=1", "http://other.example:{port}/"),
	setCookie("cookies of a domain", "a=1; Domain=raw.example", "http://sub.raw.example:{port}/", "{raw}/"),
	setCookie("cookies not to a subdomain", "a=1", "http://sub.raw.example:{port}/"),
	setCookie("cookies of another domain", "a=1; Domain=other.example", "http://other.example:{port}/"),
	setCookie("cookies for https only", "a=1; Secure", "{raw}/"),
	setCookie("cookies that expired", "a=1; Max-Age=0", "{raw}/"),
	setCookie("cookies with an equals sign", "a=b=c; HttpOnly; SameSite=Lax", "{raw}/"),
	setCookie("cookies in quotes", `a="x y"`, "{raw}/"),
	setCookie("cookies of a broken header", "; =; x", "{raw}/"),
	setCookie("cookies to another port", "a=1", "{bin}/cookies"),
	redirect("cookies dict to another host", "302 Found", "http://other.example:{port}/next", Request{Cookies: map[string]string{"a": "1"}}),
	redirect("cookies dict to another port", "302 Found", "http://raw.example:{port}/next", Request{URL: "{bin}/redirect-to?url={raw}/next", Cookies: map[string]string{"a": "1"}}),
	redirect("cookies dict to the same origin", "302 Found", "/next", Request{Cookies: map[string]string{"a": "1"}}),
}

var redirectCases = join(
	eachRedirect("GET", false), eachRedirect("POST", false), eachRedirect("POST", true), eachRedirect("HEAD", false),
	[]Case{
		redirect("redirect of a DELETE like a browser", "302 Found", "/next", Request{Method: "DELETE", BrowserLike: true}),
		redirect("redirect 300", "300 Multiple Choices", "/next", Request{}),
		redirect("redirect 304", "304 Not Modified", "/next", Request{}),
		redirect("redirect disallowed", "302 Found", "/next", Request{NoRedirects: true}),
		redirect("redirect relative", "302 Found", "b?c=d", Request{URL: "{raw}/a/start"}),
		redirect("redirect up", "302 Found", "../b", Request{URL: "{raw}/a/c/start"}),
		redirect("redirect without a scheme", "302 Found", "//other.example:{port}/next", Request{}),
		redirect("redirect with a query alone", "302 Found", "?page=2", Request{URL: "{raw}/start?page=1", NoRedirects: false}),
		redirect("redirect to unicode", "302 Found", "/ü?é", Request{}),
		redirect("redirect with spaces", "302 Found", "/a b", Request{}),
		redirect("redirect with a fragment", "302 Found", "/next#there", Request{URL: "{raw}/start#here"}),
		redirect("redirect keeps a fragment", "302 Found", "/next", Request{URL: "{raw}/start#here"}),
		redirect("redirect to another scheme", "302 Found", "gopher://raw.example/", Request{}),
		redirect("redirect to an empty location", "302 Found", "", Request{}),
		redirect("redirect to a bad URL", "302 Found", "http://[bad/", Request{}),
		redirect("redirect of params", "302 Found", "/next", Request{Params: dict{"a": {"b"}}}),
		answerTo("redirect without a location", map[string]Answer{"/": {Text: "HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"}}, Request{}),
		answerTo("redirect with a body", map[string]Answer{"/": {Text: "HTTP/1.1 302 Found\r\nLocation: /next\r\nContent-Length: 4\r\n\r\ngone"}}, Request{}),
		answerTo("redirect in a circle", map[string]Answer{"/": {Text: "HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 0\r\n\r\n"}}, Request{}),
		one("redirect five times", Request{URL: "{bin}/redirect/5"}),
		one("redirect absolutely", Request{URL: "{bin}/absolute-redirect/2"}),
		one("redirect relatively", Request{URL: "{bin}/relative-redirect/2"}),
		one("redirect too often", Request{URL: "{bin}/redirect/21"}),
		one("redirect as often as allowed", Request{URL: "{bin}/redirect/20"}),
		redirect("redirect of a body", "307 Temporary Redirect", "/next", Request{Method: "GET", Data: &Data{Bytes: []byte("abc")}}),
	},
)

var codingCases = []Case{
	one("coding gzip at httpbin", Request{URL: "{bin}/gzip", Read: []string{"json"}}),
	one("coding deflate at httpbin", Request{URL: "{bin}/deflate"}),
	answer("coding gzip", coded("gzip", gzipped("hello gzip"))),
	answer("coding x-gzip", coded("x-gzip", gzipped("hello gzip"))),
	answer("coding gzip in capitals", coded("GZIP", gzipped("hello gzip"))),
	answer("coding gzip of nothing", coded("gzip", "")),
	answer("coding gzip in two members", coded("gzip", gzipped("one")+gzipped("two"))),
	answer("coding gzip and a line end", coded("gzip", gzipped("hello gzip")+"\r\n")),
	answer("coding gzip and padding", coded("gzip", gzipped("hello gzip")+strings.Repeat("\x00", 600))),
	answer("coding gzip corrupt", coded("gzip", "this is no gzip")),
	answer("coding gzip with a bad checksum", coded("gzip", badSum(gzipped("hello gzip")))),
	answer("coding gzip truncated", coded("gzip", gzipped(strings.Repeat("hello gzip", 100))[:30])),
	answer("coding gzip twice", coded("gzip, gzip", gzipped(gzipped("hello gzip")))),
	answer("coding gzip chunked", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"+chunked(gzipped("hello gzip"), 7)),
	answer("coding gzip collected", coded("gzip", gzipped("hello gzip")), Request{Unbuffered: true, Read: []string{"collect"}}),
	answer("coding identity", coded("identity", "hello")),
	answer("coding unknown", coded("x-mine", "hello")),
	answer("coding deflate", coded("deflate", zlibbed("hello deflate"))),
	answer("coding gzip of a HEAD", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 50\r\n\r\n", Request{Method: "HEAD"}),
}

var charsetCases = []Case{
	answer("charset none", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xc3\xa9"),
	answer("charset not given", typed("text/html", "\xc3\xa9")),
	answer("charset of 0x80 to 0x9f by default", typed("text/html", "\x80\x93\x9f")),
	answer("charset utf-8", typed("text/html; charset=utf-8", "h\xc3\xa9")),
	answer("charset in capitals", typed("text/html; CHARSET=UTF-8", "h\xc3\xa9")),
	answer("charset in quotes", typed(`text/html; charset="utf-8"`, "h\xc3\xa9")),
	answer("charset in single quotes", typed(`text/html; charset='utf-8'`, "h\xc3\xa9")),
	answer("charset latin-1", typed("text/plain; charset=iso-8859-1", "h\xe9")),
	answer("charset windows-1252", typed("text/plain; charset=windows-1252", "h\x93\xe9\x94")),
	answer("charset latin-1 of 0x80 to 0x9f", typed("text/plain; charset=latin-1", "h\x93\x94")),
	answer("charset ascii", typed("text/plain; charset=us-ascii", "abc")),
	answer("charset ascii with other bytes", typed("text/plain; charset=us-ascii", "h\xe9")),
	answer("charset shift_jis", typed("text/plain; charset=shift_jis", "\x93\xfa\x96\x7b")),
	answer("charset euc-jp", typed("text/plain; charset=euc-jp", "\xc6\xfc\xcb\xdc")),
	answer("charset gbk", typed("text/plain; charset=gbk", "\xc4\xe3\xba\xc3")),
	answer("charset koi8-r", typed("text/plain; charset=koi8-r", "\xd0\xd2\xc9")),
	answer("charset utf-16 with a byte order mark", typed("text/plain; charset=utf-16", "\xff\xfeh\x00\xe9\x00")),
	answer("charset utf-16be", typed("text/plain; charset=utf-16be", "\x00h\x00\xe9")),
	answer("charset utf-8 with a byte order mark", typed("text/plain; charset=utf-8", "\xef\xbb\xbfx")),
	answer("charset cp949", typed("text/plain; charset=cp949", "\xc7\xd1\x8cc")),
	answer("charset cp932", typed("text/plain; charset=CP932", "\x93\xfa\x87@")),
	answer("charset macroman", typed("text/plain; charset=MacRoman", "\x80")),
	answer("charset iso8859_15", typed("text/plain; charset=iso8859_15", "\x85\xa4")),
	answer("charset utf-8-sig", typed("text/plain; charset=utf-8-sig", "\xef\xbb\xbfx")),
	answer("charset utf-16le with a byte order mark", typed("text/plain; charset=utf-16le", "\xff\xfeh\x00")),
	answer("charset padded", typed(`text/plain; charset=" utf-8 "`, "h\xc3\xa9")),
	answer("charset of the type before", "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\n\xc3\xa9"),
	answer("charset unknown", typed("text/plain; charset=klingon", "x")),
	answer("charset empty", typed("text/plain; charset=", "x")),
	answer("charset with bytes outside of it", typed("text/plain; charset=utf-8", "h\xe9")),
	answer("charset of json", typed("application/json", "\"h\xc3\xa9\"")),
	answer("charset of two types", "HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Length: 2\r\n\r\n\xc3\xa9"),
	answer("charset by default utf-8", typed("text/plain", "h\xc3\xa9"), Request{Encoding: "utf-8"}),
	answer("charset before the default", typed("text/plain; charset=iso-8859-1", "h\xe9"), Request{Encoding: "utf-8"}),
	answer("charset by default of json", typed("application/json", "\"h\xc3\xa9\""), Request{Encoding: "iso-8859-1"}),
	one("charset of httpbin's utf-8", Request{URL: "{bin}/encoding/utf8"}),
	answer("charset of a bad type", typed("nonsense;;charset=utf-8", "h\xc3\xa9")),
	answer("charset after other parameters", typed(`text/plain; format="a;b"; charset=utf-8`, "h\xc3\xa9")),
}

var bodyCases = []Case{
	one("body of httpbin", Request{URL: "{bin}/bytes/1000?seed=1"}),
	one("body streamed by httpbin", Request{URL: "{bin}/stream/3", Read: []string{"content"}}),
	answer("body chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"+chunked("hello chunks", 5)),
	answer("body chunked with extensions and trailers", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nX-Trailer: 1\r\n\r\n"),
	answer("body chunked in capitals", "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n"+chunked("hello", 5)),
	answer("body until close", "HTTP/1.1 200 OK\r\n\r\nhello", Request{}, Close),
	answer("body until close of HTTP/1.0", "HTTP/1.0 200 OK\r\n\r\nhello", Request{}, Close),
	answer("body of length 0", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
	answer("body of a HEAD with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", Request{Method: "HEAD"}),
	answer("body of a HEAD chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", Request{Method: "HEAD"}),
	answer("body of 204", "HTTP/1.1 204 No Content\r\n\r\n"),
	answer("body of 304", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n"),
	answer("body read twice", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Request{Read: []string{"content", "collect", "content"}}),
	answer("body unbuffered", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Request{Unbuffered: true, Read: []string{"content"}}),
	answer("body collected", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", Request{Read: []string{"collect"}}),
	answer("body large", "HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"+strings.Repeat("abc", 100000)),
	answer("body after 100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	answer("body after 103", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
	answer("body of an error", "HTTP/1.1 500 Oops\r\nContent-Length: 5\r\n\r\nsorry"),
	answer("body of 404 at a status without a phrase", "HTTP/1.1 404\r\nContent-Length: 4\r\n\r\nnone"),
	answer("body of an unknown status", "HTTP/1.1 799 What\r\nContent-Length: 4\r\n\r\nnone"),
	answer("body of HTTP/1.0 with a length", "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello"),
}

var connectionCases = []Case{
	one("connection used again", Request{URL: "{raw}/1"}, Request{URL: "{raw}/2"}, Request{URL: "{raw}/3"}),
	closeEach(one("connection used once", Request{URL: "{raw}/1"}, Request{URL: "{raw}/2"})),
	answerTo("connection that the server closes", map[string]Answer{"/": {Text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"}}, Request{URL: "{raw}/"}, Request{URL: "{raw}/"}),
	answerTo("connection of HTTP/1.0", map[string]Answer{"/": {Text: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"}}, Request{URL: "{raw}/"}, Request{URL: "{raw}/"}),
	answerTo("connection of HTTP/1.0 kept alive", map[string]Answer{"/": {Text: "HTTP/1.0 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"}}, Request{URL: "{raw}/"}, Request{URL: "{raw}/"}),
	answerTo("connection after a HEAD", nil, Request{Method: "HEAD", URL: "{raw}/h"}, Request{URL: "{raw}/2"}),
	answerTo("connection that ends before the answer", map[string]Answer{"/gone": {Then: Close}}, Request{URL: "{raw}/"}, Request{URL: "{raw}/gone"}),
	answerTo("connection that ends before the answer to a POST", map[string]Answer{"/gone": {Then: Close}}, Request{URL: "{raw}/"}, Request{Method: "POST", URL: "{raw}/gone", Data: &Data{Bytes: []byte("x")}}),
	answerTo("connection with unexpected bytes", map[string]Answer{"/": {Text: "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more"}}, Request{URL: "{raw}/"}, Request{URL: "{raw}/2"}),
}

var secureCases = []Case{
	one("https", Request{URL: "{secure}/a?b=c"}),
	one("https used again", Request{URL: "{secure}/1"}, Request{URL: "{secure}/2"}),
	one("https upload", Request{Method: "POST", URL: "{secure}/", Data: &Data{Bytes: bytes.Repeat([]byte("0123456789abcdef"), 1<<14)}}),
	answerTo("https download until close", map[string]Answer{"/": {Text: "HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("abc", 100000), Then: Close}}, Request{URL: "{secure}/"}),
	answerTo("https cut short", map[string]Answer{"/": {Text: "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Then: Close}}, Request{URL: "{secure}/"}),
	one("https of a wrong name", Request{URL: "https://wrong.example:{secureport}/"}),
	one("https to a server without TLS", Request{URL: "https://bin.example:{binport}/"}),
	redirect("https to http with auth", "302 Found", "{raw}/next", Request{URL: "{secure}/start", Auth: []string{"a", "b"}}),
	redirect("https from http with auth", "302 Found", "{secure}/next", Request{Auth: []string{"a", "b"}}),
	redirect("https to https with auth", "302 Found", "/next", Request{URL: "{secure}/start", Auth: []string{"a", "b"}}),
	redirect("https to http with a header", "302 Found", "{raw}/next", Request{URL: "{secure}/start", Headers: dict{"Authorization": {"Bearer x"}}}),
	redirect("https to http with cookies", "302 Found", "{raw}/next", Request{URL: "{secure}/start", Cookies: map[string]string{"a": "1"}}),
	redirect("https from http with cookies", "302 Found", "{secure}/next", Request{Cookies: map[string]string{"a": "1"}}),
	answerTo("https cookies with Secure", map[string]Answer{"/set": {Text: "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Secure\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n"}},
		Request{URL: "{secure}/set"}, Request{URL: "{raw}/"}, Request{URL: "{secure}/"}),
}

var errorCases = []Case{
	answer("error timeout", "", Request{TimeoutMillisecond: 200}),
	answer("error timeout in the head", "HTTP/1.1 200 OK\r\nX-A: ", Request{TimeoutMillisecond: 200}),
	answer("error no timeout", defaultAnswer, Request{TimeoutMillisecond: 5000}),
	one("error refused", Request{URL: "http://raw.example:1/"}),
	one("error no such host", Request{URL: "http://nobody.invalid/"}),
	one("error scheme", Request{URL: "gopher://raw.example/"}),
	one("error no scheme", Request{URL: "raw.example/"}),
	one("error no host", Request{URL: "http:///path"}),
	one("error port", Request{URL: "http://raw.example:99999/", TimeoutMillisecond: 200}),
	answer("error closed at once", "", Request{}, Close),
	answer("error reset at once", "", Request{}, Reset),
	answer("error closed in the status line", "HTTP/1.1 20", Request{}, Close),
	answer("error closed in the head", "HTTP/1.1 200 OK\r\nContent-Le", Request{}, Close),
	answer("error closed in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Request{}, Close),
	answer("error closed in a chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nhello", Request{}, Close),
	answer("error closed before the last chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", Request{}, Close),
	answer("error reset in the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello", Request{}, Reset),
	answer("error garbage", "this is not HTTP at all\r\n\r\n", Request{}, Close),
	answer("error binary garbage", "\x16\x03\x01\x00\x00\x00\x00", Request{}, Close),
	answer("error HTTP/2", "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n", Request{}, Close),
	answer("error status that is not a number", "HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n", Request{}, Close),
	answer("error status of four digits", "HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n", Request{}, Close),
	answer("error two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!", Request{}, Close),
	answer("error one length twice", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
	answer("error length that is not a number", "HTTP/1.1 200 OK\r\nContent-Length: five\r\n\r\nhello", Request{}, Close),
	answer("error negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello", Request{}, Close),
	answer("error length and chunks", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"+chunked("hello", 5), Request{}, Close),
	answer("error unknown transfer coding", "HTTP/1.1 200 OK\r\nTransfer-Encoding: rot13\r\n\r\nuryyb", Request{}, Close),
	answer("error chunk without a size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nhello\r\n", Request{}, Close),
	answer("error chunk longer than it says", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", Request{}, Close),
	answer("error header without a colon", "HTTP/1.1 200 OK\r\nnonsense\r\nContent-Length: 2\r\n\r\nok", Request{}, Close),
	answer("error header of 64 KiB", "HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("a", 1<<16)+"\r\nContent-Length: 2\r\n\r\nok", Request{}, Close),
	answer("error header of 1 MiB", "HTTP/1.1 200 OK\r\nX-A: "+strings.Repeat("a", 1<<20)+"\r\nContent-Length: 2\r\n\r\nok", Request{}, Close),
	answer("error headers of 256 KiB", "HTTP/1.1 200 OK\r\n"+strings.Repeat("X-A: "+strings.Repeat("a", 1017)+"\r\n", 256)+"Content-Length: 2\r\n\r\nok", Request{}, Close),
	answer("error lines that end in LF", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", Request{}, Close),
	answer("error empty lines before", "\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", Request{}, Close),
	answer("error NUL in a header", "HTTP/1.1 200 OK\r\nX-A: a\x00b\r\nContent-Length: 2\r\n\r\nok", Request{}, Close),
	answer("odd spaces in the status line", "HTTP/1.1  200  OK \r\nContent-Length: 2\r\n\r\nok"),
	answer("odd status line without a phrase", "HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
	answer("odd control characters", "HTTP/1.1 200 O\x01K\r\nX-A: a\x02\x1b\x7fb\r\nContent-Length: 2\r\n\r\nok"),
	answer("odd blanks before the colon", "HTTP/1.1 200 OK\r\nX-A \t: b\r\nContent-Length : 2\r\n\r\nok", Request{}, Close),
	answer("odd names", "HTTP/1.1 200 OK\r\nx y: 1\r\nx(y): 2\r\n: 3\r\nContent-Length: 2\r\n\r\nok", Request{}, Close),
	answer("odd coding identity", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\nok", Request{}, Close),
	answer("odd coding identity and length", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 2\r\n\r\nok", Request{}, Close),
	answer("odd codings identity and chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: identity, chunked\r\n\r\n"+chunked("ok", 2), Request{}, Close),
	answer("odd line ends in chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\n0\n\n", Request{}, Close),

	answer("error switched protocols", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nxyz", Request{}, Close),
}

// The functions below make cases.

type (
	dict  = map[string][]string
	pairs = [][2]string
	js    = json.RawMessage
)

func join(lists ...[]Case) []Case {
	var all []Case
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func one(name string, requests ...Request) Case { return Case{Name: name, Requests: requests} }

func closeEach(c Case) Case {
	c.CloseEach = true
	return c
}

// answer returns a case in which the raw server answers with text. more may have the
// request, which is a GET otherwise, and an End.
func answer(name, text string, more ...any) Case {
	r, a := Request{}, Answer{Text: text}
	for _, m := range more {
		switch m := m.(type) {
		case Request:
			r = m
		case End:
			a.Then = m
		default:
			panic(fmt.Sprintf("answer: %T", m))
		}
	}
	return answerTo(name, map[string]Answer{"/": a}, r)
}

// answerTo returns a case with these answers. A request without a URL is for "/".
func answerTo(name string, answers map[string]Answer, requests ...Request) Case {
	for i := range requests {
		if requests[i].URL == "" {
			requests[i].URL = "{raw}/"
		}
	}
	return Case{Name: name, Requests: requests, Answers: answers}
}

func post(name string, d Data) Case {
	return one(name, Request{Method: "POST", URL: "{raw}/", Data: &d})
}

func json1(name, value string) Case {
	return one(name, Request{Method: "POST", URL: "{raw}/", JSON: js(value)})
}

func upload(name string, d *Data, files ...File) Case {
	return one(name, Request{Method: "POST", URL: "{raw}/", Data: d, Files: files})
}

// redirect returns a case in which the raw server redirects r to location. The path of r
// must end in "start".
func redirect(name, status, location string, r Request) Case {
	if r.URL == "" {
		r.URL = "{raw}/start"
	}
	a := Answer{Text: "HTTP/1.1 " + status + "\r\nLocation: " + location + "\r\nContent-Length: 0\r\n\r\n"}
	return Case{Name: name, Requests: []Request{r}, Answers: map[string]Answer{"/start": a, "/a/start": a, "/a/c/start": a}}
}

func eachRedirect(method string, browserLike bool) []Case {
	var all []Case
	for _, status := range []string{"301 Moved Permanently", "302 Found", "303 See Other", "307 Temporary Redirect", "308 Permanent Redirect"} {
		name := "redirect " + status[:3] + " of a " + method
		r := Request{Method: method, BrowserLike: browserLike}
		if browserLike {
			name += " like a browser"
		}
		if method == "POST" {
			r.Data = &Data{Bytes: []byte("abc")}
			r.Headers = dict{"Content-Type": {"text/plain"}}
		}
		all = append(all, redirect(name, status, "/next", r))
	}
	return all
}

// setCookie returns a case in which the server sets a cookie, followed by requests for the
// URLs then.
func setCookie(name, cookie string, then ...string) Case {
	requests := []Request{{URL: "{raw}/sub/set"}}
	for _, u := range then {
		requests = append(requests, Request{URL: u})
	}
	return Case{Name: name, Requests: requests, Answers: map[string]Answer{
		"/sub/set": {Text: "HTTP/1.1 200 OK\r\nSet-Cookie: " + cookie + "\r\nContent-Length: 0\r\n\r\n"},
	}}
}

func typed(contentType, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n%s", contentType, len(body), body)
}

func coded(coding, body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%s", coding, len(body), body)
}

func chunked(body string, size int) string {
	var b strings.Builder
	for len(body) > 0 {
		n := min(size, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", n, body[:n])
		body = body[n:]
	}
	return b.String() + "0\r\n\r\n"
}

func gzipped(s string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

func zlibbed(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write([]byte(s))
	w.Close()
	return b.String()
}

// badSum returns gz with a wrong checksum.
func badSum(gz string) string {
	b := []byte(gz)
	b[len(b)-8] ^= 0xff
	return string(b)
}
