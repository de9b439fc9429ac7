package agent

// Hosts returns the number of p's groups.
func (p *Pool) Hosts() int { return len(p.groups) }

// Accounts returns the number of b's accounts.
func (b *RetryBudget) Accounts() int { return len(b.accounts) }

// Hosts returns the number of hosts that l remembers.
func (l *Limiter) Hosts() int { return len(l.hosts) }
