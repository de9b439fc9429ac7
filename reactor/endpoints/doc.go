// Package endpoints says where to connect to and where to listen, apart from who
// does: an endpoint can be made in one place, from a line of a configuration
// perhaps, and used by another that knows nothing of hosts and ports. It is
// twisted.internet.endpoints, and the ClientService of
// twisted.application.internet.
//
//	endpoint := endpoints.NewHostname(r, "www.example.com", "80")
//	d := endpoints.ConnectProtocol(endpoint, &MyProtocol{})
//
// What Twisted has, and what it is here:
//
//	TCP4ClientEndpoint, TCP6ClientEndpoint    TCPClient
//	TCP4ServerEndpoint, TCP6ServerEndpoint    TCPServer
//	UNIXClientEndpoint                        UNIXClient
//	UNIXServerEndpoint                        UNIXServer
//	HostnameEndpoint                          Hostname
//	clientFromString, serverFromString        ClientFromString, ServerFromString
//	quoteStringArgument                       QuoteStringArgument
//	connectProtocol                           ConnectProtocol
//	ClientService, backoffPolicy              ClientService, BackoffPolicy
//
// Like all that is about a reactor, endpoints belong to its goroutine.
package endpoints
