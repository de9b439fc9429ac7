package peers_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/seed-7c003b53/gotreq/internal/testkit/daemon"
	"github.com/seed-7c003b53/gotreq/internal/testkit/testcert"
)

// page loads 50 resources at once, uploads one, sends 20 messages through a WebSocket if the
// page's URL asks for it, and reports what came and by which protocol.
const page = `<!doctype html><title>page</title><body><script>
const report = async () => {
	const count = 50, got = {texts: 0, bytes: 0, protocols: {}, errors: []};
	await Promise.all([...Array(count).keys()].map(async i => {
		try {
			const response = await fetch("/known?n=" + (20000 + i));
			const body = await response.arrayBuffer();
			if (response.status === 200 && body.byteLength === 20000 + i) got.texts++;
			got.bytes += body.byteLength;
		} catch (e) { got.errors.push(String(e)); }
	}));
	try {
		const response = await fetch("/echo", {method: "POST", body: new Uint8Array(300000)});
		got.echoed = (await response.arrayBuffer()).byteLength;
	} catch (e) { got.errors.push(String(e)); }
	for (const entry of performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")))
		got.protocols[entry.nextHopProtocol] = (got.protocols[entry.nextHopProtocol] || 0) + 1;
	if (location.search === "?ws") await new Promise(resolve => {
		const socket = new WebSocket("wss://" + location.host + "/socket");
		got.messages = 0;
		socket.onopen = () => { for (let i = 0; i < 20; i++) socket.send("message " + i + "x".repeat(i * 1000)); };
		socket.onmessage = event => {
			if (event.data === "message " + got.messages + "x".repeat(got.messages * 1000)) got.messages++;
			if (got.messages === 20) socket.close(1000, "done");
		};
		socket.onclose = event => { got.closed = event.code; resolve(); };
		socket.onerror = event => { got.errors.push("WebSocket"); };
	});
	await fetch("/report", {method: "POST", body: JSON.stringify(got)});
};
performance.setResourceTimingBufferSize(1000);
report();
</script>`

// A sighting is what page reports.
type sighting struct {
	Texts, Bytes, Echoed, Messages, Closed int
	Protocols                              map[string]int
	Errors                                 []string
}

// seen serves page beside the exam, and passes its reports on, and the version of HTTP of each
// WebSocket's request.
func seen(reports chan<- sighting, sockets chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/page":
			w.Header().Set("Content-Type", "text/html")
			io.WriteString(w, page)
		case "/report":
			var s sighting
			if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
				s.Errors = append(s.Errors, err.Error())
			}
			reports <- s
		case "/socket":
			sockets <- r.Proto
			c, err := websocket.Accept(w, r, nil)
			if err != nil {
				return // the page reports it
			}
			defer c.CloseNow()
			for {
				kind, data, err := c.Read(r.Context())
				if err != nil || c.Write(r.Context(), kind, data) != nil {
					return
				}
			}
		default:
			examHandler(w, r)
		}
	})
}

// chromiumTLS returns the configuration of a server for Chromium, which knows no Ed25519.
func chromiumTLS() *tls.Config {
	cert, _ := testcert.New("127.0.0.1")
	return &tls.Config{Certificates: []tls.Certificate{cert}}
}

// chromium opens url, whose server has the certificate of config, and returns what page
// reports to reports.
func chromium(t *testing.T, url string, config *tls.Config, reports <-chan sighting) sighting {
	t.Helper()
	path := daemon.Path(t, "chromium")
	leaf, err := x509.ParseCertificate(config.Certificates[0].Certificate[0])
	if err != nil {
		t.Fatal(err)
	}
	pin := sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
		"--user-data-dir="+t.TempDir(), "--ignore-certificate-errors-spki-list="+base64.StdEncoding.EncodeToString(pin[:]), "--remote-debugging-port=0", url)
	cmd.WaitDelay = 2 * time.Second
	var output bytes.Buffer // of chromium; read when it has ended
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var s sighting
	reported := false
	select {
	case s = <-reports:
		reported = true
	case <-ctx.Done():
	}
	cancel()
	cmd.Wait()
	if !reported {
		t.Fatalf("chromium reports nothing:\n%.3000s", output.String())
	}
	return s
}
