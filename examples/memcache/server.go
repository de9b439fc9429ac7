package main

import (
	"bytes"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A cache is a small memcached in memory. It is the factory of its sessions.
type cache struct {
	items   map[string]entry
	version uint64 // of the last change
	gets    int
}

// An entry is a value in a cache.
type entry struct {
	value   []byte
	flags   string
	cas     uint64
	expires time.Time // zero means never
}

func newCache() *cache { return &cache{items: map[string]entry{}} }

func (c *cache) BuildProtocol(net.Addr) reactor.Protocol {
	s := &session{cache: c}
	s.LineReceived, s.RawDataReceived = s.lineReceived, s.rawDataReceived
	return s
}

const maxValue = 1 << 20

// A session is the server's side of a connection.
type session struct {
	protocols.LineReceiver
	cache *cache
	args  []string // of the command whose value comes in raw mode
	value []byte
	size  int
}

// ConnectionMade makes the session the producer of its answers: while a client reads none, its
// commands wait.
func (s *session) ConnectionMade(t reactor.Transport) {
	s.LineReceiver.ConnectionMade(t)
	t.RegisterProducer(&s.LineReceiver)
}

func (s *session) lineReceived(line []byte) {
	args := strings.Fields(string(line))
	switch {
	case len(args) == 1 && args[0] == "version":
		s.SendLine("VERSION 1.0-example")
	case len(args) == 1 && args[0] == "flush_all":
		clear(s.cache.items)
		s.SendLine("OK")
	case len(args) == 1 && args[0] == "stats":
		s.SendLine(fmt.Sprint("STAT curr_items ", len(s.cache.items)))
		s.SendLine(fmt.Sprint("STAT cmd_get ", s.cache.gets))
		s.SendLine("END")
	case len(args) > 1 && (args[0] == "get" || args[0] == "gets"):
		s.get(args)
	case len(args) == 5 && slices.Contains([]string{"set", "add", "replace", "append", "prepend"}, args[0]), len(args) == 6 && args[0] == "cas":
		s.valueFollows(args)
	case len(args) == 3 && (args[0] == "incr" || args[0] == "decr"):
		s.SendLine(s.change(args[0], args[1], args[2]))
	case len(args) == 2 && args[0] == "delete", len(args) == 3 && args[0] == "touch":
		s.SendLine(s.deleteOrTouch(args))
	default:
		s.SendLine("ERROR")
	}
}

func (s *session) get(args []string) {
	s.cache.gets++
	for _, key := range args[1:] {
		e, ok := s.find(key)
		if !ok {
			continue
		}
		header := fmt.Sprintf("VALUE %s %s %d", key, e.flags, len(e.value))
		if args[0] == "gets" {
			header += fmt.Sprint(" ", e.cas)
		}
		s.SendLine(header)
		s.Transport.WriteSequence(e.value, []byte("\r\n"))
	}
	s.SendLine("END")
}

// find returns the entry of key, unless it has expired.
func (s *session) find(key string) (e entry, ok bool) {
	e, ok = s.cache.items[key]
	if ok && !e.expires.IsZero() && !s.Transport.Reactor().Now().Before(e.expires) {
		delete(s.cache.items, key)
		return entry{}, false
	}
	return e, ok
}

func (s *session) keep(key string, e entry) {
	s.cache.version++
	e.cas = s.cache.version
	s.cache.items[key] = e
}

func (s *session) valueFollows(args []string) {
	size, err := strconv.ParseUint(args[4], 10, 32)
	if err != nil || size > maxValue {
		s.SendLine("SERVER_ERROR object too large for cache")
		s.Transport.UnregisterProducer()
		s.Transport.LoseConnection()
		return
	}
	s.args, s.value, s.size = args, nil, int(size)
	s.SetRawMode()
}

func (s *session) rawDataReceived(data []byte) {
	n := min(len(data), s.size+len("\r\n")-len(s.value))
	s.value = append(s.value, data[:n]...)
	if len(s.value) < s.size+len("\r\n") {
		return
	}
	if value, ok := bytes.CutSuffix(s.value, []byte("\r\n")); ok {
		s.SendLine(s.store(value))
	} else {
		s.SendLine("CLIENT_ERROR bad data chunk")
	}
	s.value = nil
	s.SetLineMode(data[n:])
}

func (s *session) store(value []byte) string {
	command, key := s.args[0], s.args[1]
	old, found := s.find(key)
	e := entry{value: value, flags: s.args[2], expires: s.expiry(s.args[3])}
	switch {
	case command == "cas" && !found:
		return "NOT_FOUND"
	case command == "cas" && fmt.Sprint(old.cas) != s.args[5]:
		return "EXISTS"
	case command == "add" && found, !found && (command == "replace" || command == "append" || command == "prepend"):
		return "NOT_STORED"
	case command == "append":
		e, e.value = old, slices.Concat(old.value, value)
	case command == "prepend":
		e, e.value = old, slices.Concat(value, old.value)
	}
	s.keep(key, e)
	return "STORED"
}

// expiry returns when an item expires: after a number of seconds, or at a date if that is more than 30 days.
func (s *session) expiry(text string) time.Time {
	seconds, _ := strconv.ParseInt(text, 10, 64)
	switch {
	case seconds == 0:
		return time.Time{}
	case seconds > 30*24*60*60:
		return time.Unix(seconds, 0)
	}
	return s.Transport.Reactor().Now().Add(time.Duration(seconds) * time.Second)
}

func (s *session) change(command, key, by string) string {
	e, ok := s.find(key)
	if !ok {
		return "NOT_FOUND"
	}
	n, err := strconv.ParseUint(string(e.value), 10, 64)
	delta, err2 := strconv.ParseUint(by, 10, 64)
	switch {
	case err != nil || err2 != nil:
		return "CLIENT_ERROR cannot increment or decrement non-numeric value"
	case command == "incr":
		n += delta
	default:
		n -= min(n, delta)
	}
	e.value = strconv.AppendUint(nil, n, 10)
	s.keep(key, e)
	return string(e.value)
}

func (s *session) deleteOrTouch(args []string) string {
	e, ok := s.find(args[1])
	switch {
	case !ok:
		return "NOT_FOUND"
	case args[0] == "delete":
		delete(s.cache.items, args[1])
		return "DELETED"
	}
	e.expires = s.expiry(args[2])
	s.cache.items[args[1]] = e
	return "TOUCHED"
}
