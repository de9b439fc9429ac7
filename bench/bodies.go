package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
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

// multipartBody returns a form with the task's file, and its length. Reading makes the
// content of the file.
func multipartBody(t *task) (body io.Reader, length int64, contentType string) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	if _, err := w.CreateFormFile("file", "zeros"); err != nil {
		fail(err)
	}
	before := bytes.Clone(b.Bytes())
	b.Reset()
	w.Close()
	length = int64(len(before)+b.Len()) + t.Upload
	file := io.NewSectionReader(zerosAt{}, 0, t.Upload)
	return io.MultiReader(bytes.NewReader(before), file, &b), length, w.FormDataContentType()
}

// zerosAt is an endless file of zeros.
type zerosAt struct{}

// ReadAt fills p with zeros.
func (zerosAt) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// checkUpload checks that the server received the file, and up to 1000 bytes of multipart
// headers.
func checkUpload(t *task, answer []byte) {
	n, err := strconv.ParseInt(string(answer), 10, 64)
	if err != nil || n < t.Upload || n > t.Upload+1000 {
		fail(fmt.Errorf("of a file of %d bytes, the server had %q, %v", t.Upload, answer, err))
	}
}
