// Upload sends a form with a title and a file, and reads the file only as fast as the
// network accepts it. On a terminal, it draws a progress bar. Without a file, it sends its
// own program.
//
//	upload [URL [file]]
package main

import (
	"os"
	"path/filepath"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/examples/internal/printing"
	"github.com/seed-7c003b53/gotreq/examples/internal/progress"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
)

func main() { task.React(run) }

func run(reactor.Reactor) *deferred.Deferred[string] {
	name, err := os.Executable()
	if len(os.Args) > 2 {
		name, err = os.Args[2], nil
	}
	if err != nil {
		return deferred.Fail[string](err)
	}
	file, err := os.Open(name)
	if err != nil {
		return deferred.Fail[string](err)
	}
	info, err := file.Stat()
	if err != nil {
		return deferred.Fail[string](err)
	}
	d := treq.Post(httpbin.URL("/upload"), treq.Files{
		{Name: "title", Value: multipart.Text("At sea")},
		{Name: "photo", Value: multipart.FromReader(filepath.Base(name), &watchedFile{file, progress.NewBar(info.Size())})},
	})
	return deferred.Then(d, printing.Response)
}

// A watchedFile shows on a bar how much of it has been read. treq closes it at the end.
type watchedFile struct {
	*os.File
	bar *progress.Bar
}

func (f *watchedFile) Read(p []byte) (int, error) {
	n, err := f.File.Read(p)
	f.bar.Add(n)
	return n, err
}
