package main

import "time"

// A kind says what a task is, and so which function of a client does it.
type kind string

const (
	// requests makes the same request over and over, on as many connections at a
	// time as the task says.
	requests kind = "requests"
	// hold opens as many responses as the task has connections, each of which has
	// begun and goes on for ever, and measures the memory that they take.
	hold kind = "hold"
	// stub makes requests that are answered in memory.
	stub kind = "stub"
	// chain makes a Deferred, adds three callbacks and fires it.
	chain kind = "chain"
	// serve is a server under wrk.
	serve kind = "serve"
)

// A task is what one client process does. It travels to the process as JSON, to the
// one in Python too.
type task struct {
	Kind        kind
	Client      string
	URL         string // of the request
	Roots       string // a file with the certificate that the server has, for https
	Method      string
	JSON        string // the body of the request, if that is JSON
	Upload      int64  // how long a file it has to upload, if it has
	Connections int
	Fresh       bool  // each request has a connection of its own
	Cookies     bool  // cookies are kept and sent
	Gzip        bool  // the response's body is compressed, and to be decoded
	Redirects   int   // how many redirects come before the response
	Length      int64 // of the response's body as the client's user sees it
	WireLength  int64 // of the response's body as it is sent
	Stream      bool  // the body is read piece by piece, and not kept

	// Profile is a file for a profile of the process's time, AllocProfile one for a
	// profile of all that it allocated; "" is none.
	Profile, AllocProfile string

	// Warm is how many requests are made before those that count. Then as many
	// count as Times says, or as are made in Duration.
	Warm     int64
	Times    int64
	Duration time.Duration
}

// A result is what was measured in a client process: the difference between the
// end of what counts and its beginning.
type result struct {
	Requests   int64
	CPU        time.Duration // user and system, of the whole process
	Wall       time.Duration
	Mallocs    uint64
	AllocBytes uint64
	Memory     uint64 // of hold: Go's heap and stacks
	Resident   uint64 // of hold: of the process
	Goroutines int    // of hold
}

// smallBody is the body of small responses: 13 bytes.
const smallBody = "Hello, world!"
