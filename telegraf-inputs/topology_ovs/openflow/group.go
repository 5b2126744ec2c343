package openflow

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Group is one group of a switch.
type Group struct {
	ID      uint32
	Type    string // all, select, indirect, ff, unknown
	Buckets []Bucket

	// How a select group chooses (an extension of Netronome's in 1.5, and in 1.0
	// as Open vSwitch speaks it): "" or hash, dp_hash …
	SelectionMethod string
	SelectionParam  uint64
	Fields          []Filter // what is hashed; Value is the mask when not all bits are
	fields          string
	version         Version
}

// Bucket is one bucket of a group.
type Bucket struct {
	ID         uint32 // 1.5 and 1.0; else its place
	Len        uint16 // bytes on the wire
	Weight     uint16
	WatchPort  uint32 // as in 1.1 and later; AnyPort for none
	WatchGroup uint32 // NoGroup for none
	Actions    []Action
	actions    string
}

// AnyPort and NoGroup stand for no watched port and group.
const (
	AnyPort = port11Any
	NoGroup = groupAny
)

// ActionsText is what ovs-ofctl prints after actions=.
func (b *Bucket) ActionsText() string { return b.actions }

// String is what ovs-ofctl dump-groups --no-names prints in the group's
// version, without its leading space.
func (g *Group) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "group_id=%d,type=%s", g.ID, g.Type)
	if g.SelectionMethod != "" {
		b.WriteString(",selection_method=" + g.SelectionMethod)
		if g.SelectionParam != 0 {
			b.WriteString(",selection_method_param=" + strconv.FormatUint(g.SelectionParam, 10))
		}
		switch {
		case len(g.Fields) == 1:
			b.WriteString(",fields=" + g.fields)
		case len(g.Fields) > 1:
			b.WriteString(",fields(" + g.fields + ")")
		}
	}
	for i := range g.Buckets {
		k := &g.Buckets[i]
		b.WriteString(",bucket=")
		if g.version == V10 || g.version >= V15 {
			b.WriteString("bucket_id:" + strconv.FormatUint(uint64(k.ID), 10) + ",")
		}
		usual := uint16(0)
		if g.Type == "select" {
			usual = 1
		}
		if k.Weight != usual {
			b.WriteString("weight:" + strconv.Itoa(int(k.Weight)) + ",")
		}
		if k.WatchPort != AnyPort {
			b.Write(appendPort11(append([]byte(nil), "watch_port:"...), k.WatchPort))
			b.WriteByte(',')
		}
		if k.WatchGroup != NoGroup {
			b.WriteString("watch_group:" + strconv.FormatUint(uint64(k.WatchGroup), 10) + ",")
		}
		b.WriteString("actions=" + k.actions)
	}
	return b.String()
}

// DecodeGroups reads a part of KindGroupDesc. It ends at the first error of
// each, which it returns as it is. A group keeps none of the message's memory.
func DecodeGroups(p Part, each func(*Group) error) error {
	d := newDecoder(p.Version)
	return entries(p.Body, "group", func(b []byte) error {
		g, err := d.group(b)
		if err != nil {
			return err
		}
		return each(g)
	})
}

func (d *decoder) group(b []byte) (*Group, error) {
	if len(b) < 8 {
		return nil, fmt.Errorf("read group: %w", ErrShort)
	}
	types := [...]string{"all", "select", "indirect", "ff"}
	g := &Group{ID: binary.BigEndian.Uint32(b[4:]), Type: "unknown", version: d.version}
	if int(b[2]) < len(types) {
		g.Type = types[b[2]]
	}
	if d.version >= V11 && d.version < V15 {
		err := entries(b[8:], "bucket", func(b []byte) error { return d.bucket11(g, b) })
		return g, err
	}
	if len(b) < 16 {
		return nil, fmt.Errorf("read group: %w", ErrShort)
	}
	n := int(binary.BigEndian.Uint16(b[8:]))
	if 16+n > len(b) {
		return nil, fmt.Errorf("read group: buckets of %d bytes: %w", n, ErrShort)
	}
	if err := entries(b[16:16+n], "bucket", func(b []byte) error { return d.bucket15(g, b) }); err != nil {
		return nil, err
	}
	return g, properties(b[16+n:], func(typ uint16, p []byte) { d.groupProperty(g, typ, p) })
}

// bucket11 reads struct ofp11_bucket.
func (d *decoder) bucket11(g *Group, b []byte) error {
	if len(b) < 16 {
		return fmt.Errorf("read bucket: %w", ErrShort)
	}
	k := Bucket{
		ID: uint32(len(g.Buckets)), Len: uint16(len(b)), Weight: binary.BigEndian.Uint16(b[2:]),
		WatchPort: binary.BigEndian.Uint32(b[4:]), WatchGroup: binary.BigEndian.Uint32(b[8:]),
	}
	k.Actions, k.actions = d.actionList(b[16:])
	g.Buckets = append(g.Buckets, k)
	return nil
}

// bucket15 reads struct ofp15_bucket and its properties.
func (d *decoder) bucket15(g *Group, b []byte) error {
	if len(b) < 8 {
		return fmt.Errorf("read bucket: %w", ErrShort)
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	if 8+n > len(b) {
		return fmt.Errorf("read bucket: actions of %d bytes: %w", n, ErrShort)
	}
	k := Bucket{Len: uint16(len(b)), ID: binary.BigEndian.Uint32(b[4:]), WatchPort: AnyPort, WatchGroup: NoGroup}
	if g.Type == "select" {
		k.Weight = 1
	}
	k.Actions, k.actions = d.actionList(b[8 : 8+n])
	err := properties(b[8+n:], func(typ uint16, p []byte) {
		switch {
		case typ == 0 && len(p) >= 6:
			k.Weight = binary.BigEndian.Uint16(p[4:])
		case typ == 1 && len(p) >= 8:
			k.WatchPort = binary.BigEndian.Uint32(p[4:])
		case typ == 2 && len(p) >= 8:
			k.WatchGroup = binary.BigEndian.Uint32(p[4:])
		}
	})
	g.Buckets = append(g.Buckets, k)
	return err
}

// groupProperty reads Netronome's selection method.
func (d *decoder) groupProperty(g *Group, typ uint16, p []byte) {
	const selectionMethod = 1
	if typ != 0xffff || len(p) < 40 || binary.BigEndian.Uint32(p[4:]) != vendorNetronome ||
		binary.BigEndian.Uint32(p[8:]) != selectionMethod {
		return
	}
	name, _, _ := strings.Cut(string(p[16:32]), "\x00")
	g.SelectionMethod, g.SelectionParam = printable(name), binary.BigEndian.Uint64(p[32:])
	g.Fields, g.fields = d.fieldArray(p[40:])
}

// printable is a name of the peer's with a question mark for what is no ASCII
// letter, digit or sign.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r > '~' {
			return '?'
		}
		return r
	}, s)
}

// properties calls each with each property: type, length without padding.
func properties(b []byte, each func(typ uint16, p []byte)) error {
	for len(b) >= 4 {
		n := int(binary.BigEndian.Uint16(b[2:]))
		if n < 4 || n > len(b) {
			return fmt.Errorf("read property: it says %d bytes of %d: %w", n, len(b), ErrShort)
		}
		each(binary.BigEndian.Uint16(b), b[:n])
		b = b[min(len(b), roundUp8(n)):]
	}
	return nil
}

// Counters are packets and bytes.
type Counters struct {
	Packets, Bytes uint64
}

// GroupStats are the counters of one group.
type GroupStats struct {
	ID         uint32
	References uint32 // rules and groups that send to it
	Counters
	Duration time.Duration // since the group was added, 0 if not told (1.3 and later tell it)
	Buckets  []Counters
}

// DecodeGroupStats reads a part of KindGroupStats.
func DecodeGroupStats(p Part, each func(GroupStats) error) error {
	return entries(p.Body, "group statistics", func(b []byte) error {
		head := 32
		if p.Version == V10 || p.Version >= V13 {
			head = 40
		}
		if len(b) < head {
			return fmt.Errorf("read group statistics: %w", ErrShort)
		}
		g := GroupStats{
			ID: binary.BigEndian.Uint32(b[4:]), References: binary.BigEndian.Uint32(b[8:]), Counters: counters(b[16:]),
		}
		if head == 40 {
			g.Duration = duration(b[32:])
		}
		for b = b[head:]; len(b) >= 16; b = b[16:] {
			g.Buckets = append(g.Buckets, counters(b))
		}
		return each(g)
	})
}

func counters(b []byte) Counters {
	return Counters{Packets: binary.BigEndian.Uint64(b), Bytes: binary.BigEndian.Uint64(b[8:])}
}
