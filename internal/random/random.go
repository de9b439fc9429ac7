// Package random has the source of randomness for code without a reactor: the
// system's, which is fit for secrets.
package random

import (
	crypto "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
)

// System draws from the system's randomness. Any goroutine may use it.
var System = rand.New(system{})

type system struct{}

func (system) Uint64() uint64 {
	var b [8]byte
	crypto.Read(b[:]) // never fails
	return binary.LittleEndian.Uint64(b[:])
}

// Fill fills b with random bytes from r, or from System if r is nil.
func Fill(b []byte, r *rand.Rand) {
	if r == nil {
		r = System
	}
	for len(b) != 0 {
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], r.Uint64())
		b = b[copy(b, word[:]):]
	}
}
