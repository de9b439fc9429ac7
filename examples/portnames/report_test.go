package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

// reported returns what is printed about files.
func reported(t *testing.T, files ...source) string {
	t.Helper()
	var out bytes.Buffer
	r := newReport(&out, readNames(table))
	for _, s := range files {
		r.add(s)
	}
	if err := r.finish(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestReport(t *testing.T) {
	got := reported(t,
		source{file: "a.py", src: []byte("from twisted.internet import defer, reactor\nd = defer.Deferred()\nd.addCallback(f); d.addCallback(g)\nreactor.spawnProcess(x.callback)\n")},
		source{file: "b\n.py", src: []byte("import twisted.names.client\nimport treq._utils\n'abc\n")},
		source{file: "c.py", err: errors.New("no such file")},
	)
	want := strings.TrimLeft(`
a.py:2:   defer.Deferred                       deferred.Deferred
a.py:3:   d.addCallback                        deferred.Deferred.AddCallback, deferred.Map; which one
a.py:4: ! reactor.spawnProcess                 none: Go has package os/exec
a.py:4:   x.callback                           deferred.Deferred.Callback (or of Alarm)
b`+"\ufffd"+`.py:3: the string that begins here does not end on its line
b`+"\ufffd"+`.py:1: ? twisted.names.client                 docs/names.md does not say
b`+"\ufffd"+`.py:2: ! treq._utils                          none: it is private
c.py: cannot be read: no such file

3 files, of which 2 could not be read, or not all of it
6 uses of 6 names: 3 have a counterpart, 2 (!) a reason why there is none, 1 (?) are unknown
without a counterpart: treq._utils, 1 use, first at b`+"\ufffd"+`.py:2
without a counterpart: twisted.internet.reactor.spawnProcess, 1 use, first at a.py:4
unknown: twisted.names.client, 1 use, first at b`+"\ufffd"+`.py:1
`, "\n")
	if got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}

// TestManyProblems: a file that is no Python does not fill the screen.
func TestManyProblems(t *testing.T) {
	got := reported(t, source{file: "a", src: []byte(strings.Repeat("it's\n", 1000))})
	if !strings.Contains(got, "\na: 997 more such places\n") || strings.Count(got, "\n") != 7 {
		t.Error(got)
	}
}
