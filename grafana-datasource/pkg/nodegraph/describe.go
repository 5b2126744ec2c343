package nodegraph

import (
	"strings"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// title is the first line below a circle.
func title(n *client.TopologyNode) string {
	switch {
	case n.Group != nil && n.Group.Label != "":
		return clip(n.Group.Label, 120)
	case n.Group != nil && n.Group.Value != "":
		return clip(n.Group.Value, 120)
	case n.Node != nil:
		for _, key := range []string{entity.KeyName, entity.KeyPath} {
			if s := text(n, key); s != "" {
				return clip(s, 120)
			}
		}
	}
	return clip(n.ID, 120)
}

// subtitle is the second line: what it is, where, and what is wrong with it.
func (s *scene) subtitle(n *client.TopologyNode) string {
	what, onHost := typeOf(n), true
	switch {
	case n.Group != nil:
		what, onHost = join(" ", "by", n.Group.Level), n.Group.Level != client.LevelHost
		if n.ID == client.OthersPath {
			what = "all others"
		}
	case kindOf(what) == kindHost:
		onHost = false
	case what == "":
		what = "node"
	}
	out := what
	if onHost && n.Host != "" {
		out += " @ " + s.host(n)
	}
	if n.Node != nil && n.Node.Stale {
		out += " · stale"
	}
	if isChange(n.Change) {
		out += " · " + n.Change
	}
	return clip(out, 160)
}

// host is the name of the host of an element, its host.id when there is none.
func (s *scene) host(n *client.TopologyNode) string {
	if name := s.hosts[n.Host]; name != "" {
		return name
	}
	return clip(n.Host, 13)
}

// stats are the two lines in a circle, the second of which may be empty.
func (s *scene) stats(i int) (main, second string) {
	n := s.nodes[i]
	if n.Group != nil {
		return groupStats(n)
	}
	traffic := nodeRate(n)
	switch kindOf(typeOf(n)) {
	case kindHost:
		members := ""
		if s.owned[i] > 0 {
			members = count(s.owned[i], "member", "members")
		}
		if system := systemOf(n); system != "" {
			return system, join(" · ", members, traffic)
		}
		return members, traffic
	case kindNamespace:
		return count(s.owned[i], "interface", "interfaces"), traffic
	case kindBridge:
		return count(s.ports[i], "port", "ports"), join(" · ", state(n), traffic)
	case kindFabric:
		if ports := max(s.ports[i], s.owned[i]); ports > 0 {
			return count(ports, "link", "links"), traffic
		}
	}
	main, second = state(n), traffic
	if main == "" {
		main = typeOf(n)
	}
	if second == "" {
		second = firstAddress(n)
	}
	return main, second
}

// groupStats are how many there are, and what is known of them: changes before
// states before types.
func groupStats(n *client.TopologyNode) (main, second string) {
	g := n.Group
	main = count(g.Nodes, "node", "nodes")
	switch {
	case g.Added > 0 || g.Removed > 0 || g.Changed > 0:
		return main, join(" ", some("+", g.Added), some("−", g.Removed), some("~", g.Changed))
	case g.Down > 0 || g.Stale > 0 || g.Up > 0:
		return main, fits(join(" · ", tally(g.Up, "up"), tally(g.Down, "down"), tally(g.Stale, "stale")),
			join(" · ", tally(g.Down, "down"), tally(g.Stale, "stale")), tally(g.Down, "down"))
	case nodeRate(n) != "":
		return main, nodeRate(n)
	case len(g.Types) > 0:
		return main, number(g.Types[0].Count) + " " + g.Types[0].Type
	}
	return main, ""
}

// statWidth is how many characters a circle has room for.
const statWidth = 14

// fits returns the first text that a circle has room for, else the last one
// that says anything.
func fits(texts ...string) string {
	last := ""
	for _, s := range texts {
		if s == "" {
			continue
		}
		if last = s; utf8.RuneCountInString(s) <= statWidth {
			break
		}
	}
	return last
}

func some(sign string, n int) string {
	if n <= 0 {
		return ""
	}
	return sign + number(n)
}

func tally(n int, what string) string {
	if n <= 0 {
		return ""
	}
	return number(n) + " " + what
}

// state is UP or DOWN, with what the link says of itself when that differs.
func state(n *client.TopologyNode) string {
	s := text(n, "State")
	if oper := text(n, "OperState"); s == "UP" && (oper == "DOWN" || oper == "LOWERLAYERDOWN") {
		return "UP, no link"
	}
	return s
}

// systemOf is the operating system of a host.
func systemOf(n *client.TopologyNode) string {
	if p := join(" ", text(n, "Platform"), text(n, "PlatformVersion")); p != "" {
		return clip(p, 40)
	}
	return clip(text(n, "OS"), 40)
}

// nodeRate is the traffic in both directions, "" when it is not known.
func nodeRate(n *client.TopologyNode) string {
	if n.Rate == nil {
		return ""
	}
	return rate(n.Rate.Rx + n.Rate.Tx)
}

// addresses are those of IPv4, then of IPv6, the link-local ones last.
func addresses(n *client.TopologyNode) []string {
	if n.Node == nil {
		return nil
	}
	var out, local []string
	for _, key := range []string{"IPV4", "IPV6"} {
		v := n.Node.Metadata.Get(key)
		list := v.List()
		if v.Str() != "" {
			list = []entity.Value{v}
		}
		for _, a := range list {
			switch s := a.Str(); {
			case s == "":
			case strings.HasPrefix(s, "fe80:"):
				local = append(local, s)
			default:
				out = append(out, s)
			}
		}
	}
	return append(out, local...)
}

func firstAddress(n *client.TopologyNode) string {
	if all := addresses(n); len(all) > 0 {
		return all[0]
	}
	return ""
}

func isChange(change string) bool {
	return change == client.Added || change == client.Removed || change == client.Changed
}

// changeText names what changed: "changed: MTU, State".
func changeText(change string, keys []client.Key) string {
	if !isChange(change) {
		return ""
	}
	names := make([]string, 0, min(len(keys), 6))
	for i := range keys {
		if i == 5 && len(keys) > 6 {
			names = append(names, count(len(keys)-5, "more key", "more keys"))
			break
		}
		k := keys[i].Key
		if old, now := keys[i].Old, keys[i].New; old.IsScalar() && now.IsScalar() {
			k += " " + clip(old.Text(), 24) + " → " + clip(now.Text(), 24)
		}
		names = append(names, k)
	}
	return clip(join(": ", change, strings.Join(names, ", ")), 240)
}

// membersText tells what is in a group.
func membersText(g *client.TopologyGroup) string {
	var parts []string
	for i, t := range g.Types {
		if i == 8 {
			break
		}
		typ := t.Type
		if typ == "" {
			typ = "without type"
		}
		parts = append(parts, number(t.Count)+" "+typ)
	}
	return clip(join(": ", join(", ", count(g.Nodes, "node", "nodes"), tally(g.Edges, "edges inside")), strings.Join(parts, ", ")), 240)
}
