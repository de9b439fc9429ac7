package agent

// Hosts returns how many hosts p knows.
func (p *Pool) Hosts() int { return len(p.hosts) }
