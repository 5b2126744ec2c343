package iptest

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// A converter turns a value that `ip` printed into the one that the entity is
// to have; nil means that the entity is to have none.
type converter func(n *Namespace, v any) any

// same is for values that both sides write alike.
func same(_ *Namespace, v any) any { return plainJSON(v) }

// ifindex is for interfaces that `ip` names and the entity numbers.
func ifindex(n *Namespace, v any) any {
	name, ok := v.(string)
	if !ok {
		return nil // `ip` prints null for "bound to none"
	}
	if i, ok := n.byName[name]; ok {
		return i
	}
	// A link that `ip` does not find is printed as if7.
	if i, err := strconv.ParseInt(strings.TrimPrefix(name, "if"), 10, 64); err == nil {
		return i
	}
	return "no interface " + name
}

// hexadecimal is for numbers that `ip` prints as 0x….
func hexadecimal(_ *Namespace, v any) any {
	s, ok := v.(string)
	if !ok {
		return plainJSON(v)
	}
	i, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return s
	}
	return i
}

// address is for IP addresses, of which "any" means none.
func address(_ *Namespace, v any) any {
	s, ok := v.(string)
	if !ok {
		return nil
	}
	if ip, err := netip.ParseAddr(s); s == "any" || err == nil && ip.IsUnspecified() {
		return nil
	}
	return s
}

// group is for groups of links, which `ip` names.
func group(_ *Namespace, v any) any {
	s, ok := v.(string)
	if !ok || s == "default" {
		return int64(0)
	}
	i, err := strconv.ParseInt(s, 0, 64)
	if err != nil {
		return s
	}
	return i
}

// truth is for flags that `ip` prints by their mere presence.
func truth(_ *Namespace, v any) any {
	if v == nil {
		return true
	}
	return plainJSON(v)
}

// unordered is for lists whose order means nothing.
func unordered(_ *Namespace, v any) any { return set(texts(v)) }

// folded is for objects, whose members have CamelCase keys in the entity. The
// result is compared by folded keys.
func folded(v any) any {
	switch v := v.(type) {
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			out[fold(k)] = folded(e)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = folded(e)
		}
		return out
	default:
		return v
	}
}

// table is the number of a routing table. Only the kernel's own have names
// here; what /etc/iproute2/rt_tables adds is not used by the tests.
func table(v any) any {
	switch v {
	case "main":
		return int64(254)
	case "default":
		return int64(253)
	case "local":
		return int64(255)
	}
	i, err := strconv.ParseInt(fmt.Sprint(v), 10, 64)
	if err != nil {
		return v
	}
	return i
}

// prefix is a destination or a source: "default", an address or a prefix.
func prefix(family string, v any) any {
	s, _ := v.(string)
	switch {
	case s == "default" && family == "inet6":
		return "::/0"
	case s == "default":
		return "0.0.0.0/0"
	case strings.Contains(s, "/"):
		return s
	}
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return v
	}
	return netip.PrefixFrom(ip, ip.BitLen()).String()
}

func number64(s string) (int64, bool) {
	i, err := strconv.ParseInt(s, 10, 64)
	return i, err == nil
}
