// Package simulate holds tests that make many requests in memory while the network, the servers and the program itself do
// what they can do wrong: connections are lost at any byte, bytes come late and in pieces, servers reset, refuse and shut
// down, and the program cancels at any turn. What must hold in all cases is checked for each request and for each
// simulated world. The package has no code but its tests.
package simulate
