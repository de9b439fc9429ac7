package main

import (
	"fmt"
	"net/http"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
)

// An api has items for those who have a token, and gives out tokens. A token is good for five
// requests, or for a minute.
type api struct {
	http.ServeMux
	clock  reactor.Clock
	tokens int // the number of tokens given out, of which the last one is good
	uses   int // of that one
	until  time.Time
}

func newAPI(clock reactor.Clock) *api {
	a := &api{clock: clock}
	a.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		if id, secret, _ := r.BasicAuth(); id != "demo" || secret != "secret" || r.FormValue("grant_type") != "client_credentials" {
			http.Error(w, `{"error": "invalid_client"}`, http.StatusUnauthorized)
			return
		}
		a.tokens, a.uses, a.until = a.tokens+1, 5, a.clock.Now().Add(time.Minute)
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"access_token": "token-%d", "token_type": "Bearer", "expires_in": 60}`, a.tokens)
	})
	a.HandleFunc("GET /items/{id}", func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != fmt.Sprint("Bearer token-", a.tokens) || a.uses == 0 || !a.clock.Now().Before(a.until) {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		a.uses--
		fmt.Fprintf(w, "item %s by token %d", r.PathValue("id"), a.tokens)
	})
	return a
}
