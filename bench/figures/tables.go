package figures

import (
	"fmt"
	"strings"
)

// This file has the tables of the documents.

// others are the tables of another form, by their names.
var others = map[string]func(*Set) string{"about": (*Set).about, "budgets": (*Set).budgets, "shares": (*Set).shares}

// grids are the tables with a row for each scenario and a column for each client. A document has a table where its name
// is: see Fill.
var grids = []grid{
	{
		name: "scenarios", head: "scenario", clients: []string{floorC, floor, gotreq, netHTTP, fasthttp, resty, treq}, cell: cpuCell, metric: cpu,
		rows: same("GET, 1 connection", "GET, 64 connections", "GET, 1000 connections", "GET, 30 headers, cookies, gzip, 64 connections",
			"JSON POST, 64 connections", "redirects, 5 and the response, 8 connections", "GET, new connection each, 8 at a time",
			"TLS GET, 64 connections", "TLS GET, new connection each, 8 at a time", "1 MiB bodies, 8 connections", "body of 1 GiB",
			"multipart upload of 64 MiB", "multipart upload of a file of 64 MiB", "GET through a stub in memory"),
	},
	{
		name: "deferreds", head: "a thousand times", clients: []string{gotreq, callback, goroutine, v8, treq}, cell: cpuCell, metric: cpu,
		rows: []row{{"a Deferred with 3 callbacks", "1000 Deferreds with 3 callbacks"}, {"a function waits", "1000 waits for a Deferred"}},
	},
	{
		name: "server", head: "scenario", clients: []string{floor, gotreq, resource, netHTTP, fasthttp}, cell: cpuCell, metric: cpu,
		rows: same("server under wrk, 64 connections"),
	},
	{
		name: "http2", head: "scenario", clients: []string{floor, gotreq, netHTTP, http1, h2load}, cell: cpuCell, metric: cpu,
		rows: same("HTTP/2 GET, 64 streams, 1 connection", "HTTP/2 GET, 64 streams, 1 connection, TLS", "HTTP/2 1 MiB bodies, 8 streams",
			"HTTP/2 body of 1 GiB", "HTTP/2 multipart upload of 64 MiB"),
	},
	{
		name: "http2 waiting", head: "waiting", clients: []string{gotreq, netHTTP, http1}, cell: memoryCell, metric: memory,
		rows: []row{{"5000 streams", "HTTP/2 5000 waiting streams"}},
	},
	{
		name: "http2 server", head: "scenario", clients: []string{gotreq, resource, netHTTP}, cell: cpuCell, metric: cpu,
		rows: same("HTTP/2 server under h2load, 1 x 64 streams", "HTTP/2 server under h2load, 8 x 64 streams"),
	},
	{
		name: "loops", head: "requests a second", clients: []string{oneLoop, twoLoops}, cell: rateCell, metric: rate,
		rows: same("client and server in one, 64 connections", "client and server in one, 64 connections, GOGC=800"),
	},
	{
		name: "connections", head: "connections", clients: []string{floor, gotreq, netHTTP, fasthttp}, cell: cpuCell, metric: cpu,
		rows: []row{{"1", "GET, 1 connection"}, {"8", "GET, 8 connections"}, {"64", "GET, 64 connections"}, {"512", "GET, 512 connections"},
			{"1000", "GET, 1000 connections"}, {"4096", "GET, 4096 connections"}},
	},
	{
		name: "waiting", head: "waiting", clients: []string{gotreq, netHTTP}, cell: memoryCell, metric: memory,
		rows: []row{{"1000", "1000 waiting responses"}, {"5000", "5000 waiting responses"}, {"9800", "10000 waiting responses"}},
	},
	{
		name: "bodies", head: "body", clients: []string{floor, gotreq, netHTTP, fasthttp}, cell: cpuCell, metric: cpu,
		rows: []row{{"1 MiB", "body of 1 MiB"}, {"64 MiB", "body of 64 MiB"}, {"1 GiB", "body of 1 GiB"}},
	},
	{
		name: "allocations", head: "scenario", clients: []string{gotreq, netHTTP, fasthttp, resty}, cell: allocsCell, metric: allocs,
		rows: same("GET, 64 connections", "GET, 30 headers, cookies, gzip, 64 connections", "JSON POST, 64 connections",
			"GET through a stub in memory", "server under wrk, 64 connections"),
	},
	// README has this one.
	{
		name: "costs", head: "processor time, us", clients: []string{gotreq, fasthttp, netHTTP, treq, floor}, cell: plainCell, metric: cpu,
		rows: []row{{"a small GET, 64 connections", "GET, 64 connections"}, {"a JSON POST, 64 connections", "JSON POST, 64 connections"},
			{"a small GET over TLS, 64 connections", "TLS GET, 64 connections"}, {"a MiB of bodies, 8 connections", "1 MiB bodies, 8 connections"},
			{"a request that is served, 64 connections", "server under wrk, 64 connections"}, {"a GET in a test, in memory", "GET through a stub in memory"}},
	},
}

// A row is a scenario with a name of its own.
type row struct{ name, scenario string }

func same(scenarios ...string) (rows []row) {
	for _, s := range scenarios {
		rows = append(rows, row{s, s})
	}
	return rows
}

// A grid is a table with a row for each scenario and a column for each client.
type grid struct {
	name    string
	head    string
	rows    []row
	clients []string
	metric  string // the first in a cell
	cell    func(s *Set, scenario, client string) string
}

// table returns the table of the name, and whether there is one.
func (s *Set) table(name string) (string, bool) {
	if other, ok := others[name]; ok {
		return other(s), true
	}
	for _, g := range grids {
		if g.name == name {
			return g.table(s), true
		}
	}
	return "", false
}

func (g grid) table(s *Set) string {
	lines := [][]string{append([]string{g.head}, g.clients...)}
	for _, r := range g.rows {
		cells := []string{r.name}
		for _, client := range g.clients {
			cells = append(cells, g.cell(s, r.scenario, client))
		}
		lines = append(lines, cells)
	}
	return markdown(lines)
}

// markdown returns a table whose first line is its head.
func markdown(lines [][]string) string {
	var b strings.Builder
	for i, cells := range lines {
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			b.WriteString(strings.Repeat("| --- ", len(cells)) + "|\n")
		}
	}
	return b.String()
}

// plainCell has processor time.
func plainCell(s *Set, scenario, client string) string {
	f := s.Get(scenario, client, cpu)
	if f == nil {
		return ""
	}
	return three(f.Median())
}

// cpuCell has processor time, and its ratio to the floor.
func cpuCell(s *Set, scenario, client string) string {
	f, base := s.Get(scenario, client, cpu), s.Get(scenario, floor, cpu)
	if f == nil || base == nil || client == floor {
		return plainCell(s, scenario, client)
	}
	return fmt.Sprintf("%s (%.2f)", three(f.Median()), f.Median()/base.Median())
}

// rateCell has requests a second.
func rateCell(s *Set, scenario, client string) string {
	f := s.Get(scenario, client, rate)
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%.0f", f.Median())
}

// memoryCell has bytes, and goroutines.
func memoryCell(s *Set, scenario, client string) string {
	f := s.Get(scenario, client, memory)
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%.0f (%.0f)", f.Median(), s.Get(scenario, client, "goroutines").medianOr0())
}

// allocsCell has allocations, and their bytes.
func allocsCell(s *Set, scenario, client string) string {
	f := s.Get(scenario, client, allocs)
	if f == nil {
		return ""
	}
	return fmt.Sprintf("%.0f (%.0f)", f.Median(), s.Get(scenario, client, allocBytes).medianOr0())
}

// three returns v with three digits.
func three(v float64) string {
	switch {
	case v < 10:
		return fmt.Sprintf("%.2f", v)
	case v < 100:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.0f", v)
}

// about says how the figures were measured.
func (s *Set) about() string {
	if len(s.Figures) == 0 {
		return "Nothing has been measured.\n"
	}
	least, most := len(s.Figures[0].Values), len(s.Figures[0].Values)
	for _, f := range s.Figures {
		if !strings.HasPrefix(f.Metric, share) {
			least, most = min(least, len(f.Values)), max(most, len(f.Values))
		}
	}
	rounds := fmt.Sprint(most)
	if least != most {
		rounds = fmt.Sprintf("%d to %d", least, most)
	}
	return fmt.Sprintf("Medians of %s rounds. %s.\n", rounds, strings.Join(s.About, ". "))
}

func (s *Set) budgets() string {
	lines := [][]string{{"what", "budget", "measured", ""}}
	for _, b := range Budgets {
		value, verdict := b.state(s)
		lines = append(lines, []string{b.name(), b.limit(), value, verdict})
	}
	return markdown(lines)
}

// Shares is the scenario of figures that say what processor time is spent on, whose metrics begin with share.
const (
	Shares = "shares of GET, 64 connections"
	share  = "share of "
)

// ShareOf returns the metric of a share.
func ShareOf(what string) string { return share + what }

// shares has a row for each of the things that processor time is spent on.
func (s *Set) shares() string {
	clients, whats := []string{""}, []string(nil)
	cells := map[string]map[string]string{}
	for _, f := range s.Figures {
		if f.Scenario != Shares {
			continue
		}
		what := strings.TrimPrefix(f.Metric, share)
		if cells[what] == nil {
			whats, cells[what] = append(whats, what), map[string]string{}
		}
		if len(cells[whats[0]]) == len(clients)-1 && cells[whats[0]][f.Client] == "" {
			clients = append(clients, f.Client)
		}
		cells[what][f.Client] = fmt.Sprintf("%.0f %%", f.Median())
	}
	lines := [][]string{clients}
	for _, what := range whats {
		line := []string{what}
		for _, c := range clients[1:] {
			line = append(line, cells[what][c])
		}
		lines = append(lines, line)
	}
	return markdown(lines)
}
