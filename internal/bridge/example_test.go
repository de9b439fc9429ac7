package bridge_test

import (
	"fmt"
	"io"
	"strings"

	"github.com/seed-7c003b53/gotreq/internal/bridge"
)

// The loop writes, and another goroutine reads.
func ExamplePipe() {
	loop := make(calls, 10)
	p := bridge.NewPipe(loop, &source{})
	text := make(chan string)
	go func() {
		data, _ := io.ReadAll(p)
		text <- string(data)
	}()
	p.Write([]byte("hello, "))
	p.Write([]byte("world"))
	p.End(io.EOF)
	fmt.Println(<-text)
	// Output: hello, world
}

// Another goroutine reads, and the loop gets the pieces.
func ExamplePump() {
	loop := make(calls, 10)
	p := bridge.NewPump(loop, io.NopCloser(strings.NewReader("hello, world")))
	ended := false
	p.Start(
		func(data []byte) { fmt.Printf("%s\n", data) },
		func(err error) { ended = true })
	for !ended {
		(<-loop)()
	}
	// Output: hello, world
}
