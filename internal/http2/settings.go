package http2

// This file holds the settings of both ends (RFC 9113, section 6.5).

import (
	"encoding/binary"
	"math"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// peerSettings is what the peer announced.
type peerSettings struct {
	come            bool // its first SETTINGS
	maxStreams      uint32
	window          int64 // of a new stream
	maxFrame        int
	maxList         int64 // MAX_HEADER_LIST_SIZE; 0: unknown
	connectProtocol bool
}

// writeSettings announces ours. What is the default is left out.
//
// A peer that never acknowledges them is not sent SETTINGS_TIMEOUT, which RFC 9113, section 6.5.3, leaves to us: nothing
// waits for the acknowledgement. Until it comes, the peer may use the window of a stream that every connection begins with.
func (c *conn) writeSettings() {
	start := len(c.out)
	c.out = appendFrameHead(c.out, 0, frameSettings, 0, 0)
	if c.server {
		c.out = appendSetting(c.out, settingMaxStreams, uint32(min(int64(c.config.MaxStreams), math.MaxUint32)))
	} else {
		c.out = appendSetting(c.out, settingEnablePush, 0)
	}
	c.out = appendSetting(c.out, settingInitialWindow, uint32(c.config.StreamWindow))
	c.out = appendSetting(c.out, settingMaxHeaderListSize, uint32(min(int64(c.config.Limits.HeaderBytes), math.MaxUint32)))
	if c.server && c.config.ConnectProtocol {
		c.out = appendSetting(c.out, settingConnectProtocol, 1)
	}
	c.out = appendSetting(c.out, settingNoPriorities, 1)
	length := len(c.out) - start - frameHeadSize
	putFrameHead(c.out[start:], length, frameSettings, 0, 0)
	c.unacked++
}

// handleSettings applies the peer's settings in their order.
func (c *conn) handleSettings(p []byte) (Event, error) {
	if c.frame.has(flagAck) {
		if c.unacked == 0 {
			return NeedMore, c.noise(1, "SETTINGS frames")
		}
		c.unacked--
		return NeedMore, nil
	}
	if err := c.changes(1 + len(p)/(16*settingSize)); err != nil {
		return 0, err
	}
	first := !c.peer.come
	c.peer.come = true
	if first {
		c.peer.maxStreams = math.MaxInt32
	}
	resized := false
	for ; len(p) > 0; p = p[settingSize:] {
		// A new size of the windows changes every stream. Nobody needs two in one frame.
		if setting(binary.BigEndian.Uint16(p)) == settingInitialWindow {
			if resized {
				if err := c.changes(1 + c.streams.Len()/64); err != nil {
					return 0, err
				}
			}
			resized = true
		}
		if err := c.applySetting(setting(binary.BigEndian.Uint16(p)), binary.BigEndian.Uint32(p[2:])); err != nil {
			return 0, err
		}
	}
	c.out = appendFrameHead(c.out, 0, frameSettings, flagAck, 0)
	c.acknowledged += frameHeadSize
	return Settings, nil
}

func (c *conn) applySetting(s setting, value uint32) error {
	switch s {
	case settingHeaderTableSize:
		c.writer.table.resize(value)
	case settingEnablePush:
		if value > 1 || value == 1 && !c.server {
			return c.fail(wire.ProtocolError, wire.ErrSettings, "6.5.2", "ENABLE_PUSH is %d", value)
		}
	case settingMaxStreams:
		c.peer.maxStreams = min(value, math.MaxInt32)
	case settingInitialWindow:
		return c.resizeWindows(value)
	case settingMaxFrameSize:
		if value < maxFrameSize || value >= 1<<24 {
			return c.fail(wire.ProtocolError, wire.ErrSettings, "6.5.2", "MAX_FRAME_SIZE is %d", value)
		}
		c.peer.maxFrame = min(int(value), mostFrame)
	case settingMaxHeaderListSize:
		c.peer.maxList = int64(value)
	case settingConnectProtocol:
		if value > 1 || value == 0 && c.peer.connectProtocol {
			return c.fail(wire.ProtocolError, wire.ErrSettings, "6.5.2", "ENABLE_CONNECT_PROTOCOL is %d", value)
		}
		c.peer.connectProtocol = value == 1
	case settingNoPriorities:
		if value > 1 {
			return c.fail(wire.ProtocolError, wire.ErrSettings, "6.5.2", "NO_RFC7540_PRIORITIES is %d", value)
		}
	}
	return nil
}

// mostFrame bounds the frames that we send, whatever the peer takes: one stream's frame holds up all others.
const mostFrame = 64 << 10

// Acknowledged returns the bytes that the peer's PINGs and SETTINGS have added to Output. A peer that sends them, and
// does not read the answers, would fill the memory with those: its connection is not to be read then.
func (c *conn) Acknowledged() int64 { return c.acknowledged }

// MaxFrame returns the largest payload of a frame that may be sent.
func (c *conn) MaxFrame() int { return c.peer.maxFrame }

// MaxStreams returns how many streams the peer lets this side have open at a time: 100 before its settings have come.
func (c *conn) MaxStreams() int { return int(c.peer.maxStreams) }

// ConnectProtocol reports whether the peer offers extended CONNECT (RFC 8441).
func (c *conn) ConnectProtocol() bool { return c.peer.connectProtocol }
