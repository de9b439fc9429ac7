package http1_test

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/seed-7c003b53/gotreq/internal/http1"
	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// A response arrives in two pieces, followed by the beginning of another.
func ExampleResponseReader() {
	arrivals := []string{
		"HTTP/1.1 200 OK\r\nContent-Le",
		"ngth: 13\r\n\r\nhello, world!HTTP/1.1 ",
	}
	var r http1.ResponseReader
	r.Start("GET")
	for _, arrival := range arrivals {
		in := []byte(arrival)
		for more := true; more; {
			n, ev, err := r.Next(in)
			if err != nil {
				fmt.Println(err)
				return
			}
			in = in[n:]
			switch ev {
			case http1.NeedMore:
				more = false
			case http1.Head:
				fmt.Println(r.Head().Code, r.Head().Phrase, r.Head().Length)
			case http1.Data:
				fmt.Printf("%s\n", r.Data())
			case http1.End:
				fmt.Printf("end, left %q\n", in)
				more = false
			}
		}
	}
	// Output:
	// 200 OK 13
	// hello, world!
	// end, left "HTTP/1.1 "
}

func ExampleResponseReader_Finish() {
	var r http1.ResponseReader
	r.Start("GET")
	in := []byte("HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\nhello")
	for len(in) > 0 {
		n, _, _ := r.Next(in)
		in = in[n:]
	}
	_, err := r.Finish()
	fmt.Println(err)
	fmt.Println(errors.Is(err, wire.ErrPartialBody))
	// Output:
	// connection ended within the body: 5 of 13 bytes arrived
	// true
}

func ExampleAppendRequestHead() {
	head, err := http1.AppendRequestHead(nil, &http1.RequestHead{
		Method: "POST", Target: "/post", Length: 5, KeepAlive: true,
		Header: http.Header{"Host": {"an.example"}, "Accept": {"*/*"}},
	})
	fmt.Printf("%q %v\n", head, err)

	_, err = http1.AppendRequestHead(nil, &http1.RequestHead{
		Method: "GET", Target: "/", KeepAlive: true,
		Header: http.Header{"Host": {"an.example"}, "X-Name": {"a\r\nCookie: stolen"}},
	})
	fmt.Println(err)
	// Output:
	// "POST /post HTTP/1.1\r\nHost: an.example\r\nContent-Length: 5\r\nAccept: */*\r\n\r\n" <nil>
	// invalid header value: byte "\r" in "a\r\nCookie: stolen", in the header "X-Name"
}
