package container

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// Bounds of what one container can say, so that the whole stays below those of
// an event (package entity).
const (
	// MaxText is the longest text of one value, in bytes.
	MaxText = 16 << 10
	// MaxMapText is how much text, keys and values, one map holds in all.
	MaxMapText = 256 << 10
	// MaxMapEntries is how many entries one map or list has.
	MaxMapEntries = 4000
)

// cutMark ends a text that was cut.
const cutMark = "…"

// Text is a text from outside as a value: with valid UTF-8, and with a mark at
// the end when it had to be cut.
func Text(s string) entity.Value {
	s, _ = shorten(entity.CleanText(s), MaxText)
	return entity.String(s)
}

// optional is Text, and no value for no text.
func optional(s string) entity.Value {
	if s == "" {
		return entity.Value{}
	}
	return Text(s)
}

func texts(ss []string) entity.Value {
	vs := make([]entity.Value, len(ss))
	for i, s := range ss {
		vs[i] = Text(s)
	}
	return entity.List(vs...)
}

// shorten cuts valid UTF-8 to at most limit bytes, mark included.
func shorten(s string, limit int) (string, bool) {
	if len(s) <= limit {
		return s, false
	}
	s = s[:limit-len(cutMark)]
	for len(s) > 0 && s[len(s)-1]&0xc0 == 0x80 { // within a character
		s = s[:len(s)-1]
	}
	if len(s) > 0 && s[len(s)-1] >= 0xc0 {
		s = s[:len(s)-1]
	}
	return s + cutMark, true
}

// TextMap is a map of texts, such as labels, as a value: none when there are no
// entries. cut tells that not all of it is there as it was: texts and keys that
// are too long end in a mark, and of too many entries the first in the order of
// their keys are kept.
func TextMap(m map[string]string) (v entity.Value, cut bool) {
	if len(m) == 0 {
		return entity.Value{}, false
	}
	attrs := make(entity.Attrs, 0, len(m))
	left := MaxMapText
	for _, k := range slices.Sorted(maps.Keys(m)) {
		key, changed := Key(k)
		text, short := shorten(entity.CleanText(m[k]), MaxText)
		if left -= len(key) + len(text); left < 0 || len(attrs) == MaxMapEntries {
			cut = true
			break
		}
		cut = cut || changed || short
		attrs = append(attrs, entity.A(key, entity.String(text)))
	}
	return entity.Map(attrs.Normalize()), cut
}

// Key makes a key of a text that may not be one: without control characters,
// not too long, not ending in a backslash. changed tells that it was none.
func Key(s string) (key string, changed bool) {
	if s != "" && entity.ValidKey(s) == nil {
		return s, false
	}
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '\uFFFD'
		}
		return r
	}, entity.CleanText(s))
	s, _ = shorten(s, entity.MaxKeyLength)
	if s == "" || s[len(s)-1] == '\\' {
		s, _ = shorten(s+cutMark, entity.MaxKeyLength)
	}
	return s, true
}

func networks(ns []Network) (entity.Value, bool) {
	ns = slices.Clone(ns)
	slices.SortFunc(ns, func(a, b Network) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID)) })
	ns, cut := atMost(ns, MaxMapEntries/8)
	vs := make([]entity.Value, len(ns))
	for i, n := range ns {
		aliases, short := atMost(n.Aliases, 16)
		cut = cut || short
		a := entity.Attrs{
			entity.A("Name", optional(n.Name)), entity.A("ID", optional(n.ID)), entity.A("MAC", optional(n.MAC)),
			entity.A("IPV4", prefixes(n.IPv4)), entity.A("IPV6", prefixes(n.IPv6)),
		}
		if len(aliases) > 0 {
			a = append(a, entity.A("Aliases", texts(aliases)))
		}
		if len(n.Gateways) > 0 {
			gw := make([]string, len(n.Gateways))
			for i, g := range n.Gateways {
				gw[i] = g.String()
			}
			a = append(a, entity.A("Gateways", entity.Strings(gw...)))
		}
		vs[i] = entity.Map(a.Normalize())
	}
	return entity.List(vs...), cut
}

// prefixes is a sorted list, no value when it is empty.
func prefixes(ps []netip.Prefix) entity.Value {
	if len(ps) == 0 {
		return entity.Value{}
	}
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b netip.Prefix) int {
		return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
	})
	vs := make([]entity.Value, len(ps))
	for i, p := range ps {
		vs[i] = entity.String(p.String())
	}
	return entity.List(vs...)
}

func ports(ps []Port) (entity.Value, bool) {
	ps = slices.Clone(ps)
	slices.SortFunc(ps, func(a, b Port) int {
		return cmp.Or(cmp.Compare(a.Port, b.Port), cmp.Compare(a.Protocol, b.Protocol),
			cmp.Compare(a.HostPort, b.HostPort), cmp.Compare(a.HostIP, b.HostIP))
	})
	ps, cut := atMost(ps, MaxMapEntries/4)
	vs := make([]entity.Value, len(ps))
	for i, p := range ps {
		a := entity.Attrs{
			entity.A("Port", entity.Int(int64(p.Port))), entity.A("Protocol", optional(p.Protocol)),
			entity.A("HostIP", optional(p.HostIP)),
		}
		if p.HostPort > 0 {
			a = append(a, entity.A("HostPort", entity.Int(int64(p.HostPort))))
		}
		vs[i] = entity.Map(a.Normalize())
	}
	return entity.List(vs...), cut
}

func atMost[T any](s []T, n int) ([]T, bool) {
	if len(s) > n {
		return s[:n], true
	}
	return s, false
}

// compose is the project and service of Docker Compose or podman-compose, nil
// when there is none.
func compose(labels map[string]string) entity.Attrs {
	project := cmp.Or(labels["com.docker.compose.project"], labels["io.podman.compose.project"])
	if project == "" {
		return nil
	}
	return entity.Attrs{
		entity.A("Project", Text(project)),
		entity.A("Service", optional(cmp.Or(labels["com.docker.compose.service"], labels["io.podman.compose.service"]))),
	}.Normalize()
}
