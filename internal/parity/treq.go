package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
)

//go:embed treq_runner.py
var runner string

// pythons are the interpreters that are looked for treq: a version manager may
// hide the system's.
var pythons = []string{"python3", "/usr/bin/python3"}

// errNoTreq says that treq is not installed.
var errNoTreq = errors.New("no python3 here has treq")

// findTreq returns an interpreter that has treq, or errNoTreq.
func findTreq() (string, error) {
	for _, python := range pythons {
		if exec.Command(python, "-I", "-c", "import importlib.util as u; raise SystemExit(u.find_spec('treq') is None)").Run() == nil {
			return python, nil
		}
	}
	return "", errNoTreq
}

// Treq makes the requests through Python's treq, in a process of its own.
type Treq struct {
	Version string

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// StartTreq starts it; it trusts the certificate given. It fails with errNoTreq where treq is not installed.
func StartTreq(pem string) (*Treq, error) {
	python, err := findTreq()
	if err != nil {
		return nil, err
	}
	t := &Treq{cmd: exec.Command(python, "-I", "-W", "ignore", "-c", runner, pem)}
	t.cmd.Stderr = &t.stderr
	if t.in, err = t.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = bufio.NewReader(out)
	if err := t.cmd.Start(); err != nil {
		return nil, err
	}
	if err := t.receive(&t.Version); err != nil {
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

// Run makes the requests of c.
func (t *Treq) Run(c Case) ([]Got, error) {
	line, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	if _, err := t.in.Write(append(line, '\n')); err != nil {
		return nil, err
	}
	var got []Got
	return got, t.receive(&got)
}

// receive reads a line into what v points to.
func (t *Treq) receive(v any) error {
	line, err := t.out.ReadBytes('\n')
	if err != nil {
		return fmt.Errorf("treq's runner ended: %w\n%s", err, t.stderr.Bytes())
	}
	if err := json.Unmarshal(line, v); err != nil {
		return fmt.Errorf("treq's runner: %w: %s", err, line)
	}
	return nil
}

// Close ends the process.
func (t *Treq) Close() error {
	t.in.Close()
	return t.cmd.Wait()
}
