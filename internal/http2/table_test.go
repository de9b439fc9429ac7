package http2

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// TestTable writes random fields, with tables of changing sizes, and reads them with package hpack.
func TestTable(t *testing.T) {
	rnd := rand.New(rand.NewPCG(3, 4))
	var written, read []hpack.HeaderField
	decoder := hpack.NewDecoder(tableSize, func(f hpack.HeaderField) { read = append(read, f) })
	var w table
	w.init()
	hits := 0
	for block := range 3000 {
		written, read = written[:0], read[:0]
		if rnd.IntN(50) == 0 {
			for range 1 + rnd.IntN(3) {
				w.resize(rnd.Uint32N(5000))
			}
		}
		b := w.appendBegin(nil)
		for range rnd.IntN(12) {
			f := hpack.HeaderField{Name: fmt.Sprint("name", rnd.IntN(9)), Value: strings.Repeat("v", rnd.IntN(4)*20) + fmt.Sprint(rnd.IntN(5))}
			if rnd.IntN(4) == 0 {
				f = hpack.HeaderField{Name: "accept-encoding", Value: "gzip, deflate"} // the static table has it
			}
			before := len(b)
			switch rnd.IntN(8) {
			case 0:
				b = w.appendLiteral(b, 0, staticNames[f.Name], f.Name, f.Value)
			case 1:
				b = w.appendLiteral(b, 0x10, staticNames[f.Name], f.Name, f.Value)
				f.Sensitive = true
			default:
				b = w.appendIndexed(b, f.Name, f.Value)
				if len(b)-before <= 2 {
					hits++
				}
			}
			written = append(written, f)
		}
		if _, err := decoder.Write(b); err != nil {
			t.Fatalf("block %d: %v: % x", block, err, b)
		}
		if err := decoder.Close(); err != nil {
			t.Fatalf("block %d: %v: % x", block, err, b)
		}
		if !slices.Equal(written, read) {
			t.Fatalf("block %d: wrote %v, read %v", block, written, read)
		}
	}
	if hits < 4000 {
		t.Errorf("%d fields were in the table", hits)
	}
}

// TestSecretsAreNotIndexed: secrets, and what changes with each message, do not go into the peer's table.
func TestSecretsAreNotIndexed(t *testing.T) {
	for _, row := range []struct {
		name, value string
		first       byte // 0: without indexing, 0x10: never indexed, 0x40: indexed
	}{
		{"Authorization", "Bearer abc", 0x10},
		{"Proxy-Authorization", "Basic abc", 0x10},
		{"Set-Cookie", "session=abcdefghijklmnopqrstuvwxyz", 0x10},
		{"X-Auth-Token", "abc", 0x10},
		{"X-Api-Key", "abc", 0x10},
		{"Cookie", "a=b", 0x10},
		{"Cookie", "session=abcdefghijklmnopqrstuvwxyz", 0x40},
		{"Date", "Thu, 26 Nov 2026 06:00:00 GMT", 0},
		{"Etag", `"x"`, 0},
		{"X-Request-Id", "1", 0},
		{"User-Agent", "gotreq", 0x40},
		{"X-Custom", "1", 0x40},
	} {
		var c conn
		c.writer.init(&c)
		c.writer.value(c.writer.name(row.name), row.value)
		got := c.out[0] & 0x70
		if got >= 0x40 {
			got = 0x40
		}
		if got != row.first {
			t.Errorf("%s: %s is written with the first byte %#x, want %#x", row.name, row.value, got, row.first)
		}
	}
}
