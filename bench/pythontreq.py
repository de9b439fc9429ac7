"""Runs a task, given as JSON, with treq, and prints the result. See task.go."""

import io
import json
import resource
import sys
import time

from twisted.internet import defer, ssl
from twisted.internet.epollreactor import install

install()
from twisted.internet import reactor  # noqa: E402
from twisted.internet.ssl import Certificate  # noqa: E402
from twisted.web.client import Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool  # noqa: E402

import treq  # noqa: E402
from treq.client import HTTPClient  # noqa: E402

task = json.loads(sys.argv[1])
ZEROS = b"" if task["File"] else bytes(task["Upload"])
SMALL = b"Hello, world!"
RICH = {
    "name": "a thing",
    "price": 12.5,
    "tags": ["one", "two", "three"],
    "nested": {"a": 1, "b": True, "c": None},
}


def cpu():
    u = resource.getrusage(resource.RUSAGE_SELF)
    return u.ru_utime + u.ru_stime


class Meter:
    count = 0
    over = False
    result = None

    def __init__(self):
        if task["Warm"] == 0:
            self.begin()

    def begin(self):
        self.began = (self.count, time.monotonic(), cpu())

    def done(self, n):
        if n != task["Length"]:
            fail("a body of %d bytes, not %d" % (n, task["Length"]))
        self.count += 1
        if self.count <= task["Warm"]:
            if self.count == task["Warm"]:
                self.begin()
            return True
        if self.over:
            return False
        if task["Times"]:
            over = self.count == task["Warm"] + task["Times"]
        else:
            over = (time.monotonic() - self.began[1]) * 1e9 > task["Duration"]
        if over:
            self.over = True
            count, at, used = self.began
            self.result = {
                "Requests": self.count - count,
                "CPU": int((cpu() - used) * 1e9),
                "Wall": int((time.monotonic() - at) * 1e9),
            }
        return not over


def fail(why):
    sys.stderr.write("bench: treq: %s\n" % (why,))
    sys.stderr.flush()
    import os

    os._exit(1)


def client():
    pool = HTTPConnectionPool(reactor)
    pool.maxPersistentPerHost = task["Connections"]
    kwargs = {}
    if task["Roots"]:
        with open(task["Roots"]) as f:
            roots = ssl.trustRootFromCertificates([Certificate.loadPEM(f.read())])
        kwargs["contextFactory"] = BrowserLikePolicyForHTTPS(trustRoot=roots)
    return HTTPClient(Agent(reactor, pool=pool, **kwargs))


@defer.inlineCallbacks
def line(c, meter):
    more = True
    while more:
        kwargs = {}
        if task["JSON"]:
            kwargs["json"] = RICH
        if task["Upload"]:
            kwargs["files"] = {"file": ("zeros", "application/octet-stream", open(task["File"], "rb") if task["File"] else io.BytesIO(ZEROS))}
        if task["Stream"]:
            kwargs["unbuffered"] = True
        response = yield c.request(task["Method"], task["URL"], **kwargs)
        if task["Stream"]:
            n = 0

            def collect(data):
                nonlocal n
                n += len(data)

            yield response.collect(collect)
        else:
            n = len((yield response.content()))
        more = meter.done(n)


def requests(meter):
    c = client()
    lines = [line(c, meter) for _ in range(task["Connections"])]
    for d in lines:
        d.addErrback(fail)
    defer.gatherResults(lines).addBoth(lambda _: reactor.stop())
    reactor.run()


def stub(meter):
    from treq.testing import StubTreq
    from twisted.web.resource import Resource

    class Hello(Resource):
        isLeaf = True

        def render(self, request):
            request.setHeader(b"Content-Type", b"text/plain")
            return SMALL

    stub = StubTreq(Hello())
    more = True
    while more:
        result = []
        stub.get("http://an.example/small").addCallback(treq.content).addCallbacks(result.append, fail)
        stub.flush()
        more = meter.done(len(result[0]))


def chain(meter):
    def plus_one(n):
        return n + 1

    more = True
    while more:
        for _ in range(1000):
            d = defer.Deferred()
            d.addCallback(plus_one).addCallback(plus_one).addCallback(plus_one)
            d.callback(0)
        more = meter.done(task["Length"])


meter = Meter()
{"requests": requests, "stub": stub, "chain": chain}[task["Kind"]](meter)
print(json.dumps(meter.result))
