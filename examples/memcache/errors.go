package main

import (
	"errors"
	"fmt"
	"strings"
)

var errNotConnected = errors.New("memcache: not connected yet")

// A keyError says that a key cannot be sent.
type keyError struct{ key, problem string }

func (e *keyError) Error() string {
	return fmt.Sprintf("memcache: the key %.300q %s", e.key, e.problem)
}

const maxKey = 250

// checkKey keeps a key from being read as another command.
func checkKey(key string) error {
	switch {
	case key == "":
		return &keyError{key, "is empty"}
	case len(key) > maxKey:
		return &keyError{key, fmt.Sprintf("is longer than %d bytes", maxKey)}
	case strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return &keyError{key, "has a space or a control character"}
	}
	return nil
}

// A replyError is an error that the server answers a command with. The connection continues.
type replyError struct {
	command string
	kind    string // "ERROR": there is no such command; "CLIENT_ERROR": it is wrong; or "SERVER_ERROR"
	text    string // of the server
}

func (e *replyError) Error() string {
	return strings.TrimSpace(fmt.Sprintf("memcache: %s: %s %s", e.command, e.kind, e.text))
}

// A protocolError says that the server does not speak the protocol. It ends the connection.
type protocolError struct{ command, answer string }

func (e *protocolError) Error() string {
	return fmt.Sprintf("memcache: the server answers %s with %s", e.command, e.answer)
}

func unexpected(command, line string) error {
	return &protocolError{command, fmt.Sprintf("%.64q", line)}
}
