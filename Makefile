# make test         run the tests, with the race detector if there is a C compiler
# make lint         check format, imports, vet and staticcheck, here and for other systems
# make examples     run every example against a server of its own
# make fuzz         run every fuzz target for a bounded number of executions
# make bench        compare the client with others, and with bare system calls (Linux; minutes)
# make bench-quick  the same with one short round (Linux; under a minute)
# make bench-check  measure a few ratios, and fail if one is far from what it was (Linux; seconds)
# make bench-compare OLD=...  say what moved since a commit, or since a file of figures (Linux; minutes)
# make bench-docs   measure all that docs/performance.md and README.md have tables of (Linux; half an hour)
# make bench-shares measure what the time of a small GET is spent on, for docs/performance.md (Linux with perf)
# make microbench   run the benchmarks of the packages
# make growth       measure how the cost of one step grows with how many things there are
# make fairness     measure a client beside clients that pipeline (Linux)
# make parity       compare with Python's treq, if it is installed
# make peers        have curl, nghttp2, nginx, Chromium and others talk with ours, if they are installed
# make explore      make 120,000 requests in memory, while everything goes wrong that can (a minute)
# make h2spec       have h2spec judge the server's HTTP/2
# make traces       run treq/testing's tests a thousand times, and compare what happened in memory
# make ci           run everything that a change has to pass

STATICCHECK = honnef.co/go/tools/cmd/staticcheck@v0.8.2

# The race detector needs cgo.
CC := $(shell go env CC)
RACE := $(if $(shell command -v $(CC)),-race)

# The benchmarks write their figures to this file, one a line.
BENCH_TSV = bench.tsv
# Only scenarios that match this regular expression are measured.
ONLY = .
# The commit, or the file of figures, that bench-compare compares with.
OLD = HEAD

.PHONY: test lint examples fuzz bench bench-quick bench-check bench-compare bench-docs bench-tables bench-shares microbench growth fairness parity peers explore h2spec traces ci

test:
	$(if $(RACE),,@echo "no C compiler ($(CC)): the tests run without the race detector")
	go test $(RACE) ./...
	$(if $(RACE),go test ./internal/check/allocations)
	cd internal/check/nethttp && go test $(RACE) ./...
	cd internal/check/h2spec && go test $(RACE) ./...
	cd bench && go test $(if $(filter linux,$(shell go env GOOS)),./...,./figures)

lint:
	@unformatted=$$(gofmt -l .); if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go test ./internal/check/fences
	go vet ./...
	go run $(STATICCHECK) ./...
	GOOS=darwin go build ./... && GOOS=darwin go vet ./...
	GOOS=windows go build ./... && GOOS=windows go vet ./...
	GOARCH=386 go vet ./...
	cd bench && GOOS=linux go vet ./... && GOOS=linux go run $(STATICCHECK) ./...
	cd internal/check/nethttp && go vet ./... && go run $(STATICCHECK) ./...
	cd internal/check/h2spec && go vet ./... && go run $(STATICCHECK) ./...

examples:
	@set -e; for program in examples/*/main.go; do \
		folder=./$$(dirname $$program); echo "go run $$folder"; go run $$folder; \
	done

# The number of executions of each fuzz target. Minimising a found input is bounded too.
EXECUTIONS = 30000

fuzz:
	@set -e; files=$$(grep -rl --include='*_test.go' '^func Fuzz' .); for file in $$files; do \
		for target in $$(sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\).*/\1/p' $$file); do \
			echo "$$target, $(EXECUTIONS) executions"; \
			go test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(EXECUTIONS)x -fuzzminimizetime 100x $$(dirname $$file); \
		done; \
	done

bench:
	cd bench && go run . -run '$(ONLY)' -tsv $(BENCH_TSV)

bench-quick:
	cd bench && go run . -quick -rounds 1 -duration 100ms -run '$(ONLY)' -tsv $(BENCH_TSV)

bench-check:
	cd bench && go run . -check -rounds 5 -duration 60ms

# A file is given from here, not from bench/.
bench-compare:
	cd bench && go run . -compare '$(if $(wildcard $(OLD)),$(abspath $(OLD)),$(OLD))' -rounds 12 -run '$(ONLY)'

ROUNDS = 9
ROUND = 200ms

bench-docs:
	cd bench && go run . -documents .. -rounds $(ROUNDS) -duration $(ROUND) -run '$(ONLY)'

# The tables alone, of figures that are kept.
bench-tables:
	cd bench && go run . -documents .. -run '^nothing$$'

# A program that "go run" makes has no symbols.
bench-shares:
	cd bench && folder=$$(mktemp -d) && trap 'rm -r $$folder' EXIT && go build -o $$folder/bench . && $$folder/bench -role shares -documents ..

microbench:
	go test -run '^$$' -bench . -benchmem ./...

growth:
	go test -run '^$$' -bench 'Growth|Connections' -benchtime 20000x -timeout 60m ./treq/... ./reactor/...

fairness:
	cd bench && go run . -role fair

parity:
	go run ./internal/check/parity

peers:
	go test -count=1 -v -run 'TestCurl|TestNginx|TestPythonTreq|TestTwistedSite' ./treq/web
	go test -count=1 -v -run TestService ./examples
	go test -count=1 -v ./internal/check/peers -peers.all -peers.body 700000 -peers.many 10000 -peers.huge 1073741824

h2spec:
	cd internal/check/h2spec && go test -count=1 -v ./...

# The number of requests, for each of three choices of the versions of HTTP. DURATION=1h takes its place.
N = 40000
DURATION =
# One exchange has each fault at each byte whose number is a multiple of this, in each direction.
BYTES = 199

explore:
	cd internal/check/explore && go test -count=1 -timeout 0 -runs 20 -bytes $(BYTES) $(if $(DURATION),-duration $(DURATION),-requests $(N))

RUNS = 1000

traces:
	TREQTESTING_TRACED_RUNS=$(RUNS) go test -count=1 -timeout 60m ./treq/testing

ci: lint test bench-check examples fuzz explore
