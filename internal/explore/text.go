package explore

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// This file writes a tape as text, and reads it.
//
// The text is a version, "1", and base64url of: for each kind that is not all natural, its number,
// the number of choices that are not natural, and for each of them the number of natural ones
// before it and its value less 1, all as varints; then 3 bytes of a checksum of all before.

const version = "1"

// maxAnswers bounds the answers of a tape that is read.
const maxAnswers = 10_000_000

var encoding = base64.RawURLEncoding.Strict()

// String returns t as text without spaces.
func (t Tape) String() string {
	var data []byte
	for kind, answers := range t.answers {
		if len(answers) == 0 {
			continue
		}
		data = append(data, byte(kind))
		data = binary.AppendUvarint(data, uint64(t.Count(memory.Choice(kind))))
		natural := 0
		for _, v := range answers {
			if v == 0 {
				natural++
				continue
			}
			data = binary.AppendUvarint(data, uint64(natural))
			data = binary.AppendUvarint(data, uint64(v-1))
			natural = 0
		}
	}
	sum := checksum(data)
	return version + encoding.EncodeToString(append(data, sum[:]...))
}

func checksum(data []byte) (sum [3]byte) {
	hash := crc32.Update(crc32.ChecksumIEEE([]byte(version)), crc32.IEEETable, data)
	return [3]byte{byte(hash >> 16), byte(hash >> 8), byte(hash)}
}

// Parse returns the tape of a text.
func Parse(text string) (Tape, error) {
	t, err := parse(strings.TrimSpace(text))
	if err != nil {
		return Tape{}, fmt.Errorf("the tape %q %w: copy the whole tape from the report of the failure", text, err)
	}
	return t, nil
}

func parse(text string) (t Tape, err error) {
	if text == "" {
		return t, errors.New("is empty")
	}
	if text[:1] != version {
		return t, fmt.Errorf("begins with %q, and this version of the library reads tapes that begin with %q", text[:1], version)
	}
	data, err := encoding.DecodeString(text[1:])
	if err != nil {
		if at, ok := errors.AsType[base64.CorruptInputError](err); ok && int(at)+1 < len(text) {
			return t, fmt.Errorf("has a wrong character at %d", int(at)+2)
		}
		return t, errors.New("breaks off")
	}
	n := len(data) - 3
	if n < 0 {
		return t, errors.New("breaks off")
	}
	if checksum(data[:n]) != [3]byte(data[n:]) {
		return t, errors.New("has a wrong checksum, so a part of it is missing or changed")
	}
	r := reader{data[:n]}
	for len(r.data) != 0 {
		kind := r.next()
		if kind >= uint64(kinds) {
			return t, fmt.Errorf("has a choice of the unknown kind %d", kind)
		}
		answers := t.answers[kind]
		for range r.next() {
			natural := r.next()
			if natural+uint64(len(answers)) >= maxAnswers {
				return t, errors.New("is too long")
			}
			v := r.next()
			if v >= 1<<32-1 {
				return t, errors.New("has a choice that is too large")
			}
			answers = append(append(answers, make([]uint32, natural)...), uint32(v+1))
		}
		t.answers[kind] = answers
	}
	return t, nil
}

// A reader reads varints. After the end, they are too large for any use.
type reader struct{ data []byte }

func (r *reader) next() uint64 {
	v, n := binary.Uvarint(r.data)
	if n <= 0 {
		r.data = nil
		return 1<<64 - 1 - maxAnswers
	}
	r.data = r.data[n:]
	return v
}
