// Package explore makes the free choices of a reactor in memory, records them, and searches for
// the few that break a program. It knows no program: package treq/testing runs them.
//
//   - A [Tape] is the choices of one run, as text or as bytes.
//   - A [Recorder] stands between the reactor and what answers it, and records the answers.
//   - A [Plan] says what answers in each run of a search.
//   - [Shrink] takes from a failing run's tape all that the failure does not need.
package explore
