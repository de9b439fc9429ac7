package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/docs"
)

// table is a small docs/names.md.
const table = "# Names\n\n## twisted.internet.defer\n\n| Twisted | here | |\n| --- | --- | --- |\n" +
	"| `Deferred` | `deferred.Deferred` | |\n" +
	"| `Deferred.addCallback` | `deferred.Deferred.AddCallback`, `deferred.Map` | [which one](x.go) |\n" +
	"| `Deferred.callback`, `Deferred.cancel`, `Deferred.fromFuture` | `deferred.Deferred.Callback`, `deferred.Deferred.Cancel`, `deferred.FromChannel` | |\n" +
	"| `inlineCallbacks`, `succeed` | `deferred.Go`, `deferred.Succeed` | |\n" +
	"| `Alarm.callback` | `reactor.DelayedCall` | |\n| `DeferredLock.run` | `deferred.Run` | |\n" +
	"\n## twisted.internet.reactor\n\n| `callLater` | `reactor.Clock.CallLater` | |\n| `spawnProcess` | none: Go has package os/exec | |\n| `listenUDP`, `listenMulticast` | Go: `net.ListenUDP` | |\n" +
	"\n## twisted.internet.protocol\n\n| `Protocol`, `Protocol.dataReceived` | `reactor.Protocol`, `reactor.Protocol.DataReceived` | |\n" +
	"| `BaseProtocol.transport` | `reactor.Protocol.ConnectionMade` | |\n| `Factory.buildProtocol` | `reactor.Factory.BuildProtocol` | |\n" +
	"\n## twisted.internet.interfaces\n\n| `ITransport.write`, `ITransport.getPeer` | `reactor.Transport.Write`, `reactor.Transport.Peer` | |\n" +
	"| `IProtocolFactory.buildProtocol` | `reactor.Factory` | |\n| `IBodyProducer.length` | `request.BodyProducer.Length` | |\n" +
	"\n## twisted.internet.testing\n\n| `MemoryReactor`, `MemoryReactor.connectTCP` | `memory.Reactor`, `memory.Reactor.ConnectTCP` | |\n| `StringTransport` | `memory.StringTransport` |\n" +
	"\n## twisted.trial.unittest\n\n| `TestCase`, `TestCase.assertEqual`, `TestCase.assertNoResult` | none: tests are Go's | |\n" +
	"\n## treq\n\n| `get`, `content` | `treq.Get`, `treq.Content` | |\n" +
	"\n## The keyword arguments of a request\n\n| `timeout`, `auth` | `treq.Timeout`, `treq.BasicAuth` | |\n" +
	"\n## What treq leaves\n\n| `elsewhere` | `treq.Retries` |\n" +
	"\n## treq.auth\n\n| `add_auth` | `agent.NewAuthAgent` | |\n" +
	"\n## twisted.web.http\n\n| `OK`, `GONE` | Go: `http.StatusOK`, `http.StatusGone` | |\n| `NONE`, `NOTHING` | none: why `a.B`, or `c.D` | |\n" +
	"\n## zope.interface\n\n| `implementer` | Go: nothing | |\n" +
	"\n## treq.response\n\n| `_Response`, `_Response.text` | `response.Response`, `response.Response.Text` | |\n"

// said returns the uses in src, each as "line text: entries".
func said(src, path string) (all []string) {
	for _, u := range findUses(readNames(table), []byte(src), path, func(int, string) {}) {
		var entries []string
		for _, e := range u.entries {
			entries = append(entries, e.name)
		}
		switch {
		case u.private:
			entries = []string{"private"}
		case entries == nil:
			entries = []string{"?"}
		}
		all = append(all, fmt.Sprintf("%d %s: %s", u.line, u.text, strings.Join(entries, " or ")))
	}
	return all
}

func TestUses(t *testing.T) {
	const defer_ = "from twisted.internet import defer;\n"
	for _, test := range []struct {
		about, src string
		want       []string
	}{
		{"a module's name", "from twisted.internet import defer\ndefer.succeed(1)", []string{"2 defer.succeed: succeed"}},
		{"a name imported", "from twisted.internet.defer import succeed as ok\nok(1)", []string{"1 succeed: succeed", "2 ok: succeed"}},
		{"a path", "import twisted.internet.defer\ntwisted.internet.defer.succeed(1)", []string{"2 twisted.internet.defer.succeed: succeed"}},
		{"a module under another name", "import twisted.internet.defer as d\nd.succeed(1)", []string{"2 d.succeed: succeed"}},
		{"several in brackets", "from twisted.internet.defer import (\n  succeed, # all\n  Deferred as D,\n)\nD()", []string{"2 succeed: succeed", "3 Deferred: Deferred", "5 D: Deferred"}},
		{"over two lines", "from twisted.internet.defer import succeed, \\\n  Deferred", []string{"1 succeed: succeed", "2 Deferred: Deferred"}},
		{"everything of a module", "from twisted.internet.defer import *\nsucceed(1)", []string{"2 succeed: succeed"}},
		{"everything of an unknown module", "from twisted.names.client import *", []string{"1 twisted.names.client: ?"}},
		{"an unknown module", "from twisted.names import client\nclient.lookup(1)", []string{"1 twisted.names.client: ?", "2 twisted.names.client.lookup: ?"}},
		{"an unknown name", "from twisted.internet import defer\ndefer.nothing", []string{"2 twisted.internet.defer.nothing: ?"}},
		{"a private name", "from treq._utils import default_reactor", []string{"1 treq._utils.default_reactor: private"}},
		{"a name with an underscore that is listed", "from treq.response import _Response", []string{"1 _Response: _Response"}},
		{"a name of another module", "from twisted.test.proto_helpers import MemoryReactor\nMemoryReactor.connectTCP", []string{"1 MemoryReactor: MemoryReactor", "2 MemoryReactor.connectTCP: MemoryReactor.connectTCP"}},
		{"an import below its use", "def f():\n  return defer.succeed(1)\nfrom twisted.internet import defer", []string{"2 defer.succeed: succeed"}},
		{"an import in a try", "try:\n  from twisted.internet.testing import StringTransport as S\nexcept ImportError:\n  from twisted.test.proto_helpers import StringTransport as S\nS()",
			[]string{"2 StringTransport: StringTransport", "4 StringTransport: StringTransport", "5 S: StringTransport"}},
		{"the reactor", "from twisted.internet import reactor\nreactor.callLater(1, f)\nreactor.spawnProcess()", []string{"2 reactor.callLater: callLater", "3 reactor.spawnProcess: spawnProcess"}},
		{"a module that is also a keyword", "import treq.auth\ntreq.auth.add_auth()", []string{"2 treq.auth.add_auth: add_auth"}},
		{"keyword arguments", "import treq\ntreq.get(url(timeout=1), timeout=5,\n auth=(a, b))\nf(timeout=3)", []string{"2 treq.get: get", "2 timeout=: timeout", "3 auth=: auth"}},

		{"a member of an unknown object", defer_ + "x.addCallback(f).addCallback(g)", []string{"2 x.addCallback: Deferred.addCallback", "2 addCallback: Deferred.addCallback"}},
		{"a member after a call", defer_ + "f(x)[1].addCallback", []string{"2 addCallback: Deferred.addCallback"}},
		{"a member of many things", defer_ + "x.cancel(); x.run(); x.length", nil},
		{"a variable's name tells", defer_ + "d.cancel(); self._lock.run; self.transport.write(b'')", []string{"2 d.cancel: Deferred.cancel", "2 self._lock.run: DeferredLock.run", "2 self.transport.write: ITransport.write"}},
		{"its value tells", defer_ + "x = defer.Deferred()\nx.cancel()\nself.y = defer.Deferred()\nself.y.cancel()", []string{"2 defer.Deferred: Deferred", "3 x.cancel: Deferred.cancel", "4 defer.Deferred: Deferred", "5 self.y.cancel: Deferred.cancel"}},
		{"its annotation tells", defer_ + "def f(x: defer.Deferred, y=x):\n  x.cancel()", []string{"2 defer.Deferred: Deferred", "3 x.cancel: Deferred.cancel"}},
		{"two classes have it", defer_ + "x.callback(a)", []string{"2 x.callback: Deferred.callback or Alarm.callback"}},
		{"an interface and its class have it", defer_ + "x.buildProtocol(a)", []string{"2 x.buildProtocol: Factory.buildProtocol"}},
		{"no import of Twisted", "d.addCallback(f)\nclass A(Protocol):\n  def dataReceived(self): pass", nil},

		{"a method that a subclass overrides", "from twisted.internet.protocol import Protocol\nclass E(Protocol):\n  x = 1\n  def dataReceived(self, data):\n    self.transport.write(data)\n    def dataReceived(): pass\n  async def dataReceived(self): pass\ndef dataReceived(): pass",
			[]string{"1 Protocol: Protocol", "2 Protocol: Protocol", "4 def dataReceived: Protocol.dataReceived", "5 self.transport: BaseProtocol.transport", "5 self.transport.write: ITransport.write", "7 def dataReceived: Protocol.dataReceived"}},
		{"a subclass of a subclass", "from twisted.trial import unittest\nclass A(unittest.TestCase): pass\nclass B(A):\n  def f(self):\n    self.assertEqual(1, 2)", []string{"2 unittest.TestCase: TestCase", "5 self.assertEqual: TestCase.assertEqual"}},
		{"assertions of another library", "import twisted\nclass A(B):\n  def f(self):\n    self.assertEqual(1, 2); self.assertNoResult(d)", []string{"4 self.assertNoResult: TestCase.assertNoResult"}},
		{"an interface that a class provides", "from twisted.internet.interfaces import IBodyProducer\n@implementer(IBodyProducer)\nclass A:\n  def length(self): pass\nclass B:\n  def length(self): pass", []string{"1 twisted.internet.interfaces.IBodyProducer: ?", "2 twisted.internet.interfaces.IBodyProducer: ?"}},
		{"a module of others that has entries", "from zope.interface import implementer, Interface\nfrom zope.event import notify\n@implementer(I)\nclass A: pass", []string{"1 implementer: implementer", "1 zope.interface.Interface: ?", "3 implementer: implementer"}},
		{"a decorator", defer_ + "class A:\n  @defer.inlineCallbacks\n  def f(self): pass", []string{"3 defer.inlineCallbacks: inlineCallbacks"}},

		{"comments, strings and keywords", defer_ + "# defer.succeed\n'''\ndefer.succeed\n''' \nf(defer=1)\ndefer = 1", nil},
		{"an f-string", defer_ + "f'{defer.succeed(1)} {{defer.Deferred}}'", []string{"2 defer.succeed: succeed"}},
		{"a long chain", defer_ + "a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p.q.addCallback", []string{"2 q.addCallback: Deferred.addCallback"}},
	} {
		if got := said(test.src, ""); !slices.Equal(got, test.want) {
			t.Errorf("%s:\n%s\n%q\nwant\n%q", test.about, test.src, got, test.want)
		}
	}
}

// TestRelative: the package of a file says what its relative imports mean.
func TestRelative(t *testing.T) {
	for _, test := range []struct{ path, src, want string }{
		{"treq", "from .auth import add_auth", "1 add_auth: add_auth"},
		{"treq", "from . import auth, content\nauth.add_auth", "1 content: content|2 auth.add_auth: add_auth"},
		{"treq.test", "from ..auth import add_auth", "1 add_auth: add_auth"},
		{"treq.test", "from .util import clock", "1 treq.test.util.clock: private"},
		{"treq", "from ..auth import add_auth", ""},
		{"", "from .auth import add_auth", ""},
		{"mine", "from .auth import add_auth", ""},
	} {
		if got := strings.Join(said(test.src, test.path), "|"); got != test.want {
			t.Errorf("in %q, %q: %s; want %s", test.path, test.src, got, test.want)
		}
	}
}

// TestNames: the whole of docs/names.md is read, and says what it says.
func TestNames(t *testing.T) {
	n := readNames(docs.Names)
	if len(n.modules) < 20 || len(n.members) < 200 || n.keywords["timeout"] == nil {
		t.Errorf("%d modules, %d members, keyword %v", len(n.modules), len(n.members), n.keywords["timeout"])
	}
	if e := n.modules["twisted.internet.defer"]["Deferred.cancel"]; e == nil || !strings.Contains(e.here, "deferred.Deferred.Cancel") || e.none {
		t.Errorf("%+v", e)
	}
	for m, entries := range n.modules {
		for _, e := range entries {
			if e.here == "" || strings.Contains(e.here+e.note, "](") {
				t.Errorf("%s: %+v", m, e)
			}
		}
	}
}

// TestNamesake: of the names that a row has for several, the right one is shown.
func TestNamesake(t *testing.T) {
	n := readNames(table)
	for name, want := range map[string]string{
		"twisted.internet.interfaces ITransport.getPeer":  "reactor.Transport.Peer",
		"twisted.internet.defer Deferred.addCallback":     "deferred.Deferred.AddCallback, deferred.Map",
		"twisted.internet.defer inlineCallbacks":          "deferred.Go, deferred.Succeed",
		"twisted.web.http OK":                             "Go: http.StatusOK",
		"twisted.web.http GONE":                           "Go: http.StatusGone",
		"twisted.web.http NONE":                           "none: why a.B, or c.D",
		"treq.response _Response.text":                    "response.Response.Text",
		"twisted.internet.reactor listenUDP":              "Go: net.ListenUDP",
		"twisted.internet.reactor spawnProcess":           "none: Go has package os/exec",
		"twisted.internet.testing StringTransport":        "memory.StringTransport",
		"twisted.internet.protocol Protocol.dataReceived": "reactor.Protocol.DataReceived",
	} {
		module, name, _ := strings.Cut(name, " ")
		if e := n.modules[module][name]; e == nil || e.here != want {
			t.Errorf("%s: %+v; want %s", name, e, want)
		}
	}
}
