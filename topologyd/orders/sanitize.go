package orders

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/order"
)

// maxElements bounds the values in a message of a host: a list of empty ones
// takes a hundred times as much memory as text. What hosts have to say stays far
// below.
const maxElements = 1 << 18

// decode reads a message of a host.
func decode(b []byte) (*order.Envelope, error) {
	if n := bytes.Count(b, []byte{','}); n > maxElements {
		return nil, fmt.Errorf("decode order: %d values, more than %d", n, maxElements)
	}
	return order.Decode(b)
}

// sanitize bounds what a host says of a capture, and reports whether it can be
// used.
func sanitize(c *order.CaptureState) bool {
	switch c.State {
	case order.StateWaiting, order.StateStarting, order.StateRunning, order.StateFailed, order.StateRefused:
	default:
		return false
	}
	if len(c.ID) > maxName {
		return false
	}
	c.Error, c.Warning = clean(c.Error, maxText), clean(c.Warning, maxText)
	c.Proof, c.Type = clean(c.Proof, 64), clean(c.Type, 64)
	n := &c.Counters
	for _, v := range []*int64{&n.Packets, &n.Bytes, &n.Flows, &n.Sampling, &n.CPU, &n.Memory, &n.RawPackets, &n.RawBytes} {
		*v = min(max(*v, 0), maxCount)
	}
	if len(n.Dropped) > maxReasons {
		n.Dropped = map[string]int64{"all": dropped(c)}
	}
	for reason, v := range n.Dropped {
		if len(reason) > 64 || v < 0 || v > maxCount || entity.CleanText(reason) != reason {
			n.Dropped = nil
			break
		}
	}
	if dropped(c) > maxCount {
		n.Dropped = map[string]int64{"all": maxCount}
	}
	return true
}

// maxReasons bounds the reasons of drops that a host may name, maxCount what it
// may count: sums over a million captures stay within 63 bits.
const (
	maxReasons = 32
	maxCount   = 1 << 42
)

// cutID takes the ID of an assignment apart.
func cutID(id string) (definition string, node entity.UUID, ok bool) {
	definition, text, ok := strings.Cut(id, "/")
	if !ok {
		return "", node, false
	}
	node, err := entity.ParseUUID(text)
	return definition, node, err == nil
}
