package main

import (
	"regexp"
	"slices"
	"strings"
)

// An entry is what docs/names.md says of one name.
type entry struct {
	module, name string // "twisted.internet.defer", "Deferred.addCallback"
	here         string // what takes its place
	note         string
	none         bool // nothing takes its place, and here says why
}

// class returns the class of a member, or "".
func (e *entry) class() string {
	class, _, found := strings.Cut(e.name, ".")
	if !found {
		return ""
	}
	return class
}

// Names are the entries of docs/names.md.
type names struct {
	modules  map[string]map[string]*entry // by module and name
	tops     map[string][]*entry          // the names that are no members
	members  map[string][]*entry          // the members, by their own names
	keywords map[string]*entry            // the keyword arguments of a request
}

var (
	module     = regexp.MustCompile(`^[a-z_][a-z0-9_]*(\.[a-z_][a-z0-9_]*)*$`)
	backquoted = regexp.MustCompile("`([^`]+)`")
	linked     = regexp.MustCompile(`\[([^]]*)\]\([^)]*\)`)
)

// keywordsHeading is the heading of the one table that is about no module.
const keywordsHeading = "The keyword arguments of a request"

// readNames reads the tables of docs/names.md.
func readNames(text string) *names {
	n := &names{map[string]map[string]*entry{}, map[string][]*entry{}, map[string][]*entry{}, map[string]*entry{}}
	heading := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if h, ok := strings.CutPrefix(line, "## "); ok {
			heading = h
		}
		row := strings.Split(strings.TrimSuffix(strings.TrimPrefix(line, "| "), "|"), " | ")
		if !strings.HasPrefix(line, "| `") || len(row) < 2 || heading != keywordsHeading && !module.MatchString(heading) {
			continue
		}
		rowNames, here := backquoted.FindAllStringSubmatch(row[0], -1), backquoted.FindAllStringSubmatch(row[1], -1)
		inOrder := len(rowNames) > 1 && len(rowNames) == len(here) && !strings.HasPrefix(row[1], "none") && noNamesake(rowNames, row[1])
		for i, q := range rowNames {
			e := &entry{module: heading, name: q[1], here: plain(row[1]), none: strings.HasPrefix(row[1], "none")}
			if own := namesake(q[1], row[1]); len(rowNames) > 1 && own != "" {
				e.here = own
			} else if inOrder {
				e.here = goMark(row[1]) + here[i][1]
			}
			if len(row) > 2 {
				e.note = plain(row[2])
			}
			n.add(e)
		}
	}
	return n
}

// plain returns a cell of a table without its marks.
func plain(cell string) string {
	return strings.TrimSpace(strings.ReplaceAll(linked.ReplaceAllString(cell, "$1"), "`", ""))
}

// namesake returns the names in a cell that are the Python name as Go writes it: a row with
// several names has one cell for all of them.
func namesake(name, cell string) string {
	name = name[strings.LastIndexByte(name, '.')+1:]
	if len(name) > 1 && name[0] == 'I' && isUpper(name[1]) {
		name = name[1:] // an interface
	}
	var same []string
	for _, q := range backquoted.FindAllStringSubmatch(cell, -1) {
		if bare(q[1][strings.LastIndexByte(q[1], '.')+1:]) == bare(name) {
			same = append(same, q[1])
		}
	}
	if same == nil {
		return ""
	}
	return goMark(cell) + strings.Join(same, ", ")
}

// noNamesake reports whether a row has none of namesake's names. If it has as many Go names as
// Python names, these belong together in their order.
func noNamesake(rowNames [][]string, cell string) bool {
	return !slices.ContainsFunc(rowNames, func(q []string) bool { return namesake(q[1], cell) != "" })
}

// goMark returns the mark of a cell that names what Go has instead.
func goMark(cell string) string {
	if strings.HasPrefix(cell, "Go: ") {
		return "Go: "
	}
	return ""
}

// bare returns name without what Go and Python write differently.
func bare(name string) string {
	name = strings.ToLower(strings.ReplaceAll(name, "_", ""))
	return strings.TrimSuffix(strings.TrimPrefix(name, "get"), "s")
}

func (n *names) add(e *entry) {
	if e.module == keywordsHeading {
		e.module = "treq"
		n.keywords[e.name] = e
		return
	}
	if n.modules[e.module] == nil {
		n.modules[e.module] = map[string]*entry{}
	}
	n.modules[e.module][e.name] = e
	if class := e.class(); class == "" {
		n.tops[e.name] = append(n.tops[e.name], e)
	} else {
		member := e.name[len(class)+1:]
		n.members[member] = append(n.members[member], e)
	}
}

// resolve looks for the name that path leads to, such as "twisted", "internet", "defer",
// "Deferred", "fromCoroutine". It returns the entry and how many elements of path lead to it:
// more may follow, the members of an object. It returns 0 for a path that ends at a module. For
// a name that has no entry, it returns nil and the length of path.
func (n *names) resolve(path []string) (*entry, int) {
	for i := len(path); i > 0; i-- {
		entries, ok := n.modules[strings.Join(path[:i], ".")]
		if !ok {
			continue
		}
		for _, more := range []int{2, 1} {
			if i+more <= len(path) && entries[strings.Join(path[i:i+more], ".")] != nil {
				return entries[strings.Join(path[i:i+more], ".")], i + more
			}
		}
		if i == len(path) {
			return nil, 0
		}
		break
	}
	if n.isPackage(strings.Join(path, ".")) {
		return nil, 0
	}
	// A module may have the names of others, as twisted.test.proto_helpers has those of
	// twisted.internet.testing.
	for i := len(path) - 1; i > 0; i-- {
		if !distinct(path[i]) {
			continue
		}
		for _, e := range n.tops[path[i]] {
			if root, _, _ := strings.Cut(e.module, "."); root != path[0] {
				continue
			}
			if i+1 < len(path) {
				if member := n.modules[e.module][path[i]+"."+path[i+1]]; member != nil {
					return member, i + 2
				}
			}
			return e, i + 1
		}
	}
	return nil, len(path)
}

// isPackage reports whether path is a package of modules with entries.
func (n *names) isPackage(path string) bool {
	for m := range n.modules {
		if strings.HasPrefix(m, path+".") {
			return true
		}
	}
	return false
}

// distinct reports whether a name alone tells that it is of Twisted: it has capitals or
// underscores inside, unlike get or close, and unittest has no such name.
func distinct(name string) bool {
	if slices.Contains(alsoDistinct, name) {
		return true
	}
	inside := strings.Trim(name, "_")
	return (strings.ToLower(inside) != inside || strings.Contains(inside, "_")) && !slices.Contains(notDistinct, name)
}

var (
	// alsoDistinct are names in lower case that hardly anything else has.
	alsoDistinct = strings.Fields("callback errback trap unpause gethostbyname")
	// notDistinct are names that other libraries have, too: those of unittest, logging, threading.
	notDistinct = strings.Fields("setUp tearDown setUpClass tearDownClass addCleanup doCleanups skipTest subTest shortDescription" +
		" countTestCases defaultTestResult failureException assertEqual assertEquals assertNotEqual assertNotEquals assertTrue" +
		" assertFalse assertIs assertIsNot assertIsNone assertIsNotNone assertIn assertNotIn assertIsInstance assertNotIsInstance" +
		" assertRaises assertRaisesRegex assertWarns assertWarnsRegex assertLogs assertAlmostEqual assertNotAlmostEqual" +
		" assertGreater assertGreaterEqual assertLess assertLessEqual assertRegex assertNotRegex assertCountEqual assertListEqual" +
		" assertTupleEqual assertSetEqual assertDictEqual assertMultiLineEqual assertSequenceEqual assertRegexpMatches assert_" +
		" failUnless failIf failUnlessEqual failUnlessRaises getMessage getName isAlive addHandler getLogger setLevel __init__")
)

// A family says which classes an object is likely to have, by a word at the end of the name of
// its variable or of its class.
type family struct {
	words, classes string
}

// families are the families, the likeliest classes first.
var families = []family{
	{"transport", "ITransport ITCPTransport ITLSTransport ISSLTransport IConsumer IPushProducer StringTransport"},
	{"bodyproducer", "IBodyProducer FileBodyProducer IPushProducer"},
	{"consumer", "IConsumer"},
	{"producer", "IPushProducer IPullProducer IProducer IBodyProducer"},
	{"receiver protocol proto mixin", "Protocol BaseProtocol IProtocol LineReceiver LineOnlyReceiver Int32StringReceiver IntNStringReceiver NetstringReceiver TimeoutMixin IHalfCloseableProtocol IHandshakeListener DatagramProtocol ProcessProtocol"},
	{"factory", "ClientFactory ReconnectingClientFactory Factory ServerFactory IProtocolFactory WrappingFactory"},
	{"memoryreactor memoryreactorclock", "MemoryReactor MemoryReactorClock Clock"},
	{"reactor", "IReactorCore IReactorTime IReactorTCP IReactorSSL IReactorUNIX IReactorUDP IReactorThreads IReactorFromThreads IReactorInThreads IReactorProcess MemoryReactor"},
	{"clock", "Clock IReactorTime"},
	{"deferred d", "Deferred"},
	{"failure reason f", "Failure"},
	{"request req", "IRequest Request"},
	{"response resp", "IResponse _Response Response"},
	{"agent", "IAgent Agent"},
	{"pool", "HTTPConnectionPool ThreadPool"},
	{"resource root leaf page", "Resource IResource"},
	{"file", "File FilePath"},
	{"path filepath", "FilePath"},
	{"site", "Site"},
	{"session", "Session ISession"},
	{"headers", "Headers"},
	{"testcase tests test", "TestCase SynchronousTestCase"},
	{"httpclient treq", "HTTPClient"},
	{"stub stubtreq", "StubTreq"},
	{"sequence", "RequestSequence"},
	{"lc loopingcall loop", "LoopingCall"},
	{"cooperator", "Cooperator"},
	{"task", "CooperativeTask"},
	{"queue", "DeferredQueue"},
	{"lock", "DeferredLock DeferredFilesystemLock"},
	{"sem semaphore", "DeferredSemaphore"},
	{"port", "IListeningPort"},
	{"connector", "IConnector"},
	{"call delayedcall", "IDelayedCall DelayedCall"},
	{"endpoint", "IStreamClientEndpoint IStreamServerEndpoint"},
	{"service", "Service IService MultiService ClientService"},
	{"pump", "IOPump"},
}

// familyOf returns the family that the name of a variable or of a class tells, or -1.
func familyOf(of string) int {
	of = strings.ToLower(strings.Trim(of, "_"))
	return slices.IndexFunc(families, func(f family) bool {
		return slices.ContainsFunc(strings.Fields(f.words), func(word string) bool {
			return of == word || len(word) > 3 && strings.HasSuffix(of, word)
		})
	})
}

// likely returns the classes that the name of a variable or of a class lets expect.
func likely(of string) []string {
	if f := familyOf(of); f >= 0 {
		return strings.Fields(families[f].classes)
	}
	return nil
}

// member looks for a member of an object. types has the classes that the object is known to have,
// and names that let expect some. If these do not tell the class, the result has an entry for
// each family that has the member.
func (n *names) member(name string, types []string) []*entry {
	candidates := n.members[name]
	if len(candidates) == 0 {
		return nil
	}
	for _, t := range types {
		for _, class := range append([]string{t}, likely(t)...) {
			for _, e := range candidates {
				if e.class() == class {
					return []*entry{e}
				}
			}
		}
	}
	if !distinct(name) {
		return nil
	}
	return oneOfEach(candidates)
}

// oneOfEach returns the likeliest of the candidates of each family, and all that have none.
func oneOfEach(candidates []*entry) (chosen []*entry) {
	best := map[int]*entry{}
	rank := func(family int, e *entry) int {
		if i := slices.Index(strings.Fields(families[family].classes), e.class()); i >= 0 {
			return i
		}
		return len(families[family].classes)
	}
	var order []int
	for _, e := range candidates {
		switch f := familyOf(e.class()); {
		case f < 0:
			chosen = append(chosen, e)
		case best[f] == nil:
			best[f], order = e, append(order, f)
		case rank(f, e) < rank(f, best[f]):
			best[f] = e
		}
	}
	var ofFamilies []*entry
	for _, f := range order {
		ofFamilies = append(ofFamilies, best[f])
	}
	return append(ofFamilies, chosen...)
}
