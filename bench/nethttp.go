package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"strings"
	"sync"
)

// netHTTPTransport returns a transport that keeps all connections of the task.
func netHTTPTransport(t *task) *http.Transport {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, t.Connections
	transport.TLSClientConfig = tlsConfig(t)
	transport.Protocols = protocols(t)
	transport.Proxy = nil
	return transport
}

func netHTTPRequests(t *task, m *meter) error {
	c := &http.Client{Transport: netHTTPTransport(t)}
	if t.Cookies {
		c.Jar, _ = cookiejar.New(nil)
	}
	var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}
	return inGoroutines(t, func() (bool, error) {
		req, err := netHTTPRequest(t)
		if err != nil {
			return false, err
		}
		resp, err := c.Do(req)
		if err != nil {
			return false, err
		}
		defer resp.Body.Close()
		if t.Stream {
			buffer := buffers.Get().(*[readSize]byte)
			defer buffers.Put(buffer)
			n, err := io.CopyBuffer(onlyWriter{io.Discard}, resp.Body, buffer[:])
			if err != nil {
				return false, err
			}
			return m.done(n), nil
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return false, err
		}
		checkReceived(t, body)
		return m.done(int64(len(body))), nil
	})
}

// onlyWriter hides ReadFrom, with which io.CopyBuffer would not use the buffer.
type onlyWriter struct{ io.Writer }

func netHTTPRequest(t *task) (*http.Request, error) {
	switch {
	case t.JSON != "":
		req, err := http.NewRequest(t.Method, t.URL, bytes.NewReader(richValueJSON()))
		if err == nil {
			req.Header.Set("Content-Type", "application/json")
		}
		return req, err
	case t.Upload != 0:
		body, length, contentType, err := multipartBody(t)
		if err != nil {
			return nil, err
		}
		req, err := http.NewRequest(t.Method, t.URL, body)
		if err == nil {
			req.ContentLength = length
			req.Header.Set("Content-Type", contentType)
		}
		return req, err
	}
	return http.NewRequest(t.Method, t.URL, nil)
}

func netHTTPHold(t *task, m *meter) error {
	c := &http.Client{Transport: netHTTPTransport(t)}
	if t.HTTP2 { // one connection for all, and none of it is counted
		resp, err := c.Get(strings.Replace(t.URL, "/hold", "/small", 1))
		if err != nil {
			return err
		}
		resp.Body.Close()
	}
	m.beforeHold()
	var begun sync.WaitGroup
	begun.Add(t.Connections)
	for range t.Connections {
		go func() {
			resp, err := c.Get(t.URL)
			if err != nil {
				fail(err)
			}
			buffer := make([]byte, len(smallBody))
			if _, err := io.ReadFull(resp.Body, buffer); err != nil || string(buffer) != smallBody {
				fail(fmt.Errorf("received %q, %v", buffer, err))
			}
			begun.Done()
			resp.Body.Read(buffer) // waits until the process ends
		}()
	}
	begun.Wait()
	m.whileHeld()
	return nil
}

// netHTTPStub makes requests through an http.Client to a handler with a
// httptest.ResponseRecorder, as tests without a network do.
func netHTTPStub(t *task, m *meter) error {
	c := &http.Client{Transport: recorderTransport{}}
	for more := true; more; {
		resp, err := c.Get("http://an.example/small")
		if err != nil {
			return err
		}
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			return err
		}
		more = m.done(int64(len(body)))
	}
	return nil
}

type recorderTransport struct{}

// RoundTrip returns the response of the handler.
func (recorderTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	sayHello(w, req)
	return w.Result(), nil
}
