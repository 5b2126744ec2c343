package openflow

import (
	"strconv"
	"strings"
	"time"
)

// DefaultPriority is the priority that ovs-ofctl does not print.
const DefaultPriority = 32768

// Rule is one rule (flow entry) of a switch.
type Rule struct {
	Table       uint8
	Priority    uint16
	Cookie      uint64
	IdleTimeout uint16   // seconds, 0 is never
	HardTimeout uint16   // seconds, 0 is never
	Importance  uint16   // 1.4 and later
	Flags       []string // send_flow_rem, check_overlap, reset_counts, no_packet_counts, no_byte_counts (1.3 and later)

	Filters []Filter // what it matches, in the order of the wire

	// What it does, one instruction each. 1.0 has Actions only.
	Meter        uint32   // 0 is none
	Actions      []Action // applied at once
	ClearActions bool     // the action set is cleared
	WriteActions []Action // added to the action set
	Metadata     uint64   // written under MetadataMask
	MetadataMask uint64   // 0: none is written
	GotoTable    int      // -1 is none
	Unknown      []Action // instructions that are not known

	Packets, Bytes uint64        // NoCount: the switch does not count
	Duration       time.Duration // since the rule was added
	IdleAge        time.Duration // since its last packet, -1 if not told (1.0 and 1.5 tell it)

	match, identity, actions string
}

// NoCount stands for a count that the switch does not know.
const NoCount = 1<<64 - 1

// Filter is one field of a match.
type Filter struct {
	Type  string // the field's name in ovs-fields(7): eth_src, nw_dst, tun_id
	Value string // as ovs-ofctl prints it; 0x and hexadecimal for a field that is not known
	Mask  string // "" when all bits count
}

// Action is one action or, in Rule.Unknown, one instruction.
type Action struct {
	Type      string     // its name in ovs-actions(7): output, resubmit, ct; unknown
	Arguments []Argument // in the order of their printing
	Actions   []Action   // within it: of clone, ct(exec(…)), learn, check_pkt_larger has none
	Text      string     // as ovs-ofctl prints it

	text span
}

// Argument is one argument of an action.
type Argument struct {
	Name    string // port, table, group, field, value, zone …
	Text    string // its value as it is printed
	Number  uint64 // its value when Numeric
	Numeric bool

	text span
}

// span is where a text stands in that of all actions while it is being printed.
type span struct {
	start, end int
}

// Match is the match as ovs-ofctl dump-flows --no-names prints it, without the
// priority. With Open vSwitch it does not depend on the version by which the rule
// was read, but for matches on no VLAN tag (vlan_tci=0) and on a priority without a tag,
// which 1.0 says in another way than later versions.
func (r *Rule) Match() string { return r.match }

// MatchIdentity is the match as a text that no other match has. With table and
// priority it is the identity of a rule in its switch. It is Match, and where
// ovs-ofctl prints several matches alike (tun_metadata0=0xbe is also
// tun_metadata0=0xbe/0xffff of a longer field; tun_erspan_ver has no mask) what
// is on the wire behind it: ";tun_metadata0=0x000000be/0x0000ffff".
//
// What is alike on the wire is alike here: from 1.1 on Open vSwitch tells matches
// on VLANs without a tag (vlan_tci=0 and vlan_tci=0/0x1fff) by the same bytes.
func (r *Rule) MatchIdentity() string { return r.identity }

// ActionsText is what ovs-ofctl prints after actions=.
func (r *Rule) ActionsText() string { return r.actions }

// String is the line that ovs-ofctl dump-flows --no-names --no-stats prints,
// without its leading space.
func (r *Rule) String() string {
	var b strings.Builder
	item := func(key, value string) {
		b.WriteString(key)
		b.WriteString(value)
		b.WriteString(", ")
	}
	if r.Cookie != 0 {
		item("cookie=0x", strconv.FormatUint(r.Cookie, 16))
	}
	if r.Table != 0 {
		item("table=", strconv.Itoa(int(r.Table)))
	}
	if r.IdleTimeout != 0 {
		item("idle_timeout=", strconv.Itoa(int(r.IdleTimeout)))
	}
	if r.HardTimeout != 0 {
		item("hard_timeout=", strconv.Itoa(int(r.HardTimeout)))
	}
	for _, f := range r.Flags {
		b.WriteString(f)
		b.WriteByte(' ')
	}
	if r.Importance != 0 {
		item("importance=", strconv.Itoa(int(r.Importance)))
	}
	switch {
	case r.Priority != DefaultPriority && r.match != "":
		b.WriteString("priority=" + strconv.Itoa(int(r.Priority)) + "," + r.match + " ")
	case r.Priority != DefaultPriority:
		b.WriteString("priority=" + strconv.Itoa(int(r.Priority)) + " ")
	case r.match != "":
		b.WriteString(r.match + " ")
	}
	b.WriteString("actions=")
	b.WriteString(r.actions)
	return b.String()
}
