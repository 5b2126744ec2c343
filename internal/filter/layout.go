package filter

import (
	"encoding/binary"
	"slices"

	"golang.org/x/net/bpf"
)

// chunk is a block as instructions. For a block with a test the last one is its
// jump.
type chunk struct {
	b   *block
	ins []bpf.RawInstruction
	at  int
	// farYes and farNo are set when a target is out of reach of a conditional
	// jump: then an instruction behind it goes there.
	farYes, farNo bool
}

func (c *chunk) tests() bool { return c.b.end == noEnd && c.b.tests }

// size is the number of instructions; next is the block laid out behind c.
func (c *chunk) size(next *block) int {
	n := len(c.ins)
	switch {
	case c.b.end != noEnd:
	case !c.b.tests:
		if c.b.yes != next {
			n++
		}
	default:
		if c.farYes {
			n++
		}
		if c.farNo {
			n++
		}
	}
	return n
}

// emit writes the graph as instructions. snaplen is what an accepted packet
// returns. ok is false when a sum is too deep for the registers.
func (g *graph) emit(snaplen uint32) (ins []bpf.RawInstruction, ok bool) {
	blocks := g.ordered()
	chunks := make([]chunk, 0, len(blocks))
	states := make(map[*block]*held, len(blocks))
	enter := func(b *block, h held) {
		was, ok := states[b]
		if !ok {
			states[b] = &h
			return
		}
		if was.a != h.a {
			was.a = nil
		}
		if was.x != h.x {
			was.x = nil
		}
	}
	for i, b := range blocks {
		if b.end != noEnd {
			chunks = append(chunks, chunk{b: b, ins: []bpf.RawInstruction{ending(b.end, snaplen)}})
			continue
		}
		e := emitter{spill: registers}
		if i == 0 {
			e.clear(unset(blocks))
			if first := g.touched(); first != nil {
				e.load(first.test)
			}
		} else {
			e.held = *states[b]
		}
		e.block(b)
		if e.full {
			return nil, false
		}
		chunks = append(chunks, chunk{b: b, ins: e.ins})
		enter(b.yes, e.held)
		if b.tests {
			enter(b.no, e.held)
		}
	}
	return resolve(fold(chunks), snaplen), true
}

// fold leaves one of the chunks that do the same: equal instructions with equal
// targets, whatever their blocks stood for.
func fold(chunks []chunk) []chunk {
	type same struct {
		ins     string
		yes, no *block
	}
	known := make(map[same]*block, len(chunks))
	instead := make(map[*block]*block)
	moved := func(b *block) *block {
		if to, ok := instead[b]; ok {
			return to
		}
		return b
	}
	var kept []chunk
	for i := len(chunks) - 1; i >= 0; i-- {
		b := chunks[i].b
		if b.end == noEnd {
			b.yes, b.no = moved(b.yes), moved(b.no)
			key := same{string(appendRaw(nil, chunks[i].ins)), b.yes, b.no}
			if to, ok := known[key]; ok {
				instead[b] = to
				continue
			}
			known[key] = b
		}
		kept = append(kept, chunks[i])
	}
	slices.Reverse(kept)
	return kept
}

// appendRaw appends instructions as bytes.
func appendRaw(to []byte, ins []bpf.RawInstruction) []byte {
	for _, in := range ins {
		to = binary.LittleEndian.AppendUint16(to, in.Op)
		to = binary.LittleEndian.AppendUint32(append(to, in.Jt, in.Jf), in.K)
	}
	return to
}

// ending is the instruction of an end.
func ending(end endKind, snaplen uint32) bpf.RawInstruction {
	if end == accept {
		return bpf.RawInstruction{Op: opRet, K: snaplen}
	}
	return bpf.RawInstruction{Op: opRet}
}

// reach is how many instructions a conditional jump can skip.
const reach = 255

// resolve lays the chunks out in order and fills in the jumps.
func resolve(chunks []chunk, snaplen uint32) []bpf.RawInstruction {
	at := make(map[*block]int, len(chunks))
	next := func(i int) *block {
		if i+1 < len(chunks) {
			return chunks[i+1].b
		}
		return nil
	}
	// Each round can only make chunks longer, so it ends.
	for changed := true; changed; {
		changed = false
		n := 0
		for i := range chunks {
			chunks[i].at = n
			at[chunks[i].b] = n
			n += chunks[i].size(next(i))
		}
		for i := range chunks {
			c := &chunks[i]
			if !c.tests() {
				continue
			}
			from := c.at + len(c.ins)
			if !c.farYes && at[c.b.yes]-from > reach {
				c.farYes, changed = true, true
			}
			if !c.farNo && at[c.b.no]-from > reach {
				c.farNo, changed = true, true
			}
		}
	}
	var ins []bpf.RawInstruction
	goTo := func(b *block) {
		if b.end != noEnd {
			ins = append(ins, ending(b.end, snaplen))
			return
		}
		ins = append(ins, bpf.RawInstruction{Op: opJmp, K: uint32(at[b] - len(ins) - 1)})
	}
	for i := range chunks {
		c := &chunks[i]
		ins = append(ins, c.ins...)
		switch {
		case c.b.end != noEnd:
		case !c.b.tests:
			if c.b.yes != next(i) {
				goTo(c.b.yes)
			}
		default:
			jump, from := len(ins)-1, len(ins)
			yes, no := at[c.b.yes]-from, at[c.b.no]-from
			if c.farYes {
				yes = 0
				goTo(c.b.yes)
			}
			if c.farNo {
				no = len(ins) - from
				goTo(c.b.no)
			}
			ins[jump].Jt, ins[jump].Jf = uint8(yes), uint8(no)
		}
	}
	return ins
}
