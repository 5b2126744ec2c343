package openflow

import (
	"bytes"
	"encoding/binary"
	"testing"
	"unicode/utf8"
)

// seeds adds recorded answers, message by message, cut to what a fuzzer can
// change with profit.
func seeds(f *testing.F, kind string) {
	f.Helper()
	for v := V10; v <= V15; v++ {
		for _, p := range recorded(f, v.String()+"-"+kind) {
			// One entry each is better than one long message.
			n := 0
			for b := p.Body; len(b) >= 4 && n < 40; n++ {
				size := int(binary.BigEndian.Uint16(b))
				if size < 4 || size > len(b) {
					break
				}
				f.Add(uint8(v-V10), p.Type == statsVendor, b[:size])
				b = b[size:]
			}
		}
	}
}

// bounded fails when what is kept of some bytes is much longer than they are,
// or no text.
func bounded(t *testing.T, in int, texts ...string) {
	t.Helper()
	for _, s := range texts {
		if len(s) > 64+24*in {
			t.Errorf("%d bytes make a text of %d: %.200s", in, len(s), s)
		}
		if !utf8.ValidString(s) {
			t.Errorf("not text: %q", s)
		}
	}
}

func checkActions(t *testing.T, in int, list []Action, depth int) {
	t.Helper()
	if len(list) > in/8+1 || depth > maxDepth+1 {
		t.Errorf("%d bytes make %d actions at depth %d", in, len(list), depth)
	}
	for _, a := range list {
		if a.Type == "" || a.Text == "" && a.Type != "drop" {
			t.Errorf("action without type or text: %+v", a)
		}
		bounded(t, in, a.Text)
		for _, g := range a.Arguments {
			if g.Name == "" {
				t.Errorf("argument without name: %+v", a)
			}
			bounded(t, in, g.Text)
		}
		checkActions(t, in, a.Actions, depth+1)
	}
}

func checkRule(t *testing.T, in int, r *Rule) {
	t.Helper()
	bounded(t, in, r.Match(), r.ActionsText(), r.String())
	for _, f := range r.Filters {
		if f.Type == "" || f.Value == "" {
			t.Errorf("filter %+v", f)
		}
		bounded(t, in, f.Type, f.Value, f.Mask)
	}
	checkActions(t, in, r.Actions, 0)
	checkActions(t, in, r.WriteActions, 0)
	checkActions(t, in, r.Unknown, 0)
}

// No bytes make a decoder of rules panic or its output grow without bounds; the
// same bytes always make the same rules, and the rules keep none of them.
func FuzzFlowStats(f *testing.F) {
	seeds(f, "flows")
	f.Fuzz(func(t *testing.T, v uint8, vendor bool, in []byte) {
		body := bytes.Clone(in)
		p := Part{Version: V10 + Version(v%6), Type: statsFlow, Body: body}
		if vendor {
			p.Type, p.Vendor = statsVendor, vendorNicira
		}
		read := func() (out []*Rule) {
			_ = DecodeFlowStats(p, func(r *Rule) error { out = append(out, r); return nil })
			return out
		}
		first := read()
		if len(first) > len(body)/4+1 {
			t.Errorf("%d bytes make %d rules", len(body), len(first))
		}
		var lines []string
		for _, r := range first {
			checkRule(t, len(body), r)
			lines = append(lines, r.String())
		}
		for i, r := range read() {
			if r.String() != lines[i] {
				t.Errorf("twice the same bytes: %s, %s", lines[i], r)
			}
		}
		clear(body)
		for i, r := range first {
			if r.String() != lines[i] {
				t.Errorf("the rule keeps the message's memory: %s, %s", lines[i], r)
			}
		}
	})
}

func FuzzGroups(f *testing.F) {
	seeds(f, "groups")
	f.Fuzz(func(t *testing.T, v uint8, _ bool, body []byte) {
		p := Part{Version: V10 + Version(v%6), Type: statsGroupDesc, Body: body}
		_ = DecodeGroups(p, func(g *Group) error {
			bounded(t, len(body), g.String())
			for i := range g.Buckets {
				bounded(t, len(body), g.Buckets[i].ActionsText())
				checkActions(t, len(body), g.Buckets[i].Actions, 0)
			}
			return nil
		})
		p.Type = statsGroup
		_ = DecodeGroupStats(p, func(g GroupStats) error {
			if len(g.Buckets) > len(body)/16 {
				t.Errorf("%d bytes make %d buckets", len(body), len(g.Buckets))
			}
			return nil
		})
	})
}

func FuzzUpdates(f *testing.F) {
	f.Add(uint8(4), uint32(0), []byte("\x00\x08\x00\x04\x00\x00\x00\x07"))
	f.Add(uint8(4), uint32(0), []byte("\x00\x08\x00\x05\x00\x00\x00\x00\x00\x08\x00\x06\x00\x00\x00\x00"))
	for _, v := range []Version{V10, V13, V14, V15} {
		p := recorded(f, v.String()+"-monitor")[0]
		_ = entries(p.Body[:min(len(p.Body), 4000)], "update", func(b []byte) error {
			f.Add(uint8(v-V10), p.Vendor, b)
			return nil
		})
	}
	f.Fuzz(func(t *testing.T, v uint8, vendor uint32, body []byte) {
		p := Part{Version: V10 + Version(v%6), Type: statsVendor, Vendor: vendor, Body: body}
		if vendor == 0 {
			p.Type = statsFlowMonitor
		}
		_ = DecodeUpdates(p, func(u Update) error {
			switch u.Event {
			case EventInitial, EventAdded, EventRemoved, EventModified:
				if u.Rule == nil || u.Event == EventRemoved && u.Rule.ActionsText() != "" {
					t.Fatalf("%v without a rule or with actions: %+v", u.Event, u)
				}
				checkRule(t, len(body), u.Rule)
			case EventAbbreviated, EventPaused, EventResumed:
				if u.Rule != nil {
					t.Errorf("%v with a rule", u.Event)
				}
			default:
				t.Errorf("%v", u.Event)
			}
			return nil
		})
	})
}

// A stream of any bytes is split into messages that are those bytes, and each
// can be looked at.
func FuzzReader(f *testing.F) {
	f.Add(Hello(1, AllVersions))
	for v := V10; v <= V15; v++ {
		d := Dialect{Version: v}
		f.Add(append(d.FlowStatsRequest(1, FlowQuery{Table: 5}), d.GroupDescRequest(2)...))
		f.Add(d.FlowMonitorRequest(3, Monitor{ID: 1, Flags: MonitorAll}))
		f.Add(message(v, typeError, 3, []byte{0, 1, 0, 2, 9, 9}))
		f.Add(message(v, type14RequestForward, 1, message(v, typeGroupMod, 8, make([]byte, 8))))
		f.Add(message(v, typeFeaturesReply, 1, make([]byte, 24)))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		var again []byte
		for r := NewReader(bytes.NewReader(stream)); ; {
			m, err := r.Next()
			if err != nil {
				break
			}
			again = append(again, message(m.Version, m.Type, m.XID, m.Body)...)
			if m.Kind().String() == "" {
				t.Error("a kind without a name")
			}
			_ = HelloVersions(m)
			_, _, _ = NewParts(m.XID, DefaultPartsLimit()).Add(m)
			_, _ = DecodeFeatures(m)
			_, _, _ = DecodeForward(m)
			if e, err := DecodeFailure(m); err == nil {
				bounded(t, len(m.Body)+64, e.Error())
			}
		}
		if !bytes.HasPrefix(stream, again) {
			t.Errorf("split %x into %x", stream, again)
		}
	})
}
