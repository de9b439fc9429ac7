package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// This file runs nghttp2's h2load: as a client beside the others, and to load servers.

var h2loadTotal = regexp.MustCompile(`(\d+) succeeded, (\d+) failed, (\d+) errored`)

// haveH2load reports whether h2load is installed, and says it if not.
var haveH2load = sync.OnceValue(func() bool {
	_, err := exec.LookPath("h2load")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: h2load is not installed (Debian: nghttp2-client): its figures are left out")
	}
	return err == nil
})

// An h2loader runs h2load on a core, with streams requests at a time on each of the
// connections.
type h2loader struct {
	core                 int
	url                  string
	data                 string // the file to upload, or ""
	connections, streams int
}

// run makes n requests, and returns the resources that h2load used.
func (l *h2loader) run(n int64) (r result, err error) {
	args := []string{"-t1", fmt.Sprintf("-n%d", n), fmt.Sprintf("-c%d", l.connections), fmt.Sprintf("-m%d", l.streams)}
	if l.data != "" {
		args = append(args, "-d"+l.data)
	}
	cmd := exec.Command("h2load", append(args, l.url)...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return r, err
	}
	began := time.Now()
	if err := startOn(cmd, l.core); err != nil {
		return r, err
	}
	text, _ := io.ReadAll(out)
	if err := cmd.Wait(); err != nil {
		return r, fmt.Errorf("h2load: %w: %s", err, text)
	}
	total := h2loadTotal.FindSubmatch(text)
	if total == nil || string(total[2]) != "0" || string(total[3]) != "0" || string(total[1]) != strconv.FormatInt(n, 10) {
		return r, fmt.Errorf("h2load says %s", text)
	}
	return result{Requests: n, CPU: cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), Wall: time.Since(began)}, nil
}

// runFor makes as many requests as take about d, n at first, and returns their number.
func (l *h2loader) runFor(d time.Duration, n int64) (int64, error) {
	for {
		r, err := l.run(n)
		if err != nil {
			return 0, err
		}
		if r.Wall > d/4 {
			return int64(float64(n) * float64(d) / float64(r.Wall)), nil
		}
		n *= 4
	}
}

// runH2load measures h2load as the client of t: what it needs for many requests, less what
// it needs for the warm-up alone.
func (p *place) runH2load(t *task) (r result, err error) {
	l := &h2loader{core: p.clientCore, url: t.URL, connections: 1, streams: t.Connections}
	if t.Upload != 0 {
		l.data = p.file()
	}
	warm := max(t.Warm, int64(t.Connections))
	n := t.Times
	if n == 0 {
		if n, err = l.runFor(t.Duration, warm); err != nil {
			return r, err
		}
	}
	few, err := l.run(warm)
	if err != nil {
		return r, err
	}
	all, err := l.run(warm + n)
	if err != nil {
		return r, err
	}
	return result{Requests: n, CPU: all.CPU - few.CPU, Wall: max(1, all.Wall-few.Wall)}, nil
}

// runUnderH2load runs a server on one core and h2load on the other.
func (p *place) runUnderH2load(t *task) (r result, err error) {
	s, err := startServer(p.serverCore, "serve", t.Client)
	if err != nil {
		return r, err
	}
	defer s.stop()
	l := &h2loader{core: p.clientCore, url: "http://" + s.Plain + "/small", connections: t.Connections, streams: t.Streams}
	n, err := l.runFor(t.Duration, int64(20*t.Connections*t.Streams)) // to warm up
	if err != nil {
		return r, err
	}
	before, err := s.used()
	if err != nil {
		return r, err
	}
	if r, err = l.run(n); err != nil {
		return r, err
	}
	after, err := s.used()
	r.CPU, r.Mallocs, r.AllocBytes = after.CPU-before.CPU, after.Mallocs-before.Mallocs, after.AllocBytes-before.AllocBytes
	return r, err
}
