package ladder

import (
	"net/netip"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file finds the columns of a trace.

// clientName is the name of a client without another name.
const clientName = "client"

// A column is a host.
type column struct {
	name string
	addr string // its first IP address, if that is not the name
}

// columns are the hosts, those of connections first, in the order in which they appear.
type columns struct {
	all    []column
	names  map[string]string
	byName map[string]int
}

// of returns the number of the column for a host, and adds the column if there is none.
func (c *columns) of(name, addr string) int {
	i, ok := c.byName[name]
	if !ok {
		i = len(c.all)
		c.byName[name] = i
		c.all = append(c.all, column{name: name})
	}
	if col := &c.all[i]; col.addr == "" && addr != name {
		col.addr = addr
	}
	return i
}

// client returns the column of the client at address. address is "" if it is not known.
func (c *columns) client(address string) int {
	at, err := netip.ParseAddrPort(address)
	switch ip := at.Addr().String(); {
	case c.names[address] != "":
		return c.of(c.names[address], address)
	case err != nil:
		return c.of(clientName, "")
	case at.Addr().IsLoopback():
		return c.of(clientName, ip)
	case c.names[ip] != "":
		return c.of(c.names[ip], ip)
	default:
		return c.of(ip, ip)
	}
}

// server returns the column of the server at address.
func (c *columns) server(address, client string) int {
	name, addr := c.serverName(address, client)
	return c.of(name, addr)
}

func (c *columns) serverName(address, client string) (name, addr string) {
	at, err := netip.ParseAddrPort(address)
	from, _ := netip.ParseAddrPort(client)
	switch ip := at.Addr().String(); {
	case c.names[address] != "":
		return c.names[address], address
	case address == "":
		return "server", ""
	case err != nil: // a path, or no address
		return address, address
	case at.Addr().IsLoopback() || at.Addr().IsUnspecified() || at.Addr() == from.Addr():
		if name := c.names[ip]; name != "" {
			return name + address[len(address)-len(portOf(at)):], address
		}
		return address, address
	case c.names[ip] != "":
		return c.names[ip], ip
	default:
		return ip, ip
	}
}

// portOf returns ":" and the port of at, as its text ends.
func portOf(at netip.AddrPort) string {
	full := at.String()
	for i := len(full) - 1; i >= 0; i-- {
		if full[i] == ':' {
			return full[i:]
		}
	}
	return full
}

// A hostPair has the columns of a connection.
type hostPair struct{ client, server int }

// findColumns returns the columns of trace, and the two of each connection.
func findColumns(trace memory.Trace, names map[string]string) (*columns, map[int]hostPair) {
	c := &columns{names: names, byName: map[string]int{}}
	type ends struct{ client, server string }
	known := map[int]ends{}
	for _, e := range trace {
		at := known[e.Conn]
		switch e.Kind {
		case "connect":
			at = ends{e.From, e.Text}
		case "connected":
			if e.Text != "" {
				at.client = e.Text
			}
		case "accept":
			if at.server == "" {
				at.server = e.Text
			}
		}
		known[e.Conn] = at
	}
	pairs := map[int]hostPair{}
	for _, e := range trace {
		if _, seen := pairs[e.Conn]; !seen && e.Conn != 0 {
			at := known[e.Conn]
			pairs[e.Conn] = hostPair{c.client(at.client), c.server(at.server, at.client)}
		}
	}
	return c, pairs
}
