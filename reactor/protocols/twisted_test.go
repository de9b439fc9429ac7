package protocols_test

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/seed-7c003b53/gotreq/internal/testkit/python"
	"github.com/seed-7c003b53/gotreq/reactor/memory"
	"github.com/seed-7c003b53/gotreq/reactor/protocols"
)

// A scenario is what a receiver gets. Lines and strings may be orders, which the receiver's
// function obeys: "raw N", "pause", "blink" (a pause that ends at once), "lose", "clear",
// "extra TEXT" and "again TEXT".
type scenario struct {
	Receiver  string
	Delimiter string
	MaxLength int
	Refeeds   bool     // LineLengthExceeded passes the line back, without its beginning
	Pieces    []string // in hexadecimal; or "resume" or "setraw"
}

// TestTwisted runs the same scenarios on Twisted's receivers and on ours: the calls are the
// same. The scenarios leave out what is better here:
//
//   - A string receiver of Twisted delivers what has come in one piece with the string at which the program closes the connection. Ours do
//     not, and neither does a LineReceiver in raw mode. The test cuts Twisted's calls there.
//   - What lineLengthExceeded passes back waits in Twisted until more comes.
//   - A LineOnlyReceiver of Twisted refuses a line of the maximal length if it is cut within its delimiter, and has no pause.
//   - lengthLimitExceeded that does not close the connection is called again with each piece in Twisted, and the memory grows.
//   - A string receiver of Twisted delivers a string without end if a pause ends while it is delivered. NetstringReceiver has no
//     pause.
//   - "1\n" is the beginning of a netstring to Twisted, until more comes.
func TestTwisted(t *testing.T) {
	interpreter, err := python.WithTreq()
	if err != nil {
		t.Skip(err)
	}
	n := 2000
	if raceDetector {
		n = 400
	}
	random := rand.New(rand.NewPCG(1, 2))
	scenarios := make([]scenario, n)
	var in bytes.Buffer
	for i := range scenarios {
		scenarios[i] = newScenario(random)
		if err := json.NewEncoder(&in).Encode(scenarios[i]); err != nil {
			t.Fatal(err)
		}
	}
	command := exec.Command(interpreter, "-I", "testdata/receivers.py")
	command.Stdin = &in
	out, err := command.Output()
	if err != nil {
		var stderr []byte
		if e, ok := err.(*exec.ExitError); ok {
			stderr = e.Stderr
		}
		t.Fatalf("%v\n%s", err, stderr)
	}
	results := bufio.NewScanner(bytes.NewReader(out))
	results.Buffer(nil, 1<<20)
	occurred := map[string]int{}
	for _, s := range scenarios {
		if !results.Scan() {
			t.Fatal("Twisted has fewer results than scenarios")
		}
		var want []string
		if err := json.Unmarshal(results.Bytes(), &want); err != nil {
			t.Fatal(err)
		}
		if i := slices.IndexFunc(want, func(call string) bool { return call == "line lose" || call == "string lose" }); i >= 0 {
			want = append(want[:i+1], "lost")
		}
		got := s.run()
		if !slices.Equal(got, want) {
			t.Errorf("%+v\n ours    %q\n Twisted %q", s, got, want)
		}
		for _, call := range want {
			word, order, _ := strings.Cut(call, " ")
			order, _, _ = strings.Cut(order, " ")
			occurred[s.Receiver+" "+word]++
			occurred[word+" "+order]++
		}
	}
	for _, what := range []string{"Lines line", "Lines raw", "Lines long", "Lines cleared", "Lines lost", "Lines paused", "LinesOnly line", "LinesOnly lost",
		"Int8 string", "Int8 lost", "Int8 cleared", "Int8 paused", "Int16 string", "Int32 string", "Netstrings string", "Netstrings lost",
		"line blink", "line extra", "line again", "line pause", "line lose", "string pause", "string lose"} {
		if occurred[what] < n/200 {
			t.Errorf("%q occurs %d times", what, occurred[what])
		}
	}
}

// newScenario returns a random scenario.
func newScenario(random *rand.Rand) (s scenario) {
	pick := func(texts ...string) string { return texts[random.IntN(len(texts))] }
	// text is mostly short, and sometimes a little too long.
	text := func() string {
		b := make([]byte, random.IntN(4))
		if random.IntN(8) == 0 {
			b = make([]byte, 10+random.IntN(6))
		}
		for i := range b {
			b[i] = pick("a", "b", "\r", "<", "1", ":", ",")[0]
		}
		return string(b)
	}
	s.Receiver = pick("Lines", "Lines", "Lines", "LinesOnly", "Int8", "Int16", "Int32", "Netstrings")
	s.MaxLength = 12
	switch s.Receiver {
	case "Lines":
		s.Delimiter = pick("", "\r\n", "\n", "<>", "aab")
	case "LinesOnly":
		s.Delimiter = "\n"
	}
	var stream strings.Builder
	for range 1 + random.IntN(12) {
		order := text()
		switch s.Receiver {
		case "Lines":
			switch random.IntN(12) {
			case 0, 1:
				order = "raw " + strconv.Itoa(random.IntN(9))
			case 2:
				order = "pause"
			case 3:
				order = "blink"
			case 4:
				order = pick("clear", "extra e", "again g", "again h<>")
			case 5:
				order = pick("lose", "pause", "", "", "")
			}
		case "LinesOnly":
			order = pick(order, order, order, order, "lose")
		default:
			order = pick(order, order, order, order, "pause", "lose", "clear")
			if s.Receiver == "Netstrings" {
				order = pick(text(), text(), text(), "lose")
			}
		}
		switch s.Receiver {
		case "Lines", "LinesOnly":
			delimiter := s.Delimiter
			if delimiter == "" {
				delimiter = "\r\n"
			}
			stream.WriteString(order + delimiter)
			if n, ok := strings.CutPrefix(order, "raw "); ok {
				n, _ := strconv.Atoi(n)
				for range n {
					stream.WriteString(pick("x", "\r", "\n", "<", ">"))
				}
			}
		case "Int8":
			stream.WriteString(sizes[0].message(order))
		case "Int16":
			stream.WriteString(sizes[1].message(order))
		case "Int32":
			stream.WriteString(sizes[2].message(order))
		case "Netstrings":
			stream.WriteString(strconv.Itoa(len(order)) + ":" + order + ",")
			if random.IntN(10) == 0 {
				stream.WriteString(pick("x", ":", "0", "01:", "1", "99", ","))
			}
		}
	}
	s.Refeeds = s.Receiver == "Lines" && random.IntN(3) == 0
	pauses := s.Receiver == "Lines" || strings.HasPrefix(s.Receiver, "Int")
	for rest := []byte(stream.String()); len(rest) != 0; {
		n := min(len(rest), 1+random.IntN(1<<random.IntN(8)))
		s.Pieces = append(s.Pieces, hex.EncodeToString(rest[:n]))
		rest = rest[n:]
		if pauses && random.IntN(6) == 0 {
			s.Pieces = append(s.Pieces, "resume")
		}
		if s.Receiver == "Lines" && random.IntN(60) == 0 {
			s.Pieces = append(s.Pieces, "setraw")
		}
	}
	if pauses && random.IntN(3) != 0 {
		s.Pieces = append(s.Pieces, "resume", "resume")
	}
	return s
}

// run does what testdata/receivers.py does.
func (s scenario) run() []string {
	var calls []string
	note := func(call string) { calls = append(calls, call) }
	tr := &memory.StringTransport{}
	var r receiver
	var lines *protocols.LineReceiver
	left := 0
	obey := func(order []byte) {
		word, argument, _ := strings.Cut(string(order), " ")
		switch word {
		case "raw":
			left, _ = strconv.Atoi(argument[:min(1, len(argument))])
			note("raw ")
			lines.SetRawMode()
		case "pause":
			r.PauseProducing()
		case "blink":
			r.PauseProducing()
			r.ResumeProducing()
		case "lose":
			tr.LoseConnection()
		case "clear":
			if lines != nil {
				note("cleared " + string(lines.ClearLineBuffer()))
			} else {
				note("cleared " + string(r.(intN).ClearBuffer()))
			}
		case "extra":
			lines.SetLineMode([]byte(argument + cmp.Or(lines.Delimiter, "\r\n")))
		case "again":
			r.DataReceived([]byte(argument))
		}
	}
	line := func(line []byte) { note("line " + string(line)); obey(line) }
	str := func(s []byte) { note("string " + string(s)); obey(s) }
	exceeded := func(length int64) { note("long " + strconv.FormatInt(length, 10)); tr.LoseConnection() }
	switch s.Receiver {
	case "Lines":
		lines = &protocols.LineReceiver{Delimiter: s.Delimiter, MaxLength: s.MaxLength, LineReceived: line}
		lines.RawDataReceived = func(data []byte) {
			n := min(left, len(data))
			calls[len(calls)-1] += string(data[:n])
			if left -= n; left == 0 {
				lines.SetLineMode(data[n:])
			}
		}
		lines.LineLengthExceeded = func(data []byte) {
			if s.Refeeds {
				note("long " + string(data[:s.MaxLength+1]))
				lines.SetLineMode(data[s.MaxLength+1:])
			} else {
				note("long " + string(data))
				tr.LoseConnection()
			}
		}
		r = lines
	case "LinesOnly":
		r = &protocols.LineOnlyReceiver{Delimiter: s.Delimiter, MaxLength: s.MaxLength, LineReceived: line}
	case "Int8":
		r = sizes[0].make(s.MaxLength, str, exceeded)
	case "Int16":
		r = sizes[1].make(s.MaxLength, str, exceeded)
	case "Int32":
		r = sizes[2].make(s.MaxLength, str, exceeded)
	case "Netstrings":
		r = &protocols.NetstringReceiver{MaxLength: s.MaxLength, StringReceived: str}
	}
	r.ConnectionMade(tr)
	for _, piece := range s.Pieces {
		if tr.Disconnecting() {
			break
		}
		switch piece {
		case "resume":
			r.ResumeProducing()
		case "setraw":
			left = 3
			note("raw ")
			lines.SetRawMode()
		default:
			data, _ := hex.DecodeString(piece)
			r.DataReceived(data)
		}
	}
	if tr.Disconnecting() {
		note("lost")
	} else if tr.ProducerState() == memory.Paused {
		note("paused")
	}
	return calls
}
