package mapping

import (
	"cmp"
	"net/netip"
	"strconv"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/database"
)

// optionFlow stands for what the OpenFlow rules decide for each packet.
const optionFlow = "flow"

// isTunnel tells whether an interface encapsulates: all types that do have a
// remote_ip.
func isTunnel(i *database.Interface) bool { return i.Options["remote_ip"] != "" && !HasDevice(i.Type) }

func (m *Mapper) describeTunnel(a, o *attrs, i *database.Interface) {
	remote, _ := address(i.Options["remote_ip"])
	local, _ := address(i.Options["local_ip"])
	if asked := routed(i); asked != "" && m.cfg.LocalIP != nil {
		local, _ = address(m.cfg.LocalIP(asked))
	}
	a.text("RemoteIP", remote)
	a.text("LocalIP", local)
	o.text("TunnelKey", tunnelKey(i.Options))
	if port, err := strconv.Atoi(i.Options["dst_port"]); err == nil {
		o.positive("DstPort", port)
	}
}

// routed returns where a tunnel leads that leaves its own address to the routes of
// the host, "" for all other interfaces.
func routed(i *database.Interface) string {
	if remote, fixed := address(i.Options["remote_ip"]); fixed && i.Options["local_ip"] == "" && isTunnel(i) {
		return remote
	}
	return ""
}

// Remotes returns the addresses that [Config.LocalIP] is asked about.
func (m *Mapper) Remotes() map[string]bool {
	out := make(map[string]bool)
	for _, i := range m.t.Interfaces {
		if remote := routed(i); remote != "" {
			out[remote] = true
		}
	}
	return out
}

// address returns an address in its usual form, and whether it is one; what is
// none is returned as it is.
func address(s string) (string, bool) {
	ip, err := netip.ParseAddr(s)
	if err != nil {
		return s, false
	}
	return ip.Unmap().String(), true
}

// tunnelKey returns what the two ends of a tunnel have in common: the key in
// decimal, "0" when there is none, "flow" when the rules set it. Where a key for
// each direction is given, both ends name the same two, the smaller one first.
func tunnelKey(options map[string]string) string {
	in := cmp.Or(options["in_key"], options["key"], "0")
	out := cmp.Or(options["out_key"], options["key"], "0")
	a, aok := parseKey(in)
	b, bok := parseKey(out)
	switch {
	case in == optionFlow || out == optionFlow:
		return optionFlow
	case !aok || !bok:
		return in
	case a == b:
		return strconv.FormatUint(a, 10)
	}
	return strconv.FormatUint(min(a, b), 10) + "/" + strconv.FormatUint(max(a, b), 10)
}

// parseKey reads a number as ovs-vswitchd does: decimal, or hexadecimal after 0x.
func parseKey(s string) (uint64, bool) {
	n, err := strconv.ParseUint(s, 0, 64)
	return n, err == nil
}
