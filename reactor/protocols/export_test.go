package protocols

// Held returns the number of bytes of memory that r, one of the receivers, holds for what is
// not delivered.
func Held(r any) int { return cap(r.(interface{ box() *inbox }).box().held) }

func (r *LineReceiver) box() *inbox          { return &r.in }
func (r *LineOnlyReceiver) box() *inbox      { return &r.in }
func (r *IntNStringReceiver[N]) box() *inbox { return &r.in }
func (r *NetstringReceiver) box() *inbox     { return &r.in }

// KeptMemory is the most that a receiver holds that has delivered everything.
const KeptMemory = keptMemory

// Peers returns the number of peers that f remembers.
func Peers(f *LimitConnectionsByPeer) int { return len(f.counts) }
