// Package client makes requests: [HTTPClient], and the options that say what a request
// carries.
//
//	c := client.New(r, client.Config{})
//	d := c.Post("http://an.example/", client.JSON(value), client.Timeout(5*time.Second))
//
// A client belongs to the goroutine of its reactor. It keeps connections and cookies. What
// a request passes through is an [agent.Stack], the client's own or a copy that the
// options of the request change. The functions of package treq do the same on the default
// reactor, without a client to make.
//
// An option is a value of a named type ([Timeout], [Params]) or the result of a function
// ([JSON], [Auth]). Of two options that say the same, the last one wins: [Params],
// [Headers] and [Cookies] replace those of the same names, other options are replaced as a
// whole. Two bodies of different kinds are [ErrOptionsConflict], except a form and [Files],
// which go together. A bad option is the error of the request. A body that is not sent,
// because of an error or a later option, is stopped or closed.
//
// Each timeout covers what its name says. All of them can be given together:
//
//	agent.Config.ConnectTimeout   until there is a connection, for each address
//	Timeout                       until the head of the last response
//	ReadTimeout                   between two pieces of the body
//	TotalTimeout                  until the end of the body
package client
