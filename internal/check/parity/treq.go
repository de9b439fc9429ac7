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

	"github.com/seed-7c003b53/gotreq/internal/testkit/python"
)

//go:embed treq_runner.py
var runner string

// Treq makes the requests with Python's treq in a process of its own.
type Treq struct {
	Version string

	cmd    *exec.Cmd
	in     io.WriteCloser
	out    *bufio.Reader
	stderr bytes.Buffer
}

// StartTreq starts the process, which trusts the certificate pem. The error is
// [python.ErrNoTreq] if treq is not installed.
func StartTreq(pem string) (*Treq, error) {
	interpreter, err := python.WithTreq()
	if err != nil {
		return nil, err
	}
	t := &Treq{cmd: exec.Command(interpreter, "-I", "-W", "ignore", "-c", runner, pem)}
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

// receive reads a line of JSON into v.
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
