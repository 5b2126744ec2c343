package graph

import "slices"

// maxFew is the length from which a slotList is made of pages.
const maxFew = 256

// slotList is a list of slots that lives in a copy-on-write record: a copy of
// the record is a snapshot, provided that the writer goes on with a higher
// epoch. A short list is one slice, of which only what was made in the epoch is
// written to; a long one is made of pages.
type slotList struct {
	few   []int32
	many  *paged[int32]
	epoch uint64
}

func (l *slotList) len() int32 {
	if l.many != nil {
		return l.many.n
	}
	return int32(len(l.few))
}

func (l *slotList) at(i int32) int32 {
	if l.many != nil {
		return *l.many.at(i)
	}
	return l.few[i]
}

// own makes sure that what is in the list may be written in this epoch.
func (l *slotList) own(epoch uint64) {
	if l.epoch == epoch {
		return
	}
	l.epoch = epoch
	if l.many != nil {
		c := *l.many
		l.many = &c
		return
	}
	l.few = slices.Clone(l.few)
}

// push appends a slot and returns its position.
func (l *slotList) push(slot int32, epoch uint64) int32 {
	if l.many == nil && len(l.few) < maxFew {
		// Behind the end nobody reads: snapshots know their own length, and what
		// was cut off since was cut off a slice of its own.
		l.few = append(l.few, slot)
		return int32(len(l.few)) - 1
	}
	if l.many == nil {
		l.many, l.epoch = &paged[int32]{}, epoch
		for _, s := range l.few {
			*l.many.edit(l.many.push(epoch), epoch) = s
		}
		l.few = nil
	}
	l.own(epoch)
	i := l.many.push(epoch)
	*l.many.edit(i, epoch) = slot
	return i
}

func (l *slotList) set(i, slot int32, epoch uint64) {
	l.own(epoch)
	if l.many != nil {
		*l.many.edit(i, epoch) = slot
		return
	}
	l.few[i] = slot
}

// pop removes the last slot.
func (l *slotList) pop(epoch uint64) {
	l.own(epoch)
	if l.many != nil {
		l.many.n--
		return
	}
	l.few = l.few[:len(l.few)-1]
}

// all calls yield for every slot until it returns false.
func (l *slotList) all(yield func(int32) bool) {
	for _, s := range l.few {
		if !yield(s) {
			return
		}
	}
	if l.many == nil {
		return
	}
	for i := range l.many.n {
		if !yield(*l.many.at(i)) {
			return
		}
	}
}
