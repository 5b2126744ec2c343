package lxc

import (
	"bytes"
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Settings are the part of a container's configuration that is used
// (lxc.container.conf(5)).
type Settings struct {
	Hostname, Architecture, RootFS string
	Autostart, Unprivileged        bool
	Groups                         []string
	// ShareNet is the container or process whose network namespace it uses.
	ShareNet string
	Networks []Network
	// Include are files that were not read.
	Include []string
	// Cut tells that there was more than is kept.
	Cut bool
}

// Network is one network interface of a container.
type Network struct {
	Index                 int
	Type, Link, Name, MAC string
	Addresses             []netip.Prefix
}

// Bounds of what a configuration says.
const (
	maxNetworks = 256
	maxValues   = 256
)

// ParseSettings reads the text of a configuration. Lines that are none, and keys
// that are not known, are left out. Keys of LXC before 2.1 are understood.
func ParseSettings(b []byte) *Settings {
	s := &Settings{}
	nets := make(map[int]*Network)
	last := -1 // of the old form, in which lxc.network.type begins another one
	for line := range bytes.Lines(b) {
		key, value, ok := strings.Cut(strings.TrimSpace(string(line)), "=")
		if !ok || strings.HasPrefix(key, "#") {
			continue
		}
		key, value = strings.TrimSpace(key), unquote(strings.TrimSpace(value))
		if rest, is := strings.CutPrefix(key, "lxc.net."); is {
			index, field, _ := strings.Cut(rest, ".")
			if n, err := strconv.Atoi(index); err == nil && n >= 0 {
				s.network(nets, n, field, value)
			}
			continue
		}
		if field, is := strings.CutPrefix(key, "lxc.network."); is {
			if field == "type" {
				last++
			}
			if last >= 0 {
				s.network(nets, last, oldField(field), value)
			}
			continue
		}
		s.set(key, value)
	}
	for _, n := range nets {
		s.Networks = append(s.Networks, *n)
	}
	slices.SortFunc(s.Networks, func(a, b Network) int { return cmp.Compare(a.Index, b.Index) })
	return s
}

func (s *Settings) set(key, value string) {
	switch key {
	case "lxc.uts.name", "lxc.utsname":
		s.Hostname = value
	case "lxc.arch":
		s.Architecture = value
	case "lxc.rootfs.path", "lxc.rootfs":
		s.RootFS = value
	case "lxc.start.auto":
		s.Autostart = value == "1"
	case "lxc.idmap", "lxc.id_map":
		s.Unprivileged = value != ""
	case "lxc.namespace.share.net":
		s.ShareNet = value
	case "lxc.group":
		if value == "" {
			s.Groups = nil
		} else if s.room(len(s.Groups), maxValues) {
			s.Groups = append(s.Groups, value)
		}
	case "lxc.include":
		if value != "" && s.room(len(s.Include), maxValues) {
			s.Include = append(s.Include, value)
		}
	}
}

// room reports whether one more may be kept, and notes if not.
func (s *Settings) room(n, limit int) bool {
	s.Cut = s.Cut || n >= limit
	return n < limit
}

// oldField is a field of lxc.network. under the name of today.
func oldField(field string) string {
	switch field {
	case "ipv4", "ipv6":
		return field + ".address"
	}
	return field
}

// network sets a field of the interface of an index.
func (s *Settings) network(nets map[int]*Network, index int, field, value string) {
	n := nets[index]
	if n == nil {
		if !s.room(len(nets), maxNetworks) {
			return
		}
		n = &Network{Index: index}
		nets[index] = n
	}
	switch field {
	case "type":
		n.Type = value
	case "link":
		n.Link = value
	case "name":
		n.Name = value
	case "hwaddr":
		n.MAC = strings.ToLower(value)
	case "ipv4.address", "ipv6.address":
		if value == "" {
			v4 := field == "ipv4.address"
			n.Addresses = slices.DeleteFunc(n.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() == v4 })
			return
		}
		// A broadcast address may follow.
		text, _, _ := strings.Cut(value, " ")
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return
			}
			p = netip.PrefixFrom(addr.WithZone(""), addr.BitLen())
		}
		if s.room(len(n.Addresses), maxValues) {
			n.Addresses = append(n.Addresses, p)
		}
	}
}

// unquote takes away quotation marks that are the same at both ends.
func unquote(s string) string {
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
