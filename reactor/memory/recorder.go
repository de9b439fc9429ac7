package memory

import "github.com/seed-7c003b53/gotreq/reactor"

// A Recorder is a protocol that keeps what it receives, and why its connection was lost. In a
// test, it plays the peer of the protocol under test. The zero value works. It is Twisted's
// AccumulatingProtocol.
//
//	user := &memory.Recorder{}
//	pump := memory.ConnectedServerAndClient(server, user)
//	user.Transport.Write([]byte("hello\r\n"))
//	pump.Flush()
type Recorder struct {
	Transport reactor.Transport // nil before ConnectionMade
	Data      []byte            // everything received
	Lost      error             // the reason of ConnectionLost; nil before it
}

// ConnectionMade sets Transport.
func (r *Recorder) ConnectionMade(t reactor.Transport) { r.Transport = t }

// DataReceived appends data to Data.
func (r *Recorder) DataReceived(data []byte) { r.Data = append(r.Data, data...) }

// ConnectionLost sets Lost.
func (r *Recorder) ConnectionLost(reason error) { r.Lost = reason }
