package response

import "github.com/seed-7c003b53/gotreq/treq/cookies"

// Cookies returns a copy of the jar that the request used, as it is now: what it
// sent, and what it and the redirects before it were told to keep. Of a jar that is
// not a [cookies.Jar] it has the cookies that are for the URL of the request. It is
// treq's cookies().
func (r *Response) Cookies() *cookies.Jar {
	if own, ok := r.Jar.(*cookies.Jar); ok {
		return own.Copy()
	}
	jar := new(cookies.Jar)
	if r.Jar != nil && r.Request != nil {
		jar.SetCookies(r.Request.URL, r.Jar.Cookies(r.Request.URL))
	}
	return jar
}
