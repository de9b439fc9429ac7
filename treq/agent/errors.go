package agent

import (
	"errors"

	"github.com/seed-7c003b53/gotreq/treq/wire"
)

// ErrNotUpgraded says that the server switched to another protocol, with a 101, though
// the request did not ask for one. It is the reason in a [*response.FailedError].
var ErrNotUpgraded = errors.New("the server switched to another protocol, which was not asked for")

// WithLimits sets how much a server may send apart from bodies. How large a coded body
// may become is an option of [ContentDecoderAgent].
func WithLimits(limits wire.Limits) Option { return func(a *Agent) { a.limits = limits } }
