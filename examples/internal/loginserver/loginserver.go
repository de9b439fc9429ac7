// Package loginserver is the server of an example: an account behind a form.
package loginserver

import (
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/treq/web"
)

// New returns a site with an account, whose owner is ann and whose password is sesame. Without
// a session, /account redirects to a form; the form is refused without its token, which
// belongs to a cookie.
func New() *web.Site {
	tokens, sessions := map[string]string{}, map[string]bool{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /account", func(w http.ResponseWriter, r *http.Request) {
		if c, err := r.Cookie("session"); err != nil || !sessions[c.Value] {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		fmt.Fprint(w, "hello, ann")
	})
	mux.HandleFunc("GET /login", func(w http.ResponseWriter, r *http.Request) {
		visitor, token := fmt.Sprintf("visitor-%d", len(tokens)), fmt.Sprintf("token-%d", len(tokens))
		tokens[visitor] = token
		http.SetCookie(w, &http.Cookie{Name: "visitor", Value: visitor, HttpOnly: true})
		fmt.Fprintf(w, `<form method="post"><input type="hidden" name="csrf" value="%s"><input name="user"><input name="password"></form>`, token)
	})
	mux.HandleFunc("POST /login", func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("visitor")
		if err != nil || r.PostFormValue("csrf") != tokens[c.Value] {
			http.Error(w, "the token is wrong", http.StatusForbidden)
			return
		}
		if r.PostFormValue("user") != "ann" || r.PostFormValue("password") != "sesame" {
			http.Error(w, "the password is wrong", http.StatusUnauthorized)
			return
		}
		session := fmt.Sprintf("session-%d", len(sessions))
		sessions[session] = true
		http.SetCookie(w, &http.Cookie{Name: "session", Value: session, Path: "/", MaxAge: 3600, HttpOnly: true})
		http.Redirect(w, r, "/account", http.StatusSeeOther)
	})
	return &web.Site{Handler: mux}
}
