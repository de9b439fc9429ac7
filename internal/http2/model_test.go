package http2_test

import (
	"encoding/binary"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"unsafe"

	xhttp2 "golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-7c003b53/gotreq/internal/http2"
)

// This file holds what the tests know of a connection without asking the machine: the windows, counted from the
// frames on the wire, and the memory that the machine keeps.

// A machine is a Client or a Server.
type machine interface {
	Next(in []byte) (int, http2.Event, error)
	Finish() error
	Stream() *http2.Stream
	Data() []byte
	Output() []byte
	Streams() int
	Each(func(*http2.Stream))
	Room(*http2.Stream) int
}

// windows counts the windows of one connection from the frames that the machine has read and written.
type windows struct {
	send, receive               int64 // of the connection
	initialSend, initialReceive int64 // of a new stream
	streams                     map[uint32]*streamWindows
	resent                      map[uint32]bool // the machine has reset the stream
}

type streamWindows struct{ send, receive int64 }

func newWindows() *windows {
	return &windows{send: 65535, receive: 65535, initialSend: 65535, initialReceive: 65535, streams: map[uint32]*streamWindows{}, resent: map[uint32]bool{}}
}

func (w *windows) stream(id uint32) *streamWindows {
	s := w.streams[id]
	if s == nil {
		s = &streamWindows{w.initialSend, w.initialReceive}
		w.streams[id] = s
	}
	return s
}

// settings calls f for each parameter of f.
func (f frame) settings(do func(id xhttp2.SettingID, v uint32)) {
	for p := f.payload; len(p) >= 6; p = p[6:] {
		do(xhttp2.SettingID(binary.BigEndian.Uint16(p)), binary.BigEndian.Uint32(p[2:]))
	}
}

// increment returns the increment of a WINDOW_UPDATE.
func (f frame) increment() int64 {
	if len(f.payload) < 4 {
		return 0 // the connection ends by it
	}
	return int64(binary.BigEndian.Uint32(f.payload) & (1<<31 - 1))
}

// read counts a frame that the machine has read.
func (w *windows) read(f frame) {
	switch f.kind {
	case xhttp2.FrameHeaders:
		w.stream(f.id)
	case xhttp2.FrameData:
		w.receive -= int64(len(f.payload))
		w.stream(f.id).receive -= int64(len(f.payload))
	case xhttp2.FrameWindowUpdate:
		if f.id == 0 {
			w.send += f.increment()
		} else if s := w.streams[f.id]; s != nil {
			s.send += f.increment()
		}
	case xhttp2.FrameSettings:
		f.settings(func(id xhttp2.SettingID, v uint32) {
			if id != xhttp2.SettingInitialWindowSize {
				return
			}
			for _, s := range w.streams {
				s.send += int64(v) - w.initialSend
			}
			w.initialSend = int64(v)
		})
	}
}

// wrote counts a frame that the machine has written, and reports DATA beyond a window.
func (w *windows) wrote(t testing.TB, f frame) {
	t.Helper()
	switch f.kind {
	case xhttp2.FrameHeaders:
		w.stream(f.id)
	case xhttp2.FrameData:
		n := int64(len(f.payload))
		s := w.stream(f.id)
		w.send -= n
		s.send -= n
		if n > 0 && (w.send < 0 || s.send < 0) {
			t.Errorf("%v leaves the windows %d and %d", f, w.send, s.send)
		}
	case xhttp2.FrameRSTStream:
		w.resent[f.id] = true
	case xhttp2.FrameWindowUpdate:
		if n := f.increment(); n == 0 {
			t.Errorf("%v has the increment 0", f)
		} else if f.id == 0 {
			if w.receive += n; w.receive > 1<<31-1 {
				t.Errorf("%v makes the window %d", f, w.receive)
			}
		} else if s := w.stream(f.id); s != nil {
			if s.receive += n; s.receive > 1<<31-1 {
				t.Errorf("%v makes the window %d", f, s.receive)
			}
		}
	case xhttp2.FrameSettings:
		f.settings(func(id xhttp2.SettingID, v uint32) {
			if id == xhttp2.SettingInitialWindowSize {
				for _, s := range w.streams {
					s.receive += int64(v) - w.initialReceive
				}
				w.initialReceive = int64(v)
			}
		})
	}
}

// check compares the counts with what m believes.
func (w *windows) check(t testing.TB, m machine) {
	t.Helper()
	send, receive := http2.Windows(m)
	if send != w.send || receive != w.receive {
		t.Errorf("the machine has the windows %d to send and %d to receive; the frames have %d and %d", send, receive, w.send, w.receive)
	}
	m.Each(func(s *http2.Stream) {
		send, receive := http2.StreamWindows(s)
		model := w.streams[s.ID()]
		if model == nil {
			t.Errorf("no frame has stream %d", s.ID())
			return
		}
		if !s.SentEnd() && send != model.send {
			t.Errorf("the machine has the window %d to send on stream %d; the frames have %d", send, s.ID(), model.send)
		}
		if !s.ReceivedEnd() && receive != model.receive {
			t.Errorf("the machine has the window %d to receive on stream %d; the frames have %d", receive, s.ID(), model.receive)
		}
		if room := int64(m.Room(s)); room < 0 || room > max(0, min(w.send, model.send)) {
			t.Errorf("stream %d has room for %d bytes; the windows are %d and %d", s.ID(), room, w.send, model.send)
		}
	})
}

func (w *windows) String() string {
	text := fmt.Sprintf("send %d receive %d", w.send, w.receive)
	for _, id := range slices.Sorted(maps.Keys(w.streams)) {
		text += fmt.Sprintf(", %d: %+v", id, *w.streams[id])
	}
	return text
}

// kept returns the number of bytes that v keeps in memory. What a field named Owner refers to is not counted.
func kept(v any) int {
	k := keeper{seen: map[unsafe.Pointer]bool{}}
	k.visit(reflect.ValueOf(v))
	return k.bytes
}

// keptBy returns what kept counts for each field of the connection.
func keptBy(v any) string {
	text := ""
	k := keeper{seen: map[unsafe.Pointer]bool{}}
	c := reflect.ValueOf(v).Elem()
	k.first(reflect.ValueOf(v).UnsafePointer())
	for at := range reflect.TypeOf(v).Elem().Fields() {
		if at.Name != "conn" {
			continue
		}
		conn := c.FieldByIndex(at.Index)
		for i := range conn.NumField() {
			before := k.bytes
			if k.visit(conn.Field(i)); k.bytes > before+100 {
				text += fmt.Sprintf("%s %d, ", conn.Type().Field(i).Name, k.bytes-before)
			}
		}
	}
	return text
}

type keeper struct {
	seen  map[unsafe.Pointer]bool
	bytes int
}

// first reports whether p has not been seen.
func (k *keeper) first(p unsafe.Pointer) bool {
	if p == nil || k.seen[p] {
		return false
	}
	k.seen[p] = true
	return true
}

// visit counts what v refers to. The caller has counted v itself.
func (k *keeper) visit(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if k.first(v.UnsafePointer()) {
			k.bytes += int(v.Type().Elem().Size())
			k.visit(v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			k.visit(v.Elem())
		}
	case reflect.String:
		if k.first(unsafe.Pointer(unsafe.StringData(v.String()))) {
			k.bytes += v.Len()
		}
	case reflect.Slice:
		if !v.IsNil() && k.first(v.UnsafePointer()) {
			k.bytes += v.Cap() * int(v.Type().Elem().Size())
			k.each(v.Slice(0, v.Cap()))
		}
	case reflect.Array:
		k.each(v)
	case reflect.Map:
		if v.IsNil() || !k.first(v.UnsafePointer()) {
			return
		}
		k.bytes += 48
		for at := v.MapRange(); at.Next(); {
			k.bytes += int(v.Type().Key().Size()+v.Type().Elem().Size()) * 8 / 7
			k.visit(at.Key())
			k.visit(at.Value())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			// The decoder's buf is a part of the caller's last piece.
			if name := v.Type().Field(i).Name; name != "Owner" && (name != "buf" || v.Type() != reflect.TypeFor[hpack.Decoder]()) {
				k.visit(v.Field(i))
			}
		}
	}
}

func (k *keeper) each(v reflect.Value) {
	switch v.Type().Elem().Kind() {
	case reflect.Pointer, reflect.Interface, reflect.String, reflect.Slice, reflect.Array, reflect.Map, reflect.Struct:
		for i := range v.Len() {
			k.visit(v.Index(i))
		}
	}
}
