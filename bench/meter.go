package main

import (
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A meter measures a client after its warm-up. Any goroutine may call its methods.
type meter struct {
	task    *task
	count   atomic.Int64 // completed requests
	begun   atomic.Bool  // the warm-up is over
	over    atomic.Bool  // the measurement is over
	began   snapshot
	until   time.Time
	atLeast int64 // the least number of requests, since clients make them in waves
	result  result
}

// A snapshot has the resources that the process has used.
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

// processCPU returns the processor time of all threads of the process.
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

// done counts a completed request whose response had a body of n bytes. It reports whether
// to make another.
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
	case !m.begun.Load(): // another goroutine is about to begin
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

// beforeHold measures the memory before any response is held.
func (m *meter) beforeHold() {
	m.result.Memory, m.result.Resident = memory()
}

// whileHeld measures the memory that the responses added.
func (m *meter) whileHeld() {
	goMemory, resident := memory()
	m.result.Memory = goMemory - min(goMemory, m.result.Memory)
	m.result.Resident = resident - min(resident, m.result.Resident)
	m.result.Goroutines = runtime.NumGoroutine()
	m.result.Requests = int64(m.task.Connections)
}

// memory returns the bytes in use by the heap and the stacks, and the resident bytes of the
// process.
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
