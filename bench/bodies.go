package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"os"
	"strconv"
)

// This file has the bodies of requests.

// richValue is the value of a JSON POST.
var richValue = map[string]any{
	"name":   "a thing",
	"price":  12.5,
	"tags":   []string{"one", "two", "three"},
	"nested": map[string]any{"a": 1, "b": true, "c": nil},
}

func richValueJSON() []byte {
	text, err := json.Marshal(richValue)
	if err != nil {
		fail(err)
	}
	return text
}

// uploadLength is the length of the file that is uploaded.
const uploadLength = 64 * mib

// makeFile makes the file that is uploaded, if it does not exist.
func makeFile(name string) error {
	if _, err := os.Stat(name); err == nil {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	defer f.Close()
	for range uploadLength / len(nothing) {
		if _, err := f.Write(nothing); err != nil {
			return err
		}
	}
	return f.Close()
}

// multipartBody returns a form with the task's file, and its length. Without a file, reading makes the content.
func multipartBody(t *task) (body io.ReadCloser, length int64, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if _, err := w.CreateFormFile("file", "zeros"); err != nil {
		return nil, 0, "", err
	}
	before := bytes.Clone(b.Bytes())
	b.Reset()
	w.Close()
	length = int64(len(before)+b.Len()) + t.Upload
	var file io.ReadCloser = io.NopCloser(io.NewSectionReader(zerosAt{}, 0, t.Upload))
	if t.File != "" {
		if file, err = os.Open(t.File); err != nil {
			return nil, 0, "", err
		}
	}
	return withCloser{io.MultiReader(bytes.NewReader(before), file, &b), file}, length, w.FormDataContentType(), nil
}

// A withCloser reads from one and closes the other.
type withCloser struct {
	io.Reader
	io.Closer
}

// zerosAt is an endless file of zeros.
type zerosAt struct{}

// ReadAt fills p with zeros.
func (zerosAt) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// checkReceived checks the length of the body that the server received, which is its answer: that of the JSON, or of
// the file and up to 1000 bytes of multipart headers. It checks no other task.
func checkReceived(t *task, answer []byte) {
	least, most := t.Upload, t.Upload+1000
	switch {
	case t.JSON != "":
		least, most = int64(len(t.JSON)), int64(len(t.JSON))
	case t.Upload == 0:
		return
	}
	n, err := strconv.ParseInt(string(answer), 10, 64)
	if err != nil || n < least || n > most {
		fail(fmt.Errorf("of a body of %d bytes, the server had %q, %v", least, answer, err))
	}
}
