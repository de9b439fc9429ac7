package http2

// This file holds the layout of frames (RFC 9113, sections 4.1 and 6). It must not know what a frame does.

import (
	"encoding/binary"
	"strconv"
)

type frameType uint8

const (
	frameData           frameType = 0x0
	frameHeaders        frameType = 0x1
	framePriority       frameType = 0x2
	frameReset          frameType = 0x3
	frameSettings       frameType = 0x4
	framePushPromise    frameType = 0x5
	framePing           frameType = 0x6
	frameGoAway         frameType = 0x7
	frameWindowUpdate   frameType = 0x8
	frameContinuation   frameType = 0x9
	framePriorityUpdate frameType = 0x10 // RFC 9218, section 7.1
)

var frameNames = [...]string{"DATA", "HEADERS", "PRIORITY", "RST_STREAM", "SETTINGS", "PUSH_PROMISE", "PING", "GOAWAY", "WINDOW_UPDATE", "CONTINUATION"}

// String returns the name of the type in the RFCs.
func (t frameType) String() string {
	switch {
	case int(t) < len(frameNames):
		return frameNames[t]
	case t == framePriorityUpdate:
		return "PRIORITY_UPDATE"
	}
	return "a frame of type 0x" + strconv.FormatUint(uint64(t), 16)
}

const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

// preface is what a client sends first (RFC 9113, section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// frameHeadSize is the size of a frame without its payload.
const frameHeadSize = 9

// A frameHead is the head of a frame.
type frameHead struct {
	length int
	kind   frameType
	flags  uint8
	stream uint32
}

func (f *frameHead) has(flag uint8) bool { return f.flags&flag != 0 }

func parseFrameHead(b []byte) frameHead {
	_ = b[frameHeadSize-1]
	return frameHead{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]),
		kind:   frameType(b[3]),
		flags:  b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & maxStreamID,
	}
}

func appendFrameHead(b []byte, length int, kind frameType, flags uint8, stream uint32) []byte {
	return append(b, byte(length>>16), byte(length>>8), byte(length), byte(kind), flags,
		byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

func putFrameHead(b []byte, length int, kind frameType, flags uint8, stream uint32) {
	appendFrameHead(b[:0], length, kind, flags, stream)
}

func appendReset(b []byte, stream, code uint32) []byte {
	b = appendFrameHead(b, 4, frameReset, 0, stream)
	return binary.BigEndian.AppendUint32(b, code)
}

func appendWindowUpdate(b []byte, stream uint32, n int) []byte {
	b = appendFrameHead(b, 4, frameWindowUpdate, 0, stream)
	return binary.BigEndian.AppendUint32(b, uint32(n))
}

func appendPing(b []byte, flags uint8, data [8]byte) []byte {
	b = appendFrameHead(b, 8, framePing, flags, 0)
	return append(b, data[:]...)
}

func appendGoAway(b []byte, last, code uint32, debug string) []byte {
	b = appendFrameHead(b, 8+len(debug), frameGoAway, 0, 0)
	b = binary.BigEndian.AppendUint32(b, last)
	b = binary.BigEndian.AppendUint32(b, code)
	return append(b, debug...)
}

// A setting is one of RFC 9113, section 6.5.2.
type setting uint16

const (
	settingHeaderTableSize   setting = 0x1
	settingEnablePush        setting = 0x2
	settingMaxStreams        setting = 0x3
	settingInitialWindow     setting = 0x4
	settingMaxFrameSize      setting = 0x5
	settingMaxHeaderListSize setting = 0x6
	settingConnectProtocol   setting = 0x8 // RFC 8441, section 3
	settingNoPriorities      setting = 0x9 // RFC 9218, section 2.1
)

const settingSize = 6

func appendSetting(b []byte, s setting, value uint32) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(s))
	return binary.BigEndian.AppendUint32(b, value)
}
