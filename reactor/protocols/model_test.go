package protocols_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A lineModel says in the simplest way what a LineReceiver does: it has one buffer.
type lineModel struct {
	buffer            []byte
	raw, paused, busy bool
	lost              bool
	call              func(kind string, data []byte)
}

func (m *lineModel) received(data []byte) {
	if m.lost {
		return
	}
	m.buffer = append(bytes.Clone(m.buffer), data...)
	m.run()
}

func (m *lineModel) take(n, skip int) []byte {
	found := m.buffer[:n]
	m.buffer = m.buffer[n+skip:]
	return found
}

func (m *lineModel) run() {
	if m.busy || m.lost {
		return
	}
	m.busy = true
	for !m.paused && !m.lost && len(m.buffer) != 0 {
		i := bytes.Index(m.buffer, []byte("<>"))
		switch {
		case m.raw:
			m.call("raw", m.take(len(m.buffer), 0))
		case i >= 0 && i <= limit:
			m.call("line", m.take(i, 2))
		case len(m.buffer) >= limit+2:
			m.call("long", m.take(len(m.buffer), 0))
		default:
			m.busy = false
			return
		}
	}
	m.busy = false
	if m.lost {
		m.buffer = nil
	}
}

// A LineReceiver whose functions call its methods in any order behaves as the model does.
func TestLineReceiverAsItsModel(t *testing.T) {
	for seed := range uint64(2000) {
		if got, want := playReceiver(seed), playModel(seed); !slices.Equal(got, want) {
			t.Fatalf("seed %d:\n got %q\nwant %q", seed, got, want)
		}
	}
}

// A lineUnderTest is a LineReceiver or its model.
type lineUnderTest struct {
	received            func(data []byte)
	setRaw              func()
	setLine             func(extra []byte)
	clear               func() []byte
	pause, resume, lose func()
}

// play plays the program of seed. It returns the function for the calls of l, and one for what
// follows.
func play(seed uint64, l *lineUnderTest) (call func(kind string, data []byte), run func() []string) {
	random := rand.New(rand.NewPCG(seed, 1))
	var made []string
	act := func(data []byte) {
		switch cut := random.IntN(len(data) + 1); random.IntN(16) {
		case 0, 1:
			l.setRaw()
		case 2, 3:
			l.setLine(nil)
		case 4, 5:
			l.setLine(data[cut:])
		case 6, 7:
			l.setLine(bytes.Clone(data[cut:]))
		case 8:
			l.pause()
		case 9:
			l.resume()
		case 10:
			made = append(made, fmt.Sprintf("cleared %s", l.clear()))
		case 11:
			rest := l.clear()
			l.setLine(rest[min(1, len(rest)):])
		case 12:
			if random.IntN(4) == 0 {
				l.lose()
			}
		case 13:
			l.received([]byte("x<>"))
		}
	}
	call = func(kind string, data []byte) {
		made = append(made, kind+" "+string(data))
		if len(made) > 400 {
			l.lose()
			return
		}
		act(data)
	}
	return call, func() []string {
		for range 12 {
			piece := make([]byte, random.IntN(40))
			for i := range piece {
				piece[i] = "<><>abc"[random.IntN(7)]
			}
			l.received(piece)
			clear(piece) // it was valid until received has returned
			if random.IntN(4) == 0 {
				act([]byte("extra<>"))
			}
			if random.IntN(4) == 0 {
				l.resume()
			}
		}
		return made
	}
}

func playReceiver(seed uint64) []string {
	transport := &memory.StringTransport{}
	r := &protocols.LineReceiver{Delimiter: "<>", MaxLength: limit}
	l := &lineUnderTest{
		received: r.DataReceived, setRaw: r.SetRawMode, setLine: r.SetLineMode, clear: r.ClearLineBuffer,
		lose: transport.LoseConnection,
		pause: func() {
			if !transport.Disconnecting() {
				r.PauseProducing()
			}
		},
		resume: func() {
			if !transport.Disconnecting() {
				r.ResumeProducing()
			}
		},
	}
	call, run := play(seed, l)
	r.LineReceived = func(line []byte) { call("line", line) }
	r.RawDataReceived = func(data []byte) { call("raw", data) }
	r.LineLengthExceeded = func(data []byte) { call("long", data) }
	r.ConnectionMade(transport)
	return run()
}

func playModel(seed uint64) []string {
	m := &lineModel{}
	l := &lineUnderTest{
		received: m.received,
		setRaw:   func() { m.raw = true },
		setLine: func(extra []byte) {
			if m.raw = false; len(extra) != 0 {
				m.received(extra)
			}
		},
		clear:  func() []byte { return m.take(len(m.buffer), 0) },
		pause:  func() { m.paused = true },
		resume: func() { m.paused = false; m.run() },
		lose:   func() { m.lost = true },
	}
	call, run := play(seed, l)
	m.call = call
	return run()
}
