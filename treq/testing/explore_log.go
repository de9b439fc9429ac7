package testing

import (
	"io"
	"log"
	"log/slog"
)

// This file keeps the logs of runs apart from that of the test.

// A runLog is the destination of the default loggers during an exploration. It drops what most
// runs log.
type runLog struct {
	before *slog.Logger
	writer io.Writer // of package log
	flags  int
	shows  bool
}

// install makes l the destination.
func (l *runLog) install() {
	l.before, l.writer, l.flags = slog.Default(), log.Writer(), log.Flags()
	slog.SetDefault(slog.New(slog.DiscardHandler))
}

// remove undoes install.
func (l *runLog) remove() {
	slog.SetDefault(l.before)
	log.SetOutput(l.writer)
	log.SetFlags(l.flags)
}

// start begins the log of a run: it goes to tb, or nowhere.
func (l *runLog) start(show bool, tb *runTB) {
	switch {
	case show:
		slog.SetDefault(slog.New(slog.NewTextHandler(logWriter{tb}, &slog.HandlerOptions{ReplaceAttr: withoutTime})))
	case l.shows:
		slog.SetDefault(slog.New(slog.DiscardHandler))
	}
	l.shows = show
}

func withoutTime(groups []string, a slog.Attr) slog.Attr {
	if a.Key == slog.TimeKey && len(groups) == 0 {
		return slog.Attr{}
	}
	return a
}

// A logWriter writes to the log of a run, until the run ends.
type logWriter struct{ tb *runTB }

func (w logWriter) Write(p []byte) (int, error) {
	w.tb.mu.Lock()
	defer w.tb.mu.Unlock()
	if !w.tb.over {
		w.tb.log.Write(p)
		w.tb.unread = w.tb.log.Len()
	}
	return len(p), nil
}
