package agent

// Hosts returns the number of routes that p knows.
func (p *Pool) Hosts() int { return len(p.groups) }
