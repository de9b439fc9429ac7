package main

import "time"

// A kind is the kind of a task. Each client has one function for it.
type kind string

const (
	// requests repeats a request on all connections of the task.
	requests kind = "requests"
	// hold opens an endless response on each connection of the task, and measures
	// their memory.
	hold kind = "hold"
	// stub repeats a request that is answered in memory.
	stub kind = "stub"
	// chain makes a Deferred, adds three callbacks and fires it.
	chain kind = "chain"
	// wait has a function wait for a Deferred that fires later.
	wait kind = "wait"
	// both is client and server in one program.
	both kind = "both"
	// serve runs a server under wrk, or h2load for HTTP/2.
	serve kind = "serve"
)

// A task is the work of a client process, which receives it as JSON.
type task struct {
	Kind        kind
	Client      string
	URL         string
	Roots       string // the file with the server's certificate, for https
	Method      string
	JSON        string // the body of the request, or ""
	Upload      int64  // the length of the file to upload, or 0
	File        string // that file, or "": its content is made while it is read
	Connections int    // as many requests are made at a time
	HTTP2       bool   // over one connection, except for the floor, which has only HTTP/1.1
	Streams     int    // for serve with HTTP2: as many requests at a time on each connection
	Fresh       bool   // each request uses a new connection
	Cookies     bool   // the client keeps and sends cookies
	Gzip        bool   // the client decodes the response's body
	Redirects   int    // the number of redirects before the response
	Length      int64  // the length of the response's body, decoded
	GOGC        int    // of the program, or 0 for the usual one; for both
	Stream      bool   // the client reads the body piece by piece, without keeping it

	// Profile and AllocProfile are the files of a CPU profile and an allocation
	// profile, or "".
	Profile, AllocProfile string

	// Warm requests are made before the measurement. It then lasts for Times requests
	// or, if that is 0, for Duration.
	Warm     int64
	Times    int64
	Duration time.Duration
}

// A result is the measurement of a client process: the resources used between the start and
// the end.
type result struct {
	Requests   int64
	CPU        time.Duration // user and system time of the process
	Wall       time.Duration
	Mallocs    uint64
	AllocBytes uint64
	Memory     uint64 // for hold: bytes of Go's heap and stacks
	Resident   uint64 // for hold: resident bytes of the process
	Goroutines int    // for hold
}

// smallBody is the body of small responses.
const smallBody = "Hello, world!"
