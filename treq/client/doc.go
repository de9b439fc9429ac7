// Package client makes requests. It has the [HTTPClient] and the options of a request.
//
//	c := client.New(r, client.Config{})
//	d := c.Post("http://an.example/", client.JSON(value), client.Timeout(5*time.Second))
//
// [Config] has what every request shares: BaseURL, Defaults, UserAgent and more.
//
// A client belongs to the goroutine of its reactor. It keeps connections and cookies. A
// request passes through an [agent.Stack]: the client's, or a copy changed by the
// request's options. The functions of package treq do the same with a client that they
// share on the default reactor.
//
// An option is a value of a named type ([Timeout], [Params]) or the result of a function
// ([JSON], [Auth]). If two options set the same thing, the last one wins: [Params],
// [Headers] and [Cookies] replace earlier values of the same names, other options are
// replaced as a whole. Two bodies of different kinds are [ErrOptionsConflict], except a
// form and [Files], which form one body, and [SensitiveHeaders] add up. A bad option is the error of the request. A body
// that is not sent, because of an error or a later option, is stopped or closed.
//
// A request can have all of these timeouts:
//
//	agent.Config.ConnectTimeout   until there is a connection, for each address
//	Timeout                       until the head of the last response
//	ReadTimeout                   between two pieces of the body
//	TotalTimeout                  until the end of the body
package client
