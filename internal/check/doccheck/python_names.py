"""Writes the public names of Twisted and treq that docs/names.md is to speak of.

    python3 python_names.py > testdata/python_names.txt

The first line has the versions of Twisted and treq. Each other line is a module and a
name of it, or of a member of one of its classes, as in "Deferred.addCallback". A name
that is newer than these versions has the version after it.

A module's names are those that it lists in __all__ or binds in its source. The members of
a class are its own, those that its documentation calls instance variables, those that its
__init__ sets, and those of its private bases. A class that belongs to another of the
modules has no members here.
"""

import ast
import importlib
import inspect
import re
import sys
import textwrap
import typing
import warnings

warnings.simplefilter("ignore")

MODULES = """
twisted.internet.defer twisted.internet.task twisted.internet.protocol twisted.internet.interfaces
twisted.internet.endpoints twisted.internet.error twisted.internet.address twisted.internet.ssl
twisted.internet.threads twisted.internet.testing twisted.internet.utils twisted.internet.stdio
twisted.protocols.basic twisted.protocols.policies twisted.protocols.portforward
twisted.application.service twisted.application.internet
twisted.python.failure twisted.python.log twisted.python.filepath
twisted.web.client twisted.web.http twisted.web.http_headers twisted.web.server twisted.web.resource
twisted.web.static twisted.web.guard twisted.web.vhost twisted.web.proxy twisted.web.wsgi
twisted.web.error twisted.web.iweb twisted.web.util
twisted.trial.unittest twisted.test.iosim twisted.test.proto_helpers
treq treq.api treq.auth treq.client treq.content treq.multipart treq.response treq.testing
""".split()

# Names that the rules leave out, though programs use them: treq calls the first private, one
# is only annotated, and the others come from a base that is public elsewhere.
ALSO = {
    "treq": ["__version__"],
    "treq.auth": ["_RequestHeaderSetterAgent"],
    "treq.client": ["_BodyBufferingProtocol", "_BufferedResponse"],
    "treq.response": ["_Response"],
    "twisted.internet.defer": ["Deferred.result"]
    + ["DeferredFilesystemLock." + m for m in ("lock", "unlock", "locked", "clean", "name")],
}

# Modules of which programs use a few names.
FEW = """
twisted.internet reactor
twisted.internet.abstract FileDescriptor isIPAddress isIPv6Address
twisted.internet.asyncioreactor AsyncioSelectorReactor install
twisted.internet.base DelayedCall
twisted.internet.epollreactor EPollReactor install
twisted.internet.inotify INotify
twisted.internet.kqreactor KQueueReactor install
twisted.internet.pollreactor PollReactor install
twisted.internet.process Process
twisted.internet.selectreactor SelectReactor install
twisted.internet.serialport SerialPort
twisted.internet.tcp Client Connection Connector Port Server
twisted.internet.udp Port
twisted.application.strports listen service
twisted.cred.checkers ANONYMOUS AllowAnonymousAccess FilePasswordDB ICredentialsChecker InMemoryUsernamePasswordDatabaseDontUse
twisted.cred.credentials Anonymous IUsernamePassword UsernamePassword
twisted.cred.error LoginFailed UnauthorizedLogin
twisted.cred.portal IRealm Portal
twisted.enterprise.adbapi ConnectionPool Transaction
twisted.logger FilteringLogObserver LogLevel LogLevelFilterPredicate LogPublisher Logger globalLogBeginner
twisted.logger globalLogPublisher ILogObserver LoggingFile jsonFileLogObserver textFileLogObserver
twisted.names.client createResolver getHostByName lookupAddress lookupService Resolver
twisted.plugin IPlugin getPlugins
twisted.protocols.amp AMP Command
twisted.protocols.loopback loopbackAsync loopbackTCP
twisted.protocols.memcache MemCacheProtocol
twisted.protocols.tls TLSMemoryBIOFactory TLSMemoryBIOProtocol
twisted.python.compat iterbytes nativeString networkString
twisted.python.components Adapter Componentized proxyForInterface registerAdapter
twisted.python.context call get
twisted.python.deprecate deprecated
twisted.python.lockfile FilesystemLock
twisted.python.logfile DailyLogFile LogFile
twisted.python.procutils which
twisted.python.reflect fullyQualifiedName namedAny namedModule qual safe_repr safe_str
twisted.python.runtime platform platformType seconds
twisted.python.systemd ListenFDs
twisted.python.threadable isInIOThread
twisted.python.threadpool ThreadPool
twisted.python.url URL
twisted.python.urlpath URLPath
twisted.python.usage Options UsageError
twisted.python.util sibpath
twisted.python.versions Version
twisted.web.template Element TagLoader XMLFile XMLString flatten flattenString renderer tags
twisted.web.twcgi CGIDirectory CGIScript
twisted.web.xmlrpc Proxy XMLRPC
treq._agentspy RequestRecord agent_spy
zope.interface Attribute Interface alsoProvides classImplements directlyProvides implementer
zope.interface implementedBy moduleProvides providedBy provider
zope.interface.verify verifyObject
"""

# Names that came after Twisted 22.4 and treq 22.2.
LATER = """
twisted.internet.defer FailureGroup Twisted 23.8
twisted.internet.defer FailureGroup.failures Twisted 23.8
twisted.internet.defer race Twisted 23.8
twisted.python.filepath FileMode Twisted 23.8
twisted.test.iosim IOPump.clock Twisted 23.10
twisted.web.http IM_A_TEAPOT Twisted 24.7
twisted.web.http_headers InvalidHeaderName Twisted 24.10
twisted.web.pages errorPage Twisted 22.10
twisted.web.pages forbidden Twisted 22.10
twisted.web.pages notFound Twisted 22.10
treq.cookies scoped_cookie treq 24.9
treq.cookies search treq 24.9
"""


def bound(body):
    """Yields the names that statements bind, except for imports."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node.name
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, (ast.If, ast.Try, ast.With)):
            yield from bound(node.body + getattr(node, "orelse", []))


def names(module):
    found = set(getattr(module, "__all__", ()))
    found.update(bound(ast.parse(inspect.getsource(module)).body))
    found = {n for n in found if not n.startswith("_") and hasattr(module, n)}
    return found | set(ALSO.get(module.__name__, ())) & {"_Response"}


def no_name(o):
    """Tells whether o is there for the module alone: a type variable or a log."""
    return isinstance(o, typing.TypeVar) or type(o).__name__ in ("Logger", "module")


def set_by(init):
    """Returns the attributes that an __init__ sets, unless it was generated."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(init)))
    except (TypeError, OSError):
        return set()
    return {
        n.attr
        for n in ast.walk(tree)
        if isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store) and isinstance(n.value, ast.Name) and n.value.id == "self"
    }


def private(cls):
    """Tells whether cls is Twisted's or treq's, and no program uses it by its name."""
    parts = cls.__module__.split(".")
    return parts[0] in ("twisted", "treq") and any(p.startswith("_") for p in parts + [cls.__name__])


def members(cls, listed):
    if isinstance(cls, InterfaceClass):
        return {m for m in cls.names() if not m.startswith("_")}
    known = {a for base in cls.__mro__[1:] if base in listed or not private(base) for a in base.__mro__}
    found = set()
    for base in cls.__mro__:
        if base is cls or private(base) and base not in known:
            found.update(vars(base), vars(base).get("__annotations__", ()))
            found.update(re.findall(r"(?m)^\s*[@:]ivar (\w+):", vars(base).get("__doc__") or ""))
            found.update(set_by(vars(base).get("__init__")))
    return {m for m in found if not m.startswith("_")} - {"MESSAGE"}  # the text of an error


def listing():
    modules = [importlib.import_module(m) for m in MODULES]
    listed = set()
    for module in modules:
        listed.update(o for n in names(module) if isinstance(o := getattr(module, n), type))
    for module in modules:
        for n in names(module):
            o = getattr(module, n)
            if no_name(o):
                continue
            yield module.__name__, n
            home = getattr(o, "__module__", None)
            if isinstance(o, (type, InterfaceClass)) and (home == module.__name__ or home not in MODULES):
                for m in members(o, listed):
                    yield module.__name__, n + "." + m
    for module, more in ALSO.items():
        yield from ((module, n) for n in more)
    for line in FEW.strip().split("\n"):
        module, *few = line.split()
        try:
            found = module != "twisted.internet" and importlib.import_module(module)
        except ImportError:  # it is for another system, or needs another package
            found = None
        for n in few:
            if found and not hasattr(found, n):
                sys.exit(f"{module} has no {n}")
            yield module, n
    interfaces = importlib.import_module("twisted.internet.interfaces")
    for n, o in vars(interfaces).items():
        if n.startswith("IReactor"):
            for m in o.names():
                yield "twisted.internet.reactor", m


try:
    import treq
    import twisted
    from zope.interface.interface import InterfaceClass

    found = sorted(set(listing()))
except ImportError as e:
    sys.exit(f"an import failed: {e}")
print("Twisted", twisted.__version__, "treq", treq.__version__)
for name in found + [tuple(line.split(None, 2)) for line in LATER.split("\n") if line]:
    print(*name)
