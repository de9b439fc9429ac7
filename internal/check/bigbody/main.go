//go:build linux

// Bigbody downloads a large body from a URL, uploads one of the same size to it, and prints
// the peak of its resident memory, which its test limits. The URL is the first argument, the
// size in bytes the second.
package main

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[deferred.None] {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: bigbody URL SIZE")
		os.Exit(2)
	}
	url := os.Args[1]
	size, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err != nil {
		return deferred.Fail[deferred.None](err)
	}
	return deferred.Go(func(co *deferred.Co) (deferred.None, error) {
		got, err := download(co, url)
		if err == nil && got != size {
			err = fmt.Errorf("downloaded %d bytes, want %d", got, size)
		}
		if err != nil {
			return deferred.None{}, err
		}
		answer, err := upload(co, url, size)
		if err == nil && answer != os.Args[2] {
			err = fmt.Errorf("uploaded %s bytes, want %d", answer, size)
		}
		if err != nil {
			return deferred.None{}, err
		}
		status, err := os.ReadFile("/proc/self/status")
		for line := range strings.Lines(string(status)) {
			if strings.HasPrefix(line, "VmHWM:") {
				fmt.Print(line)
			}
		}
		return deferred.None{}, err
	})
}

func download(co *deferred.Co, url string) (n int64, err error) {
	resp, err := deferred.Await(co, treq.Get(url, treq.Unbuffered(true)))
	if err != nil {
		return 0, err
	}
	_, err = deferred.Await(co, resp.Collect(func(data []byte) error {
		n += int64(len(data))
		return nil
	}))
	return n, err
}

func upload(co *deferred.Co, url string, size int64) (answer string, err error) {
	file := multipart.FromReader("zeros", io.LimitReader(zeros{}, size))
	d := treq.Post(url, treq.Files{{Name: "file", Value: file}})
	return deferred.Await(co, deferred.Then(d, (*response.Response).Text))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}
