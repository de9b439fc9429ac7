package random_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"github.com/seed-7c003b53/gotreq/internal/random"
)

// The same seed gives the same bytes. Without a source, the bytes are the system's.
func ExampleFill() {
	a, b, secret := make([]byte, 16), make([]byte, 16), make([]byte, 16)
	random.Fill(a, rand.New(rand.NewPCG(1, 2)))
	random.Fill(b, rand.New(rand.NewPCG(1, 2)))
	random.Fill(secret, nil)
	fmt.Println(bytes.Equal(a, b), bytes.Equal(a, secret))
	// Output: true false
}
