// Package docs has the documents that programs read.
package docs

import _ "embed"

// Names is names.md: what takes the place of each name of Twisted and treq.
//
//go:embed names.md
var Names string
