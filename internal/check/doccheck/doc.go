// Package doccheck holds what is said about the program to what the program is. It
// has nothing but tests: that every exported name is documented, that the Go in
// README.md and docs/ compiles, that the names in them exist, that no name of
// Twisted's or treq's is missing from the guide for those who come from there, and
// that the commands and links in them lead somewhere.
package doccheck
