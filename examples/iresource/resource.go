package main

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A JSONResource answers every request with its Data, as JSON.
type JSONResource struct {
	web.Leaf // it also answers all paths below it
	Data     any
}

// Render answers a request; see [web.Renderer].
func (j *JSONResource) Render(req *web.Request) {
	text, err := json.Marshal(j.Data)
	if err != nil {
		req.Fail(err)
		return
	}
	req.SetHeader("Content-Type", "application/json")
	req.Write(text)
}

// A Queue adds the content of a POST to its messages, and answers a GET with the oldest
// message. A GET waits for a message if there is none.
type Queue struct {
	web.Leaf
	messages *deferred.DeferredQueue[string]
}

// NewQueue returns a Queue of up to size messages and up to size waiting clients.
func NewQueue(size int) *Queue {
	return &Queue{messages: deferred.NewDeferredQueue[string](deferred.QueueConfig{Size: size, Backlog: size})}
}

// RenderGET answers when there is a message; see [web.GETRenderer]. A client that
// disconnects before then takes none.
func (q *Queue) RenderGET(req *web.Request) {
	web.FinishWhen(req, q.messages.Get().AddCallback(func(message string) (string, error) {
		req.WriteString(message)
		return message, nil
	}))
}

// RenderPOST adds a message; see [web.POSTRenderer].
func (q *Queue) RenderPOST(req *web.Request) {
	message, err := io.ReadAll(req.Content)
	if err == nil {
		err = q.messages.Put(string(message))
	}
	if err != nil {
		web.ErrorPage(http.StatusServiceUnavailable, "Not Taken", err.Error()).Render(req)
		return
	}
	req.SetResponseCode(http.StatusAccepted)
}

// NewRoot returns the root of the server's resources.
func NewRoot() web.Resource {
	root := &web.Node{}
	root.PutChild("", &JSONResource{Data: map[string]string{"status": "ok"}})
	root.PutChild("queue", NewQueue(100))
	return root
}
