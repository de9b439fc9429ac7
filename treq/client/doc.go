// Package client is what a program makes requests with: [HTTPClient], and the
// options that say what a request carries.
//
//	pool := agent.NewPool(r)
//	c := client.New(r, client.Config{})
//	d := c.Post("http://an.example/", client.JSON(value), client.Timeout(5*time.Second))
//
// A client belongs to one reactor. It keeps cookies, in its [HTTPClient.Jar], and has
// an agent send its requests; around that, each request has agents of its own that
// follow redirects, send cookies and credentials, and decode the body, as its
// options say. Package treq has the same for the default reactor, with no client to
// make.
//
// An option is a value of a named type ([Timeout], [Params]) or what a function
// returns ([JSON], [Auth]). Of two that say the same thing, [Params], [Headers] and
// [Cookies] add up, and of others the last one counts; but two bodies that do not go
// together, as a form and [Files] do, and two credentials are [ErrOptionsConflict].
// What is wrong with an option is the error of the request.
//
// Timeouts are about different things, and can be given together:
//
//	agent.Config.ConnectTimeout   until there is a connection, for each address that is tried
//	Timeout                until the head of the response is there
//	ReadTimeout            between one piece of the body and the next
//	TotalTimeout           until all is over
package client
