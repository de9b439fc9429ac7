// Package doccheck compares the documents with the code. It has only tests: every exported
// name has a comment, the Go in README.md and docs/ compiles, the names, commands and links
// in them exist, and docs/names.md has every name of Twisted and treq.
package doccheck
