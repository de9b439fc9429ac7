// Blocking makes requests from ordinary goroutines, without a Deferred: many goroutines share
// a client, and the program ends it in order.
package main

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/seed-7c003b53/gotreq/examples/internal/httpbin"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/blocking"
	"github.com/seed-7c003b53/gotreq/treq/client"
)

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	c := blocking.NewClient(client.Config{BaseURL: httpbin.Host(), Defaults: []treq.Option{treq.RaiseForStatus(true)}})
	words := make([]string, 5)
	var group sync.WaitGroup
	for i := range words {
		group.Go(func() {
			var err error
			if words[i], err = echoed(ctx, c, fmt.Sprintf("word %d", i)); err != nil {
				words[i] = err.Error()
			}
		})
	}
	group.Wait()
	for _, word := range words {
		fmt.Println(word)
	}
	if err := c.Shutdown(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// echoed returns text, which the server decodes from base64.
func echoed(ctx context.Context, c *blocking.Client, text string) (string, error) {
	code := base64.URLEncoding.EncodeToString([]byte(text))
	resp, err := c.Get(ctx, "/base64/{code}", treq.PathParams{"code": code})
	if err != nil {
		return "", err
	}
	return resp.Text()
}
