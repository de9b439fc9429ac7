// Service keeps notes as JSON, behind nginx or haproxy on the same machine. SIGTERM ends it in
// order. Without arguments, it makes a request to itself and ends.
//
//	service [localhost:8080]
package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/printing"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	port, err := r.ListenTCP(append(os.Args, "127.0.0.1:0")[1], &web.Site{
		Handler:   service(r),
		AccessLog: web.SlogAccessLog(slog.New(slog.NewTextHandler(os.Stdout, nil))),
		Proxies:   web.Proxies{Addresses: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
	})
	if err != nil {
		return deferred.Fail[string](err)
	}
	url := "http://" + port.Addr().String()
	fmt.Println("listening on", url)
	if len(os.Args) > 1 {
		return deferred.New[string]() // never fires
	}
	return deferred.Then(treq.Put(url+"/notes/1", treq.JSON(map[string]string{"text": "Milk"})), printing.Response)
}

// service returns the handler. Its requests share the notes without a lock: they run on one goroutine.
func service(r reactor.Reactor) http.Handler {
	notes, mux := map[string]any{}, http.NewServeMux()
	mux.HandleFunc("PUT /notes/{id}", func(w http.ResponseWriter, req *http.Request) {
		var note any
		if err := json.NewDecoder(http.MaxBytesReader(w, req.Body, 1<<20)).Decode(&note); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		} else {
			notes[req.PathValue("id")] = note
			json.NewEncoder(w).Encode(note)
		}
	})
	mux.HandleFunc("GET /notes", func(w http.ResponseWriter, req *http.Request) {
		web.Await(req.Context(), task.Sleep(r, time.Second/2)) // others are served meanwhile
		json.NewEncoder(w).Encode(notes)
	})
	return mux
}
