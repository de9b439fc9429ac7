// Bench compares this repository's client with other clients, and with the floor: the same
// bytes without a client. Each client runs each scenario in its own process on one core,
// against a server on another. The rounds of all clients are interleaved, so that other load
// on the machine affects them alike. The main figure is the processor time of the client's
// process for a request.
//
// It runs on Linux.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

func main() {
	var o options
	role := flag.String("role", "", "fair: measure a client beside clients that pipeline. Other values are used by the program itself")
	flag.IntVar(&o.rounds, "rounds", 5, "how often each client runs each scenario")
	flag.DurationVar(&o.duration, "duration", 200*time.Millisecond, "how long each run takes, except for scenarios with a number of requests")
	flag.BoolVar(&o.quick, "quick", false, "leave out the slow scenarios")
	run := flag.String("run", "", "only scenarios that match this regular expression")
	names := flag.String("clients", strings.Join(clientNames, ","), "the clients, separated by commas")
	flag.StringVar(&o.tsv, "tsv", "", "also write the figures to this file: scenario, client, metric, value, ratio to the floor")
	flag.StringVar(&o.profile, "profile", "", "write CPU profiles of the clients to this directory")
	flag.StringVar(&o.allocProfile, "allocprofile", "", "write allocation profiles of the clients to this directory, which slows them down")
	flag.Parse()

	var err error
	switch *role {
	case "":
		o.clients = strings.Split(*names, ",")
		if o.match, err = regexp.Compile(*run); err == nil {
			err = benchmark(&o)
		}
	case "client":
		err = clientMain(flag.Arg(0))
	case "server":
		err = serverMain(flag.Arg(0))
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

// benchmark runs all scenarios and prints the tables.
func benchmark(o *options) error {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	serverCore, clientCore := cores()
	roots := filepath.Join(dir, "roots.pem")
	s, err := startServer(serverCore, "server", roots)
	if err != nil {
		return err
	}
	defer s.stop()

	report, err := newReport(o.tsv)
	if err != nil {
		return err
	}
	defer report.close()
	for _, sc := range scenarios(s.addresses, roots) {
		if o.quick && sc.slow || !o.match.MatchString(sc.name) {
			continue
		}
		sc.task.Duration = o.duration
		names := sc.clientsOf(o.clients)
		if len(names) == 0 {
			fmt.Fprintf(os.Stderr, "bench: nothing can run %q\n", sc.name)
			continue
		}
		figures := make(map[string][]result)
		for range o.rounds {
			for _, name := range names {
				t := sc.task
				t.Client = name
				t.Profile = profileFile(o.profile, &sc, name)
				t.AllocProfile = profileFile(o.allocProfile, &sc, name)
				var r result
				switch {
				case t.Kind == serve && t.HTTP2:
					r, err = runUnderH2load(serverCore, clientCore, &t)
				case t.Kind == serve:
					r, err = runWrk(serverCore, clientCore, &t)
				case name == h2loadName:
					r, err = runH2load(clientCore, &t)
				default:
					r, err = runClient(clientCore, &t)
				}
				if err != nil {
					return fmt.Errorf("%s, %s: %w", sc.name, name, err)
				}
				figures[name] = append(figures[name], r)
			}
		}
		report.scenario(&sc, names, figures)
	}
	return nil
}

// profileFile returns the name of a profile in dir, or "" without dir.
func profileFile(dir string, s *scenario, client string) string {
	if dir == "" {
		return ""
	}
	return filepath.Join(dir, notInNames.ReplaceAllString(s.name+"-"+client, "_")+".pprof")
}

var notInNames = regexp.MustCompile(`[^A-Za-z0-9]+`)
