package agent

// Hosts returns the number of p's groups.
func (p *Pool) Hosts() int { return len(p.groups) }
