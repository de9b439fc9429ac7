package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/treq/web"
	"github.com/valyala/fasthttp"
)

// This file has servers of 13 bytes, and runs them under wrk.

const siteResource = "gotreq/resource" // a web.Resource in place of a handler

// servers has the function of each server. It calls listens with its address.
var servers = map[string]func(listens func(addr string)) error{
	floorName: func(listens func(string)) error {
		l, address, err := listenEpoll()
		if err == nil {
			listens(address)
			l.serve()
		}
		return err
	},
	gotreqName: func(listens func(string)) error {
		return serveSite(&web.Site{Handler: http.HandlerFunc(sayHello)}, listens)
	},
	siteResource: func(listens func(string)) error {
		return serveSite(&web.Site{Root: web.RenderFunc(renderHello)}, listens)
	},
	netHTTPName: func(listens func(string)) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		listens(l.Addr().String())
		var p http.Protocols
		p.SetHTTP1(true)
		p.SetUnencryptedHTTP2(true)
		return (&http.Server{Handler: http.HandlerFunc(sayHello), Protocols: &p}).Serve(l)
	},
	fasthttpName: func(listens func(string)) error {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		listens(l.Addr().String())
		return fasthttp.Serve(l, func(ctx *fasthttp.RequestCtx) {
			ctx.SetContentType("text/plain")
			ctx.WriteString(smallBody)
		})
	},
}

func renderHello(req *web.Request) {
	req.ResponseHeader["Content-Type"] = []string{"text/plain"}
	req.WriteString(smallBody)
}

func serveSite(site *web.Site, listens func(string)) error {
	r := reactor.New()
	port, err := r.ListenTCP("127.0.0.1:0", site)
	if err != nil {
		return err
	}
	listens(port.Addr().String())
	return r.Run()
}

// underWrkMain is the main function of a server process under wrk or h2load.
func underWrkMain(name string) error {
	runtime.MemProfileRate = 0 // as in clientMain
	raiseFiles()
	failed := make(chan error, 1)
	go func() {
		failed <- servers[name](func(address string) {
			json.NewEncoder(os.Stdout).Encode(addresses{Plain: address})
		})
	}()
	go func() {
		untilEOF()
		failed <- nil
	}()
	return <-failed
}

var wrkTotal = regexp.MustCompile(`(\d+) requests in`)
var wrkErrors = regexp.MustCompile(`(?m)^\s*(Socket errors|Non-2xx).*`)

// haveWrk reports whether wrk is installed, and says it if not.
var haveWrk = sync.OnceValue(func() bool {
	_, err := exec.LookPath("wrk")
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: wrk is not installed: the figures of servers are left out")
	}
	return err == nil
})

// runWrk runs a server on one core and wrk on the other.
func (p *place) runWrk(t *task) (r result, err error) {
	s, err := startServer(p.serverCore, "serve", t.Client)
	if err != nil {
		return r, err
	}
	defer s.stop()
	wrk := func(d time.Duration) (int64, error) {
		cmd := exec.Command("wrk", "-t1", "-c"+strconv.Itoa(t.Connections), fmt.Sprintf("-d%.0f", max(1, d.Seconds())),
			"http://"+s.Plain+"/small")
		out, err := cmd.StdoutPipe()
		if err != nil {
			return 0, err
		}
		if err := startOn(cmd, p.clientCore); err != nil {
			return 0, err
		}
		text, _ := io.ReadAll(out)
		if err := cmd.Wait(); err != nil {
			return 0, err
		}
		if wrong := wrkErrors.Find(text); wrong != nil {
			return 0, fmt.Errorf("wrk and %s: %s", t.Client, wrong)
		}
		total := wrkTotal.FindSubmatch(text)
		if total == nil {
			return 0, fmt.Errorf("wrk says %q", text)
		}
		return strconv.ParseInt(string(total[1]), 10, 64)
	}
	if _, err := wrk(t.Duration); err != nil { // to warm up
		return r, err
	}
	before, err := s.used()
	if err != nil {
		return r, err
	}
	began := time.Now()
	r.Requests, err = wrk(t.Duration)
	if err != nil {
		return r, err
	}
	r.Wall = time.Since(began)
	after, err := s.used()
	r.CPU, r.Mallocs, r.AllocBytes = after.CPU-before.CPU, after.Mallocs-before.Mallocs, after.AllocBytes-before.AllocBytes
	return r, err
}
