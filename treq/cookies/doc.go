// Package cookies keeps cookies: a [Jar] is read and written by name, as the jar
// of Python's requests is, and is an [http.CookieJar] that follows RFC 6265.
//
//	jar := response.Cookies()
//	hello, err := jar.Get("hello")
//	jar.Set("theme", "dark", cookies.Domain("an.example"))
//	jar.SaveFile("cookies.txt")
//
// # What the rules are
//
// A jar stores, matches, orders and drops cookies as RFC 6265, section 5, says,
// with the public suffix list. From its successor (RFC 6265bis) come the rules
// that only ever refuse: the name prefixes __Secure- and __Host-, that http may not
// replace what https made Secure, and the limits on size.
//
// Beyond both, a cookie can be held to ports. That is how cookies given as a map
// stay with the origin of the request they were given to (see [FromMap] and
// CVE-2022-23607), and it does what RFC 2965's Port, which a server may still
// send, asks for. It narrows where a cookie goes and never widens it.
//
// Every text from outside is refused, with an error, if it has a control
// character or anything else that would make it more than one name or value on
// the wire.
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
//	MozillaCookieJar                      SaveFile, LoadFile
package cookies
