// Package h2spec has h2spec judge the server: github.com/summerwind/h2spec sends what RFC 9113
// and RFC 7541 forbid or leave unusual, and says how a server has to answer. It has nothing but
// tests. "make h2spec" runs them.
package h2spec
