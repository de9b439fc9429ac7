# Runs the probes of one Python library, and prints "row<tab>cell<tab>reason" for each.
# Arguments: the library; the servers, as JSON.
import json, os, socket, ssl, sys, threading, time, urllib.request, warnings

warnings.simplefilter("ignore")
lib, world = sys.argv[1], json.loads(sys.argv[2])
HTTP, HTTPS, CA, PROXY, SOCKS, DEAD, HOME = (
    world[k] for k in ("HTTP", "HTTPS", "CA", "Proxy", "SOCKS", "Dead", "Home"))
os.environ["HOME"] = HOME
os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = CA
count = 0


def ask(path):
    with urllib.request.urlopen(HTTP + path) as f:
        return f.read().decode()


def name():
    global count
    count += 1
    return f"{lib}{os.getpid()}-{count}"


def row(title, cell, probe):
    """Prints cell if probe returns true, else no. A probe may return the cell itself."""
    reason = ""
    try:
        result = probe()
        if isinstance(result, str):
            cell = result
        elif not result:
            cell = "no"
    except BaseException as e:
        cell, reason = "no", f"{type(e).__name__}: {e}"
    print(title, cell or "no", reason.replace("\n", " ")[:150], sep="\t", flush=True)


def several(probes):
    """The names of the probes that return true."""
    found = []
    for label, probe in probes.items():
        try:
            if probe():
                found.append(label)
        except Exception:
            pass
    return ", ".join(found) or "no"


class SlowFile:
    """A file whose second piece comes when the server has received the first."""
    name = "slow.bin"

    def __init__(self, id):
        self.id, self.pieces = id, [b"x" * 70000, b"y" * 70000]
        self.streamed = None

    def read(self, n=-1):
        if len(self.pieces) == 1 and self.streamed is None:
            self.streamed = False
            for _ in range(30):
                if int(ask("/received?id=" + self.id)) > 30000:
                    self.streamed = True
                    break
                time.sleep(0.05)
        if not self.pieces:
            return b""
        if n is None or n < 0:
            out, self.pieces = b"".join(self.pieces), []
            return out
        out = self.pieces[0][:n]
        self.pieces[0] = self.pieces[0][n:]
        if not self.pieces[0]:
            del self.pieces[0]
        return out

    def seek(self, offset, whence=0):
        return 140000 if whence == 2 else 0

    def tell(self):
        return 0


def within(seconds, f):
    """Whether f raises within seconds."""
    start = time.time()
    try:
        f()
    except Exception:
        return time.time() - start < seconds
    return False


def trickles(f):
    """Whether f ends in time although bytes keep coming. f runs in a thread that is left."""
    raised = []

    def run():
        try:
            f()
        except Exception as e:
            raised.append(e)
    t = threading.Thread(target=run, daemon=True)
    t.start()
    t.join(3)
    return bool(raised)


def environment(get):
    """Whether get goes through the proxies of the environment."""
    os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = PROXY
    os.environ["HTTPS_PROXY"] = os.environ["https_proxy"] = PROXY
    try:
        before = int(ask("/proxied"))  # urllib knows that 127.0.0.1 needs no proxy
    except Exception:
        os.environ["no_proxy"] = "127.0.0.1"
        before = int(ask("/proxied"))
    try:
        get("http://example.com/get")
        return int(ask("/proxied")) > before
    finally:
        for k in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "no_proxy"):
            os.environ.pop(k, None)


def with_names(f):
    """Runs f with every name that ends in .test at this machine."""
    real = socket.getaddrinfo

    def fake(host, *a, **k):
        text = host.decode() if isinstance(host, bytes) else host
        return real("127.0.0.1" if text and text.endswith(".test") else host, *a, **k)
    socket.getaddrinfo = fake
    try:
        return f()
    finally:
        socket.getaddrinfo = real


PORT = HTTP.rsplit(":", 1)[1]


def probe_requests():
    import requests
    from requests.adapters import HTTPAdapter
    from requests.auth import HTTPDigestAuth
    print("version", requests.__version__, "", sep="\t")
    s = requests.Session()
    s.trust_env = False
    row("keep", "Session", lambda: s.get(HTTP + "/remote").text == s.get(HTTP + "/remote").text)
    row("idna", "yes", lambda: with_names(
        lambda: requests.get(f"http://bücher.test:{PORT}/host").text.startswith("xn--bcher-kva.test")))
    row("baseurl", "no", lambda: requests.Session(base_url=HTTP))
    row("pathparams", "no", lambda: requests.get(HTTP + "/path/{id}", path_params={"id": "a/b"}).text == "/path/a%2Fb")
    row("agent", "yes", lambda: "requests/" in requests.get(HTTP + "/agent").text)
    row("cookies", "Session", lambda: [s.get(HTTP + "/cookies/set?a=b"), s.get(HTTP + "/cookies").json()["cookies"]["a"] == "b"][1])
    row("basic", "yes", lambda: requests.get(HTTP + "/basic-auth/user/passwd", auth=("user", "passwd")).ok)
    row("digest", "yes", lambda: requests.get(HTTP + "/digest-auth/auth/user/passwd", auth=HTTPDigestAuth("user", "passwd")).ok)
    row("netrc", "yes", lambda: requests.get(HTTP + "/basic-auth/user/passwd").ok)

    def refresh():
        return requests.get(HTTP + "/token", auth=lambda: "new").ok  # there is no such hook
    row("token", "no", refresh)
    row("decodes", "", lambda: several({c: lambda c=c: requests.get(HTTP + "/coded?coding=" + c).text == "decoded"
                                        for c in ("gzip", "deflate", "br", "zstd")}))
    row("charset", "yes", lambda: requests.get(HTTP + "/latin1").text == "café")

    def upload():
        f = SlowFile(name())
        requests.post(HTTP + "/upload?id=" + f.id, files={"f": f})
        return "streamed" if f.streamed else "from memory"
    row("multipart", "", upload)
    row("timeouts", "", lambda: several({
        "connect": lambda: within(2, lambda: requests.get("http://" + DEAD, timeout=(0.3, 10))),
        "response": lambda: within(2, lambda: requests.get(HTTP + "/silent", timeout=0.3)),
        "between reads": lambda: within(2, lambda: requests.get(HTTP + "/stall", timeout=0.3)),
        "total": lambda: trickles(lambda: requests.get(HTTP + "/trickle", timeout=0.3)),
    }))
    row("history", "history", lambda: len(requests.get(HTTP + "/redirect/2").history) == 2)
    row("status", "raise_for_status()", lambda: within(1, lambda: requests.get(HTTP + "/status/404").raise_for_status()))
    row("links", "yes", lambda: "next" in requests.utils.parse_header_links('</2>; rel="next"')[0]["rel"])
    proxies = {"http": PROXY, "https": PROXY}
    row("proxy", "yes", lambda: requests.get("https://example.com/get", proxies=proxies, verify=CA).ok)
    row("env", "yes", lambda: environment(requests.get))
    row("socks", "with a library", lambda: requests.get(
        "http://example.com/get", proxies={"http": "socks5h://" + SOCKS}).ok)

    def retried():
        from urllib3.util.retry import Retry
        a = requests.Session()
        a.mount("http://", HTTPAdapter(max_retries=Retry(3, status_forcelist=[503])))
        return a.get(HTTP + "/flaky?id=" + name()).ok
    row("retries", "by an adapter", retried)
    row("times", "elapsed", lambda: requests.get(HTTP + "/get").elapsed.total_seconds() > 0)
    row("curl", "no", lambda: requests.get(HTTP + "/get").request.curl())
    row("limits", "no", lambda: requests.Session(limits=1))
    row("http2", "no", lambda: requests.get(HTTPS + "/proto", verify=CA).text == "HTTP/2.0")


def probe_httpx():
    import asyncio, httpx
    print("version", httpx.__version__, "", sep="\t")
    c = httpx.Client(trust_env=False)
    row("keep", "Client", lambda: c.get(HTTP + "/remote").text == c.get(HTTP + "/remote").text)
    row("idna", "yes", lambda: with_names(
        lambda: httpx.get(f"http://bücher.test:{PORT}/host").text.startswith("xn--bcher-kva.test")))
    row("baseurl", "Client", lambda: httpx.Client(base_url=HTTP).get("/get").is_success)
    row("pathparams", "no", lambda: httpx.get(HTTP + "/path/{id}", path_params={"id": "a/b"}).text == "/path/a%2Fb")
    row("agent", "yes", lambda: "httpx/" in httpx.get(HTTP + "/agent").text)
    row("cookies", "Client", lambda: [c.get(HTTP + "/cookies/set?a=b", follow_redirects=True),
                                      c.get(HTTP + "/cookies").json()["cookies"]["a"] == "b"][1])
    row("basic", "yes", lambda: httpx.get(HTTP + "/basic-auth/user/passwd", auth=("user", "passwd")).is_success)
    row("digest", "yes", lambda: httpx.get(HTTP + "/digest-auth/auth/user/passwd", auth=httpx.DigestAuth("user", "passwd")).is_success)
    row("netrc", "yes", lambda: httpx.get(HTTP + "/basic-auth/user/passwd").is_success or httpx.get(
        HTTP + "/basic-auth/user/passwd", auth=httpx.NetRCAuth(None)).is_success)

    def refresh():
        class Refresh(httpx.Auth):
            def auth_flow(self, request):
                request.headers["Authorization"] = "Bearer old"
                response = yield request
                if response.status_code == 401:
                    request.headers["Authorization"] = "Bearer new"
                    yield request
        return httpx.get(HTTP + "/token", auth=Refresh()).is_success
    row("token", "by an auth flow", refresh)
    row("decodes", "", lambda: several({c: lambda c=c: httpx.get(HTTP + "/coded?coding=" + c).text == "decoded"
                                        for c in ("gzip", "deflate", "br", "zstd")}))
    row("charset", "yes", lambda: httpx.get(HTTP + "/latin1").text == "café")

    def upload():
        f = SlowFile(name())
        httpx.post(HTTP + "/upload?id=" + f.id, files={"f": f}, timeout=10)
        return "streamed" if f.streamed else "from memory"
    row("multipart", "", upload)
    row("timeouts", "", lambda: several({
        "connect": lambda: within(2, lambda: httpx.get("http://" + DEAD, timeout=httpx.Timeout(10, connect=0.3))),
        "response": lambda: within(2, lambda: httpx.get(HTTP + "/silent", timeout=0.3)),
        "between reads": lambda: within(2, lambda: httpx.get(HTTP + "/stall", timeout=0.3)),
        "total": lambda: trickles(lambda: httpx.get(HTTP + "/trickle", timeout=0.3)),
    }))
    row("history", "history", lambda: len(httpx.get(HTTP + "/redirect/2", follow_redirects=True).history) == 2)
    row("status", "raise_for_status()", lambda: within(1, lambda: httpx.get(HTTP + "/status/404").raise_for_status()))
    row("links", "yes", lambda: httpx.Response(200, headers={"Link": '</2>; rel="next"'}).links["next"]["url"] == "/2")
    row("proxy", "yes", lambda: httpx.get("https://example.com/get", proxies=PROXY, verify=CA).is_success)
    row("env", "yes", lambda: environment(httpx.get))
    row("socks", "with a library", lambda: httpx.get("http://example.com/get", proxies="socks5://" + SOCKS).is_success)
    row("retries", "no", lambda: httpx.Client(transport=httpx.HTTPTransport(retries=3)).get(HTTP + "/flaky?id=" + name()).is_success)
    row("times", "elapsed", lambda: httpx.get(HTTP + "/get").elapsed.total_seconds() > 0)
    row("curl", "no", lambda: httpx.get(HTTP + "/get").request.curl())
    row("limits", "connections", lambda: httpx.Limits(max_connections=1) is not None)
    row("http2", "with a library", lambda: httpx.Client(http2=True, verify=CA).get(HTTPS + "/proto").text == "HTTP/2.0")


def probe_treq():
    import treq
    from treq.client import HTTPClient
    from twisted.internet import reactor, defer, task
    from twisted.web.client import Agent, HTTPConnectionPool
    print("version", treq.__version__, "", sep="\t")

    def wait(f, seconds=4):
        """Runs f, which returns a Deferred, and returns its result."""
        box = []
        d = defer.maybeDeferred(f)
        d.addTimeout(seconds, reactor)
        d.addBoth(box.append)
        while not box:
            reactor.iterate(0.05)
        if hasattr(box[0], "raiseException"):
            box[0].raiseException()
        return box[0]

    def text(client, url, **kw):
        return wait(lambda: client.get(url, **kw).addCallback(treq.text_content))

    def code(client, url, **kw):
        return wait(lambda: client.get(url, **kw).addCallback(lambda r: r.code))

    reactor.startRunning(installSignalHandlers=False)
    row("keep", "yes", lambda: text(treq, HTTP + "/remote") == text(treq, HTTP + "/remote"))

    def idna():
        from twisted.internet.interfaces import IHostnameResolver
        from twisted.internet.address import IPv4Address
        from zope.interface import implementer
        real = reactor.nameResolver

        @implementer(IHostnameResolver)
        class Here:
            def resolveHostName(self, receiver, hostName, portNumber=0, *a, **k):
                receiver.resolutionBegan(self)
                receiver.addressResolved(IPv4Address("TCP", "127.0.0.1", portNumber))
                receiver.resolutionComplete()
        reactor.installNameResolver(Here())
        try:
            return text(treq, f"http://bücher.test:{PORT}/host").startswith("xn--bcher-kva.test")
        finally:
            reactor.installNameResolver(real)
    row("idna", "yes", idna)
    row("baseurl", "no", lambda: HTTPClient(Agent(reactor), base_url=HTTP))
    row("pathparams", "no", lambda: text(treq, HTTP + "/path/{id}", path_params={"id": "a/b"}) == "/path/a%2Fb")
    row("agent", "yes", lambda: "treq" in text(treq, HTTP + "/agent"))
    c = HTTPClient(Agent(reactor, pool=HTTPConnectionPool(reactor)))
    row("cookies", "HTTPClient", lambda: [text(c, HTTP + "/cookies/set?a=b"), '"b"' in text(c, HTTP + "/cookies")][1])
    row("basic", "yes", lambda: code(treq, HTTP + "/basic-auth/user/passwd", auth=("user", "passwd")) == 200)

    def digest():
        from treq.auth import HTTPDigestAuth  # treq 22.2 has none
        return code(treq, HTTP + "/digest-auth/auth/user/passwd", auth=HTTPDigestAuth("user", "passwd")) == 200
    row("digest", "yes", digest)
    row("netrc", "yes", lambda: code(treq, HTTP + "/basic-auth/user/passwd") == 200)
    row("token", "no", lambda: code(treq, HTTP + "/token", auth=lambda: "new") == 200)
    row("decodes", "", lambda: several({c: lambda c=c: text(treq, HTTP + "/coded?coding=" + c) == "decoded"
                                        for c in ("gzip", "deflate", "br", "zstd")}))
    row("charset", "yes", lambda: text(treq, HTTP + "/latin1") == "café")

    def streamed():
        # A file that waits would stop the reactor: see whether the server has the beginning
        # of a large file before its end is read.
        id = name()
        with open(os.path.join(HOME, "big.bin"), "wb") as f:
            f.write(b"x" * (8 << 20))
        big = open(os.path.join(HOME, "big.bin"), "rb")
        seen = []
        d = treq.post(HTTP + "/upload?id=" + id, files={"f": big})
        d.addBoth(lambda r: seen.append("end"))
        while not seen:
            reactor.iterate(0.001)
            if big.tell() < (8 << 20) and int(ask("/received?id=" + id)) > 0:
                return "streamed"
        return "from memory"
    row("multipart", "", streamed)
    row("timeouts", "", lambda: several({
        "connect": lambda: within(2, lambda: wait(lambda: HTTPClient(Agent(reactor, connectTimeout=0.3)).get("http://" + DEAD))),
        "response": lambda: within(2, lambda: text(treq, HTTP + "/silent", timeout=0.3)),
        "between reads": lambda: within(2, lambda: text(treq, HTTP + "/stall", timeout=0.3)),
        "total": lambda: within(2, lambda: text(treq, HTTP + "/trickle", timeout=0.3)),
    }))
    row("history", "history()", lambda: len(wait(lambda: treq.get(HTTP + "/redirect/2")).history()) == 2)
    row("status", "no", lambda: wait(lambda: treq.get(HTTP + "/status/404")).raise_for_status())
    row("links", "no", lambda: wait(lambda: treq.get(HTTP + "/get")).links)
    row("proxy", "no", lambda: code(treq, "https://example.com/get", proxies={"https": PROXY}) == 200)
    row("env", "no", lambda: environment(lambda u: wait(lambda: treq.get(u))))
    row("socks", "no", lambda: code(treq, "http://example.com/get", proxies={"http": "socks5://" + SOCKS}) == 200)
    row("retries", "no", lambda: code(treq, HTTP + "/flaky?id=" + name(), retries=3) == 200)
    row("times", "no", lambda: wait(lambda: treq.get(HTTP + "/get")).elapsed)
    row("curl", "no", lambda: wait(lambda: treq.get(HTTP + "/get")).request.curl())
    row("limits", "connections", lambda: HTTPConnectionPool(reactor).maxPersistentPerHost > 0)
    row("http2", "no", lambda: text(HTTPClient(Agent(reactor)), HTTPS + "/proto") == "HTTP/2.0")


{"requests": probe_requests, "httpx": probe_httpx, "treq": probe_treq}[lib]()
os._exit(0)
