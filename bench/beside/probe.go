package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// This file has what the probes of the libraries in Go share.

// goPeers are the peers that are probed by this program itself, each in a process of its own.
var goPeers = map[string]func(*prober){
	"gotreq":   probeGotreq,
	"resty":    probeResty,
	"net/http": probeNetHTTP,
}

// A prober prints the results of the probes of one library.
type prober struct {
	*world
	name string
	next int
}

// probeMain probes the library name; servers is the world as JSON.
func probeMain(name, servers string) error {
	p := &prober{world: &world{}, name: name}
	if err := json.Unmarshal([]byte(servers), p.world); err != nil {
		return err
	}
	os.Setenv("HOME", p.Home)
	os.Setenv("HTTP_PROXY", p.Proxy) // example.com alone goes there: 127.0.0.1 needs no proxy
	goPeers[name](p)
	return nil
}

// row prints cell if probe returns nil, else no.
func (p *prober) row(title, cell string, probe func() error) {
	reason := ""
	if err := probe(); err != nil {
		cell, reason = "no", strings.ReplaceAll(fmt.Sprintf("%.150s", err.Error()), "\n", " ")
	}
	fmt.Printf("%s\t%s\t%s\n", title, cell, reason)
}

// several prints the names of the probes that return nil, in the given order.
func (p *prober) several(title string, probes []labelled) {
	var found []string
	for _, l := range probes {
		if l.probe() == nil {
			found = append(found, l.label)
		}
	}
	cell := strings.Join(found, ", ")
	if cell == "" {
		cell = "no"
	}
	fmt.Printf("%s\t%s\t\n", title, cell)
}

// A labelled is a probe with its name.
type labelled struct {
	label string
	probe func() error
}

// absent is the probe of a feature for which the library has nothing to call.
func absent() error { return fmt.Errorf("the library has nothing to call") }

// id returns a name for the server's counts.
func (p *prober) id() string {
	p.next++
	return fmt.Sprintf("%s%d-%d", strings.ReplaceAll(p.name, "/", ""), os.Getpid(), p.next)
}

// ask returns what the server answers to a GET of path.
func (p *prober) ask(path string) string {
	resp, err := (&http.Client{Transport: &http.Transport{}}).Get(p.HTTP + path)
	if err != nil {
		return err.Error()
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(resp.Body)
	return string(body)
}

// want returns an error unless got is want.
func want(got, want string, err error) error {
	if err == nil && got != want {
		err = fmt.Errorf("%.60q, want %q", got, want)
	}
	return err
}

// fails returns nil if f fails within two seconds.
func fails(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		if err == nil {
			return fmt.Errorf("it did not fail")
		}
		return nil
	case <-time.After(2 * time.Second):
		return fmt.Errorf("it waited")
	}
}

// A slowFile has two pieces. The second comes when the server has received the first.
type slowFile struct {
	*prober
	id       string
	piece    int
	streamed bool
}

func (f *slowFile) Read(buf []byte) (int, error) {
	const size = 70000
	if f.piece/size == 1 {
		for i := 0; i < 30 && !f.streamed; i++ {
			n, _ := strconv.Atoi(f.ask("/received?id=" + f.id))
			f.streamed = n > 30000
			time.Sleep(20 * time.Millisecond)
		}
	}
	if f.piece == 2*size {
		return 0, io.EOF
	}
	n := min(len(buf), size-f.piece%size)
	f.piece += n
	return n, nil
}

// how says how f was sent.
func (f *slowFile) how() string {
	if f.streamed {
		return "streamed"
	}
	return "from memory"
}
