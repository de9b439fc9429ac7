package main

import "encoding/json"

// This file holds what a case is made of, in a form that belongs to neither
// client: JSON is how the other one gets it.

// A Case is one thing to compare: requests that one client, new for the case,
// makes one after the other.
type Case struct {
	Name     string
	Requests []Request
	// Answers are what the raw server sends, by the path asked for; where there
	// is none it sends [defaultAnswer].
	Answers map[string]Answer `json:"-"`
	// CloseEach has the client use each connection for one request only.
	CloseEach bool `json:",omitempty"`
}

// A Request is one call of the client, in treq's terms. In URL, as in the texts
// of an Answer, these are replaced:
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

	// Read is how the body is read, in this order: "content", "text", "json" and
	// "collect". None is [defaultRead].
	Read []string
	// Encoding is the default charset of "text".
	Encoding string `json:",omitempty"`
}

// Data is treq's data. One of its fields is set.
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
	// Form is how it is passed: "file", a file that has the name Name; "pair", a
	// name and a file; "triple", a name, a type and a file; "nameless", a file
	// that has no name.
	Form        string
	Name        string `json:",omitempty"`
	ContentType string `json:",omitempty"`
}

// A Cookie is one of a jar that the caller brings.
type Cookie struct{ Name, Value, Domain, Path string }

// An Answer is what the raw server does once it has read a request.
type Answer struct {
	Text string // is sent
	Then End
}

// An End is what the raw server does after its answer.
type End int

const (
	KeepOpen End = iota // reads the next request
	Close               // closes the connection
	Reset               // closes it by a reset
)

const defaultAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"

var defaultRead = []string{"content", "text"}

// An Outcome is what came of a case: all that is compared.
type Outcome struct {
	Sent []Sent // by the client, in the order in which it reached the servers
	Got  []Got  // by the caller, for each request of the case
}

// A Sent is a request as a server received it. Texts that need not be UTF-8
// hold a character for each byte, here and in a Got.
type Sent struct {
	Connection int // which of the case's connections it came on
	Method     string
	Target     string
	Version    string
	Header     map[string][]string // under the names as sent; go-httpbin's are canonical
	Body       string
}

// A Got is what the caller got for a request.
type Got struct {
	// Errors are the kinds of errors, by what failed: "request", or a way to
	// read the body.
	Errors map[string]string
	Response
	History []Response
	Cookies []string // name=value, in order of name

	Content string // joined, if "content" or "collect" is read
	Text    string
	JSON    any
}

// A Response is the head of one.
type Response struct {
	Status  int
	Phrase  string
	Version string
	Header  map[string][]string // under names in lower case, but for ignoredHeaders
	Length  int64               // -1 if it is not known
	URL     string
}

// ignoredHeaders are headers of responses that are not compared: the clock's
// time is in them.
var ignoredHeaders = []string{"date"}
