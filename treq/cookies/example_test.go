package cookies_test

import (
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"github.com/seed-7c003b53/gotreq/treq/cookies"
)

func Example() {
	u, _ := url.Parse("https://an.example/")
	var jar cookies.Jar
	jar.SetCookies(u, cookies.FromResponse(http.Header{"Set-Cookie": {"hello=world; Path=/; HttpOnly"}}))

	hello, err := jar.Get("hello")
	fmt.Println(hello, err)

	jar.Set("theme", "dark", cookies.Domain("an.example"))
	header, _ := cookies.Header(jar.Cookies(u))
	fmt.Println(header)
	// Output:
	// world <nil>
	// hello=world; theme=dark
}

// The cookies of a map stay with their origin, even if a redirect leads elsewhere.
func ExampleFromMap() {
	origin, _ := url.Parse("https://an.example/")
	jar, _ := cookies.FromMap(origin, map[string]string{"token": "secret"})
	for _, to := range []string{"https://an.example/next", "http://an.example/", "https://another.example/"} {
		u, _ := url.Parse(to)
		fmt.Println(to, len(jar.Cookies(u)))
	}
	// Output:
	// https://an.example/next 1
	// http://an.example/ 0
	// https://another.example/ 0
}

// A program that keeps its cookies in a file begins with FromFile and ends with SaveFile.
func ExampleFromFile() {
	folder, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	for range 2 {
		jar, err := cookies.FromFile(filepath.Join(folder, "cookies.txt"))
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(jar.Names())
		jar.Set("hello", "world", cookies.Domain("an.example"))
		if err := jar.SaveFile(filepath.Join(folder, "cookies.txt")); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// []
	// [hello]
}

func ExampleJar_Save() {
	var jar cookies.Jar
	jar.Put(cookies.Cookie{Name: "hello", Value: "world", Domain: ".an.example", Secure: true})
	jar.Save(os.Stdout) // SaveFile replaces a file in one step
}

// A jar with limits tells what it does not keep or send.
func ExampleJar_dropped() {
	u, _ := url.Parse("https://an.example/")
	jar := cookies.Jar{
		MaxPerDomain: 2,
		Dropped:      func(c cookies.Cookie, why error) { fmt.Printf("%v: %v\n", c, why) },
	}
	jar.SetCookies(u, cookies.FromResponse(http.Header{"Set-Cookie": {
		"a=1", "b=2", "c=3", "__Host-d=4; Secure", "e=5; Domain=another.example",
	}}))
	fmt.Println(jar.Names())
	// Output:
	// a for an.example/: more cookies than the limit of the jar: 2 of an.example
	// __Host-d for an.example/: not a cookie: the name "__Host-d" asks for Path=/
	// e for an.example/: not a cookie: an.example may not set one for "another.example"
	// [b c]
}
