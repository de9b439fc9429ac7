package multipart_test

import (
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/seed-7c003b53/gotreq/internal/testkit/outcome"
	"github.com/seed-7c003b53/gotreq/internal/testkit/stepper"
	"github.com/seed-7c003b53/gotreq/reactor/task"
	"github.com/seed-7c003b53/gotreq/treq/multipart"
	"github.com/seed-7c003b53/gotreq/treq/request"
)

// A zeros reader returns that many zeros. It has a Len.
type zeros int

func (z *zeros) Len() int { return int(*z) }

func (z *zeros) Read(p []byte) (int, error) {
	if *z == 0 {
		return 0, io.EOF
	}
	n := min(len(p), int(*z))
	clear(p[:n])
	*z -= zeros(n)
	return n, nil
}

// A drain is a consumer that counts the bytes, and pauses its producer for a millisecond
// after each MiB.
type drain struct {
	cooperator *task.Cooperator
	clock      *task.Clock
	producer   request.BodyProducer
	got, room  int64
	pauses     int
	peak       uint64 // the largest heap seen, in bytes
}

func (d *drain) Cooperator() *task.Cooperator { return d.cooperator }

func (d *drain) Write(data []byte) {
	d.got += int64(len(data))
	if d.room -= int64(len(data)); d.room > 0 {
		return
	}
	d.room = 1 << 20
	d.pauses++
	d.producer.PauseProducing()
	d.clock.CallLater(time.Millisecond, d.producer.ResumeProducing)
	if d.pauses%256 == 0 {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		d.peak = max(d.peak, m.HeapAlloc)
	}
}

func TestAFormOf10GBTakesFlatMemory(t *testing.T) {
	files := int64(10)
	if raceEnabled || testing.Short() {
		files = 1
	}
	const fileSize = 1 << 30
	var fields []multipart.Field
	for range files {
		z := zeros(fileSize)
		fields = append(fields, multipart.Field{Name: "f", Value: multipart.FromReader("zeros.bin", &z)})
	}
	clock := task.NewClock()
	p, err := multipart.NewMultiPartProducer(fields, multipart.Config{})
	if err != nil {
		t.Fatal(err)
	}
	to := &drain{cooperator: task.NewCooperator(clock, task.CooperatorConfig{}), clock: clock, producer: p}
	runtime.GC()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	o := outcome.Of(p.StartProducing(to))
	for o.Fired == 0 {
		clock.Advance(time.Millisecond)
	}
	runtime.ReadMemStats(&after)
	o.WantErr(t, nil)
	if to.got != p.Length() || to.got < files*fileSize {
		t.Errorf("written: %d bytes; Length() = %d", to.got, p.Length())
	}
	made, peak := int(after.TotalAlloc-before.TotalAlloc), int(to.peak)-int(before.HeapAlloc)
	t.Logf("%d MiB in %d pieces between pauses: allocated %d KiB in %d objects; the heap grew by %d KiB at most",
		to.got>>20, to.pauses, made>>10, after.Mallocs-before.Mallocs, peak>>10)
	// Under the race detector a sync.Pool drops some buffers on purpose. They are
	// garbage until the next collection.
	limit := 4 << 20
	if raceEnabled {
		limit = 64 << 20
	} else if made > limit {
		t.Errorf("%d bytes were allocated", made)
	}
	if peak > limit {
		t.Errorf("the heap grew by %d bytes", peak)
	}
}

// TestAPausedFormHoldsNoBuffer checks the memory that a paused form takes.
func TestAPausedFormHoldsNoBuffer(t *testing.T) {
	const forms = 1000
	clock := task.NewClock()
	cooperator := task.NewCooperator(clock, task.CooperatorConfig{})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var producers []*multipart.MultiPartProducer
	for range forms {
		z := zeros(1 << 30)
		p, err := multipart.NewMultiPartProducer([]multipart.Field{{Name: "f", Value: multipart.FromReader("f", &z)}}, multipart.Config{})
		if err != nil {
			t.Fatal(err)
		}
		p.StartProducing(stepper.Writer{Tasks: cooperator, WriteFunc: func(data []byte) {
			if len(data) > 1000 {
				p.PauseProducing()
			}
		}})
		producers = append(producers, p)
	}
	for len(clock.DelayedCalls()) > 0 {
		clock.Advance(0)
	}
	runtime.GC()
	runtime.GC() // a sync.Pool keeps its buffers for one collection
	runtime.ReadMemStats(&after)
	each := (int64(after.HeapAlloc) - int64(before.HeapAlloc)) / forms
	t.Logf("%d bytes each", each)
	if each > 8<<10 {
		t.Errorf("a paused form takes %d bytes", each)
	}
	for _, p := range producers {
		p.StopProducing()
	}
}

func BenchmarkMultiPartProducer(b *testing.B) {
	for _, bench := range []struct {
		name string
		size int
	}{{"text", 0}, {"64KiB", 64 << 10}, {"16MiB", 16 << 20}} {
		b.Run(bench.name, func(b *testing.B) {
			clock := task.NewClock()
			cooperator := task.NewCooperator(clock, task.CooperatorConfig{})
			b.ReportAllocs()
			b.SetBytes(int64(bench.size))
			for b.Loop() {
				fields := []multipart.Field{{Name: "a", Value: multipart.Text("some text")}, {Name: "b", Value: multipart.Text("more")}}
				if bench.size > 0 {
					z := zeros(bench.size)
					fields = append(fields, multipart.Field{Name: "f", Value: multipart.FromReader("f.bin", &z)})
				}
				p, err := multipart.NewMultiPartProducer(fields, multipart.Config{})
				if err != nil {
					b.Fatal(err)
				}
				var got int64
				p.StartProducing(stepper.Writer{Tasks: cooperator, WriteFunc: func(data []byte) { got += int64(len(data)) }})
				for len(clock.DelayedCalls()) > 0 {
					clock.Advance(0)
				}
				if got != p.Length() {
					b.Fatalf("%d of %d bytes", got, p.Length())
				}
			}
		})
	}
}
