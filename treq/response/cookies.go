package response

import "github.com/seed-7c003b53/gotreq/treq/cookies"

// Cookies returns a copy of the request's jar: it has the cookies that the request sent,
// and the cookies that the response and earlier redirects set. If the jar is not a
// [cookies.Jar], the copy has the cookies for the URL of the request. It is treq's
// cookies().
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
