// Bench compares this repository's client with other clients, and with the floor: the same
// bytes without a client. Each client runs each scenario in its own process on one core,
// against a server on another. The rounds of all clients are interleaved, so that other load
// on the machine affects them alike. The main figure is the processor time of the client's
// process for a request.
//
// It runs on Linux. What becomes of the figures is in package figures.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/bench/figures"
)

func main() {
	var o options
	role := flag.String("role", "", "fair: measure a client beside clients that pipeline; shares: say what the processor time is spent on. Other values are used by the program itself")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each client runs each scenario")
	flag.DurationVar(&o.duration, "duration", 200*time.Millisecond, "how long each run takes, except for scenarios with a number of requests")
	flag.BoolVar(&o.quick, "quick", false, "leave out the slow scenarios")
	run := flag.String("run", "", "only scenarios that match this regular expression")
	names := flag.String("clients", strings.Join(clientNames, ","), "the clients, separated by commas")
	flag.StringVar(&o.tsv, "tsv", "", "also write the figures to this file: scenario, client, metric, median, ratio to the floor, rounds")
	flag.StringVar(&o.profile, "profile", "", "write CPU profiles of the clients to this directory")
	flag.StringVar(&o.allocProfile, "allocprofile", "", "write allocation profiles of the clients to this directory, which slows them down")
	documents := flag.String("documents", "", "put the figures into the documents of the repository in this directory, and keep them there")
	old := flag.String("compare", "", "say what moved since this commit, by rounds in turn, or since this file that -tsv wrote")
	strict := flag.Bool("strict", false, "with -compare: fail if something is worse")
	check := flag.Bool("check", false, "fail if a ratio is out of its wide bounds twice")
	flag.Parse()

	var err error
	if o.match, err = regexp.Compile(*run); err != nil {
		fail(err)
	}
	o.clients = strings.Split(*names, ",")
	switch *role {
	case "":
		switch {
		case *old != "":
			err = compare(&o, *old, *strict)
		case *check:
			err = checkBounds(&o)
		case *documents != "":
			err = document(&o, *documents)
		default:
			_, err = benchmark(&o, nil)
		}
	case "client":
		err = clientMain(flag.Arg(0))
	case "server":
		err = serverMain(flag.Arg(0))
	case "shares":
		err = shares(&o, *documents)
	case "fair":
		err = fair(max(o.duration, 2*time.Second))
	case "fairclient":
		err = fairClientMain(flag.Arg(0), flag.Arg(1), flag.Arg(2))
	case "serve":
		err = underWrkMain(flag.Arg(0))
	default:
		err = fmt.Errorf("unknown role %q", *role)
	}
	if err != nil {
		fail(err)
	}
}

// options are the flags of the program.
type options struct {
	rounds   int
	duration time.Duration
	quick    bool
	match    *regexp.Regexp
	clients  []string
	tsv      string

	profile, allocProfile string // directories
}

// benchmark runs all scenarios, prints their figures and returns them. It calls each, if that is not nil, with the
// figures of each scenario. A scenario that fails does not keep the others from running.
func benchmark(o *options, each func(*figures.Set) error) (*figures.Set, error) {
	p, err := newPlace()
	if err != nil {
		return nil, err
	}
	defer p.leave()
	all := &figures.Set{About: about(o)}
	failed := 0
	for _, sc := range scenarios(p.server.addresses, p.roots(), p.file()) {
		if o.quick && sc.slow || !o.match.MatchString(sc.name) {
			continue
		}
		names := sc.clientsOf(o.clients)
		if len(names) == 0 {
			fmt.Fprintf(os.Stderr, "bench: nothing can run %q\n", sc.name)
			continue
		}
		found, err := p.measure(o, &sc, names)
		if err != nil {
			fmt.Fprintf(os.Stderr, "bench: %s: %v\n", sc.name, err)
			failed++
			continue
		}
		printScenario(&sc, found)
		all.Figures = append(all.Figures, found.Figures...)
		if each != nil {
			found.About = all.About
			if err := each(found); err != nil {
				return nil, err
			}
		}
	}
	if o.tsv != "" {
		if err := all.WriteFile(o.tsv); err != nil {
			return nil, err
		}
	}
	if failed != 0 {
		return all, fmt.Errorf("%d scenarios failed", failed)
	}
	return all, nil
}

// A place is where clients run: the cores, the server, and a directory of files.
type place struct {
	serverCore, clientCore int
	server                 *server
	dir                    string
}

func newPlace() (*place, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	p := &place{dir: dir}
	p.serverCore, p.clientCore = cores()
	if p.server, err = startServer(p.serverCore, "server", p.roots()); err != nil {
		p.leave()
		return nil, err
	}
	return p, nil
}

func (p *place) leave() {
	if p.server != nil {
		p.server.stop()
	}
	os.RemoveAll(p.dir)
}

// roots is the file with the server's certificate.
func (p *place) roots() string { return filepath.Join(p.dir, "roots.pem") }

// file is the file that is uploaded.
func (p *place) file() string { return filepath.Join(p.dir, "zeros") }

// measure runs sc with each of the named clients, in interleaved rounds.
func (p *place) measure(o *options, sc *scenario, names []string) (*figures.Set, error) {
	results := make(map[string][]result)
	for range o.rounds {
		for _, name := range names {
			t := sc.task
			t.Client, t.Duration = name, o.duration
			t.Profile = profileFile(o.profile, sc, name)
			t.AllocProfile = profileFile(o.allocProfile, sc, name)
			r, err := p.run(&t)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			results[name] = append(results[name], r)
		}
	}
	found := &figures.Set{}
	for _, name := range names {
		for _, m := range metricsOf(sc, name) {
			f := figures.Figure{Scenario: sc.name, Client: name, Metric: m.heading() + "/" + sc.per()}
			for _, r := range results[name] {
				f.Values = append(f.Values, m.of(sc, &r))
			}
			found.Figures = append(found.Figures, f)
		}
	}
	return found, nil
}

// run runs a task once.
func (p *place) run(t *task) (result, error) {
	if t.Upload != 0 {
		if err := makeFile(p.file()); err != nil {
			return result{}, err
		}
	}
	switch {
	case t.Kind == serve && t.HTTP2:
		return p.runUnderH2load(t)
	case t.Kind == serve:
		return p.runWrk(t)
	case t.Client == h2loadName:
		return p.runH2load(t)
	}
	return p.runClient(t)
}

// profileFile returns the name of a profile in dir, or "" without dir.
func profileFile(dir string, s *scenario, client string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, notInNames.ReplaceAllString(s.name+"-"+client, "_")+".pprof")
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9]+`)
