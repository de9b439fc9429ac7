package main

import (
	"github.com/go-resty/resty/v2"
)

// restyRequests makes requests through resty, which is based on net/http.
func restyRequests(t *task, m *meter) error {
	c := resty.New()
	c.SetTransport(netHTTPTransport(t))
	if !t.Cookies {
		c.SetCookieJar(nil)
	}
	return inGoroutines(t, func() (bool, error) {
		req := c.R()
		if t.JSON != "" {
			req.SetBody(richValue)
		}
		resp, err := req.Execute(t.Method, t.URL)
		if err != nil {
			return false, err
		}
		checkReceived(t, resp.Body())
		return m.done(int64(len(resp.Body()))), nil
	})
}
