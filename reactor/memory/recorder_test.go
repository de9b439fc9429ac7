package memory_test

import (
	"errors"
	"testing"

	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
)

// TestRecorder: a Recorder keeps all pieces, also those that lie in one reused buffer, and the
// reason of the loss.
func TestRecorder(t *testing.T) {
	clientTLS, serverTLS := ed25519Configs(t)
	for _, test := range []struct {
		name string
		pump memory.IOPump
		end  func(server, client *memory.Recorder)
		want error // of the client
	}{
		{"in order", memory.IOPump{}, func(server, _ *memory.Recorder) { server.Transport.LoseConnection() }, reactor.ErrConnectionDone},
		{"in pieces", memory.IOPump{PieceSize: 1}, func(server, _ *memory.Recorder) { server.Transport.LoseConnection() }, reactor.ErrConnectionDone},
		{"over TLS", memory.IOPump{ServerTLS: serverTLS, ClientTLS: clientTLS}, func(server, _ *memory.Recorder) { server.Transport.LoseConnection() }, reactor.ErrConnectionDone},
		{"by a reset", memory.IOPump{}, func(server, _ *memory.Recorder) { server.Transport.AbortConnection() }, reactor.ErrConnectionReset},
		{"by itself", memory.IOPump{}, func(_, client *memory.Recorder) { client.Transport.AbortConnection() }, reactor.ErrConnectionAborted},
		{"not yet", memory.IOPump{}, func(_, _ *memory.Recorder) {}, nil},
	} {
		server, client := &memory.Recorder{}, &memory.Recorder{}
		test.pump.Connect(server, client)
		for _, piece := range []string{"one, ", "two, ", "three"} {
			server.Transport.Write([]byte(piece))
			test.pump.Flush()
		}
		test.end(server, client)
		test.pump.Flush()
		if got := string(client.Data); got != "one, two, three" {
			t.Errorf("%s: received %q", test.name, got)
		}
		if !errors.Is(client.Lost, test.want) {
			t.Errorf("%s: lost for %v, want %v", test.name, client.Lost, test.want)
		}
	}
}
