package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"time"
)

// This file measures how many requests a client with one request at a time keeps beside
// clients that pipeline. Each client is a process; all may use every core.

// fairRequest is the request of all clients.
const fairRequest = "GET /small HTTP/1.1\r\nHost: x\r\n\r\n"

// fair measures each server with no client that pipelines, then with one, then with four.
func fair(duration time.Duration) error {
	fmt.Printf("%-16s %10s %12s %6s %12s\n", "server", "pipelining", "requests/s", "share", "pipelined/s")
	for _, name := range []string{gotreqName, siteResource, netHTTPName} {
		alone := 0.0
		for _, pipelining := range []int{0, 1, 4} {
			rate, pipelined, err := fairRun(name, pipelining, duration)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if pipelining == 0 {
				alone = rate
			}
			fmt.Printf("%-16s %10d %12.0f %6.2f %12.0f\n", name, pipelining, rate, rate/alone, pipelined)
		}
	}
	return nil
}

// fairRun returns the rate of the client with one request at a time, and that of all
// clients that pipeline.
func fairRun(name string, pipelining int, duration time.Duration) (rate, pipelined float64, err error) {
	cmd := self("serve", name)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, 0, err
	}
	defer cmd.Wait()
	defer stdin.Close()
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, 0, err
	}
	var server addresses
	if err := json.NewDecoder(out).Decode(&server); err != nil {
		return 0, 0, err
	}
	start := func(how string) (result func() (float64, error), err error) {
		cmd := self("fairclient", how, server.Plain, duration.String())
		out, err := cmd.StdoutPipe()
		if err != nil {
			return nil, err
		}
		return func() (rate float64, err error) {
			_, err = fmt.Fscan(out, &rate)
			cmd.Wait()
			return rate, err
		}, cmd.Start()
	}
	var results []func() (float64, error)
	for range pipelining {
		r, err := start("pipelining")
		if err != nil {
			return 0, 0, err
		}
		results = append(results, r)
	}
	one, err := start("one at a time")
	if err != nil {
		return 0, 0, err
	}
	for _, r := range results {
		n, err := r()
		if err != nil {
			return 0, 0, err
		}
		pipelined += n
	}
	rate, err = one()
	return rate, pipelined, err
}

// fairClientMain is the main function of a client. It prints its rate.
func fairClientMain(how, address, length string) error {
	duration, err := time.ParseDuration(length)
	if err != nil {
		return err
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	defer conn.Close()
	answered, buffer := 0, make([]byte, 64<<10)
	if how == "pipelining" {
		go func() {
			for many := []byte(strings.Repeat(fairRequest, 1000)); err == nil; {
				_, err = conn.Write(many)
			}
		}()
	}
	// The clients start one after another: all run for a while before the count begins.
	begin := time.Now().Add(duration / 4)
	for now := time.Now(); now.Sub(begin) < duration; now = time.Now() {
		if how != "pipelining" {
			if _, err := io.WriteString(conn, fairRequest); err != nil {
				return err
			}
		}
		n, err := conn.Read(buffer)
		if err != nil {
			return err
		}
		if now.After(begin) {
			answered += bytes.Count(buffer[:n], []byte("HTTP/1.1 200"))
		}
	}
	_, err = fmt.Fprintln(os.Stdout, float64(answered)/duration.Seconds())
	return err
}
