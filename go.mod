module github.com/seed-7c003b53/gotreq

go 1.26

require github.com/sourcegraph/conc v0.3.0 // indirect
