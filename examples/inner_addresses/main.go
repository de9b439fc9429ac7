// Inner_addresses fetches what strangers ask for, but nothing of its own network: neither
// by an address, nor by a name, nor by a redirect.
package main

import (
	"fmt"
	"net/netip"
	"net/url"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
)

func main() { task.React(run) }

func run(r reactor.Reactor) *deferred.Deferred[string] {
	server, err := url.Parse(httpbin.Host())
	if err != nil {
		return deferred.Fail[string](err)
	}
	// The server of this example stands for the internet, so one name may lead to it.
	r.InstallNameResolver(&filter{
		next:    r.NameResolver(),
		trusted: map[string]netip.Addr{"public.example": netip.MustParseAddr("127.0.0.1")},
	})

	return deferred.Go(func(co *deferred.Co) (string, error) {
		port := ":" + server.Port()
		for _, u := range []string{
			"http://public.example" + port + "/get",
			"http://127.0.0.1" + port + "/get",
			"http://[::1]" + port + "/get",
			"http://[::ffff:127.0.0.1]" + port + "/get",
			"http://169.254.169.254/latest/meta-data",
			"http://localhost" + port + "/get",
			"http://public.example" + port + "/redirect-to?url=http://127.0.0.1" + port + "/get",
		} {
			if err := fetch(co, u); err != nil {
				fmt.Println(err)
			}
		}
		return "", nil
	})
}

// fetch fetches u and prints the result.
func fetch(co *deferred.Co, u string) error {
	resp, err := deferred.Await(co, treq.Get(u))
	if err != nil {
		return err
	}
	fmt.Println(resp)
	_, err = deferred.Await(co, resp.Discard())
	return err
}
