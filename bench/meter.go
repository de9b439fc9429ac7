package main

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A meter measures what a client does, from the end of its warming up. Any
// goroutine may call its methods.
type meter struct {
	task    *task
	count   atomic.Int64 // of requests that are done
	begun   atomic.Bool  // the warming up is over
	over    atomic.Bool
	began   snapshot
	until   time.Time
	atLeast int64 // how many requests there have to be: clients do them in waves
	result  result
}

// A snapshot is what the process has used so far.
type snapshot struct {
	count      int64
	at         time.Time
	cpu        time.Duration
	mallocs    uint64
	allocBytes uint64
}

func newMeter(t *task) *meter {
	m := &meter{task: t}
	if t.Warm == 0 {
		m.begin()
	}
	return m
}

func (m *meter) take() snapshot {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return snapshot{m.count.Load(), time.Now(), processCPU(), stats.Mallocs, stats.TotalAlloc}
}

// processCPU is the time that the process, with all its threads, has computed for.
func processCPU() time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (m *meter) begin() {
	m.began = m.take()
	m.until = m.began.at.Add(m.task.Duration)
	m.atLeast = m.began.count + int64(8*m.task.Connections)
	m.begun.Store(true)
}

// done says that a request is done whose response had a body of n bytes, and
// reports whether there is to be another.
func (m *meter) done(n int64) bool {
	if n != m.task.Length {
		fail(fmt.Errorf("the body of a response had %d bytes, not %d", n, m.task.Length))
	}
	count := m.count.Add(1)
	switch {
	case count < m.task.Warm:
		return true
	case count == m.task.Warm:
		runtime.GC()
		m.begin()
		return true
	case !m.begun.Load(): // another goroutine is about to
		return true
	case m.over.Load():
		return false
	case m.task.Times != 0:
		if count == m.task.Warm+m.task.Times {
			m.end()
		}
		return count < m.task.Warm+m.task.Times
	case count%16 == 0 && count >= m.atLeast && time.Now().After(m.until):
		m.end()
		return false
	}
	return true
}

func (m *meter) end() {
	if !m.over.CompareAndSwap(false, true) {
		return
	}
	end := m.take()
	m.result.Requests = end.count - m.began.count
	m.result.CPU = end.cpu - m.began.cpu
	m.result.Wall = end.at.Sub(m.began.at)
	m.result.Mallocs = end.mallocs - m.began.mallocs
	m.result.AllocBytes = end.allocBytes - m.began.allocBytes
}

// beforeHold measures the memory that there is before anything is held, and
// whileHeld what is held: the difference.
func (m *meter) beforeHold() {
	m.result.Memory, m.result.Resident = memory()
}

func (m *meter) whileHeld() {
	goMemory, resident := memory()
	m.result.Memory = goMemory - min(goMemory, m.result.Memory)
	m.result.Resident = resident - min(resident, m.result.Resident)
	m.result.Goroutines = runtime.NumGoroutine()
	m.result.Requests = int64(m.task.Connections)
}

// memory returns how many bytes are in use, on the heap and by stacks, and how
// many of the process are resident.
func memory() (inUse, resident uint64) {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	var pages, total uint64
	text, err := os.ReadFile("/proc/self/statm")
	if err == nil {
		_, err = fmt.Sscan(string(text), &total, &pages)
	}
	if err != nil {
		fail(err)
	}
	return stats.HeapAlloc + stats.StackInuse, pages * uint64(os.Getpagesize())
}
