package request_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/urls"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// TestPrintedRequest: neither fmt nor slog shows the secrets of a request.
func TestPrintedRequest(t *testing.T) {
	req := &request.Request{
		Method: "GET", URL: urls.MustParse("http://me:hunter2@an.example/?q=1&token=hunter2"),
		Header: http.Header{"Authorization": {"Bearer hunter2"}}, Body: request.Bytes("password=hunter2"),
	}
	const want = "<Request GET http://me:xxxxx@an.example/?q=1&token=xxxxx>"
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, req); got != want {
			t.Errorf("%s: %s", verb, got)
		}
	}
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("sent", "request", req)
	slog.New(slog.NewTextHandler(&out, nil)).Info("sent", "request", req)
	if strings.Contains(out.String(), "hunter2") || strings.Count(out.String(), "<Request GET http://me:xxxxx@") != 2 {
		t.Error(out.String())
	}
	if got := (&request.Request{Method: "GET"}).String(); got != "<Request GET>" {
		t.Error(got)
	}
}
