package web

import (
	"cmp"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/http1"
)

// This file decides whether the body of a response is sent in a content coding, such as gzip
// (RFC 9110, section 12.5.3). coder.go codes it, and encoders.go has the codings.

// An Encoding says how the bodies of responses are compressed, for the clients that ask for
// it. The zero value works. Set it in [Site.Encoding] for a whole site, or in an
// [EncodingResource] for some of its resources.
//
// A client names the codings it takes in Accept-Encoding, with preferences. The one that it
// prefers is used, and of several the first of Encoders. A body is sent as it is if the
// client prefers that, or knows none of Encoders, and also
//
//   - if it is of a type that is compressed already, or of no type;
//   - if its length is known to be less than MinLength;
//   - if it is part of a whole, or the request has a Range;
//   - if the response has a Content-Encoding, a digest of its content, or
//     "Cache-Control: no-transform". A Content-Encoding of "identity" is not sent, and is the
//     way to leave out one response;
//   - if MaxOpen responses are being coded.
//
// The first and second reason do not hold for a client that refuses the body as it is
// ("identity;q=0").
//
// A coded response has neither Content-Length nor Accept-Ranges, and its ETag is weak. All
// responses that might have been coded have "Vary: Accept-Encoding". A HEAD has the headers of
// the GET.
//
// What is written to a response reaches the client at the end of the turn, as without a
// coding, and can be decoded up to there: so events can be streamed. A large body is coded
// piece by piece, at the pace of the client, and other requests are answered in between.
//
// The length of a compressed body tells something of its content. If a page has both a secret,
// such as a token against CSRF, and text that an attacker chooses, the attacker can guess
// the secret byte by byte, also over TLS (the attack is called BREACH). Leave out such pages,
// or change the secret in each response.
//
// An Encoding belongs to the goroutine of one reactor. Change its fields only before the
// first response.
type Encoding struct {
	// Encoders are the codings, the best one first. nil means [ZstdEncoder],
	// [BrotliEncoder] and [GzipEncoder].
	Encoders []Encoder
	// MinLength is the length of the shortest body that is coded, in bytes. The default is
	// 1 KiB, below which a packet is sent in any case. A negative value means no bound.
	MinLength int64
	// Types reports whether bodies of a media type are coded: mediaType is in lower case
	// and has no parameters. nil means text of all kinds, and the types that are known not
	// to be compressed, such as application/json, image/svg+xml and font/ttf.
	Types func(mediaType string) bool
	// MaxOpen bounds the responses that are being coded at a time: each takes one or two
	// MiB until it ends. The default is 100; a negative value means no bound.
	MaxOpen int

	open int // the responses that are being coded
}

// An EncodingResource is a resource whose responses, and those of all resources below it, are
// compressed as its Encoding says. It is Twisted's EncodingResourceWrapper.
//
//	root.PutChild("api", &web.EncodingResource{Resource: api})
//
// The search for a resource passes through it to Resource.
type EncodingResource struct {
	// Resource answers the requests.
	Resource
	// Encoding replaces that of an EncodingResource above, or of the Site.
	Encoding Encoding
}

// enter returns res, or the resource in it if it is an EncodingResource.
func (r *Request) enter(res Resource) Resource {
	for {
		e, ok := res.(*EncodingResource)
		if !ok {
			return res
		}
		if e.Resource == nil {
			panic("web: an EncodingResource without a Resource")
		}
		r.encoding = &e.Encoding
		res = e.Resource
	}
}

// Negotiation.

// negotiate chooses the coding of the response, and sets the headers for it. It returns nil
// for none. empty says that there is no body. The Content-Type is set by then.
func (r *Request) negotiate(empty bool) *Encoder {
	e, h := r.encoding, r.ResponseHeader
	switch {
	case r.code < 200, r.code == http.StatusNoContent, r.Method == http.MethodConnect && r.code < 300:
		return nil
	case h["Content-Encoding"] != nil, hasDigest(h), http1.HasToken(h["Cache-Control"], "no-transform"):
		return nil
	case r.code == http.StatusNotModified:
		vary(h)
		r.weakenAsAsked(h)
		return nil
	case r.code == http.StatusPartialContent, r.code == http.StatusRequestedRangeNotSatisfiable:
		vary(h)
		return nil
	}
	a := accepted(r.Header["Accept-Encoding"], e.encoders())
	fits := e.fits(h.Get("Content-Type"))
	if fits || a.notIdentity {
		vary(h)
	}
	tooShort := r.length >= 0 && r.length < cmp.Or(e.MinLength, 1<<10)
	switch {
	case a.best == nil, empty, r.Header["Range"] != nil:
		return nil
	case e.MaxOpen >= 0 && e.open >= cmp.Or(e.MaxOpen, 100):
		return nil // even if the client refuses the body as it is: the bound is for hostile ones
	case a.notIdentity:
	case !fits, tooShort:
		return nil
	}
	h["Content-Encoding"] = []string{a.best.Name}
	delete(h, "Content-Length")
	delete(h, "Accept-Ranges") // a part of the coded form cannot be had
	if tag := h.Get("Etag"); strings.HasPrefix(tag, `"`) {
		h.Set("Etag", "W/"+tag)
	}
	return a.best
}

// optsOut reports whether the program has asked for the body as it is, by a Content-Encoding of
// "identity", and removes that.
func (r *Request) optsOut() bool {
	h := r.ResponseHeader
	if !strings.EqualFold(h.Get("Content-Encoding"), "identity") {
		return false
	}
	delete(h, "Content-Encoding")
	return true
}

// weakenAsAsked makes the entity tag of a 304 weak if the client has that of a coded response.
func (r *Request) weakenAsAsked(h http.Header) {
	tag := h.Get("Etag")
	if !strings.HasPrefix(tag, `"`) {
		return
	}
	for _, list := range r.Header["If-None-Match"] {
		for one, rest := cutTag(list); one != ""; one, rest = cutTag(rest) {
			if one == "W/"+tag {
				h.Set("Etag", one)
				return
			}
		}
	}
}

// hasDigest reports whether h has a digest of the content, which coding it would change.
func hasDigest(h http.Header) bool {
	for _, name := range []string{"Content-Digest", "Repr-Digest", "Digest", "Content-Md5"} {
		if h[name] != nil {
			return true
		}
	}
	return false
}

// vary says that the response depends on Accept-Encoding.
func vary(h http.Header) {
	if !http1.HasToken(h["Vary"], "accept-encoding") && !http1.HasToken(h["Vary"], "*") {
		h["Vary"] = append(h["Vary"][:len(h["Vary"]):len(h["Vary"])], "Accept-Encoding")
	}
}

func (e *Encoding) encoders() []Encoder {
	if e.Encoders == nil {
		return defaultEncoders
	}
	return e.Encoders
}

// fits reports whether bodies of contentType are coded.
func (e *Encoding) fits(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	kind = strings.ToLower(strings.TrimSpace(kind))
	if _, _, err := mime.ParseMediaType(kind); err != nil {
		return false
	}
	if e.Types != nil {
		return e.Types(kind)
	}
	return compressible(kind)
}

// compressible reports whether bodies of a media type are known to become shorter.
func compressible(kind string) bool {
	top, sub, _ := strings.Cut(kind, "/")
	if _, suffix, found := strings.Cut(sub, "+"); found {
		switch suffix {
		case "json", "xml", "yaml", "json-seq", "cbor":
			return true
		}
	}
	switch top {
	case "text":
		return true
	case "application":
		switch sub {
		case "json", "json-seq", "x-ndjson", "ndjson", "jsonl", "xml", "xml-dtd", "yaml", "x-yaml", "toml",
			"javascript", "x-javascript", "ecmascript", "wasm", "graphql", "sql", "rtf", "cbor",
			"x-www-form-urlencoded", "x-sh", "vnd.ms-fontobject", "x-font-ttf", "x-tar":
			return true
		}
	case "image":
		return sub == "bmp" || sub == "x-icon" || sub == "vnd.microsoft.icon"
	case "font":
		return sub == "ttf" || sub == "otf" || sub == "sfnt"
	}
	return false
}

// A preference is what a client accepts.
type preference struct {
	best        *Encoder // nil if the client prefers the body as it is
	notIdentity bool     // the client refuses the body as it is
}

// accepted reads Accept-Encoding. A part of it that is invalid does not count.
func accepted(values []string, encoders []Encoder) (p preference) {
	if len(values) == 0 {
		return p
	}
	const unknown = -1
	all, identity := unknown, unknown // thousandths, like all values of q here
	q := make([]int, len(encoders))
	for i := range q {
		q[i] = unknown
	}
	for _, value := range values {
		for one := range strings.SplitSeq(value, ",") {
			name, params, _ := strings.Cut(one, ";")
			weight, ok := weightOf(params)
			if !ok {
				continue
			}
			switch name = strings.ToLower(strings.Trim(name, " \t")); name {
			case "*":
				all = weight
			case "identity":
				identity = weight
			default:
				for i := range encoders {
					if encoders[i].Name == strings.TrimPrefix(name, "x-") {
						q[i] = weight
					}
				}
			}
		}
	}
	most := 0
	for i := range encoders {
		if q[i] == unknown {
			q[i] = all
		}
		if q[i] > most {
			most, p.best = q[i], &encoders[i]
		}
	}
	p.notIdentity = identity == 0 || identity == unknown && all == 0
	if identity > most { // given, and preferred to all codings
		p.best = nil
	}
	return p
}

// weightOf reads "q=0.5", in thousandths. No parameter means 1.
func weightOf(params string) (weight int, ok bool) {
	params = strings.Trim(params, " \t")
	if params == "" {
		return 1000, true
	}
	name, value, found := strings.Cut(params, "=")
	if !found || strings.ToLower(strings.TrimRight(name, " \t")) != "q" {
		return 0, false
	}
	value = strings.TrimLeft(value, " \t")
	whole, fraction, _ := strings.Cut(value, ".")
	if whole != "0" && whole != "1" || len(fraction) > 3 {
		return 0, false
	}
	n, err := strconv.ParseUint((whole + fraction + "000")[:4], 10, 16)
	return int(n), err == nil && n <= 1000
}
