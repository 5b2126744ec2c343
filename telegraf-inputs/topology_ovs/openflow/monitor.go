package openflow

import (
	"encoding/binary"
	"fmt"
)

// Numbers of the experimenters' messages about flow monitors.
const (
	nxtMonitorCancel  = 21
	nxtMonitorPaused  = 22
	nxtMonitorResumed = 23

	onftMonitorCancel  = 1870
	onftMonitorPaused  = 1871
	onftMonitorResumed = 1872

	monitorDelete = 2 // OFPFMC_DELETE
)

// MonitorFlags say what a monitor tells. The bits are the same in Nicira's, the
// ONF's and the standard monitor.
type MonitorFlags uint16

// What a monitor tells.
const (
	MonitorInitial MonitorFlags = 1 << iota // the rules that are there
	MonitorAdd                              // rules that are added
	MonitorDelete                           // rules that are removed
	MonitorModify                           // rules that are changed
	MonitorActions                          // with their actions
	MonitorOwn                              // changes by this connection in full, not by transaction only
	MonitorOnlyOwn                          // 1.4 and later: no changes by others

	// MonitorAll tells all rules and all changes with actions.
	MonitorAll = MonitorInitial | MonitorAdd | MonitorDelete | MonitorModify | MonitorActions | MonitorOwn
)

// Monitor says which rules are watched.
type Monitor struct {
	ID    uint32 // chosen by us, unlike any other of the connection
	Flags MonitorFlags
	Table uint8 // AllTables for all
}

// CanMonitor says whether a monitor tells the same of a rule as a listing does.
// It does not in 1.1 and 1.2 with Open vSwitch 3.1: there a monitor says matches
// as 1.0 does, in which a VLAN is not the same text, and puts instructions among
// the actions, from which they can not be told.
func (d Dialect) CanMonitor() bool { return d.Version == V10 || d.Version >= V13 }

// FlowMonitorRequest asks to be told of rules. The reply, and each event later
// (with transaction 0), is KindFlowMonitor. Monitors are Nicira's extension in
// 1.0 to 1.2, the ONF's in 1.3, standard from 1.4 on; Open vSwitch knows the
// latter two from 3.0 on, and refuses MonitorOwn's bit from 1.4 on, where it is
// left out: changes by this connection itself are told by transaction only.
func (d Dialect) FlowMonitorRequest(xid uint32, m Monitor) []byte {
	b := binary.BigEndian.AppendUint32(nil, m.ID)
	switch {
	case d.Version <= V12:
		b = binary.BigEndian.AppendUint16(b, uint16(m.Flags&^MonitorOnlyOwn))
		b = binary.BigEndian.AppendUint16(b, port10None)
		b = append(b, 0, 0, m.Table, 0, 0, 0, 0, 0)
		return d.vendorRequest(xid, vendorNicira, nxstFlowMonitor, b)
	case d.Version == V13:
		b = binary.BigEndian.AppendUint16(b, uint16(m.Flags&^MonitorOnlyOwn))
		b = append(b, 0, 4) // match_len: the header of the match
		b = binary.BigEndian.AppendUint32(b, port11Any)
		b = append(b, m.Table, 0, 0, 0)
		return d.vendorRequest(xid, vendorONF, onfstFlowMonitor, d.appendAnyMatch(b))
	}
	b = binary.BigEndian.AppendUint32(b, port11Any)
	b = binary.BigEndian.AppendUint32(b, groupAny)
	b = binary.BigEndian.AppendUint16(b, uint16(m.Flags&^MonitorOwn))
	b = append(b, m.Table, 0)
	return d.statsRequest(xid, statsFlowMonitor, d.appendAnyMatch(b))
}

// FlowMonitorCancel ends a monitor. Events that are under way still come.
func (d Dialect) FlowMonitorCancel(xid, id uint32) []byte {
	b := make([]byte, 12)
	switch {
	case d.Version <= V12:
		binary.BigEndian.PutUint32(b, vendorNicira)
		binary.BigEndian.PutUint32(b[4:], nxtMonitorCancel)
		binary.BigEndian.PutUint32(b[8:], id)
		return message(d.Version, typeVendor, xid, b)
	case d.Version == V13:
		binary.BigEndian.PutUint32(b, vendorONF)
		binary.BigEndian.PutUint32(b[4:], onftMonitorCancel)
		binary.BigEndian.PutUint32(b[8:], id)
		return message(d.Version, typeVendor, xid, b)
	}
	b = make([]byte, 16)
	binary.BigEndian.PutUint32(b, id)
	b[15] = monitorDelete
	return d.statsRequest(xid, statsFlowMonitor, d.appendAnyMatch(b))
}

// Event is what an update of a monitor says.
type Event uint8

// The events.
//
// Before EventResumed (below 1.4: KindMonitorResumed) the switch tells what
// changed since EventPaused. Open vSwitch 3.1 leaves out one thing: the removal
// of a rule that was replaced, by a flow_mod that adds the same match again,
// within that pause. A listing finds it.
const (
	EventInitial     Event = iota // the rule was there when the monitor began (1.4 and later; else EventAdded)
	EventAdded                    // the rule is new, or replaces one with the same match
	EventRemoved                  // the rule is gone: Reason says why; it has no actions
	EventModified                 // the rule has other actions
	EventAbbreviated              // what this connection's request XID asked for was done
	EventPaused                   // events are lost from here: the switch's buffer is full
	EventResumed                  // the end of that: list again (below)
)

// String names an event.
func (e Event) String() string {
	names := [...]string{"initial", "added", "removed", "modified", "abbreviated", "paused", "resumed"}
	if int(e) < len(names) {
		return names[e]
	}
	return fmt.Sprintf("event %d", uint8(e))
}

// Reasons of EventRemoved (OFPRR).
const (
	RemovedIdle     = 0
	RemovedHard     = 1
	RemovedDelete   = 2
	RemovedGroup    = 3
	RemovedMeter    = 4
	RemovedEviction = 5
)

// Update is one entry of a monitor's reply or event.
type Update struct {
	Event  Event
	Reason uint16 // of EventRemoved
	XID    uint32 // of EventAbbreviated
	// Rule is the rule of the first four events, nil else. It has no counters
	// (NoCount), flags, nor importance: monitors do not tell them. A rule that is
	// gone has no actions, also as text; one of a monitor without MonitorActions
	// reads as drop.
	Rule *Rule
}

// DecodeUpdates reads a part of KindFlowMonitor. It ends at the first error of
// each, which it returns as it is.
func DecodeUpdates(p Part, each func(Update) error) error {
	d := newDecoder(p.Version)
	standard := p.Type == statsFlowMonitor
	return entries(p.Body, "flow update", func(b []byte) error {
		if len(b) < 8 {
			return fmt.Errorf("read flow update: %w", ErrShort)
		}
		u, err := d.update(b, standard, p.Vendor == vendorONF)
		if err != nil {
			return err
		}
		return each(u)
	})
}

func (d *decoder) update(b []byte, standard, onf bool) (Update, error) {
	n := Event(min(binary.BigEndian.Uint16(b[2:]), 255))
	if !standard {
		if n > 3 {
			return Update{}, fmt.Errorf("read flow update: event %d is not known", n)
		}
		n++ // NXFME_ADDED, DELETED, MODIFIED, ABBREV
	}
	u := Update{Event: n}
	switch n {
	case EventAbbreviated:
		u.XID = binary.BigEndian.Uint32(b[4:])
		return u, nil
	case EventPaused, EventResumed:
		return u, nil
	case EventInitial, EventAdded, EventRemoved, EventModified:
	default:
		return Update{}, fmt.Errorf("read flow update: event %d is not known", n)
	}
	if len(b) < 24 {
		return Update{}, fmt.Errorf("read flow update: %w", ErrShort)
	}
	r := &Rule{
		Cookie: binary.BigEndian.Uint64(b[16:]), GotoTable: -1, IdleAge: -1, Packets: NoCount, Bytes: NoCount,
	}
	u.Rule = r
	if standard {
		r.Table, u.Reason = b[4], uint16(b[5])
		r.IdleTimeout, r.HardTimeout = binary.BigEndian.Uint16(b[6:]), binary.BigEndian.Uint16(b[8:])
		r.Priority = binary.BigEndian.Uint16(b[10:])
		d.updateInstructions(u, d.match(r, b[24:]))
		return u, nil
	}
	u.Reason, r.Priority = binary.BigEndian.Uint16(b[4:]), binary.BigEndian.Uint16(b[6:])
	r.IdleTimeout, r.HardTimeout = binary.BigEndian.Uint16(b[8:]), binary.BigEndian.Uint16(b[10:])
	r.Table = b[14]
	if onf {
		d.updateInstructions(u, d.match(r, b[24:]))
		return u, nil
	}
	size := int(binary.BigEndian.Uint16(b[12:]))
	if 24+roundUp8(size) > len(b) {
		return Update{}, fmt.Errorf("read flow update: match of %d bytes: %w", size, ErrShort)
	}
	d.matchFields(r, b[24:24+size])
	if u.Event != EventRemoved {
		d.ruleActions(r, b[24+roundUp8(size):])
	}
	return u, nil
}

// updateInstructions reads what a rule does, which is not told of one that is
// gone.
func (d *decoder) updateInstructions(u Update, b []byte) {
	if u.Event != EventRemoved {
		d.instructions(u.Rule, b)
	}
}

// entries calls each with each entry of a list, whose first two bytes are its
// length.
func entries(b []byte, what string, each func([]byte) error) error {
	for len(b) > 0 {
		if len(b) < 4 {
			return fmt.Errorf("read %s: %d bytes are left over: %w", what, len(b), ErrShort)
		}
		n := int(binary.BigEndian.Uint16(b))
		if n < 4 || n > len(b) {
			return fmt.Errorf("read %s: it says %d bytes of %d: %w", what, n, len(b), ErrShort)
		}
		if err := each(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}
