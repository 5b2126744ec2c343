package lldp

import (
	"encoding/hex"
	"net/netip"
	"strings"
	"unicode"
	"unicode/utf8"
)

// ID is a chassis or port ID: a value whose meaning the subtype tells.
type ID struct {
	Subtype uint8
	// Kind is the name of the subtype as it stands in front of an identity:
	// "mac", "ip", "ifname", "ifalias", "component", "port", "circuit", "local",
	// or "subtype-N" for one that is not defined.
	Kind string
	// Text is the value: a MAC address as bytes with colons, a network address in
	// its usual form, text as it is; hexadecimal when it is nothing of the kind.
	Text string
}

// String returns the kind and the value, which identify together.
func (id ID) String() string { return id.Kind + ":" + id.Text }

// kinds of chassis IDs (802.1AB-2016, table 8-2) and of port IDs (table 8-3).
var (
	chassisKinds = [8]string{1: "component", 2: "ifalias", 3: "port", 4: "mac", 5: "ip", 6: "ifname", 7: "local"}
	portKinds    = [8]string{1: "ifalias", 2: "port", 3: "mac", 4: "ip", 5: "ifname", 6: "circuit", 7: "local"}
)

func decodeID(b []byte, kinds *[8]string) (ID, bool) {
	// 802.1AB-2016, 8.5.2 and 8.5.3: a subtype and 1 to 255 octets.
	if len(b) < 2 || len(b) > 256 {
		return ID{}, false
	}
	id := ID{Subtype: b[0]}
	if int(b[0]) < len(kinds) {
		id.Kind = kinds[b[0]]
	}
	if id.Kind == "" {
		id.Kind = "subtype-" + utoa(uint(b[0]))
	}
	b = b[1:]
	switch id.Kind {
	case "mac":
		id.Text = colons(b)
	case "ip":
		id.Text = address(b[0], b[1:])
	default:
		id.Text = printable(b)
	}
	return id, id.Text != ""
}

// Address families (IANA, address family numbers).
const (
	familyIPv4 = 1
	familyIPv6 = 2
	family802  = 6
)

// address returns an address of a family of IANA's in its usual form, or in
// hexadecimal.
func address(family uint8, b []byte) string {
	switch family {
	case familyIPv4, familyIPv6:
		if a, ok := netip.AddrFromSlice(b); ok && a.Is4() == (family == familyIPv4) {
			return a.String()
		}
	case family802:
		if len(b) == 6 {
			return colons(b)
		}
	}
	return hex.EncodeToString(b)
}

// text returns text as devices send it: without the zero bytes that some end it
// with, and with what is not UTF-8 replaced.
func text(b []byte) string {
	return strings.ToValidUTF8(strings.Trim(string(b), "\x00"), "\uFFFD")
}

// printable returns text, or hexadecimal where it is none. Agents of some
// vendors send binary values as locally assigned IDs.
func printable(b []byte) string {
	s := strings.Trim(string(b), "\x00")
	if s == "" || !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
		return hex.EncodeToString(b)
	}
	return s
}

// colons returns bytes in hexadecimal with colons.
func colons(b []byte) string {
	const digits = "0123456789abcdef"
	out := make([]byte, 0, 3*len(b))
	for i, c := range b {
		if i > 0 {
			out = append(out, ':')
		}
		out = append(out, digits[c>>4], digits[c&15])
	}
	return string(out)
}
