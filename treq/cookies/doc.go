// Package cookies stores cookies. A [Jar] is an [http.CookieJar] that follows RFC 6265,
// and its cookies can be read and set by name, as in the jar of Python's requests.
//
//	jar := response.Cookies()
//	hello, err := jar.Get("hello")
//	jar.Set("theme", "dark", cookies.Domain("an.example"))
//	jar.SaveFile("cookies.txt")
//
// # The rules
//
// A jar stores, matches, sorts and drops cookies according to RFC 6265, section 5, and
// the public suffix list. Hosts are compared as package origin compares them, so
// "an.example." is "an.example". From RFC 6265bis come rules that refuse more cookies:
//
//   - A Secure cookie must come over https. Over http no cookie may replace, hide or push
//     out a Secure cookie. Localhost and the loopback addresses count as https, as they do
//     in browsers, curl and net/http.
//   - A name that begins with __Secure- asks for Secure. One that begins with __Host- asks
//     for Secure and Path=/ as well, and forbids Domain. __Http- and __Host-Http- also ask
//     for HttpOnly. Capitals make no difference. A cookie needs a name, so that no value
//     without one passes for a prefix.
//   - The name and value have at most 4096 bytes. An attribute of more than 1024 bytes is
//     ignored.
//
// [Jar].MaxPerDomain, Max and MaxHeader bound what a server can make a client keep and
// send, and [Jar].Dropped tells what is not kept or sent.
//
// A cookie can also be limited to ports. The cookies of a map stay with the origin of
// their request that way (see [FromMap] and CVE-2022-23607), and a server can send the
// Port attribute of RFC 2965. A limit only ever narrows where a cookie is sent.
//
// A name or value from outside is refused with an error if it has a control character or
// would read as more than one name or value in a header.
//
// # Coming from Python
//
//	jar["name"], jar.get("name")          jar.Get("name")
//	jar.get("name", domain=..., path=...) jar.Get("name", Domain(...), Path(...))
//	jar.set("name", "value", domain=...)  jar.Set("name", "value", Domain(...))
//	del jar["name"]                       jar.Del("name")
//	jar.keys(), jar.items()               jar.Names(), jar.Items()
//	jar.get_dict(domain=...)              jar.Map(Domain(...))
//	jar.set_cookie(Cookie(...))           jar.Put(Cookie{...})
//	jar.update(other)                     jar.Merge(other)
//	jar.copy()                            jar.Copy()
//	CookieConflictError, KeyError         *AmbiguousError, ErrNoCookie
//	treq.cookies.scoped_cookie            Scoped
//	treq.cookies.search                   jar.Items(Domain(...), Name(...))
//	MozillaCookieJar                      SaveFile, LoadFile, FromFile
package cookies
