// Package allocations counts what one use of each part of the library allocates. It has only tests: the table of
// docs/performance.md has the counts, and they fail if there are more, and if there are fewer, so that the table stays
// true. Who changes a count writes the new one there.
package allocations
