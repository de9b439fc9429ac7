package request_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// Printer is a consumer that prints the bytes.
type Printer struct{ cooperator *task.Cooperator }

func (p Printer) Write(data []byte)            { fmt.Printf("%q\n", data) }
func (p Printer) Cooperator() *task.Cooperator { return p.cooperator }

func ExampleFileBodyProducer() {
	r := memory.New()
	body := request.NewFileBodyProducer(strings.NewReader("What is read later."), request.FileBodyConfig{ReadSize: 8})
	fmt.Println(body.Length(), "bytes")
	body.StartProducing(Printer{task.NewCooperator(r, task.CooperatorConfig{})}).AddCallback(func(deferred.None) (deferred.None, error) {
		fmt.Println("done")
		return deferred.None{}, nil
	})
	r.Pump()
	// Output:
	// 19 bytes
	// "What is "
	// "read lat"
	// "er."
	// done
}

// A Connection makes the transport of a protocol other than HTTP a consumer: a transport
// does not know the Cooperator for its producers.
type Connection struct {
	reactor.Transport
	cooperator *task.Cooperator
}

func (c Connection) Cooperator() *task.Cooperator { return c.cooperator }

// A protocol sends a file on its transport.
func ExampleFileBodyProducer_connection() {
	r, transport := memory.New(), new(memory.StringTransport)
	file := request.NewFileBodyProducer(strings.NewReader("a file"), request.FileBodyConfig{})
	transport.RegisterProducer(file) // a full connection pauses the reading
	file.StartProducing(Connection{transport, task.NewCooperator(r, task.CooperatorConfig{})}).
		AddBoth(func(_ deferred.None, err error) (deferred.None, error) {
			transport.UnregisterProducer()
			transport.LoseConnection()
			return deferred.None{}, err
		})
	r.Pump()
	fmt.Println(transport.Value(), transport.Disconnecting())
	// Output: a file true
}

// The body is made while it is sent.
func ExampleCooperativeProducer() {
	r := memory.New()
	line := 0
	body := request.NewCooperativeProducer(request.UnknownLength,
		func(to request.Consumer) (task.Wait, error) {
			if line++; line > 3 {
				return nil, task.Done
			}
			to.Write(fmt.Appendf(nil, `{"line":%d}`+"\n", line))
			return task.Sleep(r, 0), nil
		}, nil)
	body.StartProducing(Printer{task.NewCooperator(r, task.CooperatorConfig{})})
	r.Pump()
	// Output:
	// "{\"line\":1}\n"
	// "{\"line\":2}\n"
	// "{\"line\":3}\n"
}

func ExampleForm() {
	fmt.Printf("%s\n", request.Form(url.Values{"q": {"go twisted"}, "lang": {"en", "fr"}}))
	fmt.Printf("%s\n", request.Form(request.Pairs{{"q", "go twisted"}, {"n", "10"}}))
	// Output:
	// lang=en&lang=fr&q=go+twisted
	// q=go+twisted&n=10
}

// A command line that sends the same request. The token is hidden; CurlWithSecrets shows it.
func ExampleRequest_Curl() {
	u, err := url.Parse("http://an.example/a?page=2")
	if err != nil {
		fmt.Println(err)
		return
	}
	r := &request.Request{
		Method: "POST",
		URL:    u,
		Header: http.Header{"Authorization": {"Bearer abc"}, "Content-Type": {"application/json"}},
		Body:   request.Bytes(`{"it's": "text"}`),
	}
	fmt.Println(r.Curl())
	// Output:
	// curl 'http://an.example/a?page=2' -H 'Authorization: Bearer xxxxx' -H 'Content-Type: application/json' -H Accept: -H User-Agent: -H Expect: --data-raw '{"it'\''s": "text"}'
}
