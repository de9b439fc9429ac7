"""Writes the public names of Twisted and treq that docs/names.md is to speak of.

    python3 python_names.py > testdata/python_names.txt

A line is a module and a name of it, or of a member of one of its classes. It was
run with Twisted 22.4 and treq 22.2.
"""

import importlib
import warnings

from zope.interface.interface import InterfaceClass

warnings.simplefilter("ignore")

# Modules that list what is public, or else define it, and classes of theirs whose
# members are named too.
MODULES = {
    "twisted.internet.defer": "Deferred DeferredList DeferredLock DeferredSemaphore DeferredQueue DeferredFilesystemLock",
    "twisted.internet.task": "LoopingCall Clock Cooperator CooperativeTask",
    "twisted.internet.threads": "",
    "twisted.internet.protocol": "BaseProtocol Protocol Factory ClientFactory ReconnectingClientFactory",
    "twisted.internet.endpoints": "",
    "twisted.internet.testing": "StringTransport MemoryReactor",
    "twisted.python.failure": "Failure",
    "twisted.web.client": "Agent HTTPConnectionPool URI",
    "twisted.web.server": "Request Site Session",
    "twisted.web.resource": "Resource",
    "twisted.web.static": "File Data",
    "twisted.web.http_headers": "Headers",
    "treq": "",
    "treq.client": "HTTPClient",
    "treq.response": "_Response",
    "treq.content": "",
    "treq.multipart": "MultiPartProducer",
    "treq.testing": "RequestTraversalAgent RequestSequence StubTreq HasHeaders StringStubbingResource",
    "treq.auth": "",
    "treq.api": "",
}

# Modules of which only some names matter here.
SOME = {
    "twisted.internet.interfaces": "IReactorCore IReactorTime IDelayedCall IReactorThreads IReactorFromThreads "
    "IReactorInThreads IReactorTCP IReactorUNIX IReactorSSL IReactorUDP IReactorProcess IReactorFDSet "
    "IReactorPluggableNameResolver IHostnameResolver ITransport ITCPTransport ITLSTransport IConsumer "
    "IProducer IPushProducer IPullProducer IProtocol IHalfCloseableProtocol IHandshakeListener "
    "IListeningPort IProtocolFactory IConnector IAddress IStreamClientEndpoint IStreamServerEndpoint",
    "twisted.web.iweb": "IRequest IResponse IBodyProducer IClientRequest UNKNOWN_LENGTH",
    "twisted.internet.error": "CannotListenError DNSLookupError ConnectError NoRouteError ConnectionRefusedError "
    "TimeoutError SSLError ConnectionClosed ConnectionLost ConnectionDone ConnectionAborted AlreadyCalled "
    "AlreadyCancelled ReactorNotRunning ReactorAlreadyRunning",
    "twisted.web.error": "Error PageRedirect InfiniteRedirection RedirectWithNoLocation",
}


def public(names):
    return [n for n in names if not n.startswith("_")]


def members(cls):
    if isinstance(cls, InterfaceClass):
        return sorted(cls.names())
    return public(vars(cls))


for name, classes in MODULES.items():
    module = importlib.import_module(name)
    defined = [n for n, o in vars(module).items() if getattr(o, "__module__", None) == name]
    names = set(public(getattr(module, "__all__", defined)))
    if name in ("twisted.internet.defer", "twisted.internet.task"):
        names |= set(public(defined))  # their lists leave out what everybody uses
    for cls in classes.split():
        names.add(cls)
        names |= {cls + "." + m for m in members(getattr(module, cls))}
    for n in sorted(names):
        print(name, n)

for name, names in SOME.items():
    module = importlib.import_module(name)
    for n in names.split():
        print(name, n)
        o = getattr(module, n)
        if isinstance(o, InterfaceClass):
            for m in members(o):
                print(name, n + "." + m)
