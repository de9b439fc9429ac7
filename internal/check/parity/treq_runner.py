"""Makes the requests of cases with treq.

Each line of the input is a case, as JSON. For each, the program writes a line of JSON
with what the caller got. Its first line names the versions.
"""

import base64
import io
import json
import os
import sys
import tempfile
import zlib
from http import cookiejar

import treq
import twisted
from treq.client import HTTPClient
from OpenSSL import SSL
from twisted.internet import defer, error, reactor, ssl, stdio
from twisted.internet.interfaces import IResolverSimple
from twisted.protocols.basic import LineOnlyReceiver
from twisted.web import client, http
from twisted.web import error as web_error
from twisted.web import _newclient
from twisted.web.iweb import UNKNOWN_LENGTH
from zope.interface import implementer

TRUST = client.BrowserLikePolicyForHTTPS(
    ssl.trustRootFromCertificates([ssl.Certificate.loadPEM(sys.argv[1])]))
HANGS_AFTER = 4  # seconds
IGNORED_HEADERS = {"date"}


@implementer(IResolverSimple)
class Names:
    """Resolves every name to this machine, except for those under .invalid."""

    def getHostByName(self, name, timeout=()):
        if name.endswith(".invalid"):
            return defer.fail(error.DNSLookupError(name))
        return defer.succeed("127.0.0.1")


# The first that is among the reasons of a failure gives its kind.
KINDS = [
    (TimeoutError, "hangs"),
    (web_error.InfiniteRedirection, "too many redirects"),
    (web_error.RedirectWithNoLocation, "redirect without a location"),
    (web_error.PageRedirect, "redirect refused"),
    (web_error.SchemeNotSupported, "scheme"),
    (defer.CancelledError, "timeout"),
    (error.ConnectingCancelledError, "timeout"),
    (zlib.error, "bad coding"),
    (SSL.Error, "TLS"),
    (ssl.VerificationError, "TLS"),
    (error.ConnectionRefusedError, "refused"),
    (error.DNSLookupError, "no such host"),
    (_newclient.ParseError, "not HTTP"),
    (http._MalformedChunkedDataError, "not HTTP"),
    (http._DataLoss, "cut short"),
    (http.PotentialDataLoss, "cut short"),
    (json.JSONDecodeError, "not JSON"),
    (UnicodeDecodeError, "not in its charset"),
    (LookupError, "unknown charset"),
    (error.ConnectionDone, "connection closed"),
    (error.ConnectionLost, "connection lost"),
    (ValueError, "argument"),
    (TypeError, "argument"),
]

# Of these it is only in the reading of a response that they say what is wrong.
IN_RESPONSE = [
    (_newclient.ParseError, "not HTTP"),
    (ValueError, "not HTTP"),
    (LookupError, "not HTTP"),
]


def reasons(e):
    yield e
    for failure in getattr(e, "reasons", None) or ():
        yield from reasons(failure.value)


def kind_of(e):
    stage = ""
    if isinstance(e, client.ResponseNeverReceived):
        stage = "never received: "
    elif isinstance(e, client.ResponseFailed):
        stage = "failed: "
    elif isinstance(e, client.RequestTransmissionFailed):
        stage = "not sent: "
    everything = list(reasons(e))
    for cls, kind in IN_RESPONSE + KINDS if stage else KINDS:
        if any(isinstance(r, cls) for r in everything):
            return stage + kind
    return stage + "/".join(type(r).__name__ for r in everything)


def octets(s):
    return base64.b64decode(s)


def one_or_many(d):
    return {k: v[0] if len(v) == 1 else v for k, v in d.items()}


class Named(io.BytesIO):
    """A file that has a name."""


def file_of(f):
    body = io.BytesIO(octets(f["Content"]))
    if f["Form"] == "file":
        body = Named(octets(f["Content"]))
        body.name = os.path.join(tempfile.gettempdir(), f["Name"])
    elif f["Form"] == "pair":
        return f["Field"], (f["Name"], body)
    elif f["Form"] == "triple":
        return f["Field"], (f["Name"], f["ContentType"], body)
    return f["Field"], body


def data_of(d):
    if "File" in d:
        return io.BytesIO(octets(d["File"]))
    if "Dict" in d:
        return one_or_many(d["Dict"])
    if "Pairs" in d:
        return [tuple(p) for p in d["Pairs"]]
    return octets(d.get("Bytes", ""))


def cookie_jar(cookies):
    jar = cookiejar.CookieJar()
    for c in cookies:
        jar.set_cookie(cookiejar.Cookie(
            version=0, name=c["Name"], value=c["Value"], port=None,
            port_specified=False, domain=c["Domain"], domain_specified=True,
            domain_initial_dot=False, path=c["Path"], path_specified=True,
            secure=False, expires=None, discard=True, comment=None,
            comment_url=None, rest={}, rfc2109=False))
    return jar


def keywords(r):
    k = {}
    if "Params" in r:
        k["params"] = one_or_many(r["Params"])
    if "ParamList" in r:
        k["params"] = [tuple(p) for p in r["ParamList"]]
    if "Headers" in r:
        k["headers"] = r["Headers"]
    if "Data" in r:
        k["data"] = data_of(r["Data"])
    if "JSON" in r:
        k["json"] = r["JSON"]
    if "Files" in r:
        k["files"] = [file_of(f) for f in r["Files"]]
    if "Auth" in r:
        k["auth"] = tuple(r["Auth"])
    if "Cookies" in r:
        k["cookies"] = r["Cookies"]
    if "CookieJar" in r:
        k["cookies"] = cookie_jar(r["CookieJar"])
    if r.get("NoRedirects"):
        k["allow_redirects"] = False
    if r.get("BrowserLike"):
        k["browser_like_redirects"] = True
    if r.get("Unbuffered"):
        k["unbuffered"] = True
    if "TimeoutMillisecond" in r:
        k["timeout"] = r["TimeoutMillisecond"] / 1000
    return k


def head_of(response):
    header = {}
    for name, values in response.headers.getAllRawHeaders():
        name = name.decode("latin-1").lower()
        if name not in IGNORED_HEADERS:
            header[name] = [v.decode("latin-1") for v in values]
    protocol, major, minor = response.version
    return {
        "Status": response.code,
        "Phrase": response.phrase.decode("latin-1"),
        "Version": "%s/%d.%d" % (protocol.decode("latin-1"), major, minor),
        "Header": header,
        "Length": -1 if response.length is UNKNOWN_LENGTH else response.length,
        "URL": response.request.absoluteURI.decode("latin-1"),
    }


@defer.inlineCallbacks
def read(response, how, encoding, got):
    if how == "content":
        got["Content"] = (yield response.content()).decode("latin-1")
    elif how == "collect":
        pieces = []
        yield response.collect(pieces.append)
        got["Content"] = b"".join(pieces).decode("latin-1")
    elif how == "text":
        got["Text"] = yield (response.text(encoding) if encoding else response.text())
    elif how == "json":
        got["JSON"] = portable((yield response.json()))


def portable(value):
    """Python reads as JSON, and writes, what is none."""
    try:
        json.dumps(value, allow_nan=False)
        return value
    except ValueError:
        return repr(value)


def within_time(d):
    return d.addTimeout(HANGS_AFTER, reactor, lambda _, __: defer.fail(TimeoutError("hangs")))


@defer.inlineCallbacks
def request(c, r):
    got = {"Errors": {}}
    try:
        response = yield within_time(
            defer.maybeDeferred(c.request, r["Method"], r["URL"], **keywords(r)))
    except Exception as e:
        got["Errors"]["request"] = kind_of(e)
        return got
    got.update(head_of(response))
    got["History"] = [head_of(h) for h in response.history()]
    for how in r["Read"]:
        try:
            yield within_time(read(response, how, r.get("Encoding"), got))
        except Exception as e:
            got["Errors"][how] = kind_of(e)
    got["Cookies"] = sorted("%s=%s" % (k.name, k.value) for k in response.cookies())
    return got


@defer.inlineCallbacks
def run(case):
    pool = client.HTTPConnectionPool(reactor, persistent=not case.get("CloseEach"))
    c = HTTPClient(client.Agent(reactor, TRUST, pool=pool))
    results = []
    for r in case["Requests"]:
        results.append((yield request(c, r)))
    yield pool.closeCachedConnections()
    return results


class Lines(LineOnlyReceiver):
    delimiter = b"\n"
    MAX_LENGTH = 1 << 26

    def connectionMade(self):
        version = treq.__version__
        if not isinstance(version, str):
            version = version.public()
        self.answer("treq %s on Twisted %s" % (version, twisted.version.public()))

    def answer(self, value):
        self.sendLine(json.dumps(value).encode("ascii"))

    def lineReceived(self, line):
        d = run(json.loads(line))
        d.addCallback(self.answer)
        d.addErrback(lambda f: self.answer({"Failed": f.getTraceback()}))

    def connectionLost(self, reason):
        if reactor.running:
            reactor.stop()


reactor.installResolver(Names())
stdio.StandardIO(Lines())
reactor.run()
