package ofprobe

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

func TestRuleEvent(t *testing.T) {
	b := testBridge(t)
	r := &openflow.Rule{
		Table: 3, Priority: 7, Cookie: 0xff, IdleTimeout: 10, HardTimeout: 20, Importance: 4, Flags: []string{"send_flow_rem"},
		Filters: []openflow.Filter{{Type: "nw_src", Value: "10.0.0.0", Mask: "255.0.0.0"}, {Type: "in_port", Value: "1"}},
		Actions: []openflow.Action{
			{Type: "output", Text: "output:2", Arguments: []openflow.Argument{{Name: "port", Text: "2", Number: 2, Numeric: true}}},
			{Type: "dec_ttl", Text: "dec_ttl(1,2)", Arguments: []openflow.Argument{
				{Name: "id", Text: "1", Number: 1, Numeric: true}, {Name: "id", Text: "2", Number: 2, Numeric: true},
			}},
			{Type: "load", Text: "load:0xffffffffffffffff->x", Arguments: []openflow.Argument{{Name: "value", Text: "0xffffffffffffffff", Number: 1<<64 - 1, Numeric: true}}},
			{Type: "clone", Text: "clone(drop)", Actions: []openflow.Action{{Type: "drop", Text: "drop"}}},
		},
		WriteActions: []openflow.Action{{Type: "group", Text: "group:1"}},
		GotoTable:    5, Meter: 6, ClearActions: true, Metadata: 1, MetadataMask: 3,
	}
	it := ruleItem(&b, r, 1)
	ev := it.event(nil)
	if err := ev.Validate(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"Name": "table=3,priority=7", "Type": "ofrule", "Table": "3", "Priority": "7", "Cookie": "0xff", "IdleTimeout": "10", "HardTimeout": "20",
		"Importance": "4", "Flags": `["send_flow_rem"]`, "GotoTable": "5", "Meter": "6", "ClearActions": "true", "WriteMetadata.Mask": "0x3",
		"Filters": `[{"Mask":"255.0.0.0","Type":"nw_src","Value":"10.0.0.0"},{"Type":"in_port","Value":"1"}]`,
		"Actions": `[{"Arguments":{"port":2},"Text":"output:2","Type":"output"},{"Arguments":{"id":[1,2]},"Text":"dec_ttl(1,2)","Type":"dec_ttl"},` +
			`{"Arguments":{"value":"0xffffffffffffffff"},"Text":"load:0xffffffffffffffff-\u003ex","Type":"load"},` +
			`{"Actions":[{"Text":"drop","Type":"drop"}],"Text":"clone(drop)","Type":"clone"}]`,
		"WriteActions.Type": "group", "Truncated": "", "OtherInstructions": "",
	} {
		got := strings.NewReplacer(`->`, `-\u003e`).Replace(feedtest.Text(&ev, path))
		if got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}

	// A change tells neither flags nor importance: they stay.
	r.Flags, r.Importance, r.Cookie = nil, 0, 0xee
	changed := changeItem(&b, r).event(&ev)
	for path, want := range map[string]string{"Flags": `["send_flow_rem"]`, "Importance": "4", "Cookie": "0xee"} {
		if got := feedtest.Text(&changed, path); got != want {
			t.Errorf("after a change %s is %s, want %s", path, got, want)
		}
	}
}

// TestRuleBounds makes rules of all that a message can hold.
func TestRuleBounds(t *testing.T) {
	b := testBridge(t)
	many := make([]openflow.Action, 5000)
	for i := range many {
		many[i] = openflow.Action{Type: "output", Text: fmt.Sprint("output:", i), Arguments: []openflow.Argument{{Name: "port", Number: uint64(i), Numeric: true}}}
	}
	deep := openflow.Action{Type: "drop"}
	for range 100 {
		deep = openflow.Action{Type: "clone", Actions: []openflow.Action{deep}, Text: strings.Repeat("x", 100)}
	}
	args := make([]openflow.Argument, 3000)
	for i := range args {
		args[i] = openflow.Argument{Name: strings.Repeat("n", i%300), Text: "\xff"}
	}
	long := openflow.Action{Type: "note", Text: strings.Repeat("y", maxText)}
	for range maxNesting {
		long = openflow.Action{Type: "clone", Text: strings.Repeat("y", maxText), Actions: slices.Repeat([]openflow.Action{long}, 3)}
	}
	for _, c := range []struct {
		name, cut string
		rule      openflow.Rule
	}{
		{"usual", "", openflow.Rule{Actions: many[:maxItems], Filters: make([]openflow.Filter, maxItems)}},
		{"many", `["Actions","WriteActions"]`, openflow.Rule{Actions: many, WriteActions: many}},
		{"deep", `["Actions"]`, openflow.Rule{Actions: []openflow.Action{deep}}},
		{"text", `["Actions"]`, openflow.Rule{Actions: []openflow.Action{{Type: "\xfe\xff", Text: strings.Repeat("y", 100_000)}}}},
		{"arguments", `["Actions"]`, openflow.Rule{Actions: []openflow.Action{{Arguments: args}}}},
		{"texts", `["Actions","OtherInstructions"]`, openflow.Rule{Actions: []openflow.Action{long, long}, Unknown: []openflow.Action{long}}},
		{"filters", `["Filters"]`, openflow.Rule{Filters: make([]openflow.Filter, 5000)}},
	} {
		ev := ruleItem(&b, &c.rule, 0).event(nil)
		checkBounds(t, c.name, &ev, c.cut)
		n := 0
		ev.Attributes.Lookup("Actions.Type", func(entity.Value) bool { n++; return true })
		if n > maxItems {
			t.Errorf("%s: %d actions", c.name, n)
		}
	}
}

func checkBounds(t *testing.T, name string, ev *entity.Event, cut string) {
	t.Helper()
	if err := ev.Validate(); err != nil {
		t.Errorf("%s: %v", name, err)
	}
	if n := len(ev.Attributes.AppendJSON(nil)); n > 2*maxSize {
		t.Errorf("%s: %d bytes", name, n)
	}
	if got := feedtest.Text(ev, keyTruncated); got != cut {
		t.Errorf("%s: %s is %s, want %s", name, keyTruncated, got, cut)
	}
}

// TestMessageBounds has rules and groups that fill a message, as they are on the
// wire.
func TestMessageBounds(t *testing.T) {
	b := testBridge(t)
	// A match of fields that nobody knows prints as many times its size.
	var fields []byte
	for i := range 8000 {
		fields = append(fields, 0x12, 0x34, byte(i%128)<<1, 3, byte(i>>8), byte(i), 7)
	}
	entry := func(more ...byte) []byte { // struct ofp11_flow_stats, its match
		e := append(make([]byte, 48), 0, 1, byte((len(more)+4)>>8), byte(len(more)+4))
		e = append(e, more...)
		e = append(e, make([]byte, -len(e)&7)...)
		e[0], e[1] = byte(len(e)>>8), byte(len(e))
		return e
	}
	decode := func(e []byte) (ev entity.Event, it *item) {
		t.Helper()
		m, err := openflow.ParseMessage(parts(1, 1, [][]byte{e})[0])
		if err != nil {
			t.Fatal(err)
		}
		p, err := m.Part()
		if err != nil {
			t.Fatal(err)
		}
		if err := openflow.DecodeFlowStats(p, func(r *openflow.Rule) error {
			it = ruleItem(&b, r, 0)
			ev = it.event(nil)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return ev, it
	}
	ev, it := decode(entry(fields...))
	checkBounds(t, "match", &ev, `["Filters","Match","Name"]`)
	if n := len(it.key); n > maxIdentity+200 {
		t.Errorf("the key has %d bytes", n)
	}
	fields[len(fields)-1]++
	if _, other := decode(entry(fields...)); other.key == it.key {
		t.Error("matches that differ at the end only have one key")
	}

	g := &openflow.Group{ID: 1, Type: "all", Buckets: make([]openflow.Bucket, 4000)}
	for i := range g.Buckets {
		g.Buckets[i] = openflow.Bucket{ID: uint32(i), Actions: []openflow.Action{{Type: "output", Text: "output:1"}}}
	}
	ev = groupItem(&b, g).event(nil)
	checkBounds(t, "buckets", &ev, `["Buckets"]`)
	if n := len(ev.Attributes.Get("Buckets").List()); n != maxItems {
		t.Errorf("%d buckets", n)
	}
}

func TestGroupEvent(t *testing.T) {
	b := testBridge(t)
	g := &openflow.Group{ID: 4, Type: "select", SelectionMethod: "hash", SelectionParam: 9, Fields: []openflow.Filter{{Type: "nw_src", Value: "255.255.255.255"}}, Buckets: []openflow.Bucket{
		{ID: 1, Len: 32, Weight: 5, WatchPort: 3, WatchGroup: openflow.NoGroup, Actions: []openflow.Action{{Type: "output", Text: "output:1"}}},
		{ID: 2, WatchPort: openflow.AnyPort, WatchGroup: 8},
	}}
	ev := groupItem(&b, g).event(nil)
	if err := ev.Validate(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"Name": "group_id=4", "GroupId": "4", "GroupType": "select", "SelectionMethod": "hash", "SelectionParam": "9", "SelectionFields.Type": "nw_src",
		"Buckets": `[{"Actions":[{"Text":"output:1","Type":"output"}],"ActionsText":"","ID":1,"Len":32,"WatchPort":3,"Weight":5},` +
			`{"ActionsText":"","ID":2,"Len":0,"WatchGroup":8,"Weight":0}]`,
	} {
		if got := feedtest.Text(&ev, path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
	if !feedtest.Related(&ev, entity.RelPartOf, b.Ref()) {
		t.Errorf("relationships are %v", ev.Relationships)
	}
}
