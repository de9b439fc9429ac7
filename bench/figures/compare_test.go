package figures

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// rounds makes figures of many scenarios with noise: each round has a factor of its own, which all clients share, and each
// client another. Some rounds of a client take half as long again.
func rounds(random *rand.Rand, n int, factor float64) (old, new *Set) {
	old, new = &Set{}, &Set{}
	for i := range 200 {
		was, is := Figure{Scenario: string(rune('A' + i)), Client: "gotreq", Metric: "cpu us/request"}, Figure{}
		is = was
		for range n {
			hour := 10 * math.Exp(0.3*random.NormFloat64())
			one := func() float64 {
				v := hour * math.Exp(0.03*random.NormFloat64())
				if random.IntN(20) == 0 {
					v *= 1.5
				}
				return v
			}
			was.Values, is.Values = append(was.Values, one()), append(is.Values, factor*one())
		}
		old.Figures, new.Figures = append(old.Figures, was), append(new.Figures, is)
	}
	return old, new
}

func moved(all []Change) (n int) {
	for _, c := range all {
		if c.Moved {
			n++
		}
	}
	return n
}

// TestPaired: two programs that are the same have not moved, and one that is slower by a tenth has, although the hour
// changes the figures by far more than that.
func TestPaired(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	old, new := rounds(random, 12, 1)
	if n := moved(Paired(old, new)); n > 3 {
		t.Errorf("%d of 200 figures of the same program moved", n)
	}
	old, new = rounds(random, 12, 1.1)
	if n := moved(Paired(old, new)); n < 150 {
		t.Errorf("only %d of 200 figures of a slower program moved", n)
	}
	var b strings.Builder
	if worse := PrintChanges(&b, Paired(old, new)); worse < 150 || strings.Count(b.String(), "WORSE") != worse {
		t.Errorf("%d are worse, and are said of %d", worse, strings.Count(b.String(), "WORSE"))
	}
	// The same rounds do not tell it without the pairs.
	if n := moved(Unpaired(old, new)); n > 20 {
		t.Errorf("%d of 200 figures moved without pairs", n)
	}
	// Too few rounds tell nothing.
	old, new = rounds(random, 7, 1.5)
	if n := moved(Paired(old, new)); n != 0 {
		t.Errorf("%d figures moved in 7 rounds", n)
	}
}

// TestUnpaired: runs of other hours are compared by their ratios to the floor.
func TestUnpaired(t *testing.T) {
	run := func(hour, mine float64) *Set {
		s := &Set{}
		for _, c := range []struct {
			name string
			cost float64
		}{{floor, 10}, {"gotreq", mine}} {
			s.Figures = append(s.Figures, Figure{"GET", c.name, "cpu us/request", []float64{hour * c.cost, hour * c.cost * 1.01, hour * c.cost * 0.99}})
		}
		return s
	}
	for _, test := range []struct {
		hour, mine float64
		moved      bool
		better     bool
	}{{2, 15, false, false}, {2, 20, true, false}, {0.5, 11, true, true}, {1, 16, false, false}} {
		all := Unpaired(run(1, 15), run(test.hour, test.mine))
		if c := all[1]; c.Moved != test.moved || c.Moved && c.Better() != test.better {
			t.Errorf("%v: %+v", test, c)
		}
	}
}

func TestBetter(t *testing.T) {
	for _, test := range []struct {
		metric string
		ratio  float64
		better bool
	}{{"cpu us/request", 0.9, true}, {"cpu us/request", 1.1, false}, {"rate /s/request", 1.1, true}, {"rate /s/request", 0.9, false}} {
		if c := (Change{Metric: test.metric, Ratio: test.ratio}); c.Better() != test.better {
			t.Errorf("%v", test)
		}
	}
}

// TestSignInterval: the bounds are those of tables of the sign test.
func TestSignInterval(t *testing.T) {
	values := func(n int) (all []float64) {
		for i := range n {
			all = append(all, float64(i+1))
		}
		return all
	}
	for n, want := range map[int][2]float64{7: {math.Inf(-1), math.Inf(1)}, 8: {1, 8}, 11: {1, 11}, 12: {2, 11}, 20: {4, 17}} {
		if least, most := signInterval(values(n)); least != want[0] || most != want[1] {
			t.Errorf("of %d values: %v to %v, not %v", n, least, most, want)
		}
	}
}
