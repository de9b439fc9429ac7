// Package fences holds the packages of the module to the layers that
// docs/architecture.md draws. It has nothing but tests. They read the source for every
// system, so that a file with a build tag is held to the same rules.
//
//   - house_test.go says which packages of ours a package may import.
//   - modules_test.go says which modules of others a package may import.
//   - bans_test.go says what a package may not use, although Go has it.
//
// Each table is exact: a row that no code needs any more fails its test too.
package fences
