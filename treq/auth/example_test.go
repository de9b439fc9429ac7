package auth_test

import (
	"fmt"
	"strings"

	"github.com/seed-7c003b53/gotreq/treq/auth"
)

func ExampleParseNetrc() {
	netrc, err := auth.ParseNetrc(strings.NewReader(`
		machine an.example login me password "my secret"
		default login anonymous password me@an.example
	`))
	if err != nil {
		fmt.Println(err)
		return
	}
	entry, _ := netrc.Find("an.example", "")
	fmt.Println(entry.Login, entry.Password)
	// Output: me my secret
}

func ExampleParseChallenges() {
	for _, c := range auth.ParseChallenges([]string{`Digest realm="a, b", nonce=x, Basic realm="c"`}) {
		fmt.Println(c.Scheme, c.Get("realm"))
	}
	// Output:
	// Digest a, b
	// Basic c
}
