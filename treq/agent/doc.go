// Package agent is how one request reaches the wire, and its response comes
// back: [Agent], which speaks HTTP/1.1 over connections that a [Pool] keeps, and
// the agents that wrap another one to add to it.
package agent
