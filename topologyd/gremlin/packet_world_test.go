package gremlin

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// packetTable is a source of packets in its simplest form; it yields them the
// latest first, and some that nobody asked for.
type packetTable struct {
	list   []*RawPacket
	asked  [][]flowrecord.ID
	refuse error
}

// packet keeps a packet of a flow.
func (w *world) packet(alias string, words []string) error {
	if w.packets == nil {
		w.packets = &packetTable{}
	}
	p := &RawPacket{Flow: entity.TID(entity.UUID{}, alias, "flow"), Time: w.Now.UnixNano(), Link: 1, Capture: "all", Interface: "eth0", Data: []byte{1, 2, 3}}
	var err error
	if p.Wire, err = strconv.Atoi(words[0]); err == nil && len(words) > 1 {
		var link int
		link, err = strconv.Atoi(words[1])
		p.Link = uint16(link)
	}
	w.packets.list = append(w.packets.list, p)
	return err
}

func (t *packetTable) Packets(_ context.Context, flows []*flowrecord.Record) iter.Seq2[*RawPacket, error] {
	var ids []flowrecord.ID
	for _, r := range flows {
		ids = append(ids, r.ID)
	}
	t.asked = append(t.asked, ids)
	return func(yield func(*RawPacket, error) bool) {
		for _, p := range slices.Backward(t.list) {
			if again := *p; !yield(&again, nil) {
				return
			}
		}
		if t.refuse != nil {
			yield(nil, t.refuse)
		}
	}
}

// compile knows greater N, and no other link than 1.
func (t *packetTable) compile(expr string, link uint16) (func([]byte, int) bool, error) {
	text, ok := strings.CutPrefix(expr, "greater ")
	n, err := strconv.Atoi(text)
	switch {
	case !ok || err != nil:
		return nil, errors.New("line 1, column 1: found " + expr + ", expected greater")
	case link != 1:
		return nil, fmt.Errorf("packets of link type %d have no length", link)
	}
	return func(_ []byte, wire int) bool { return wire >= n }, nil
}
