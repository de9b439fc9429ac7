package main

import "encoding/json"

// This file describes a case in a form that neither client owns. treq's runner gets it as
// JSON.

// A Case is a list of requests. A new client makes them, one after the other.
type Case struct {
	Name     string
	Requests []Request
	// Answers are those of the raw server by the path of the request. For other paths
	// it sends [defaultAnswer].
	Answers map[string]Answer `json:"-"`
	// CloseEach makes the client use each connection for one request only.
	CloseEach bool `json:",omitempty"`
}

// A Request is one call of the client, in treq's terms. These placeholders are replaced in
// its URL and in the texts of an Answer:
//
//	{bin}         the origin of go-httpbin
//	{binport}     its port
//	{raw}         an origin of the raw server, which answers under every name
//	{port}        the raw server's port
//	{secure}      an origin of the raw server with TLS
//	{secureport}  its port; the certificate is for raw.example and other.example
type Request struct {
	Method string
	URL    string

	Params    map[string][]string `json:",omitempty"` // treq's params, a dict
	ParamList [][2]string         `json:",omitempty"` // treq's params, a list
	Headers   map[string][]string `json:",omitempty"`

	Data  *Data           `json:",omitempty"`
	JSON  json.RawMessage `json:",omitempty"`
	Files []File          `json:",omitempty"`

	Auth               []string          `json:",omitempty"` // user, password
	Cookies            map[string]string `json:",omitempty"`
	CookieJar          []Cookie          `json:",omitempty"`
	NoRedirects        bool              `json:",omitempty"`
	BrowserLike        bool              `json:",omitempty"`
	Unbuffered         bool              `json:",omitempty"`
	TimeoutMillisecond int               `json:",omitempty"`

	// Read lists the ways to read the body, in order: "content", "text", "json" or
	// "collect". nil stands for [defaultRead].
	Read []string
	// Encoding is the default charset of "text".
	Encoding string `json:",omitempty"`
}

// Data is treq's data argument. Exactly one field is set.
type Data struct {
	Bytes []byte              `json:",omitempty"`
	Empty bool                `json:",omitempty"` // Bytes, of no length
	File  []byte              `json:",omitempty"` // a file of these bytes
	Dict  map[string][]string `json:",omitempty"`
	Pairs [][2]string         `json:",omitempty"`
}

// A File is one of treq's files.
type File struct {
	Field   string
	Content []byte
	// Form is the way to pass the file to treq: "file", a file called Name; "pair", a name
	// and a file; "triple", a name, a type and a file; "nameless", a file without a name.
	Form        string
	Name        string `json:",omitempty"`
	ContentType string `json:",omitempty"`
}

// A Cookie is one in the caller's jar.
type Cookie struct{ Name, Value, Domain, Path string }

// An Answer is what the raw server does after it read a request.
type Answer struct {
	Text string // the bytes to send
	Then End
}

// An End is what the raw server does after it sent its answer.
type End int

const (
	KeepOpen End = iota // read the next request
	Close               // close the connection
	Reset               // reset the connection
)

const defaultAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

var defaultRead = []string{"content", "text"}

// An Outcome is the result of a case with one client: everything that is compared.
type Outcome struct {
	Sent []Sent // by the client, in the order in which it reached the servers
	Got  []Got  // by the caller, for each request of the case
}

// A Sent is a request as a server received it. Here and in a Got, a text that may not be
// UTF-8 has one character for each byte.
type Sent struct {
	Connection int // the number of its connection within the case
	Method     string
	Target     string
	Version    string
	Header     map[string][]string // under the names as sent; go-httpbin's are canonical
	Body       string
}

// A Got is what the caller got for a request.
type Got struct {
	// Errors are the kinds of errors. The key is what failed: "request", or a way to read
	// the body.
	Errors map[string]string
	Response
	History []Response
	Cookies []string // name=value, in order of name

	Content string // joined, if "content" or "collect" is read
	Text    string
	JSON    any
}

// A Response is the head of a response.
type Response struct {
	Status  int
	Phrase  string
	Version string
	Header  map[string][]string // under names in lower case, but for ignoredHeaders
	Length  int64               // -1 if it is not known
	URL     string
}

// ignoredHeaders are headers of responses that are not compared, because they contain the
// time.
var ignoredHeaders = []string{"date"}
