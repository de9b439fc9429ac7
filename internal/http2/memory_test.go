package http2

import (
	"bytes"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2/hpack"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// TestRememberedBlocks: a client that remembers reads as one that does not, whatever the blocks before did to the table,
// and what one receiver changes the next does not see.
func TestRememberedBlocks(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		encoder.SetMaxDynamicTableSizeLimit(4096)
		remembers, plain := new(Client), new(Client)
		remembers.Init(Config{})
		plain.Init(Config{})
		plain.fields.memory = nil
		again := 0
		for range 200 {
			block.Reset()
			switch rnd.IntN(20) {
			case 0:
				encoder.SetMaxDynamicTableSize(uint32(rnd.IntN(4096)))
			case 1: // a block that is not a response's
				encoder.WriteField(hpack.HeaderField{Name: "x-" + strconv.Itoa(rnd.IntN(1000)), Value: strings.Repeat("v", rnd.IntN(900))})
				read(t, remembers, block.Bytes())
				read(t, plain, block.Bytes())
				block.Reset()
			}
			encoder.WriteField(hpack.HeaderField{Name: ":status", Value: strconv.Itoa(200 + rnd.IntN(2))})
			for i := range 4 {
				encoder.WriteField(hpack.HeaderField{Name: "name-" + strconv.Itoa(i), Value: strconv.Itoa(rnd.IntN(1 + i%2)), Sensitive: i > 1})
			}
			encoder.WriteField(hpack.HeaderField{Name: "content-length", Value: strconv.Itoa(rnd.IntN(2)), Sensitive: true})
			got, gotErr := read(t, remembers, block.Bytes())
			want, wantErr := read(t, plain, block.Bytes())
			if diff := cmp.Diff(want, got, cmp.AllowUnexported(responseFields{})); diff != "" || gotErr != nil || wantErr != nil {
				t.Fatalf("%v, %v: %s", gotErr, wantErr, diff)
			}
			if remembers.fields.size == 0 { // nothing was decompressed
				again++
			}
			for name, values := range got.header {
				values[0] = "changed"
				got.header[name] = append(values, "added")
			}
			got.header["New"] = []string{"new"}
		}
		if again == 0 {
			t.Error("no block was remembered")
		}
	}
}

func read(t *testing.T, c *Client, block []byte) (responseFields, error) {
	t.Helper()
	defer c.fields.forget()
	if err := c.fields.decode(block, false); err != nil {
		t.Fatal(err)
	}
	return c.responseFields()
}

// TestRememberedBlocksOfTrailers: the same block is no trailer section.
func TestRememberedBlocksOfTrailers(t *testing.T) {
	c := new(Client)
	c.Init(Config{})
	block := []byte{0x88} // :status 200
	for range 3 {
		if f, err := read(t, c, block); err != nil || f.code != http.StatusOK {
			t.Fatalf("%+v, %v", f, err)
		}
	}
	if err := c.fields.decode(block, true); err != nil {
		t.Fatal(err)
	}
	if _, err := c.fields.trailer(false); kindOf(err) != wire.ErrPseudoHeader {
		t.Errorf("trailers with a status: %v", err)
	}
}

func kindOf(err error) wire.Kind {
	if e, ok := err.(*wire.Error); ok {
		return e.Kind
	}
	return ""
}

// TestChangesNoTable compares with what the decoder does.
func TestChangesNoTable(t *testing.T) {
	for _, c := range []struct {
		block string
		want  bool
	}{
		{"", true},
		{"\x88", true},
		{"\xff\x00", true},            // index 127
		{"\xff\x80", false},           // cut short
		{"\x00\x01a\x02bc\x88", true}, // a literal
		{"\x10\x01a\x02bc", true},     // one that is never indexed
		{"\x0f\x0d\x011", true},       // its name is of the table
		{"\x0f\x0d\x7f\x00" + strings.Repeat("x", 127), true},
		{"\x0f\x0d\x7f\x00" + strings.Repeat("x", 126), false},
		{"\x0f\x0d", false},
		{"\x00\x05ab", false},
		{"\x40\x01a\x01b", false}, // a literal that is added
		{"\x5c\x011", false},
		{"\x20", false}, // a new size
	} {
		if got := changesNoTable([]byte(c.block)); got != c.want {
			t.Errorf("%q: %v", c.block, got)
		}
	}
}
