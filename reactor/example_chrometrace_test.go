package reactor_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// A program writes what its loop does into a file, for https://ui.perfetto.dev.
func ExampleLoop_StartChromeTrace() {
	file, err := os.Create(filepath.Join(os.TempDir(), "loop.json"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.Remove(file.Name()) // a program keeps it

	l := reactor.New()
	defer l.Close()
	stop := l.StartChromeTrace(file)
	l.CallLater(time.Millisecond, func() { l.Stop() })
	l.Run()
	if err := stop(); err != nil {
		fmt.Println(err)
	}
	file.Close()

	text, _ := os.ReadFile(file.Name())
	fmt.Println(bytes.Contains(text, []byte("ExampleLoop_StartChromeTrace.func1")))
	// Output: true
}

// A span shows work that takes several turns. In memory, the times are those of the clock.
func ExampleTraceSpan() {
	r := memory.New()
	var trace bytes.Buffer
	stop := r.StartChromeTrace(&trace)
	span := reactor.TraceSpan(r, "job", Job(7))
	r.CallLater(2*time.Millisecond, func() { span.End() })
	r.RunFor(time.Second)
	stop()
	for _, line := range regexp.MustCompile(`.*"cat":"job".*`).FindAllString(trace.String(), -1) {
		fmt.Println(line)
	}
	// Output:
	// {"ph":"b","pid":1,"tid":1,"ts":0.000,"name":"job 7","cat":"job","id":1},
	// {"ph":"e","pid":1,"tid":1,"ts":2000.000,"name":"job 7","cat":"job","id":1},
}

// Job is the number of a job.
type Job int

func (j Job) String() string { return fmt.Sprint("job ", int(j)) }

// WarnSlow finds the callback that makes all others wait.
func ExampleLoop_WarnSlow() {
	r := memory.New()
	r.WarnSlow(50 * time.Millisecond)
	r.CallLater(time.Second, func() {
		r.Advance(200 * time.Millisecond) // as if it computed so long
	})
	r.RunFor(time.Minute)
	// log/slog has: level=WARN msg="reactor: a callback held the loop for long"
	// callback="main.main.func1 (main.go:12)" of="a delayed call" took=200ms
	fmt.Println(r.Stats().DelayedCalls)
	// Output: 1
}
