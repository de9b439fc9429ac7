package reactor_test

import (
	"net"

	"github.com/seed-7c003b53/gotreq/deferred"
)

// result returns the result of d as it is now, if there is one.
func result[T any](d *deferred.Deferred[T]) (value T, err error, fired bool) {
	deferred.MapBoth(d, func(v T, e error) (deferred.None, error) {
		value, err, fired = v, e, true
		return deferred.None{}, nil
	})
	return value, err, fired
}

// addr is what a FactoryFunc gets.
type addr = net.Addr
