package agent

import "errors"

// ErrNotUpgraded says that the server switched to another protocol, with a 101, though
// the request did not ask for one. It is the reason in a [*response.FailedError].
var ErrNotUpgraded = errors.New("the server switched to another protocol, which was not asked for")
