package overview

// parents finds what owns what: of a group, what owns most of its nodes.
func (d *drawing) parents(p *Picture) {
	votes := make(map[int32]int)
	for i := range p.Nodes {
		p.Nodes[i].parent = nobody
		if p.Nodes[i].Group != nil && p.Nodes[i].ID == Others {
			continue
		}
		clear(votes)
		for _, e := range d.inside[i] {
			for range maxDepth {
				if e = d.s.elements[e].owner; e == nobody {
					break
				}
				if at := d.shown[e]; at != int32(i) {
					votes[at]++
					break
				}
			}
		}
		most := 0
		for at, n := range votes {
			if n > most || n == most && at < p.Nodes[i].parent {
				p.Nodes[i].parent, most = at, n
			}
		}
	}
	d.unloop(p)
	for i := range p.Nodes {
		if at := p.Nodes[i].parent; at != nobody {
			p.Nodes[i].Parent = p.Nodes[at].ID
		}
	}
}

// unloop takes the owner from one of those that own one another in a circle.
func (d *drawing) unloop(p *Picture) {
	round := make([]int, len(p.Nodes))
	for i := range p.Nodes {
		at := int32(i)
		for at != nobody && round[at] == 0 {
			round[at] = i + 1
			next := p.Nodes[at].parent
			if next != nobody && round[next] == i+1 {
				p.Nodes[at].parent = nobody
				next = nobody
			}
			at = next
		}
	}
}
