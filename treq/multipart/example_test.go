package multipart_test

import (
	"fmt"
	"os"
	"strings"

	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// Printer is a consumer that prints the bytes, with \n for CR LF.
type Printer struct{ cooperator *task.Cooperator }

func (p Printer) Cooperator() *task.Cooperator { return p.cooperator }
func (p Printer) Write(data []byte)            { fmt.Print(strings.ReplaceAll(string(data), "\r\n", "\n")) }

func ExampleMultiPartProducer() {
	r := memory.New()
	form, err := multipart.NewMultiPartProducer([]multipart.Field{
		{Name: "photo", Value: multipart.FromReader("sea.jpg", strings.NewReader("(a photo)"))},
		{Name: "title", Value: multipart.Text("At sea")},
	}, multipart.Config{Boundary: "heyDavid"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("Content-Type:", form.ContentType())
	fmt.Println("Content-Length:", form.Length())
	fmt.Println()
	form.StartProducing(Printer{task.NewCooperator(r, task.CooperatorConfig{})})
	r.Pump()
	// Output:
	// Content-Type: multipart/form-data; boundary=heyDavid
	// Content-Length: 218
	//
	// --heyDavid
	// Content-Disposition: form-data; name="title"
	//
	// At sea
	// --heyDavid
	// Content-Disposition: form-data; name="photo"; filename="sea.jpg"
	// Content-Type: image/jpeg
	// Content-Length: 9
	//
	// (a photo)
	// --heyDavid--
}

func ExampleFromFile() {
	f, err := os.Open("doc.go")
	if err != nil {
		fmt.Println(err)
		return
	}
	file := multipart.FromFile(f)
	fmt.Println(file.Name)
	file.Name = "another.txt"
	file.ContentType = "text/plain; charset=utf-8"
	form, err := multipart.NewMultiPartProducer([]multipart.Field{{Name: "source", Value: file}}, multipart.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	form.StopProducing() // the form is not sent: this closes the file
	// Output: doc.go
}

// The contents of a file may be in memory, or come from any producer.
func ExampleFile() {
	form, err := multipart.NewMultiPartProducer([]multipart.Field{
		{Name: "report", Value: multipart.File{Name: "report.json", Body: request.Bytes(`{"ok":true}`)}},
	}, multipart.Config{})
	fmt.Println(form.Length() > 0, err)
	// Output: true <nil>
}
