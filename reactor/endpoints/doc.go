// Package endpoints describes places to connect to and places to listen at. Code
// that makes an endpoint, for example from a line of a configuration, knows hosts
// and ports. Code that uses the endpoint need not. The package follows
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
