package peers_test

import (
	"os/exec"
	"strings"
	"testing"
)

// httpxProgram has httpx, whose HTTP/2 is hyper-h2, ask the server at its first argument.
const httpxProgram = `
import sys, ssl, hashlib, asyncio, httpx
site, root, large, size = sys.argv[1], sys.argv[2], open(sys.argv[3], "rb").read(), int(sys.argv[4])

def digest(b): return "%d %s" % (len(b), hashlib.sha256(b).hexdigest()[:16])

async def main():
    async with httpx.AsyncClient(http1=False, http2=True, verify=ssl.create_default_context(cafile=root), timeout=30) as c:
        async def ask(method, path, **kw):
            r = await c.request(method, site + path, **kw)
            return "%s %d %s" % (r.http_version, r.status_code, r.text if len(r.content) < 200 else digest(r.content))
        async def pieces():
            for i in range(0, len(large), 10007):
                yield large[i:i+10007]
        print(await ask("GET", "/hello"))
        print(await ask("HEAD", "/known?n=5"))
        print(await ask("POST", "/upload", content=large))
        print(await ask("POST", "/upload", content=pieces()))
        print(await ask("PUT", "/echo", content=large) == "HTTP/2 200 " + digest(large))
        print(await ask("GET", "/to?code=302", follow_redirects=True))
        print(await ask("GET", "/gzip?n=1000"))
        print(await ask("GET", "/headers", headers={"X-Many": "v" * 20000}))
        print(await ask("GET", "/empty"))
        print(await ask("GET", "/missing"))
        print(sorted(set(await asyncio.gather(*[ask("GET", "/hello") for _ in range(90)]))))
        print(len(set(await asyncio.gather(*[ask("GET", "/streamed?n=%d" % size) for _ in range(20)]))))

asyncio.run(main())
`

// httpx checks what httpx for Python makes of g.
func (g *target) httpx(t *testing.T) {
	python := ""
	for _, name := range []string{"python3", "/usr/bin/python3"} { // a version manager may hide the system's
		if exec.Command(name, "-I", "-c", "import httpx, h2").Run() == nil {
			python = name
			break
		}
	}
	if python == "" {
		t.Skip("SKIPPED: no Python here has httpx and h2 (Debian: python3-httpx, python3-h2)")
	}
	for _, url := range []string{"PLAIN", "SECURE"} {
		out, err := exec.Command(python, "-I", "-c", httpxProgram, g.fill(url), g.root, g.large, g.fill("SIZE")).CombinedOutput()
		want := g.fill(`HTTP/2 200 GET hello
HTTP/2 200 
HTTP/2 200 POST DIGEST4 true <nil>
HTTP/2 200 POST DIGEST4 false <nil>
True
HTTP/2 200 
HTTP/2 200 ` + digest(blob(3, 1000)) + `
HTTP/2 200 20000
HTTP/2 204 
HTTP/2 404 missing
['HTTP/2 200 GET hello']
1
`)
		if got := strings.ReplaceAll(string(out), "\r\n", "\n"); err != nil || got != want {
			t.Errorf("%s: %v\n%s\nwant\n%s", url, err, got, want)
		}
	}
}
