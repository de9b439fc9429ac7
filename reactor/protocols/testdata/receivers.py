"""Runs scenarios on the receivers of Twisted's protocols.basic.

Each line of the input is a scenario in JSON; each line of the output is the list of the calls
that the receiver made. twisted_test.go says what a scenario is, and does the same with ours.
"""

import json
import sys

from twisted.internet.testing import StringTransport
from twisted.protocols import basic


def text(data):
    return data.decode("latin-1")


class Calls:
    """Record the calls, and follow the orders that a line or string has."""

    def setUp(self, scenario):
        self.calls = []
        self.raw_left = 0
        self.MAX_LENGTH = scenario["MaxLength"]
        self.refeeds = scenario["Refeeds"]
        if scenario["Delimiter"]:
            self.delimiter = scenario["Delimiter"].encode("latin-1")

    def note(self, *call):
        self.calls.append(" ".join(call))

    def obey(self, order):
        if self.transport.disconnecting:
            return
        word, _, argument = text(order).partition(" ")
        if word == "raw":
            self.raw_left = int(argument[:1]) if argument[:1].isdigit() else 0
            self.note("raw ")
            self.setRawMode()
        elif word == "pause":
            self.pauseProducing()
        elif word == "blink":
            self.pauseProducing()
            self.resumeProducing()
        elif word == "lose":
            self.transport.loseConnection()
        elif word == "clear":
            self.note("cleared", text(self.clear()))
        elif word == "extra":
            self.setLineMode(argument.encode("latin-1") + self.delimiter)
        elif word == "again":
            self.dataReceived(argument.encode("latin-1"))


class Lines(Calls, basic.LineReceiver):
    def lineReceived(self, line):
        self.note("line", text(line))
        self.obey(line)

    def rawDataReceived(self, data):
        data, rest = data[: self.raw_left], data[self.raw_left :]
        self.raw_left -= len(data)
        self.calls[-1] += text(data)
        if self.raw_left == 0:
            self.setLineMode(rest)

    def lineLengthExceeded(self, data):
        if self.refeeds:
            self.note("long", text(data[: self.MAX_LENGTH + 1]))
            self.setLineMode(data[self.MAX_LENGTH + 1 :])
        else:
            self.note("long", text(data))
            basic.LineReceiver.lineLengthExceeded(self, data)

    def clear(self):
        return self.clearLineBuffer()


class LinesOnly(Calls, basic.LineOnlyReceiver):
    def lineReceived(self, line):
        self.note("line", text(line))
        self.obey(line)


class Strings(Calls):
    def stringReceived(self, string):
        self.note("string", text(string))
        self.obey(string)


class Prefixed(Strings):
    def lengthLimitExceeded(self, length):
        self.note("long", str(length))
        super().lengthLimitExceeded(length)

    def clear(self):
        rest, self.recvd = self.recvd, b""
        return rest


class Int8(Prefixed, basic.Int8StringReceiver):
    pass


class Int16(Prefixed, basic.Int16StringReceiver):
    pass


class Int32(Prefixed, basic.Int32StringReceiver):
    pass


class Netstrings(Strings, basic.NetstringReceiver):
    pass


def run(scenario):
    receiver = globals()[scenario["Receiver"]]()
    receiver.setUp(scenario)
    transport = StringTransport()
    receiver.makeConnection(transport)
    for piece in scenario["Pieces"]:
        if transport.disconnecting:
            break
        if piece == "resume":
            receiver.resumeProducing()
        elif piece == "setraw":
            receiver.raw_left = 3
            receiver.note("raw ")
            receiver.setRawMode()
        else:
            receiver.dataReceived(bytes.fromhex(piece))
        before = None
        while receiver.refeeds and piece != "setraw" and not transport.disconnecting and before != len(receiver.calls):
            # What lineLengthExceeded passes back waits for the next dataReceived.
            before = len(receiver.calls)
            receiver.dataReceived(b"")
    calls = receiver.calls
    if transport.disconnecting:
        calls.append("lost")
    elif transport.producerState == "paused":
        calls.append("paused")
    return calls


for line in sys.stdin:
    print(json.dumps(run(json.loads(line))))
