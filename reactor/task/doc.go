// Package task schedules work on a reactor's clock, as twisted.internet.task does:
//
//   - [DeferLater], [DeferLaterValue] and [Sleep] return a Deferred that fires after a
//     delay;
//   - a [LoopingCall] calls a function at regular intervals;
//   - a [Cooperator] runs long work in small steps, between which the loop can do other
//     things;
//   - [React] runs a whole program, until a Deferred fires;
//   - a [Clock] is a clock for tests, which the test moves.
//
// Everything takes its clock, a reactor or a Clock, and may be used on the clock's
// goroutine only. Nothing starts a goroutine.
package task
