// Package explore holds tests that make many requests in memory while the network, the servers and the program itself do
// what they can do wrong: connections are refused, reset, cut and stalled, names are not found, bytes come late and in pieces,
// servers and proxies stop and start again, and the program cancels at any turn. What must hold in all cases is checked for
// each request and for each world. The package has no code but its tests.
package explore
