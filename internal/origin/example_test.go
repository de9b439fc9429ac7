package origin_test

import (
	"fmt"

	"github.com/seed-7c003b53/gotreq/internal/origin"
)

// Two spellings of a URL have one origin.
func ExampleOf() {
	for _, rawURL := range []string{"http://An.Example:80/a", "http://an.example./b"} {
		u, err := origin.Parse(rawURL)
		if err != nil {
			fmt.Println(err)
			return
		}
		o, err := origin.Of(u)
		fmt.Println(o.Scheme, o.Host, o.Port, err)
	}
	// Output:
	// http an.example 80 <nil>
	// http an.example 80 <nil>
}
