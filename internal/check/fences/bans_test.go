package fences

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A ban is something of Go's that some packages do without.
type ban struct {
	what   string            // imports, names such as "time.Now" or "sync.*", or "go" for a go statement
	but    string            // names that what seems to have, but are allowed
	in     string            // the packages, outside their tests
	why    string            // a sentence that also says what to do instead
	except map[string]string // files that may, and why
}

// onTheLoop are the packages whose code the goroutine of a reactor runs, or that of
// whoever calls it. The reactor itself and internal/bridge are where other goroutines
// come in.
const onTheLoop = "deferred/... internal/coro internal/handover internal/list internal/origin internal/random internal/secret internal/timers internal/http1 internal/http2 reactor/task reactor/endpoints reactor/memory/... reactor/protocols treq/..."

// library is all that a user's program is linked with.
const library = onTheLoop + " reactor internal/bridge"

// bans are the rules. An exception is for one file, and has its reason.
var bans = []ban{
	{
		what: "go",
		in:   onTheLoop,
		why:  "one goroutine runs everything: use reactor.DeferToThread, or internal/bridge for bytes",
		except: map[string]string{
			"treq/blocking/client.go":     "it runs the reactor of a blocking client; other code comes in through CallFromThread",
			"treq/agent/roundtripper.go":  "an http.RoundTripper blocks; its result comes back through CallFromThread",
			"treq/testing/explore_run.go": "FailNow exits the goroutine of a run, which cannot be the one of the test",
			"internal/coro/coro.go":       "a coroutine that called runtime.Goexit ends on a goroutine of its own, which runs no other code",
		},
	},
	{
		what: "sync.*",
		but:  "sync.Pool", // gives memory back to the collector, and guards nothing
		in:   onTheLoop,
		why:  "one goroutine runs everything, so there is nothing to lock: come in through CallFromThread",
		except: map[string]string{
			"treq/blocking/blocking.go":      "any goroutine may be the first to use the default reactor",
			"treq/blocking/client.go":        "any goroutine may make requests and end the client",
			"treq/blocking/group.go":         "several reactors use one cookie jar",
			"treq/blocking/response.go":      "any goroutine may read a response",
			"reactor/task/cooperate.go":      "any goroutine may be the first to use the default Cooperator",
			"treq/testing/explore_search.go": "tests may explore at the same time, and the checks are of the whole process",
			"treq/testing/explore_tb.go":     "a test may use its t on any goroutine",
			"internal/coro/goroutine.go":     "it tells goroutines apart, so any of them calls it",
		},
	},
	{
		what: "time.Now time.Sleep time.Since time.Until time.After time.AfterFunc time.NewTimer time.NewTicker time.Tick",
		in:   onTheLoop,
		why:  "time is what the reactor says, so that tests can move it: use its Now and CallLater",
		except: map[string]string{
			"deferred/unhandled.go": "a program that ends has no reactor any more; it waits for finalizers",
			"treq/cookies/jar.go":   "a jar without a reactor has no other clock; Config.Now replaces it",
		},
	},
	{
		what: "crypto/rand math/rand math/rand/v2.*",
		but:  "math/rand/v2.Rand math/rand/v2.New",
		in:   library,
		why:  "what is random comes from the reactor's Rand, so that a run can be repeated: take a *rand.Rand, and use internal/random where it is nil",
		except: map[string]string{
			"internal/random/random.go":    "the one place that asks the system",
			"treq/testing/explore_fuzz.go": "the seed decides the inputs that a fuzzer starts with",
			"reactor/memory/reactor.go":    "the seed of the run decides what its reactor's Rand returns",
		},
	},
	{
		what: "log log/slog.*",
		but:  "log/slog.Value log/slog.StringValue", // by which a value says how a user's log shows it
		in:   "deferred treq/request treq/response treq/cookies treq/auth treq/multipart treq/agent treq/client treq",
		why:  "an error goes to the caller, through a Deferred: return it",
		except: map[string]string{
			"deferred/maybe.go":          "LogError is a handler for the user who wants the error in the log",
			"deferred/unhandled.go":      "an error that nobody handles has no caller to go to",
			"treq/agent/trace.go":        "a hook that cancels its request and panics has no caller to go to",
			"treq/agent/log.go":          "a program that asks for a log gets one, and the panic of its handler has no caller to go to",
			"treq/agent/unread.go":       "a dropped response has no caller to go to",
			"treq/agent/http2_stream.go": "a panic of a body's reader must not end the other streams",
			"treq/agent/upload.go":       "a panic in StopProducing comes when the request has its result already",
		},
	},
	{
		what: "net/http.Client net/http.Transport net/http.DefaultClient net/http.DefaultTransport net/http.Get net/http.Head net/http.Post net/http.PostForm " +
			"net/http.ReadResponse net/http.ReadRequest net/http.Server net/http.Serve net/http.ListenAndServe",
		in:  library,
		why: "the client and the server are not net/http's underneath: only its types are used, where users meet them",
	},
	{
		what: "bufio context crypto/tls io/fs log log/slog net os reflect runtime sync sync/atomic syscall time",
		in:   "internal/http1 treq/wire",
		why:  "the machine of HTTP/1.1 has no I/O, clock or lock: bytes go in and events come out",
	},
	{
		what: "bufio context crypto/tls io/fs log log/slog net os reflect runtime sync sync/atomic syscall",
		in:   "internal/http2",
		why:  "the machine of HTTP/2 has no I/O or lock: bytes go in and events come out; the owner's Now is its clock",
	},
}

// bansTable is the file that a message sends its reader to.
const bansTable = "internal/check/fences/bans_test.go"

// TestBans: no file uses what is banned in its package.
func TestBans(t *testing.T) { report(t, checkBans(bans, readModule(t))) }

// checkBans says where src breaks bans.
func checkBans(bans []ban, src source) (problems []string) {
	for _, b := range bans {
		excepted := map[string]bool{}
		for _, f := range src {
			if f.test || !withinAny(f.pkg, b.in) {
				continue
			}
			for _, m := range slices.Concat(f.imports, f.uses) {
				if !b.has(m.name) {
					continue
				}
				if b.except[f.name] != "" {
					excepted[f.name] = true
					continue
				}
				name := m.name
				if name == "go" {
					name = "a go statement"
				}
				problems = append(problems, fmt.Sprintf("%s: %s is not for %s: %s. An exception needs a reason in %s", f.at(m), name, f.pkg, b.why, bansTable))
			}
		}
		for name := range b.except {
			if !excepted[name] {
				problems = append(problems, fmt.Sprintf("%s: %s does not need its exception from %q: take it out", bansTable, name, b.what))
			}
		}
	}
	slices.Sort(problems)
	return problems
}

// has reports whether name is banned.
func (b *ban) has(name string) bool {
	return !slices.Contains(strings.Fields(b.but), name) && slices.ContainsFunc(strings.Fields(b.what), func(what string) bool {
		pkg, all := strings.CutSuffix(what, ".*")
		return name == what || all && strings.HasPrefix(name, pkg+".")
	})
}
