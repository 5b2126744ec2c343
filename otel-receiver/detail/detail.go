// Package detail explains messages of protocols that are rare enough to be
// decoded by gopacket: DNS, DHCPv4 and VRRP version 2. It gives what
// flow.Detailer asks for.
//
// It must never look at packets that no flow is reported for, and never trust a
// message: what it makes of one is bounded in size, and a decoder that panics
// only means that there are no details.
package detail

import (
	"fmt"
	"net"
	"strings"

	"github.com/gopacket/gopacket"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/otel-receiver/flow"
)

// Layers says which messages are explained.
type Layers struct{ DNS, DHCPv4, VRRP bool }

// ParseLayers reads names of layers: "dns", "dhcpv4" and "vrrp", in any case.
func ParseLayers(names []string) (l Layers, err error) {
	for _, name := range names {
		switch strings.ToLower(name) {
		case "dns":
			l.DNS = true
		case "dhcpv4":
			l.DHCPv4 = true
		case "vrrp":
			l.VRRP = true
		default:
			return Layers{}, fmt.Errorf("layer %q: want dns, dhcpv4 or vrrp", name)
		}
	}
	return l, nil
}

// Any reports whether there is anything to explain.
func (l Layers) Any() bool { return l.DNS || l.DHCPv4 || l.VRRP }

// Detailer explains messages; it implements flow.Detailer. It keeps nothing:
// any number of tables may use one.
type Detailer struct{ layers Layers }

// New returns a Detailer for some layers.
func New(layers Layers) *Detailer { return &Detailer{layers: layers} }

// Wants implements flow.Detailer.
func (d *Detailer) Wants(kind flow.Kind) bool {
	switch kind {
	case flow.KindDNS:
		return d.layers.DNS
	case flow.KindDHCPv4:
		return d.layers.DHCPv4
	case flow.KindVRRPv2:
		return d.layers.VRRP
	}
	return false
}

// Detail implements flow.Detailer. Of a message that was not captured whole it
// tells what is in the part that was.
func (d *Detailer) Detail(kind flow.Kind, payload []byte) (v entity.Value, ok bool) {
	defer func() {
		if recover() != nil {
			v, ok = entity.Value{}, false
		}
	}()
	switch kind {
	case flow.KindDNS:
		return dns(payload)
	case flow.KindDHCPv4:
		return dhcpv4(payload)
	case flow.KindVRRPv2:
		return vrrpv2(payload)
	}
	return entity.Value{}, false
}

// Bounds of what is told of a message.
const (
	maxString = 255
	maxList   = 64
)

// text makes a string of bytes from the wire: valid UTF-8, bounded.
func text(b []byte) entity.Value {
	return entity.String(strings.ToValidUTF8(string(b[:min(len(b), maxString)]), "\uFFFD"))
}

// cstring is text up to the first 0.
func cstring(b []byte) entity.Value {
	s, _, _ := strings.Cut(string(b), "\x00")
	return text([]byte(s))
}

func address(ip net.IP) entity.Value { return entity.String(ip.String()) }

// list makes a list of at most maxList of n values.
func list(n int, at func(int) entity.Value) entity.Value {
	vs := make([]entity.Value, min(n, maxList))
	for i := range vs {
		vs[i] = at(i)
	}
	return entity.List(vs...)
}

// attrs makes a map of what is there.
func attrs(as entity.Attrs) entity.Value {
	kept := as[:0]
	for _, a := range as {
		if !a.Value.IsZero() {
			kept = append(kept, a)
		}
	}
	return entity.Map(kept.Normalize())
}

// noFeedback takes what gopacket says of truncation.
type noFeedback struct{}

// SetTruncated implements gopacket.DecodeFeedback.
func (noFeedback) SetTruncated() {}

var _ gopacket.DecodeFeedback = noFeedback{}
