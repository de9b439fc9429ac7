// Package logtest keeps what log/slog logs during a test.
package logtest

import (
	"bytes"
	"log/slog"
	"sync"
	"testing"
)

// A Log keeps the lines that are logged, without their times. Any goroutine may log.
type Log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Capture makes a new Log the destination of log/slog until the test ends.
func Capture(t testing.TB) *Log {
	l := new(Log)
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{ReplaceAttr: withoutTime})))
	t.Cleanup(func() { slog.SetDefault(before) })
	return l
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

// Write adds a line.
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// String returns the lines since the last Take.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Take returns the lines since the last Take.
func (l *Log) Take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer l.text.Reset()
	return l.text.String()
}
