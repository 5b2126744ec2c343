package main

import (
	"context"
	"fmt"
	"strings"
)

// thing is what a host may have besides its interfaces.
type thing struct {
	typ, one, many string
	// example asks for it.
	example string
}

func things() []thing {
	return []thing{
		{"container", "container", "containers", `G.V().Has('Type','container').ValueMap('Name','Manager')`},
		{"ovsbridge", "bridge of Open vSwitch", "bridges of Open vSwitch", `G.V().Has('Type','ovsbridge').Out('Type','ovsport').Values('Name')`},
		{"switch", "switch or neighbour", "switches and neighbours", `G.V().Has('Type','switchport').ValueMap('Name','LLDP.PortID')`},
	}
}

// besides tells which of these things the graph has: a sentence, and queries.
func (a *asker) besides(ctx context.Context) (sentence string, examples []string, err error) {
	var found []string
	for _, x := range things() {
		n, err := a.count(ctx, fmt.Sprintf("G.V().Has('Type','%s').Count()", x.typ))
		switch {
		case err != nil:
			return "", nil, err
		case n == 0:
			continue
		case n == 1:
			found = append(found, "1 "+x.one)
		default:
			found = append(found, fmt.Sprintf("%d %s", n, x.many))
		}
		examples = append(examples, x.example)
	}
	if len(found) == 0 {
		return "", nil, nil
	}
	return "Besides: " + strings.Join(found, ", ") + ".\n\n", examples, nil
}
