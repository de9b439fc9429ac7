package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/bench/figures"
)

// This file compares this program with one of another commit, whose rounds alternate with ours, or with figures that were
// kept.

// ours are the clients that a change of this repository can make faster or slower.
var ours = []string{gotreqName, http1Name, callbackName, oneLoopName, twoLoopsName}

func compare(o *options, old string, strict bool) (err error) {
	var all []figures.Change
	if _, missing := os.Stat(old); missing == nil {
		all, err = compareKept(o, old)
	} else {
		all, err = comparePaired(o, old)
	}
	if err != nil {
		return err
	}
	fmt.Println()
	if worse := figures.PrintChanges(os.Stdout, all); worse != 0 && strict {
		return fmt.Errorf("%d figures are worse", worse)
	}
	return nil
}

// compareKept compares with figures that -tsv wrote.
func compareKept(o *options, file string) ([]figures.Change, error) {
	before, err := figures.ReadFile(file)
	if err != nil {
		return nil, err
	}
	after, err := benchmark(o, nil)
	if after == nil {
		return nil, err
	}
	fmt.Printf("\nThe rounds are not paired, since %s is of another run (%s): ratios to the floor are compared, and only great changes are seen.\n",
		file, strings.Join(before.About, "; "))
	return figures.Unpaired(before, after), err
}

// comparePaired compares with the program of a commit.
func comparePaired(o *options, commit string) ([]figures.Change, error) {
	dir, err := os.MkdirTemp("", "bench-compare")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	old, err := buildOf(commit, dir)
	if err != nil {
		return nil, fmt.Errorf("%s is no file, nor a commit with a benchmark: %w", commit, err)
	}
	new, err := os.Executable()
	if err != nil {
		return nil, err
	}
	if len(o.clients) == len(clientNames) {
		o.clients = ours
	}
	var all []figures.Change
	for _, sc := range scenarios(addresses{}, "", "") {
		if o.quick && sc.slow || !o.match.MatchString(sc.name) || len(sc.clientsOf(o.clients)) == 0 {
			continue
		}
		before, after := &figures.Set{}, &figures.Set{}
		for round := range o.rounds {
			// Each of the two is the first in half of the rounds.
			order := []bool{true, false}
			if round%2 != 0 {
				order = []bool{false, true}
			}
			for _, isOld := range order {
				program, to := new, after
				if isOld {
					program, to = old, before
				}
				if err = oneRound(program, o, sc.name, filepath.Join(dir, "round.tsv"), to); err != nil {
					err = fmt.Errorf("%s: %w", filepath.Base(program), err)
					break
				}
			}
			if err != nil {
				break
			}
		}
		changes := figures.Paired(before, after)
		if err != nil || len(changes) == 0 {
			fmt.Fprintf(os.Stderr, "bench: %s: nothing to compare (%v)\n", sc.name, err)
			continue
		}
		fmt.Printf("%s %s: %.3f\n", time.Now().Format(time.TimeOnly), sc.name, changes[0].Ratio)
		all = append(all, changes...)
	}
	return all, nil
}

// buildOf builds the program of a commit in dir.
func buildOf(commit, dir string) (program string, err error) {
	top, err := exec.Command("git", "rev-parse", "--show-toplevel").Output()
	if err != nil {
		return "", err
	}
	archive := exec.Command("git", "-C", strings.TrimSpace(string(top)), "archive", commit)
	extract := exec.Command("tar", "-x", "-C", dir)
	archive.Stderr, extract.Stderr = os.Stderr, os.Stderr
	if extract.Stdin, err = archive.StdoutPipe(); err != nil {
		return "", err
	}
	if err := extract.Start(); err != nil {
		return "", err
	}
	if err := errors.Join(archive.Run(), extract.Wait()); err != nil {
		return "", err
	}
	program = filepath.Join(dir, "old")
	build := exec.Command("go", "build", "-o", program, ".")
	build.Dir, build.Stderr = filepath.Join(dir, "bench"), os.Stderr
	return program, build.Run()
}

// oneRound runs one round of a scenario, and adds its values to those of the rounds before.
func oneRound(program string, o *options, scenario, file string, to *figures.Set) error {
	cmd := exec.Command(program, "-rounds", "1", "-duration", o.duration.String(), "-clients", strings.Join(o.clients, ","),
		"-run", "^"+regexp.QuoteMeta(scenario)+"$", "-tsv", file)
	cmd.Stderr = os.Stderr
	os.Remove(file)
	if err := cmd.Run(); err != nil {
		return err
	}
	round, err := figures.ReadFile(file)
	if err != nil {
		return err
	}
	for _, f := range round.Figures {
		if before := to.Get(f.Scenario, f.Client, f.Metric); before != nil {
			before.Values = append(before.Values, f.Values...)
		} else {
			to.Figures = append(to.Figures, f)
		}
	}
	return nil
}
