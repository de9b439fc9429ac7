import treq
from twisted.internet import defer, reactor, task
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory, Protocol
from twisted.words.protocols import irc


class Echo(Protocol):
    def dataReceived(self, data):
        self.factory.received += len(data)
        self.transport.write(data)


@defer.inlineCallbacks
def main(reactor, url):
    yield TCP4ServerEndpoint(reactor, 7).listen(Factory.forProtocol(Echo))
    response = yield treq.get(url, timeout=5)
    print((yield response.text()))
    reactor.callLater(60, reactor.stop)
    yield irc.IRCClient().list("#twisted").addTimeout(3, reactor)


task.react(main, ["http://www.example.com/"])
