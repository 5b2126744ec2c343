package rtnl

import (
	"net/netip"
	"strconv"
)

// HardwareAddr is a link-layer address of any length. It is a value: it can be
// compared and used as a map key.
type HardwareAddr string

const hexDigits = "0123456789abcdef"

// String returns the address as hexadecimal bytes with colons, "" for none.
func (h HardwareAddr) String() string {
	if h == "" {
		return ""
	}
	b := make([]byte, 0, 3*len(h))
	for i := 0; i < len(h); i++ {
		if i > 0 {
			b = append(b, ':')
		}
		b = append(b, hexDigits[h[i]>>4], hexDigits[h[i]&15])
	}
	return string(b)
}

// Addr returns the address as an IP address when it has the length of one, as
// the addresses of tunnels over IP have.
func (h HardwareAddr) Addr() (netip.Addr, bool) { return netip.AddrFromSlice([]byte(h)) }

// Text returns the address as `ip` prints it for links of the given ARPHRD
// type: tunnels over IP have IP addresses, all others bytes.
func (h HardwareAddr) Text(arphrd uint16) string {
	switch arphrd {
	case arphrdTunnel, arphrdSit, arphrdIPGRE:
		if a, ok := h.Addr(); ok && a.Is4() {
			return a.String()
		}
	case arphrdTunnel6, arphrdIP6GRE:
		if a, ok := h.Addr(); ok && a.Is6() {
			return a.String()
		}
	}
	return h.String()
}

// IsZero reports whether there is no address or only zero bytes.
func (h HardwareAddr) IsZero() bool {
	for i := 0; i < len(h); i++ {
		if h[i] != 0 {
			return false
		}
	}
	return true
}

// MarshalText implements [encoding.TextMarshaler].
func (h HardwareAddr) MarshalText() ([]byte, error) { return []byte(h.String()), nil }

// hex returns bytes as plain hexadecimal.
func hex(b []byte) string {
	out := make([]byte, 0, 2*len(b))
	for _, c := range b {
		out = append(out, hexDigits[c>>4], hexDigits[c&15])
	}
	return string(out)
}

// hexUint returns u in hexadecimal without leading zeros.
func hexUint(u uint64) string { return strconv.FormatUint(u, 16) }
