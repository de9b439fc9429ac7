// Download_file saves a response in a file, piece by piece, so that a response of any size
// fits into memory. On a terminal, it draws a progress bar.
//
//	download_file [URL [file]]
package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/examples/internal/progress"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[deferred.None] {
	var file *os.File
	var err error
	if len(os.Args) > 2 {
		file, err = os.Create(os.Args[2])
	} else {
		file, err = os.CreateTemp("", "download_file-")
	}
	if err != nil {
		return deferred.Fail[deferred.None](err)
	}
	size := 0
	d := treq.Get(httpbin.URL("/bytes/100000?seed=1"), treq.Unbuffered(true))
	saved := deferred.Then(d, func(resp *response.Response) *deferred.Deferred[deferred.None] {
		bar := progress.NewBar(resp.Length)
		return treq.Collect(resp, func(data []byte) error {
			size += len(data)
			bar.Add(len(data))
			_, err := file.Write(data)
			return err
		})
	})
	return saved.AddBoth(func(none deferred.None, err error) (deferred.None, error) {
		if err = errors.Join(err, file.Close()); err == nil {
			fmt.Printf("saved %s: %d bytes\n", file.Name(), size)
		}
		return none, err
	})
}
