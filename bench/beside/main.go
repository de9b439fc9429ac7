// Beside prints the table of README.md that compares this library with its peers. Each cell is
// the result of a probe: a small program that uses the peer's own feature against servers on
// this machine. Three rows cannot be probed: what a request gives, tests, and servers.
//
//	cd bench && go run ./beside                            # the table
//	cd bench && go run ./beside -v                         # and why a cell says no
//	cd bench && go run ./beside -undici FOLDER             # where npm installed undici
//
// It runs on Linux. A peer that is not installed has no column, and the program says so.
// Debian has python3-treq, python3-requests, python3-httpx, python3-brotli, python3-socks,
// python3-socksio and python3-h2; undici is a package of npm.
package main

import (
	_ "embed"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
)

//go:embed probes.py
var probesInPython string

//go:embed probes.mjs
var probesInJavaScript string

// A peer is a column of the table.
type peer struct {
	name    string
	command func(servers string) *exec.Cmd
	said    map[string]string // the cells that are not probed
}

// titles has the rows in order: the key that the probes print, and the title.
var titles = [][2]string{
	{"gives", "A request gives"},
	{"keep", "Connections are kept"},
	{"baseurl", "A base URL"},
	{"pathparams", "Parameters of the path, escaped"},
	{"idna", "Host names in any script"},
	{"agent", "Names itself by User-Agent"},
	{"cookies", "Cookies are kept"},
	{"basic", "Basic authentication"},
	{"digest", "Digest authentication"},
	{"netrc", ".netrc"},
	{"token", "A token is refreshed after a 401"},
	{"decodes", "Decodes"},
	{"charset", "Text by the response's charset"},
	{"status", "A status as an error"},
	{"links", "Link headers"},
	{"multipart", "Multipart uploads"},
	{"timeouts", "Timeouts"},
	{"retries", "Retries, as Retry-After says"},
	{"limits", "Limits"},
	{"history", "Redirects that led here"},
	{"proxy", "Proxies, https through a tunnel"},
	{"socks", "SOCKS5"},
	{"env", "Proxies from the environment"},
	{"times", "How long each part took"},
	{"curl", "A request as a curl command"},
	{"http2", "HTTP/2"},
	{"tests", "Tests without sockets"},
	{"server", "A server"},
}

func main() {
	probe := flag.String("probe", "", "is used by the program itself")
	verbose := flag.Bool("v", false, "say why a cell says no")
	undici := flag.String("undici", ".", "the folder whose node_modules has undici")
	flag.Parse()
	var err error
	if *probe != "" {
		err = probeMain(*probe, flag.Arg(0))
	} else {
		err = table(*undici, *verbose)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "beside:", err)
		os.Exit(1)
	}
}

func peers(undici string) []peer {
	folder, _ := filepath.Abs(undici)
	inGo := func(name string) func(string) *exec.Cmd {
		return func(servers string) *exec.Cmd {
			self, _ := os.Executable()
			return exec.Command(self, "-probe", name, servers)
		}
	}
	inPython := func(name string) func(string) *exec.Cmd {
		return func(servers string) *exec.Cmd {
			return exec.Command("/usr/bin/python3", "-I", "-c", probesInPython, name, servers)
		}
	}
	inNode := func(servers string) *exec.Cmd {
		return exec.Command("node", "--no-warnings", "--input-type=module", "-e", probesInJavaScript, "--", folder, servers)
	}
	return []peer{
		{"gotreq", inGo("gotreq"), map[string]string{"gives": "a Deferred, or waits in direct style, or blocks",
			"tests": "StubTreq: client, server, network and clock", "server": "yes"}},
		{"treq", inPython("treq"), map[string]string{"gives": "a Deferred", "tests": "StubTreq", "server": "Twisted's"}},
		{"requests", inPython("requests"), map[string]string{"gives": "a response, by blocking", "tests": "no", "server": "no"}},
		{"httpx", inPython("httpx"), map[string]string{"gives": "that, or asyncio", "tests": "MockTransport", "server": "no"}},
		{"undici", inNode, map[string]string{"gives": "a promise", "tests": "MockAgent", "server": "Node's"}},
		{"resty", inGo("resty"), map[string]string{"gives": "a response, by blocking", "tests": "no", "server": "no"}},
		{"net/http", inGo("net/http"), map[string]string{"gives": "a response, by blocking", "tests": "no", "server": "yes"}},
	}
}

// table probes all peers and prints the table.
func table(undici string, verbose bool) error {
	folder, err := os.MkdirTemp("", "beside")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	w, err := start(folder)
	if err != nil {
		return err
	}
	servers, err := json.Marshal(w)
	if err != nil {
		return err
	}
	head, columns := "|", []map[string]string{}
	for _, p := range peers(undici) {
		out, err := p.command(string(servers)).Output()
		if err != nil {
			fmt.Fprintf(os.Stderr, "beside: %s has no column: %v\n", p.name, err)
			continue
		}
		cells := p.said
		for _, line := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
			part := strings.SplitN(line, "\t", 3)
			if len(part) < 3 {
				return fmt.Errorf("%s printed %q", p.name, line)
			}
			cells[part[0]] = part[1]
			if verbose && part[2] != "" {
				fmt.Fprintf(os.Stderr, "%s, %s: %s\n", p.name, part[0], part[2])
			}
		}
		head += " | " + strings.TrimSpace(p.name+" "+version(p.name, cells["version"]))
		columns = append(columns, cells)
	}
	fmt.Println(head + " |")
	fmt.Println("|" + strings.Repeat(" --- |", len(columns)+1))
	for _, title := range titles {
		row := "| " + title[1]
		for _, cells := range columns {
			cell, ok := cells[title[0]]
			if !ok {
				return fmt.Errorf("no probe of %q in a column", title[0])
			}
			row += " | " + cell
		}
		fmt.Println(row + " |")
	}
	return nil
}

// version returns the major and minor part of the version of a peer.
func version(name, printed string) string {
	if name == "net/http" {
		printed = strings.TrimPrefix(runtime.Version(), "go")
	}
	part := strings.SplitN(printed, ".", 3)
	return strings.Join(part[:min(2, len(part))], ".")
}
