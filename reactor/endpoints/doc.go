// Package endpoints describes places to connect to and places to listen at. A
// program can make an endpoint in one place, for example from a line of its
// configuration, and use it in another that knows nothing of hosts and ports. It is
// twisted.internet.endpoints, and the ClientService of
// twisted.application.internet.
//
//	endpoint := endpoints.NewHostname(r, "www.example.com", "80", endpoints.HostnameConfig{})
//	d := endpoints.ConnectProtocol(endpoint, &MyProtocol{})
//
// Twisted's names and their counterparts here:
//
//	TCP4ClientEndpoint, TCP6ClientEndpoint    TCPClient
//	TCP4ServerEndpoint, TCP6ServerEndpoint    TCPServer
//	UNIXClientEndpoint                        UNIXClient
//	UNIXServerEndpoint                        UNIXServer
//	HostnameEndpoint                          Hostname
//	wrapClientTLS                             WrapTLS
//	clientFromString, serverFromString        ClientFromString, ServerFromString
//	quoteStringArgument                       QuoteStringArgument
//	connectProtocol                           ConnectProtocol
//	ClientService, backoffPolicy              ClientService, BackoffPolicy
//
// An endpoint may be used on its reactor's goroutine only.
package endpoints
