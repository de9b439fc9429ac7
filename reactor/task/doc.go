// Package task schedules work on a reactor's clock, as twisted.internet.task
// does:
//
//   - [DeferLater], [DeferLaterValue] and [Sleep] give a Deferred that fires
//     after a while;
//   - a [LoopingCall] calls a function again and again;
//   - a [Cooperator] runs long work in small steps, so that the loop can do
//     other things in between;
//   - [React] runs a whole program, until a Deferred fires;
//   - a [Clock] is time for tests: it moves when the test moves it.
//
// Everything here takes the clock that it is to live by: a reactor or a Clock.
// It belongs to that clock's goroutine, and starts none.
package task
