// Chat is a chat server. Connect with telnet or nc, give a name, and read the lines of the
// others and the time. The argument is the address to listen on; without one, the program
// shows a conversation between two clients of its own.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
)

func main() {
	task.React(func(r reactor.Reactor) *deferred.Deferred[deferred.None] {
		if len(os.Args) > 1 {
			return serve(r, os.Args[1])
		}
		return converse(r, os.Stdout)
	})
}

// serve runs the server until an interrupt ends the program.
func serve(r reactor.Reactor, address string) *deferred.Deferred[deferred.None] {
	chat := &room{}
	port, err := r.ListenTCP(address, chat)
	if err != nil {
		return deferred.Fail[deferred.None](err)
	}
	fmt.Println("listening on", port.Addr())
	chat.announceTime(r, time.Minute)
	return deferred.New[deferred.None]() // never fires
}
