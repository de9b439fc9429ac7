package testing

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"

	"github.com/seed-7c003b53/gotreq/reactor/memory/ladder"
)

// This file draws a run that fails, for go test -artifacts.

// draw writes the pictures and the trace of a run, and returns the names of the files, or what went
// wrong. Without -artifacts, it does nothing.
func (x *explorer) draw(o *run, n *Finding) (names []string) {
	if f := flag.Lookup("test.artifacts"); f == nil || f.Value.String() != "true" {
		return nil
	}
	picture := ladder.New(n.Trace, o.names())
	picture.Title = x.name
	trace, err := json.MarshalIndent(n.Trace, "", "  ")
	if err != nil {
		return []string{err.Error()}
	}
	dir := x.ArtifactDir()
	for _, file := range []struct{ name, text string }{
		{"ladder.svg", picture.SVG()},
		{"ladder.html", picture.HTML()},
		{"trace.json", string(trace) + "\n"},
	} {
		name := filepath.Join(dir, file.name)
		if err := os.WriteFile(name, []byte(file.text), 0o666); err != nil {
			name = err.Error()
		}
		names = append(names, name)
	}
	return names
}
