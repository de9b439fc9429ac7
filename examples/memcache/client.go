package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A client is a connection to a memcached server, by its text protocol. A command need not wait for
// the answer to the one before: answers come in the order of the commands.
type client struct {
	protocols.LineReceiver
	protocols.TimeoutMixin
	timeout   time.Duration // between two parts of an answer
	maxAnswer int           // the bytes of all values, or statistics, of one answer

	pending []*command // without a complete answer; the oldest is first
	reading *item      // the value that comes in raw mode
	missing int        // its bytes that have not come, with the line's end after it
	lost    error      // why no command can be sent; nil while connected
}

// An item is a value in the cache.
type item struct {
	value   []byte
	flags   uint32        // the program's own
	expires time.Duration // after it was stored; 0 means never. A server does not tell it
	cas     uint64        // identifies this version of the value; only gets knows it
}

// A command waits for its answer.
type command struct {
	name   string
	keys   []string
	args   string // after the keys, each with a space before it
	stores bool   // data follows, in lines of its own
	data   []byte
	items  map[string]*item // of the answer; nil if it has none
	stats  map[string]string
	size   int // of items and stats

	// finish fires the command's Deferred, by the last line of the answer or by an error. It returns
	// an error if the line does not answer the command.
	finish func(last string, err error) (wrong error)
}

func newClient() *client {
	c := &client{timeout: time.Minute, maxAnswer: 64 << 20, lost: errNotConnected}
	c.LineReceived, c.RawDataReceived = c.lineReceived, c.rawDataReceived
	c.TimeoutConnection = func() { c.giveUp(&deferred.TimeoutError{After: c.timeout}) }
	return c
}

func (c *client) ConnectionMade(t reactor.Transport) {
	c.LineReceiver.ConnectionMade(t)
	c.lost = nil
}

func (c *client) ConnectionLost(reason error) {
	c.fail(cmp.Or(c.Err(), reason))
	c.LineReceiver.ConnectionLost(reason)
}

// giveUp ends the connection because of err.
func (c *client) giveUp(err error) {
	c.fail(err)
	c.Transport.AbortConnection()
}

// fail makes the pending commands fail, and all that follow.
func (c *client) fail(err error) {
	c.CancelTimeout()
	c.lost = cmp.Or(c.lost, err)
	pending := c.pending
	c.pending = nil
	for _, cmd := range pending {
		cmd.finish("", c.lost)
	}
}

// send sends cmd. parse makes the result of the last line of its answer, or returns false if that
// does not answer cmd.
func send[T any](c *client, cmd *command, parse func(last string) (T, bool)) *deferred.Deferred[T] {
	for _, key := range cmd.keys {
		if err := checkKey(key); err != nil {
			return deferred.Fail[T](err)
		}
	}
	if c.lost != nil {
		return deferred.Fail[T](c.lost)
	}
	if len(c.pending) == 0 {
		c.SetTimeout(c.Transport.Reactor(), c.timeout)
	}
	c.SendLine(strings.Join(append([]string{cmd.name}, cmd.keys...), " ") + cmd.args)
	if cmd.stores {
		c.Transport.WriteSequence(cmd.data, []byte("\r\n"))
	}
	d := deferred.New[T]()
	cmd.finish = func(last string, err error) (wrong error) {
		value, ok := parse(last)
		if err == nil && !ok {
			wrong = unexpected(cmd.name, last)
		}
		d.Resolve(value, cmp.Or(err, wrong))
		return wrong
	}
	c.pending = append(c.pending, cmd)
	return d
}

func (c *client) lineReceived(received []byte) {
	line := string(received)
	if len(c.pending) == 0 {
		c.giveUp(unexpected("no command", line))
		return
	}
	c.ResetTimeout()
	cmd := c.pending[0]
	switch word, rest, _ := strings.Cut(line, " "); {
	case word == "VALUE" && cmd.items != nil:
		c.valueBegins(cmd, rest)
	case word == "STAT" && cmd.stats != nil:
		name, text, _ := strings.Cut(rest, " ")
		cmd.stats[name] = text
		c.count(cmd, len(line))
	case word == "ERROR", word == "CLIENT_ERROR", word == "SERVER_ERROR":
		c.answered()
		cmd.finish("", &replyError{cmd.name, word, rest})
	default:
		c.answered()
		if wrong := cmd.finish(line, nil); wrong != nil {
			c.giveUp(wrong)
		}
	}
}

// answered takes the oldest command out of those that wait.
func (c *client) answered() {
	if c.pending = c.pending[1:]; len(c.pending) == 0 {
		c.CancelTimeout()
	}
}

// valueBegins reads the line before a value: its key, flags, length, and version for gets.
func (c *client) valueBegins(cmd *command, line string) {
	var key string
	var length uint32
	it := &item{}
	if n, _ := fmt.Sscan(line, &key, &it.flags, &length, &it.cas); n < 3 || !slices.Contains(cmd.keys, key) {
		c.giveUp(unexpected(cmd.name, "VALUE "+line))
		return
	}
	if c.count(cmd, int(length)) {
		cmd.items[key] = it
		c.reading, c.missing = it, int(length)+len("\r\n")
		c.SetRawMode()
	}
}

func (c *client) rawDataReceived(data []byte) {
	c.ResetTimeout()
	n := min(len(data), c.missing)
	c.reading.value = append(c.reading.value, data[:n]...)
	if c.missing -= n; c.missing > 0 {
		return
	}
	value, ok := bytes.CutSuffix(c.reading.value, []byte("\r\n"))
	if !ok {
		c.giveUp(&protocolError{c.pending[0].name, "a value that is longer than announced"})
		return
	}
	c.reading.value = value
	c.SetLineMode(data[n:])
}

// count bounds the memory that the answer to cmd takes.
func (c *client) count(cmd *command, bytes int) (ok bool) {
	if cmd.size += bytes; cmd.size <= c.maxAnswer {
		return true
	}
	c.giveUp(&protocolError{cmd.name, fmt.Sprintf("more than %d bytes", c.maxAnswer)})
	return false
}

// get fires with the item of key, or with nil if there is none. gets tells its version too, for cas.
func (c *client) get(key string) *deferred.Deferred[*item]  { return c.one("get", key) }
func (c *client) gets(key string) *deferred.Deferred[*item] { return c.one("gets", key) }

// getMultiple fires with the items that exist among those of keys.
func (c *client) getMultiple(keys ...string) *deferred.Deferred[map[string]*item] {
	return c.many("get", keys)
}
func (c *client) getsMultiple(keys ...string) *deferred.Deferred[map[string]*item] {
	return c.many("gets", keys)
}

func (c *client) one(name, key string) *deferred.Deferred[*item] {
	return deferred.Map(c.many(name, []string{key}), func(items map[string]*item) (*item, error) { return items[key], nil })
}

func (c *client) many(name string, keys []string) *deferred.Deferred[map[string]*item] {
	items := map[string]*item{}
	if len(keys) == 0 {
		return deferred.Succeed(items)
	}
	return send(c, &command{name: name, keys: keys, items: items}, func(last string) (map[string]*item, bool) {
		return items, last == "END"
	})
}

// set stores an item. add does so only if there is none, replace only if there is one, and cas only
// if it is still the version it.cas. They fire with false if not.
func (c *client) set(key string, it item) *deferred.Deferred[bool] {
	return c.store("set", key, it, "")
}
func (c *client) add(key string, it item) *deferred.Deferred[bool] {
	return c.store("add", key, it, "")
}
func (c *client) replace(key string, it item) *deferred.Deferred[bool] {
	return c.store("replace", key, it, "")
}
func (c *client) cas(key string, it item) *deferred.Deferred[bool] {
	return c.store("cas", key, it, fmt.Sprint(" ", it.cas))
}

// append and prepend add to the value of an item. They fire with false if there is none.
func (c *client) append(key string, value []byte) *deferred.Deferred[bool] {
	return c.store("append", key, item{value: value}, "")
}

func (c *client) prepend(key string, value []byte) *deferred.Deferred[bool] {
	return c.store("prepend", key, item{value: value}, "")
}

func (c *client) store(name, key string, it item, version string) *deferred.Deferred[bool] {
	args := fmt.Sprintf(" %d %d %d%s", it.flags, c.expiry(it.expires), len(it.value), version)
	cmd := &command{name: name, keys: []string{key}, args: args, stores: true, data: it.value}
	return send(c, cmd, oneOf(map[string]bool{"STORED": true, "NOT_STORED": false, "EXISTS": false, "NOT_FOUND": false}))
}

// incr adds to a number, and decr subtracts from it, down to 0. They fire with the new number, or
// with nil if there is none.
func (c *client) incr(key string, delta uint64) *deferred.Deferred[*uint64] {
	return c.change("incr", key, delta)
}
func (c *client) decr(key string, delta uint64) *deferred.Deferred[*uint64] {
	return c.change("decr", key, delta)
}

func (c *client) change(name, key string, delta uint64) *deferred.Deferred[*uint64] {
	cmd := &command{name: name, keys: []string{key}, args: fmt.Sprint(" ", delta)}
	return send(c, cmd, func(last string) (*uint64, bool) {
		if last == "NOT_FOUND" {
			return nil, true
		}
		n, err := strconv.ParseUint(strings.TrimSpace(last), 10, 64)
		return &n, err == nil
	})
}

// delete removes an item, and touch sets when it expires. They fire with false if there is none.
func (c *client) delete(key string) *deferred.Deferred[bool] {
	cmd := &command{name: "delete", keys: []string{key}}
	return send(c, cmd, oneOf(map[string]bool{"DELETED": true, "NOT_FOUND": false}))
}

func (c *client) touch(key string, expires time.Duration) *deferred.Deferred[bool] {
	cmd := &command{name: "touch", keys: []string{key}, args: fmt.Sprint(" ", c.expiry(expires))}
	return send(c, cmd, oneOf(map[string]bool{"TOUCHED": true, "NOT_FOUND": false}))
}

// stats fires with statistics of the server. topics, such as "items", ask for others than the usual ones.
func (c *client) stats(topics ...string) *deferred.Deferred[map[string]string] {
	stats := map[string]string{}
	return send(c, &command{name: "stats", keys: topics, stats: stats}, func(last string) (map[string]string, bool) {
		return stats, last == "END"
	})
}

// version fires with the version of the server.
func (c *client) version() *deferred.Deferred[string] {
	return send(c, &command{name: "version"}, func(last string) (string, bool) { return strings.CutPrefix(last, "VERSION ") })
}

// flushAll removes all items.
func (c *client) flushAll() *deferred.Deferred[bool] {
	return send(c, &command{name: "flush_all"}, oneOf(map[string]bool{"OK": true}))
}

func oneOf(results map[string]bool) func(last string) (result, ok bool) {
	return func(last string) (result, ok bool) {
		result, ok = results[last]
		return result, ok
	}
}

// expiry returns expires in seconds, rounded up. A server takes a number of more than 30 days for a date.
func (c *client) expiry(expires time.Duration) int64 {
	switch {
	case expires < 0:
		return -1
	case expires > 30*24*time.Hour && c.lost == nil:
		return c.Transport.Reactor().Now().Add(expires).Unix()
	}
	return int64((expires + time.Second - 1) / time.Second)
}
