module github.com/seed-7c003b53/gotreq/internal/check/h2spec

go 1.26.0

require (
	github.com/seed-7c003b53/gotreq v0.0.0
	github.com/summerwind/h2spec v2.2.1+incompatible
)

require (
	github.com/andybalholm/brotli v1.2.8 // indirect
	github.com/fatih/color v1.19.0 // indirect
	github.com/gofrs/flock v0.13.2 // indirect
	github.com/google/go-cmp v0.7.0 // indirect
	github.com/klauspost/compress v1.20.3 // indirect
	github.com/mattn/go-colorable v0.1.14 // indirect
	github.com/mattn/go-isatty v0.0.20 // indirect
	github.com/sourcegraph/conc v0.3.0 // indirect
	golang.org/x/net v0.62.0 // indirect
	golang.org/x/sync v0.24.0 // indirect
	golang.org/x/sys v0.49.0 // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/time v0.16.0 // indirect
)

replace github.com/seed-7c003b53/gotreq => ../../../
