package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/bench/figures"
)

// This file says what the processor time of the small GET is spent on: perf takes samples of the client, in the kernel
// too, and the function of each sample belongs to one part.

// sharesOf is the scenario.
const sharesOf = "GET, 64 connections"

// A part is what some functions do, by the beginnings of their names. The first part that fits has a function.
type part struct {
	name     string
	prefixes []string
}

const kernelPart, restPart = "the kernel: sockets and epoll", "all else"

var parts = []part{
	{"allocation and collection of garbage", []string{"runtime.mallocgc", "runtime.newobject", "runtime.makeslice", "runtime.growslice", "runtime.gc",
		"runtime.(*gc", "runtime.scan", "runtime.mark", "runtime.greyobject", "runtime.(*mspan", "runtime.(*mcache", "runtime.(*mcentral",
		"runtime.(*mheap", "runtime.heapSetType", "runtime.writeHeapBits", "runtime.(*sweep", "runtime.sweep", "runtime.bgsweep", "runtime.wb",
		"runtime.bulkBarrier", "runtime.nextFree", "runtime.memclr", "runtime.(*spanSet", "runtime.findObject", "runtime.spanOf",
		"runtime.tryDeferToSpanScan", "runtime.deductAssist", "runtime.(*unwinder", "runtime.typePointers", "runtime.(*pallocData", "runtime.(*pageAlloc",
		"runtime.publicationBarrier", "gcWriteBarrier", "runtime.rawstring", "runtime.slicebytetostring", "runtime.concatstring"}},
	{"maps, which are http.Header", []string{"runtime.map", "internal/runtime/maps.", "aeshash", "runtime.strhash", "runtime.memhash"}},
	{"Go's scheduler, entry to system calls, and the rest of the runtime", []string{"runtime.", "internal/runtime/", "syscall.", "internal/poll.", "gogo", "golang.org/x/sys", "runtime/", "sync.", "internal/sync.", "time."}},
	{"parsing the response, writing the request", []string{modulePath + "internal/http1", modulePath + "treq/wire"}},
	{"Deferreds", []string{modulePath + "deferred", modulePath + "internal/coro"}},
	{"the loop", []string{modulePath + "reactor", modulePath + "internal/timers", modulePath + "internal/list"}},
	{"agent, client, request, response, cookies", []string{modulePath + "treq/", modulePath + "internal/"}},
	{"fasthttp, net/http", []string{"github.com/valyala/fasthttp", "net/http", "net.", "bufio.", "net/textproto"}},
	{"the benchmark's own", []string{"main."}},
}

const modulePath = "github.com/seed-7c003b53/gotreq/"

// partOf returns the part that has a sample.
func partOf(address, function string) string {
	if a, err := strconv.ParseUint(address, 16, 64); err == nil && a >= 1<<63 {
		return kernelPart
	}
	for _, p := range parts {
		if slices.ContainsFunc(p.prefixes, func(prefix string) bool { return strings.HasPrefix(function, prefix) }) {
			return p.name
		}
	}
	return restPart
}

// shares prints the shares, and puts them into the documents of the repository in root if that is not "".
func shares(o *options, root string) error {
	if _, err := exec.LookPath("perf"); err != nil {
		fmt.Fprintln(os.Stderr, "bench: perf is not installed (Debian: linux-perf): the shares are left out")
		return nil
	}
	p, err := newPlace()
	if err != nil {
		return err
	}
	defer p.leave()
	found := &figures.Set{About: about(o)}
	for _, sc := range scenarios(p.server.addresses, p.roots(), p.file()) {
		if sc.name != sharesOf {
			continue
		}
		for _, name := range []string{gotreqName, fasthttpName, netHTTPName, floorName} {
			t := sc.task
			t.Client, t.Duration = name, max(o.duration, 3*time.Second)
			counts, err := p.samples(&t)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			found.Figures = append(found.Figures, sharesFigures(name, counts)...)
		}
	}
	for _, f := range found.Figures {
		fmt.Printf("%-10s %5.1f %%  %s\n", f.Client, f.Median(), f.Metric)
	}
	if root == "" {
		return nil
	}
	return keep(root, func(put func(*figures.Set) error) error { return put(found) })
}

func sharesFigures(client string, counts map[string]int) (list []figures.Figure) {
	total := 0
	for _, n := range counts {
		total += n
	}
	add := func(what string) {
		if n := counts[what]; n != 0 {
			list = append(list, figures.Figure{Scenario: figures.Shares, Client: client, Metric: figures.ShareOf(what), Values: []float64{100 * float64(n) / float64(total)}})
		}
	}
	add(kernelPart)
	for _, p := range parts {
		add(p.name)
	}
	add(restPart)
	return list
}

// samples runs t under perf, and returns the number of samples of each part.
func (p *place) samples(t *task) (map[string]int, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(p.dir, "perf.data")
	client := self("client", string(text))
	record := exec.Command("perf", append([]string{"record", "-q", "-e", "cpu-clock", "-F", "1999", "-o", data, "--"}, client.Args...)...)
	record.Stderr = os.Stderr
	if err := startOn(record, p.clientCore); err != nil {
		return nil, err
	}
	if err := record.Wait(); err != nil {
		return nil, err
	}
	script := exec.Command("perf", "script", "-i", data, "-F", "ip,sym")
	script.Stderr = os.Stderr
	out, err := script.Output()
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		if address, function, ok := strings.Cut(strings.TrimSpace(lines.Text()), " "); ok {
			counts[partOf(address, function)]++
		}
	}
	if len(counts) == 0 {
		return nil, fmt.Errorf("perf has no samples: %q", out)
	}
	return counts, nil
}
