package testing_test

import (
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/deferred"
	"github.com/seed-7c003b53/gotreq/deferred/deferredtest"
	"github.com/seed-7c003b53/gotreq/treq/response"
	treqtesting "github.com/seed-7c003b53/gotreq/treq/testing"
)

// source is this file.
//
//go:embed lines_test.go
var source string

// failing is the environment variable that makes TestThatFails fail.
const failing = "TREQTESTING_FAIL"

// TestThatFails fails in all ways. A comment "names" marks each line that the report of a
// failure must name.
func TestThatFails(t *testing.T) {
	if os.Getenv(failing) == "" {
		t.Skip("only for TestLines")
	}
	t.Run("success", func(t *testing.T) {
		deferredtest.SuccessResultOf(t, deferred.New[int]()) // names success: the Deferred has no result yet
	})
	t.Run("failure", func(t *testing.T) {
		deferredtest.FailureResultOf(t, deferred.New[int]()) // names failure: the Deferred has no result yet
	})
	t.Run("nothing", func(t *testing.T) {
		deferredtest.NoResult(t, deferred.Succeed(1)) // names nothing: the Deferred has a result
	})
	t.Run("exchange", func(t *testing.T) {
		treqtesting.NewRequestSequence(t, treqtesting.Exchange{}) // names exchange: the request's Method: missing
	})
	t.Run("end", func(t *testing.T) {
		treqtesting.NewRequestSequence(t, getExample) // names end: Not all expected requests were made
	})
	t.Run("consume", func(t *testing.T) {
		seq := treqtesting.NewRequestSequence(t, getExample)
		seq.Consume(func() {}) // names consume: Not all expected requests were made
	})
	t.Run("request", func(t *testing.T) {
		seq := treqtesting.NewRequestSequence(t, getExample)
		stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})
		stub.Put("http://an.example") // names request: is not the request that is expected
	})
	t.Run("coroutine", func(t *testing.T) {
		seq := treqtesting.NewRequestSequence(t)
		stub := treqtesting.NewStubTreq(treqtesting.StringStubbingResource(seq), treqtesting.Config{})
		deferred.Go(func(co *deferred.Co) (*response.Response, error) {
			return deferred.Await(co, stub.Get("http://an.example")) // names coroutine: No more requests expected
		})
	})
}

// TestLines: the report of a failure names the line of the test.
func TestLines(t *testing.T) {
	cmd := exec.Command(os.Args[0], "-test.run=^TestThatFails$", "-test.v")
	cmd.Env = append(os.Environ(), failing+"=1")
	out, err := cmd.CombinedOutput()
	if err == nil {
		t.Fatalf("no failure:\n%s", out)
	}
	marked := 0
	comment := regexp.MustCompile(`// names (\w+): (.*)$`)
	for i, line := range strings.Split(source, "\n") {
		mark := comment.FindStringSubmatch(line)
		if mark == nil {
			continue
		}
		marked++
		report := regexp.MustCompile(fmt.Sprintf(`(?m)^ *lines_test\.go:%d: .*%s`, i+1, regexp.QuoteMeta(mark[2])))
		if !report.Match(out) {
			t.Errorf("%s: line %d is not named with %q", mark[1], i+1, mark[2])
		}
		if !strings.Contains(string(out), "--- FAIL: TestThatFails/"+mark[1]) {
			t.Errorf("%s does not fail", mark[1])
		}
	}
	if marked != 8 {
		t.Errorf("%d marked lines", marked)
	}
	if t.Failed() {
		t.Logf("the output:\n%s", out)
	}
}
