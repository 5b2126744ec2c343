package openflow

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
)

// shape shows an action's type and typed arguments: a number as 1, what is no
// number in quotes.
func shape(list []Action) string {
	var out []string
	for _, a := range list {
		s := a.Type + "("
		for i, g := range a.Arguments {
			if i > 0 {
				s += " "
			}
			if g.Numeric {
				s += fmt.Sprintf("%s=%d", g.Name, g.Number)
			} else {
				s += fmt.Sprintf("%s=%q", g.Name, g.Text)
			}
		}
		s += ")"
		if a.Actions != nil {
			s += "{" + shape(a.Actions) + "}"
		}
		out = append(out, s)
	}
	return strings.Join(out, " ")
}

// recordedRules are the rules of a record by their actions' text.
func recordedRules(t *testing.T, v Version) map[string]*Rule {
	t.Helper()
	out := map[string]*Rule{}
	for _, p := range recorded(t, v.String()+"-flows") {
		if err := DecodeFlowStats(p, func(r *Rule) error { out[r.ActionsText()] = r; return nil }); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// Actions have their types and arguments besides their text.
func TestActionsAreTyped(t *testing.T) {
	rules := map[Version]map[string]*Rule{
		V10: recordedRules(t, V10), V13: recordedRules(t, V13), V15: recordedRules(t, V15),
	}
	for _, c := range []struct {
		v           Version
		text, shape string
	}{
		{V13, "drop", ""},
		{V13, "output:1,output:2,output:3", "output(port=1) output(port=2) output(port=3)"},
		{V13, "NORMAL", `output(port="NORMAL")`},
		{V10, "CONTROLLER:128", "controller(max_len=128)"},
		{V13, "controller(reason=no_match,max_len=123,id=2,userdata=ff.00,pause,meter_id=7)", `controller(reason="no_match" max_len=123 id=2 userdata="ff.00" pause="pause" meter_id=7)`},
		{V15, "set_field:00:11:22:33:44:55->eth_src", `set_field(value="00:11:22:33:44:55" field="eth_src")`},
		{V13, "set_field:46->ip_dscp", `set_field(value=46 field="ip_dscp")`},
		{V13, "push_vlan:0x88a8,set_field:4196->vlan_vid,output:1", `push_vlan(ethertype=34984) set_field(value=4196 field="vlan_vid") output(port=1)`},
		{V13, "pop_vlan", "pop_vlan()"},
		{V13, "pop_mpls:0x0800", "pop_mpls(ethertype=2048)"},
		{V13, "push:NXM_NX_REG2[1..5],pop:OXM_OF_METADATA[0..4]", `push(field="NXM_NX_REG2[1..5]") pop(field="OXM_OF_METADATA[0..4]")`},
		{V10, "enqueue:1:2", "enqueue(port=1 queue=2)"},
		{V13, "set_queue:3,output:1,pop_queue", "set_queue(queue=3) output(port=1) pop_queue()"},
		{V13, "bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[],members:4,8)", `bundle_load(fields="eth_src" basis=0 algorithm="hrw" destination="NXM_NX_REG0[]" member=4 member=8)`},
		{V13, "multipath(eth_src,50,modulo_n,1,0,NXM_NX_REG0[])", `multipath(fields="eth_src" basis=50 algorithm="modulo_n" n_links=1 arg=0 destination="NXM_NX_REG0[]")`},
		{V13, "learn(table=3,limit=1,result_dst=NXM_NX_REG0[3],NXM_OF_VLAN_TCI[0..11])", `learn(table=3 limit=1 result_dst="NXM_NX_REG0[3]" match="NXM_OF_VLAN_TCI[0..11]")`},
		{V13, "learn(table=2,send_flow_rem,delete_learned,NXM_OF_VLAN_TCI[0..11],output:NXM_OF_IN_PORT[])", `learn(table=2 send_flow_rem="send_flow_rem" delete_learned="delete_learned" match="NXM_OF_VLAN_TCI[0..11]" output="NXM_OF_IN_PORT[]")`},
		{V13, "move:NXM_NX_REG0[0..5]->NXM_NX_REG1[26..31]", `move(source="NXM_NX_REG0[0..5]" destination="NXM_NX_REG1[26..31]")`},
		{V13, "ct(commit,nat(src=10.0.0.240-10.0.0.254:32768-65535,persistent))", `ct(commit="commit"){nat(src="src" address="10.0.0.240" address_max="10.0.0.254" port=32768 port_max=65535 persistent="persistent")}`},
		{V13, "ct(commit,zone=5)", `ct(commit="commit" zone=5)`},
		{V13, "ct(commit,table=4,zone=3,nat(src=10.0.0.240),exec(load:0x5->NXM_NX_CT_LABEL[0..31]),alg=ftp)", `ct(commit="commit" table=4 zone=3 alg="ftp"){nat(src="src" address="10.0.0.240") load(value=5 destination="NXM_NX_CT_LABEL[0..31]")}`},
		{V13, "sample(probability=1,collector_set_id=2,obs_domain_id=3,obs_point_id=4,sampling_port=5)", "sample(probability=1 collector_set_id=2 obs_domain_id=3 obs_point_id=4 sampling_port=5)"},
		{V13, "clone(clone(clone(output:1)))", "clone(){clone(){clone(){output(port=1)}}}"},
		{V10, "load:0x5->NXM_NX_REG1[0..2]", `load(value=5 destination="NXM_NX_REG1[0..2]")`},
		{V13, "encap(nsh(md_type=2,tlv(0x1000,10,0x12345678)))", `encap(type="nsh" md_type=2 tlv_class=4096 tlv_type=10 tlv_value="0x12345678")`},
		{V13, "decap(packet_type(ns=0,type=0))", "decap(ns=0 type=0)"},
		{V13, "resubmit(3,4,ct)", `resubmit(port=3 table=4 ct="ct")`},
		{V13, "conjunction(1,2/2),conjunction(4294967295,63/64)", "conjunction(id=1 clause=2 clauses=2) conjunction(id=4294967295 clause=63 clauses=64)"},
		{V13, "check_pkt_larger(1000)->NXM_NX_REG0[15]", `check_pkt_larger(pkt_len=1000 destination="NXM_NX_REG0[15]")`},
		{V13, "fin_timeout(idle_timeout=5,hard_timeout=10)", "fin_timeout(idle_timeout=5 hard_timeout=10)"},
		{V13, "note:11.e9.9a.ad.67.f3", `note(data="11.e9.9a.ad.67.f3")`},
		{V13, "dec_ttl(1,2,3)", "dec_ttl(controller=1 controller=2 controller=3)"},
		{V13, "output(port=1,max_len=100)", "output(port=1 max_len=100)"},
		{V13, "output:NXM_NX_REG1[5..10]", `output(source="NXM_NX_REG1[5..10]")`},
		{V13, "delete_field:tun_metadata0", `delete_field(field="tun_metadata0")`},
		{V13, "group:1", "group(group=1)"},
	} {
		r := rules[c.v][c.text]
		if r == nil {
			t.Errorf("%v: no rule with %s", c.v, c.text)
			continue
		}
		if got := shape(r.Actions); got != c.shape {
			t.Errorf("%v: %s\n is %s\nnot %s", c.v, c.text, got, c.shape)
		}
		var texts []string
		for _, a := range r.Actions {
			texts = append(texts, a.Text)
		}
		if got := strings.Join(texts, ","); got != c.text && c.text != "drop" {
			t.Errorf("%v: the texts of its actions are %s, not %s", c.v, got, c.text)
		}
	}
}

// Instructions are fields of the rule.
func TestInstructionsAreFields(t *testing.T) {
	rules := recordedRules(t, V15)
	r := rules["output:1,clear_actions,write_actions(output:2),write_metadata:0x1/0xf,goto_table:30"]
	if r == nil || shape(r.Actions) != "output(port=1)" || !r.ClearActions || shape(r.WriteActions) != "output(port=2)" ||
		r.WriteActions[0].Text != "output:2" || r.Metadata != 1 || r.MetadataMask != 0xf || r.GotoTable != 30 {
		t.Errorf("%+v", r)
	}
	r = recordedRules(t, V13)["meter:1,output:5,goto_table:9"]
	if r == nil || r.Meter != 1 || shape(r.Actions) != "output(port=5)" || r.GotoTable != 9 || r.ClearActions {
		t.Errorf("%+v", r)
	}
	if r = rules["drop"]; r == nil || r.Actions != nil || r.GotoTable != -1 || r.Meter != 0 {
		t.Errorf("%+v", r)
	}
}

// A rule has its attributes.
func TestRulesHaveAttributes(t *testing.T) {
	for _, p := range recorded(t, "OpenFlow14-flows") {
		_ = DecodeFlowStats(p, func(r *Rule) error {
			if r.Table == 2 && r.Importance == 5 &&
				(r.IdleTimeout != 600 || r.HardTimeout != 1200 || fmt.Sprint(r.Flags) != "[send_flow_rem check_overlap reset_counts no_packet_counts no_byte_counts]") {
				t.Errorf("%+v", r)
			}
			if r.Table == 2 && r.Priority == 65535 && (r.Cookie != 1<<64-1 || r.Duration < 0) {
				t.Errorf("%+v", r)
			}
			return nil
		})
	}
}

// What is not known is kept with its bytes, and the rest of the rule is read.
func TestUnknownPartsAreKept(t *testing.T) {
	for name, c := range map[string]struct {
		v            Version
		actions      string
		text, shaped string
	}{
		"an action of a later version": {
			V13, "0063000800000001" + "0000001000000001ffff000000000000",
			"unknown(type=99,data=0x0063000800000001),output:1", `unknown(type=99 data="0x0063000800000001") output(port=1)`,
		},
		"an experimenter's": {
			V13, "ffff0010123456780007000000000000",
			"unknown(experimenter=0x12345678,subtype=7,data=0xffff0010123456780007000000000000)",
			`unknown(experimenter=305419896 subtype=7 data="0xffff0010123456780007000000000000")`,
		},
		"a later action of Nicira's": {
			V13, "ffff0010000023200077000000000000",
			"unknown(experimenter=0x2320,subtype=119,data=0xffff0010000023200077000000000000)", "",
		},
		"one that is too short": {
			V13, "ffff001000002320000a000000000000",
			"unknown(experimenter=0x2320,subtype=10,data=0xffff001000002320000a000000000000)", "",
		},
		"a field that is not known": {
			V13, "0019001080005a040102030400000000",
			"set_field:0x01020304->oxm0x8000_45", `set_field(value="0x01020304" field="oxm0x8000_45")`,
		},
		"a length over the end": {
			V13, "0000001000000001ffff000000000000" + "00000020000000010000",
			"output:1,unknown(type=0,data=0x00000020000000010000)", "",
		},
		"a length of nothing": {V10, "0000000000010000", "unknown(type=0,data=0x0000000000010000)", ""},
		"few bytes":           {V10, "00", "unknown(data=0x00)", ""},
	} {
		b, err := hex.DecodeString(c.actions)
		if err != nil {
			t.Fatal(err)
		}
		list, text := newDecoder(c.v).actionList(b)
		if text != c.text || c.shaped != "" && shape(list) != c.shaped {
			t.Errorf("%s: %s, %s", name, text, shape(list))
		}
	}
}

// What came after Open vSwitch 3.1, by its headers.
func TestLaterActions(t *testing.T) {
	for in, want := range map[string]string{
		"ffff0028000023200033000a00000001" + "00000000" + "00000007" + "00010004" + "07c00000" + "0005" + "01" + "0000000000": "sample(probability=10,collector_set_id=1,obs_domain_id=7,obs_point_id=NXM_NX_REG0[31],sampling_port=5,ingress)",
		"ffff0028000023200033000a00000001" + "00010004" + "001f0000" + "00000000" + "00000009" + "ffff" + "00" + "0000000000": "sample(probability=10,collector_set_id=1,obs_domain_id=NXM_NX_REG0[],obs_point_id=9)",
		"ffff0020000023200033000a0000000100000000000000070000000000000009":                                                    "unknown(experimenter=0x2320,subtype=51,data=0xffff0020000023200033000a0000000100000000000000070000000000000009)",
		"001900" + "18" + "ffff2208" + "00002320" + "00000007" + "0000000000000000":                                           "set_field:0x7->reg16",
	} {
		b, err := hex.DecodeString(in)
		if err != nil {
			t.Fatal(err)
		}
		if _, text := newDecoder(V15).actionList(b); text != want {
			t.Errorf("%s\n is %s\nnot %s", in, text, want)
		}
	}
}

// Actions within actions end at a depth.
func TestDepthIsBounded(t *testing.T) {
	b, _ := hex.DecodeString("0000000800010000")
	for range 2000 {
		n := len(b) + 16
		b = append([]byte{0xff, 0xff, byte(n >> 8), byte(n), 0, 0, 0x23, 0x20, 0, 42, 0, 0, 0, 0, 0, 0}, b...)
	}
	list, text := newDecoder(V10).actionList(b)
	if got := strings.Count(text, "clone("); got != maxDepth {
		t.Errorf("clone %d times", got)
	}
	if len(text) > 3*len(b) || len(list) != 1 {
		t.Errorf("%d bytes of text of %d", len(text), len(b))
	}
}

// Instructions that are not known, too.
func TestUnknownInstructionsAreKept(t *testing.T) {
	b, _ := hex.DecodeString("0001000805000000" + "ffff001012345678aabbccddeeff0011" + "000400180000000000000010000000020000000000000000")
	r := &Rule{GotoTable: -1}
	newDecoder(V13).instructions(r, b)
	const want = "output:2,goto_table:5,unknown(experimenter=0x12345678,subtype=43707,data=0xffff001012345678aabbccddeeff0011)"
	if r.ActionsText() != want || len(r.Unknown) != 1 || r.Unknown[0].Type != "unknown" || r.Unknown[0].Text == "" {
		t.Errorf("%s, %+v", r.ActionsText(), r.Unknown)
	}
}
