package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
)

// fasthttpRequests makes requests through a fasthttp.Client. The client does not keep
// cookies or decode bodies, so this function does both where the task needs them.
func fasthttpRequests(t *task, m *meter) error {
	c := &fasthttp.Client{
		MaxConnsPerHost:               t.Connections,
		TLSConfig:                     tlsConfig(t),
		NoDefaultUserAgentHeader:      true,
		DisableHeaderNamesNormalizing: false,
		StreamResponseBody:            t.Stream,
	}
	var buffers = sync.Pool{New: func() any { return new([readSize]byte) }}
	return inGoroutines(t, func() (bool, error) {
		req, resp := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
		defer fasthttp.ReleaseRequest(req)
		defer fasthttp.ReleaseResponse(resp)
		req.Header.SetMethod(t.Method)
		req.SetRequestURI(t.URL)
		if t.Cookies {
			req.Header.Set("Cookie", "cookie0=value0; cookie1=value1; cookie2=value2")
		}
		if t.Gzip {
			req.Header.Set("Accept-Encoding", "gzip")
		}
		if t.JSON != "" {
			req.Header.SetContentType("application/json")
			req.SetBody(richValueJSON())
		}
		if t.Upload != 0 {
			body, length, contentType, err := multipartBody(t)
			if err != nil {
				return false, err
			}
			req.Header.SetContentType(contentType)
			req.SetBodyStream(body, int(length))
		}
		var err error
		if t.Redirects != 0 {
			err = c.DoRedirects(req, resp, t.Redirects+1)
		} else {
			err = c.DoTimeout(req, resp, time.Hour)
		}
		if err != nil {
			return false, err
		}
		switch {
		case t.Stream:
			buffer := buffers.Get().(*[readSize]byte)
			defer buffers.Put(buffer)
			n, err := io.CopyBuffer(onlyWriter{io.Discard}, resp.BodyStream(), buffer[:])
			if err == nil {
				err = resp.CloseBodyStream()
			}
			if err != nil {
				return false, err
			}
			return m.done(n), nil
		case t.Gzip:
			body, err := resp.BodyGunzip()
			if err != nil {
				return false, err
			}
			if resp.Header.PeekCookie("cookie0") == nil {
				return false, fmt.Errorf("no cookie came")
			}
			return m.done(int64(len(body))), nil
		}
		body := resp.Body()
		checkReceived(t, body)
		return m.done(int64(len(body))), nil
	})
}
