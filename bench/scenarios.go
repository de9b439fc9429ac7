package main

import (
	"fmt"
	"slices"
	"time"
)

// A scenario is a task that several clients run.
type scenario struct {
	name  string
	task  task
	perMB bool     // figures are per MiB of body, not per request
	only  []string // the clients; nil means all that support the task
	slow  bool     // left out with -quick
}

// deferredsAtOnce is the number of Deferreds that count as one request.
const deferredsAtOnce = 1000

// scenarios returns all scenarios for a server, whose certificate is in the file roots. The other file is uploaded.
func scenarios(at addresses, roots, file string) []scenario {
	plain := "http://" + at.Plain
	get := func(connections int) task {
		return task{Kind: requests, Method: "GET", URL: plain + "/small", Connections: connections, Length: int64(len(smallBody))}
	}
	with := func(t task, change func(t *task)) task {
		change(&t)
		return t
	}
	body := func(n int64, connections int) task {
		return with(get(connections), func(t *task) {
			t.URL, t.Length, t.Stream = fmt.Sprintf("%s/bytes/%d", plain, n), n, true
		})
	}
	growth := []string{floorName, gotreqName, netHTTPName, fasthttpName}
	held := []string{gotreqName, netHTTPName}
	hold := func(connections int) task {
		return with(get(connections), func(t *task) { t.Kind, t.URL = hold, plain+"/hold" })
	}
	// Over HTTP/2, all requests share a connection. The floor has HTTP/1.1, with a connection for each.
	http2 := func(s scenario) scenario {
		s.name, s.task.HTTP2, s.only = "HTTP/2 "+s.name, true, nil
		return s
	}
	underH2load := func(connections int) scenario {
		return scenario{name: fmt.Sprintf("HTTP/2 server under h2load, %d x 64 streams", connections),
			task: task{Kind: serve, HTTP2: true, Connections: connections, Streams: 64},
			only: []string{floorName, gotreqName, siteResource, netHTTPName}}
	}
	getTLS := with(get(64), func(t *task) { t.URL, t.Roots = "https://"+at.TLS+"/small", roots })
	upload := with(get(1), func(t *task) {
		t.Method, t.URL, t.Upload, t.Times = "POST", plain+"/count", uploadLength, 4
	})
	uploadFile := with(upload, func(t *task) { t.File = file })
	all := []scenario{
		{name: "GET, 1 connection", task: get(1)},
		{name: "GET, 8 connections", task: get(8), only: growth, slow: true},
		{name: "GET, 64 connections", task: get(64)},
		{name: "GET, 512 connections", task: get(512), only: growth, slow: true},
		{name: "GET, 1000 connections", task: get(1000)},
		{name: "GET, 4096 connections", task: get(4096), only: growth, slow: true},
		{name: "GET, 30 headers, cookies, gzip, 64 connections", task: with(get(64), func(t *task) {
			t.URL, t.Cookies, t.Gzip, t.Length = plain+"/rich", true, true, richLength
		})},
		{name: "JSON POST, 64 connections", task: with(get(64), func(t *task) {
			t.Method, t.URL, t.JSON = "POST", plain+"/count", string(richValueJSON())
		})},
		{name: "redirects, 5 and the response, 8 connections", task: with(get(8), func(t *task) {
			t.URL, t.Redirects = fmt.Sprintf("%s/redirect/%d", plain, maxRedirects), maxRedirects
		})},
		{name: "GET, new connection each, 8 at a time", task: with(get(8), func(t *task) {
			t.URL, t.Fresh = plain+"/fresh", true
		})},
		{name: "TLS GET, 64 connections", task: getTLS},
		{name: "TLS GET, new connection each, 8 at a time", task: with(get(8), func(t *task) {
			t.URL, t.Roots, t.Fresh = "https://"+at.TLS+"/fresh", roots, true
		})},
		{name: "1 MiB bodies, 8 connections", task: body(mib, 8), perMB: true},
		{name: "body of 1 MiB", task: body(mib, 1), perMB: true, only: growth, slow: true},
		{name: "body of 64 MiB", task: with(body(64*mib, 1), func(t *task) { t.Times = 8 }), perMB: true, only: growth, slow: true},
		{name: "body of 1 GiB", task: with(body(1024*mib, 1), func(t *task) { t.Times = 1 }), perMB: true},
		{name: "multipart upload of 64 MiB", task: upload, perMB: true},
		{name: "multipart upload of a file of 64 MiB", task: uploadFile, perMB: true},
		{name: "1000 waiting responses", task: hold(1000), only: held, slow: true},
		{name: "5000 waiting responses", task: hold(5000), only: held},
		{name: "10000 waiting responses", task: hold(9800), only: held, slow: true},
		{name: "GET through a stub in memory", task: task{Kind: stub, Connections: 1, Length: int64(len(smallBody))}},
		{name: "1000 Deferreds with 3 callbacks", task: task{Kind: chain, Connections: 1}},
		{name: "1000 waits for a Deferred", task: task{Kind: wait, Connections: 1}},
		{name: "client and server in one, 64 connections", task: task{Kind: both, Connections: 64, Length: int64(len(smallBody))}},
		{name: "client and server in one, 64 connections, GOGC=800", task: task{Kind: both, Connections: 64, Length: int64(len(smallBody)), GOGC: 800}},
		{name: "server under wrk, 64 connections", task: task{Kind: serve, Connections: 64},
			only: []string{floorName, gotreqName, siteResource, netHTTPName, fasthttpName}},
		http2(scenario{name: "GET, 64 streams, 1 connection", task: get(64)}),
		http2(scenario{name: "GET, 64 streams, 1 connection, TLS", task: getTLS}),
		http2(scenario{name: "1 MiB bodies, 8 streams", task: body(mib, 8), perMB: true}),
		http2(scenario{name: "body of 1 GiB", task: with(body(1024*mib, 1), func(t *task) { t.Times = 1 }), perMB: true}),
		http2(scenario{name: "multipart upload of 64 MiB", task: upload, perMB: true}),
		http2(scenario{name: "5000 waiting streams", task: hold(5000)}),
		underH2load(1),
		underH2load(8),
	}
	for i := range all {
		all[i].task.Warm = warmUp(&all[i].task)
	}
	return all
}

// warmUp returns the number of requests before the measurement.
func warmUp(t *task) int64 {
	switch {
	case t.Times == 1:
		return 0
	case t.Times != 0:
		return 1
	case t.Kind == chain || t.Kind == wait: // until V8 has compiled it
		return 500
	case t.Length >= mib:
		return int64(2 * t.Connections)
	}
	return int64(max(100, 2*t.Connections))
}

// clientsOf returns those of the named clients, and servers, that run the scenario.
func (s *scenario) clientsOf(names []string) (list []string) {
	for _, name := range slices.Concat(names, []string{siteResource}) {
		switch {
		case s.only != nil && !slices.Contains(s.only, name):
		case s.task.Kind == serve:
			have := haveWrk
			if s.task.HTTP2 {
				have = haveH2load
			}
			if _, ok := servers[name]; ok && have() {
				list = append(list, name)
			}
		case supports(name, &s.task):
			list = append(list, name)
		}
	}
	return list
}

// A metric is one figure of a result.
type metric struct {
	name   string
	unit   string
	of     func(s *scenario, r *result) float64
	digits int
}

// heading returns the name of a metric with its unit.
func (m *metric) heading() string {
	if m.unit == "" {
		return m.name
	}
	return m.name + " " + m.unit
}

// units returns the number of requests or MiB in r.
func units(s *scenario, r *result) float64 {
	if s.perMB {
		size := max(s.task.Length, s.task.Upload)
		return float64(r.Requests) * float64(size) / mib
	}
	return float64(max(1, r.Requests))
}

var (
	cpuMetric = metric{"cpu", "us", func(s *scenario, r *result) float64 {
		return float64(r.CPU) / float64(time.Microsecond) / units(s, r)
	}, 2}
	rateMetric = metric{"rate", "/s", func(s *scenario, r *result) float64 {
		return units(s, r) / r.Wall.Seconds()
	}, 0}
	allocsMetric     = metric{"allocs", "", func(s *scenario, r *result) float64 { return float64(r.Mallocs) / units(s, r) }, 1}
	allocBytesMetric = metric{"alloc-bytes", "B", func(s *scenario, r *result) float64 { return float64(r.AllocBytes) / units(s, r) }, 0}
	memoryMetric     = metric{"memory", "B", func(s *scenario, r *result) float64 { return float64(r.Memory) / units(s, r) }, 0}
	residentMetric   = metric{"resident", "B", func(s *scenario, r *result) float64 { return float64(r.Resident) / units(s, r) }, 0}
	goroutinesMetric = metric{"goroutines", "", func(s *scenario, r *result) float64 { return float64(r.Goroutines) }, 0}
)

// metricsOf returns the metrics of a client in a scenario, the main one first.
func metricsOf(s *scenario, client string) []metric {
	switch {
	case s.task.Kind == hold:
		return []metric{memoryMetric, residentMetric, goroutinesMetric}
	case inOtherLanguages[client]: // which do not count allocations
		return []metric{cpuMetric, rateMetric}
	}
	return []metric{cpuMetric, rateMetric, allocsMetric, allocBytesMetric}
}

// per returns the unit of which the figures are a ratio.
func (s *scenario) per() string {
	switch {
	case s.perMB:
		return "MiB"
	case s.task.Kind == hold:
		return "response"
	}
	return "request"
}
