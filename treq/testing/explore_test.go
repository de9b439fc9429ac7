package testing_test

import (
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/treq/agent"
	"github.com/seed-7c003b53/gotreq/treq/client"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
	"github.com/seed-7c003b53/gotreq/treq/web"
)

// A judge is a test that keeps its failures.
type judge struct {
	testing.TB
	errors, logs []string
	skipped      string
}

func (j *judge) Errorf(format string, args ...any) {
	j.errors = append(j.errors, fmt.Sprintf(format, args...))
}
func (j *judge) Fatalf(format string, args ...any) {
	j.Errorf(format, args...)
	runtime.Goexit()
}
func (j *judge) Fatal(args ...any) { j.Fatalf("%s", fmt.Sprint(args...)) }
func (j *judge) Logf(format string, args ...any) {
	j.logs = append(j.logs, fmt.Sprintf(format, args...))
}
func (j *judge) Log(args ...any) { j.Logf("%s", fmt.Sprint(args...)) }
func (j *judge) Skip(args ...any) {
	j.skipped = fmt.Sprint(args...)
	runtime.Goexit()
}
func (j *judge) Helper() {}

// judged returns what Explore says to a test.
func judged(t testing.TB, e treqtesting.Exploration, f program) *judge {
	return judgedBy(t, func(j *judge) { treqtesting.Explore(j, e, f) })
}

func judgedBy(t testing.TB, f func(j *judge)) *judge {
	j := &judge{TB: t}
	done := make(chan bool)
	go func() {
		defer close(done)
		f(j)
	}()
	<-done
	return j
}

// hello makes one GET over a connection of a client to a site, and checks its answer.
func hello(t testing.TB, r *memory.Reactor) {
	site := &web.Site{Root: &web.HandlerResource{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		io.WriteString(w, "Hello, world!")
	})}, MemoryContent: -1, MemoryContentTotal: -1}
	r.AddHost("an.example", "10.0.0.2")
	if _, err := r.ListenTCP("10.0.0.2:80", site); err != nil {
		t.Fatal(err)
	}
	c := client.New(r, client.Config{Agent: agent.New(r, agent.Config{Pool: agent.NewPool(r, agent.PoolConfig{})})})
	d := deferred.Then(c.Get("http://an.example/"), (*response.Response).Text)
	r.RunFor(time.Minute)
	if text := deferredtest.SuccessResultOf(t, d); text != "Hello, world!" {
		t.Errorf("got %q", text)
	}
}

// threads fails if the first of three functions is the last one.
func threads(t testing.TB, r *memory.Reactor) {
	var order []int
	for i := range 3 {
		r.CallInThread(func() { order = append(order, i) })
	}
	r.RunFor(time.Second)
	t.Logf("order %d", order)
	if order[2] == 0 {
		t.Errorf("the first one is the last one: %d", order)
	}
}

var (
	latency = memory.Conditions{MaxLatency: 50 * time.Millisecond}
	faults  = memory.Conditions{MaxLatency: 50 * time.Millisecond, MayFail: []memory.Link{{}}}
)

// TestExplore: a program that is right in each order and with all latencies is so in many runs that differ.
func TestExplore(t *testing.T) {
	s := treqtesting.Explore(t, treqtesting.Exploration{Runs: 200, Network: latency}, hello)
	if s.Runs != 200 || s.Schedules < 100 || s.Choices[memory.Latency] == 0 || s.Changes[memory.Latency] == 0 || s.Choices[memory.Fault] != 0 || s.Finding != nil {
		t.Errorf("the summary is %+v", s)
	}
}

// TestExploreFindsAFault: a client without retries fails by a single fault of the network.
func TestExploreFindsAFault(t *testing.T) {
	s := treqtesting.Search(t, treqtesting.Exploration{Network: faults}, hello)
	if s.Finding == nil || len(s.Finding.Choices) != 1 || s.Finding.Seed == 0 || s.Faults[memory.NameNotFound] != 1 {
		t.Fatalf("%+v", s)
	}
	if want := "the resolver does not find an.example"; !strings.Contains(s.Finding.Choices[0], want) {
		t.Errorf("the choices are %q, want %s", s.Finding.Choices, want)
	}
	if want := `looking up "an.example": no address found`; !strings.Contains(s.Finding.Failures[0], want) {
		t.Errorf("the failures are %q, want %q", s.Finding.Failures, want)
	}
}

// TestExploreReport: the report says it all, once, and is the same each time.
func TestExploreReport(t *testing.T) {
	e := treqtesting.Exploration{Seed: 5, Network: latency}
	first, second := judged(t, e, threads), judged(t, e, threads)
	if len(first.errors) != 1 || !slices.Equal(first.errors, second.errors) {
		t.Fatalf("the reports are\n%s\nand\n%s", first.errors, second.errors)
	}
	for _, want := range []string{
		`^Explore: run \d+ of 1000 fails, with seed 5:\n`,
		`\n    explore_test.go:\d+: the first one is the last one: \[[12] [12] 0\]\n`,
		`\nThe choices that matter, 1 of \d+ \(none of them can be left out\):\n    0s +thread \d takes`,
		`\nWhat happened:\n(    .*\n)*    .* !! the test fails: explore_test.go:\d+: the first one`,
		`\nThe log:\n    explore_test.go:\d+: order \[`,
		`\nTo repeat this run:\n    TREQTESTING_TAPE=1\S+ go test -v -run '\^TestExploreReport\$' github\.com/\S+/treq/testing$`,
	} {
		if !regexp.MustCompile(want).MatchString(first.errors[0]) {
			t.Errorf("no %s in\n%s", want, first.errors[0])
		}
	}
	other := judged(t, treqtesting.Exploration{Seed: 6, Network: latency}, threads)
	if len(other.errors) != 1 || !strings.Contains(other.errors[0], "with seed 6") {
		t.Errorf("with another seed: %q", other.errors)
	}
}

// TestReplay: the tape of a failure repeats it exactly, and nothing else is run.
func TestReplay(t *testing.T) {
	for _, test := range []struct {
		name    string
		network memory.Conditions
		program program
	}{{"order", latency, threads}, {"fault", faults, hello}} {
		t.Run(test.name, func(t *testing.T) {
			e := treqtesting.Exploration{Network: test.network}
			found := treqtesting.Search(t, e, test.program).Finding
			if found == nil {
				t.Fatal("nothing is found")
			}
			t.Setenv("TREQTESTING_TAPE", found.Tape)
			s := treqtesting.Search(t, e, test.program)
			again := s.Finding
			if s.Runs != 1 || again == nil || again.Tape != found.Tape || again.Trace.String() != found.Trace.String() ||
				!slices.Equal(again.Failures, found.Failures) || !slices.Equal(again.Choices, found.Choices) {
				t.Errorf("%d runs, and not\n%s\nbut\n%s", s.Runs, found.Report, again.Report)
			}
			_, told, _ := strings.Cut(found.Report, "What happened")
			if _, toldAgain, _ := strings.Cut(again.Report, "What happened"); told != toldAgain {
				t.Errorf("the reports are\n%s\nand\n%s", found.Report, again.Report)
			}
			if j := judged(t, e, test.program); len(j.errors) != 1 || !strings.HasPrefix(j.errors[0], "Explore: the run with the tape of TREQTESTING_TAPE fails:") {
				t.Errorf("the report is %q", j.errors)
			}
		})
	}
}

// TestReplayThatDoesNotFail: that is said, and also that the tape is another program's.
func TestReplayThatDoesNotFail(t *testing.T) {
	e := treqtesting.Exploration{Network: faults}
	tape := treqtesting.Search(t, e, hello).Finding.Tape
	t.Setenv("TREQTESTING_TAPE", tape)
	j := judged(t, e, func(t testing.TB, r *memory.Reactor) {})
	if len(j.errors) != 0 || len(j.logs) != 1 || !strings.Contains(j.logs[0], "succeeds") || !strings.Contains(j.logs[0], "has changed since the tape was made") {
		t.Errorf("errors %q, logs %q", j.errors, j.logs)
	}
	j = judged(t, e, func(t testing.TB, r *memory.Reactor) { t.Skip("not today") })
	if len(j.errors) != 0 || len(j.logs) != 1 || !strings.Contains(j.logs[0], "is skipped") {
		t.Errorf("errors %q, logs %q", j.errors, j.logs)
	}
}

// TestExploreMisuse: what cannot be done is told, with the way out.
func TestExploreMisuse(t *testing.T) {
	right := func(t testing.TB, r *memory.Reactor) {}
	for _, test := range []struct {
		name  string
		env   string
		value string
		e     treqtesting.Exploration
		f     program
		want  string
	}{
		{"no function", "", "", treqtesting.Exploration{}, nil, "Explore without a function"},
		{"negative runs", "", "", treqtesting.Exploration{Runs: -1}, right, "negative number of Runs"},
		{"an unknown fault", "", "", treqtesting.Exploration{Network: memory.Conditions{Faults: 1 << 15}}, right, "Explore: Network: memory: "},
		{"a negative latency", "", "", treqtesting.Exploration{Network: memory.Conditions{MaxLatency: -1}}, right, "Explore: Network: memory: "},
		{"a wrong tape", "TREQTESTING_TAPE", "1AA", treqtesting.Exploration{}, right, `TREQTESTING_TAPE: the tape "1AA" breaks off`},
		{"wrong runs", "TREQTESTING_RUNS", "many", treqtesting.Exploration{}, right, "TREQTESTING_RUNS=many: must be a number of runs"},
		{"no runs", "TREQTESTING_RUNS", "0", treqtesting.Exploration{}, right, "TREQTESTING_RUNS=0: must be a number of runs"},
		{"a wrong seed", "TREQTESTING_SEED", "-3", treqtesting.Exploration{}, right, "TREQTESTING_SEED=-3: must be a number from 1"},
		{"an unknown host", "", "", treqtesting.Exploration{Network: memory.Conditions{MayFail: []memory.Link{{A: "nobody.example"}}}}, right, "nobody.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.env != "" {
				t.Setenv(test.env, test.value)
			}
			if j := judged(t, test.e, test.f); len(j.errors) != 1 || !strings.Contains(j.errors[0], test.want) {
				t.Errorf("it says %q, want %q", j.errors, test.want)
			}
		})
	}
}

// TestExploreVariables: the environment sets the number of runs and the seed.
func TestExploreVariables(t *testing.T) {
	e := treqtesting.Exploration{Runs: 10, Network: latency, Seed: 3}
	for _, test := range []struct {
		runs, seed string
		wantRuns   int
		wantSeed   string
	}{{"", "", 10, "seed 3,"}, {"25", "", 25, "seed 3,"}, {"x4", "7", 40, "seed 7,"}} {
		t.Setenv("TREQTESTING_RUNS", test.runs)
		t.Setenv("TREQTESTING_SEED", test.seed)
		j := judged(t, e, hello)
		if len(j.logs) != 1 || !strings.HasPrefix(j.logs[0], fmt.Sprintf("Explore: %d runs with %s", test.wantRuns, test.wantSeed)) {
			t.Errorf("%q, %q: %q", test.runs, test.seed, j.logs)
		}
	}
}

// TestSeedOfTheName: without a seed, tests of other names do other runs.
func TestSeedOfTheName(t *testing.T) {
	seeds := map[string]bool{}
	for _, name := range []string{"a", "b", "a"} {
		t.Run(name, func(t *testing.T) {
			f := treqtesting.Search(t, treqtesting.Exploration{Runs: 1}, func(t testing.TB, r *memory.Reactor) { t.Fail() }).Finding
			seeds[fmt.Sprint(t.Name(), f.Seed)] = true
		})
	}
	if len(seeds) != 3 {
		t.Errorf("the seeds are %v", seeds)
	}
}

// leaks is what a test must not have: a variable that outlives a run.
var leaks int

// TestNotDeterministic: a program that does other things each time is told so, with the first difference.
func TestNotDeterministic(t *testing.T) {
	begin := time.Now()
	for _, test := range []struct {
		name    string
		program program
		want    string
	}{
		{"fails once", func(t testing.TB, r *memory.Reactor) {
			if leaks++; leaks == 3 {
				t.Error("the third run")
			}
		}, "one run fails (explore_test.go:N: the third run), and the other succeeds"},
		{"a variable", func(t testing.TB, r *memory.Reactor) {
			leaks++
			r.CallLater(time.Duration(leaks)*time.Second, func() {})
		}, "event 1 is\n    1s       timer 1"},
		{"the time", func(t testing.TB, r *memory.Reactor) {
			r.CallLater(time.Since(begin), func() { t.Error("late") })
			r.RunFor(time.Hour)
		}, "timer 1"},
		{"fails by a variable", func(t testing.TB, r *memory.Reactor) {
			leaks++
			t.Errorf("in %s", strings.Repeat("x", leaks))
		}, "one run fails ("},
	} {
		leaks = 0
		f := treqtesting.Search(t, treqtesting.Exploration{Runs: 3}, test.program).Finding
		if f == nil {
			t.Errorf("%s: nothing is found", test.name)
			continue
		}
		report := lines.ReplaceAllString(strings.ReplaceAll(f.Report, "\n        ", "\n    "), "go:N")
		if !strings.Contains(report, "The program is not deterministic") || !strings.Contains(report, test.want) {
			t.Errorf("%s: no %q in\n%s", test.name, test.want, report)
		}
	}
}

// TestSkippedRuns: a run that is skipped counts as neither; if the natural run is, the test is.
func TestSkippedRuns(t *testing.T) {
	s := treqtesting.Explore(t, treqtesting.Exploration{Runs: 50, Network: latency, Strategies: treqtesting.Random}, func(t testing.TB, r *memory.Reactor) {
		var first bool
		r.CallInThread(func() { first = true })
		r.CallInThread(func() {
			if !first {
				t.Skip("not in order")
			}
		})
		r.RunFor(time.Second)
	})
	if s.Skipped == 0 || s.Skipped == s.Runs {
		t.Errorf("%d of %d runs are skipped", s.Skipped, s.Runs)
	}
	j := judged(t, treqtesting.Exploration{}, func(t testing.TB, r *memory.Reactor) { t.Skipf("not on %s", "this system") })
	if !strings.HasSuffix(j.skipped, "not on this system") || len(j.errors) != 0 {
		t.Errorf("skipped %q, errors %q", j.skipped, j.errors)
	}
}

func TestSometimes(t *testing.T) {
	f := func(t testing.TB, r *memory.Reactor) {
		var order []int
		for i := range 2 {
			r.CallInThread(func() { order = append(order, i) })
		}
		r.RunFor(time.Second)
		if order[0] == 1 {
			treqtesting.Sometimes(struct{ testing.TB }{t}, "turned round")
		}
		treqtesting.Sometimes(t, "always")
	}
	e := treqtesting.Exploration{Runs: 50, Network: latency, Sometimes: []string{"always", "turned round"}}
	s := treqtesting.Explore(t, e, f)
	if s.Sometimes["always"] != 50 || s.Sometimes["turned round"] == 0 || s.Sometimes["turned round"] == 50 {
		t.Errorf("the states are %v", s.Sometimes)
	}
	e.Sometimes = append(e.Sometimes, "never")
	if j := judged(t, e, f); len(j.errors) != 1 || !strings.Contains(j.errors[0], `none of 50 runs came to ["never"]`) {
		t.Errorf("it says %q", j.errors)
	}
	t.Setenv("TREQTESTING_RUNS", "2")
	if j := judged(t, e, f); len(j.errors) != 0 {
		t.Errorf("with two runs it says %q", j.errors)
	}
	treqtesting.Sometimes(t, "outside of an exploration")
}

// TestExploreTB: the t of a run does what a test's does.
func TestExploreTB(t *testing.T) {
	t.Setenv("EXPLORE_TEST", "before")
	before, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var dirs, ended []string
	f := func(t testing.TB, r *memory.Reactor) {
		ended = nil
		if t.Name() != "TestExploreTB" || t.Failed() || t.Skipped() {
			t.Errorf("name %s, failed %t, skipped %t", t.Name(), t.Failed(), t.Skipped())
		}
		if v := os.Getenv("EXPLORE_TEST"); v != "before" {
			t.Errorf("the variable is %q", v)
		}
		t.Setenv("EXPLORE_TEST", "inside")
		one, two := t.TempDir(), t.TempDir()
		if one == two {
			t.Errorf("twice %s", one)
		}
		dirs = append(dirs, one)
		if entries, err := os.ReadDir(one); err != nil || len(entries) != 0 {
			t.Errorf("the folder has %v, %v", entries, err)
		}
		if err := os.WriteFile(filepath.Join(one, "a"), nil, 0o666); err != nil {
			t.Error(err)
		}
		ctx := t.Context()
		settled := false
		r.CallLater(time.Minute, func() { settled = true })
		t.Cleanup(func() { ended = append(ended, "first") })
		t.Cleanup(func() {
			if ctx.Err() == nil || !settled {
				t.Errorf("the context: %v, settled: %t", ctx.Err(), settled)
			}
			ended = append(ended, "last")
			t.Cleanup(func() { ended = append(ended, "made in Cleanup") })
		})
		t.Chdir(one)
		t.Attr("a", "b")
		fmt.Fprintln(t.Output(), "hello")
		slog.Error("silent")
		log.Print("silent")
	}
	treqtesting.Explore(t, treqtesting.Exploration{Runs: 3}, f)
	if dirs[0] != dirs[1] {
		t.Errorf("the folders are %q", dirs)
	}
	if want := []string{"last", "made in Cleanup", "first"}; !slices.Equal(ended, want) {
		t.Errorf("the end is %q, want %q", ended, want)
	}
	if _, err := os.Stat(dirs[0]); err == nil {
		t.Error("the folder is left")
	}
	if now, err := os.Getwd(); now != before || err != nil {
		t.Errorf("the working directory is %s, %v", now, err)
	}
	if v := os.Getenv("EXPLORE_TEST"); v != "before" {
		t.Errorf("the variable is %q", v)
	}
}

// TestFailuresOfOneRun: all are shown, each once, in their order, at the lines that are to blame.
func TestFailuresOfOneRun(t *testing.T) {
	check := func(t testing.TB, n int) {
		t.Helper()
		t.Errorf("it is %d", n)
	}
	f := treqtesting.Search(t, treqtesting.Exploration{}, func(t testing.TB, r *memory.Reactor) {
		for range 2 {
			check(t, 1)
		}
		check(t, 2)
		fmt.Fprint(t.Output(), "a_test.go:9: a failure\nof two lines\n")
		t.Fail()
		t.Fail() // nothing new
		r.CallLater(time.Hour, func() {})
		deferredtest.SuccessResultOf(t, deferred.New[int]())
	}).Finding
	var got []string
	for _, failure := range f.Failures {
		got = append(got, lines.ReplaceAllString(failure, "go:N"))
	}
	for i, want := range []string{
		"explore_test.go:N: it is 1", "explore_test.go:N: it is 2", "a_test.go:N: a failure\nof two lines",
		"explore_test.go:N: SuccessResultOf: the Deferred has no result yet",
	} {
		if i >= len(got) || !strings.HasPrefix(got[i], want) {
			t.Fatalf("the failures are %q, want %q", got, want)
		}
	}
	if len(got) != 4 {
		t.Errorf("the failures are %q", got)
	}
}

// TestLogOfAFailure: the default loggers are silent, and shown in the report of a failure.
func TestLogOfAFailure(t *testing.T) {
	var out strings.Builder
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(before)
	f := treqtesting.Search(t, treqtesting.Exploration{}, func(t testing.TB, r *memory.Reactor) {
		slog.Error("by slog", "n", 1)
		log.Print("by log")
		t.Error("wrong")
	}).Finding
	for _, want := range []string{`msg="by slog" n=1`, `msg="by log"`} {
		if !strings.Contains(f.Report, want) {
			t.Errorf("no %s in\n%s", want, f.Report)
		}
	}
	if out.Len() != 0 {
		t.Errorf("logged: %s", out.String())
	}
	slog.Error("after it")
	if !strings.Contains(out.String(), "after it") {
		t.Error("the logger is not put back")
	}
}

// TestNestedExplore: it is refused, and does not hang.
func TestNestedExplore(t *testing.T) {
	nothing := func(t testing.TB, r *memory.Reactor) {}
	for _, test := range []struct {
		name string
		f    func(outer testing.TB) program
	}{
		{"with the run's t", func(testing.TB) program {
			return func(t testing.TB, r *memory.Reactor) { treqtesting.Explore(t, treqtesting.Exploration{}, nothing) }
		}},
		{"with the test's t", func(outer testing.TB) program {
			return func(t testing.TB, r *memory.Reactor) {
				r.CallLater(0, func() { treqtesting.Explore(outer, treqtesting.Exploration{}, nothing) })
				r.Pump()
			}
		}},
		{"in a coroutine", func(outer testing.TB) program {
			return func(t testing.TB, r *memory.Reactor) {
				ignore(deferred.Go(func(co *deferred.Co) (int, error) {
					treqtesting.Explore(outer, treqtesting.Exploration{}, nothing)
					return 0, nil
				}))
			}
		}},
	} {
		f := treqtesting.Search(t, treqtesting.Exploration{}, test.f(t)).Finding
		if f == nil || !strings.Contains(f.Failures[0], "Explore in a run of Explore") {
			t.Errorf("%s: %+v", test.name, f)
		}
	}
}

// TestExploreInParallel: a parallel test is told, with the way out.
func TestExploreInParallel(t *testing.T) {
	const variable = "TREQTESTING_PARALLEL"
	if os.Getenv(variable) != "" {
		t.Parallel()
		treqtesting.Explore(t, treqtesting.Exploration{}, func(t testing.TB, r *memory.Reactor) {})
		return
	}
	command := exec.Command(os.Args[0], "-test.run=^TestExploreInParallel$")
	command.Env = append(os.Environ(), variable+"=1")
	out, err := command.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "Explore: no test may run in parallel") || !strings.Contains(string(out), "take out t.Parallel") {
		t.Errorf("%v:\n%s", err, out)
	}
}

// TestExploreArtifacts: go test -artifacts keeps pictures of the run.
func TestExploreArtifacts(t *testing.T) {
	if os.Getenv("TREQTESTING_ARTIFACTS") != "" {
		treqtesting.Explore(t, treqtesting.Exploration{Network: faults}, hello)
		return
	}
	dir := t.TempDir()
	command := exec.Command(os.Args[0], "-test.run=^TestExploreArtifacts$", "-test.artifacts", "-test.outputdir="+dir)
	command.Env = append(os.Environ(), "TREQTESTING_ARTIFACTS=1")
	out, err := command.CombinedOutput()
	if err == nil {
		t.Fatalf("it does not fail:\n%s", out)
	}
	for name, want := range map[string]string{"ladder.svg": "</svg>", "ladder.html": "</html>", "trace.json": "does not find an.example"} {
		var names []string
		filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
			if filepath.Base(path) == name {
				names = append(names, path)
			}
			return err
		})
		if len(names) != 1 || !strings.Contains(string(out), names[0]) {
			t.Fatalf("%s: %q, and the report is\n%s", name, names, out)
		}
		if text, err := os.ReadFile(names[0]); err != nil || !strings.Contains(string(text), want) {
			t.Errorf("%s has no %s: %v\n%s", name, want, err, text)
		}
	}
}

// TestIgnoredCancel: what the user gives up must not have a value; other Deferreds may.
func TestIgnoredCancel(t *testing.T) {
	later := func(r *memory.Reactor) *deferred.Deferred[int] {
		d := deferred.New[int]()
		r.CallLater(time.Second, func() {
			if !d.Called() {
				d.Callback(1)
			}
		})
		return d
	}
	swallows := func(r *memory.Reactor) *deferred.Deferred[int] {
		wait := later(r)
		return deferred.Go(func(co *deferred.Co) (int, error) {
			deferred.Await(co, wait)
			return 1, nil
		})
	}
	for _, test := range []struct {
		name    string
		work    func(r *memory.Reactor) *deferred.Deferred[int] // that the user may give up
		ignores bool
	}{
		{"ends with an error", later, false},
		{"swallows", swallows, true},
		{"goes on", func(r *memory.Reactor) *deferred.Deferred[int] {
			first, second := later(r), later(r)
			return deferred.Go(func(co *deferred.Co) (int, error) {
				deferred.Await(co, first)
				value, _ := deferred.Await(co, second)
				return value + 1, nil
			})
		}, true},
		{"a canceller has a value", func(r *memory.Reactor) *deferred.Deferred[int] {
			return deferred.NewCancellable(func(d *deferred.Deferred[int]) { d.Callback(1) })
		}, true},
		{"another one swallows", func(r *memory.Reactor) *deferred.Deferred[int] {
			worker := swallows(r)
			ignore(worker)
			return later(r).AddErrback(func(err error) (int, error) {
				worker.Cancel()
				return 0, err
			})
		}, false},
		{"a handler has a value", func(r *memory.Reactor) *deferred.Deferred[int] {
			return later(r).AddErrback(func(error) (int, error) { return 7, nil })
		}, false},
	} {
		program := func(t testing.TB, r *memory.Reactor) {
			d := test.work(r)
			ignore(d)
			r.MayCancel(d, "the work")
		}
		e := treqtesting.Exploration{Runs: 30, Unchecked: treqtesting.WaitingDeferreds}
		s := treqtesting.Search(t, e, program)
		if (s.Finding != nil) != test.ignores || s.Changes[memory.Cancel] == 0 {
			t.Errorf("%s: %d cancels, found %+v", test.name, s.Changes[memory.Cancel], s.Finding)
			continue
		}
		if test.ignores && (!strings.HasPrefix(s.Finding.Failures[0], "a cancel is ignored: ") || len(s.Finding.Choices) != 1 || strings.Contains(s.Finding.Report, "SetDebugging")) {
			t.Errorf("%s:\n%s", test.name, s.Finding.Report)
		}
		e.Unchecked |= treqtesting.IgnoredCancels
		if s := treqtesting.Search(t, e, program); s.Finding != nil {
			t.Errorf("%s, without the check:\n%s", test.name, s.Finding.Report)
		}
	}
}

// FuzzHello is an exploration by Go's fuzzer.
func FuzzHello(f *testing.F) {
	treqtesting.Fuzz(f, treqtesting.Exploration{Network: latency, Sometimes: []string{"never"}}, hello)
}

// TestFuzzInput: an input that fails is reported as by Explore.
func TestFuzzInput(t *testing.T) {
	if s := treqtesting.InputOfFuzz(t, treqtesting.Exploration{Network: latency}, nil, threads); s.Finding != nil {
		t.Errorf("the natural run fails:\n%s", s.Finding.Report)
	}
	var found *treqtesting.Finding
	for b := range 256 {
		if found = treqtesting.InputOfFuzz(t, treqtesting.Exploration{Network: latency}, []byte{byte(b), 0, byte(b), 0, byte(b), 1}, threads).Finding; found != nil {
			break
		}
	}
	if found == nil || len(found.Choices) != 1 || !strings.Contains(found.Failures[0], "the first one is the last one") {
		t.Errorf("found %+v", found)
	}
}

// TestSteady: a stack has one line for each function, without what differs from run to run.
func TestSteady(t *testing.T) {
	text := "panic: a\n\ngoroutine 15 [running]:\nruntime/debug.Stack()\n\t/usr/lib/go/src/runtime/debug/stack.go:26 +0x5e\n" +
		"example.org/m/pkg.(*T).f(0xc000012345, {0x1, 0x2})\n\t/home/me/m/pkg/t.go:12 +0x25\n" +
		"example.org/m/testing.(*run).call(...)\n\t/home/me/m/run.go:9\ncreated by x in goroutine 14\n\t/home/me/m/y.go:1 +0xf0\n\nafter it"
	if got, want := treqtesting.Steady(text), "panic: a\npkg.(*T).f (t.go:12)\nafter it"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, text := range []string{"", "a", "a\n\nb\n\tc", "\tpkg.go:1"} {
		if got := treqtesting.Steady(text); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// TestExploreLeavesNothing: the errors that failing runs leave are not blamed on the next test.
func TestExploreLeavesNothing(t *testing.T) {
	unhandled := deferred.FailOnUnhandled(t)
	treqtesting.Search(t, treqtesting.Exploration{Unchecked: treqtesting.UnhandledErrors}, func(t testing.TB, r *memory.Reactor) {
		deferred.Fail[int](errors.New("left"))
		t.Error("wrong")
	})
	if left := unhandled.Flush(nil); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// BenchmarkExplore measures runs of a client and a site with one GET.
func BenchmarkExplore(b *testing.B) {
	treqtesting.Explore(b, treqtesting.Exploration{Runs: b.N}, hello)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "runs/s")
}
