// Portnames reads Python programs, and prints each name of Twisted and treq that they use, with
// what takes its place here, from docs/names.md:
//
//	go run ./examples/portnames program.py folder
//
// A "!" marks a name in whose place there is nothing, with the reason, and a "?" one that
// docs/names.md does not have. Members are found by their names: a program does not tell what
// class d is in d.addCallback. Without an argument, portnames reads a small program of its own.
package main

import (
	_ "embed"
	"log"
	"os"

	"github.com/seed-7c003b53/gotreq/docs"
)

//go:embed sample.py
var sample []byte

func main() {
	r := newReport(os.Stdout, readNames(docs.Names))
	if len(os.Args) > 1 {
		sources(os.Args[1:], r.add)
	} else {
		r.add(source{file: "sample.py", src: sample})
	}
	if err := r.finish(); err != nil {
		log.Fatal(err)
	}
}
