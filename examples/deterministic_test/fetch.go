package main

import (
	"fmt"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/reactor"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq"
	"github.com/seed-7c003b53/gotreq/treq/response"
)

// fetch fires with the text at url. It makes up to three attempts of two seconds. It waits
// one second after the first attempt and two after the second. It shows how a coroutine
// waits; example crawler has retries without code.
func fetch(clock reactor.Clock, c treq.Client, url string) *deferred.Deferred[string] {
	return deferred.Go(func(co *deferred.Co) (string, error) {
		for n := 1; ; n++ {
			text, err := deferred.Await(co, attempt(c, url))
			if err == nil || n == 3 {
				return text, err
			}
			fmt.Println("retrying after", err)
			if _, err := deferred.Await(co, task.Sleep(clock, time.Duration(n)*time.Second)); err != nil {
				return "", err
			}
		}
	})
}

func attempt(c treq.Client, url string) *deferred.Deferred[string] {
	d := c.Get(url, treq.Timeout(2*time.Second))
	return deferred.Then(d, func(resp *response.Response) *deferred.Deferred[string] {
		return resp.Text().AddCallback(func(text string) (string, error) {
			if resp.Code >= 500 {
				return "", fmt.Errorf("%s: %d %s", url, resp.Code, resp.Phrase)
			}
			return text, nil
		})
	})
}
