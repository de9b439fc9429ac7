package main

import (
	"encoding/json"
	"io"
	"net/http"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A JSONResource answers everything with its Data, as JSON.
type JSONResource struct {
	web.Leaf // all paths below it are its own too
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

// A Queue answers a GET with the next message, and waits until there is one. A POST
// brings one.
type Queue struct {
	web.Leaf
	messages *deferred.DeferredQueue[string]
}

// NewQueue returns a queue where as many messages may lie as size says, and as many
// clients may wait.
func NewQueue(size int) *Queue {
	return &Queue{messages: deferred.NewDeferredQueue[string](deferred.QueueConfig{Size: size, Backlog: size})}
}

// RenderGET answers when there is a message; see [web.GETRenderer]. Who goes away
// before is not given one.
func (q *Queue) RenderGET(req *web.Request) {
	web.FinishWhen(req, q.messages.Get().AddCallback(func(message string) (string, error) {
		req.WriteString(message)
		return message, nil
	}))
}

// RenderPOST takes a message; see [web.POSTRenderer].
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

// NewRoot returns the tree of all of them.
func NewRoot() web.Resource {
	root := &web.Node{}
	root.PutChild("", &JSONResource{Data: map[string]string{"status": "ok"}})
	root.PutChild("queue", NewQueue(100))
	return root
}
