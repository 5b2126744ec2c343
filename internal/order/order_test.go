package order

import (
	"reflect"
	"strings"
	"testing"
	"time"
)

func sample() []Envelope {
	c := Capture{
		ID: CaptureID("my-dockers-cap", "0b8f2b33-1"), Name: "my-dockers-cap", Revision: 7,
		Node:    Node{TID: "t", Interface: "eth0", IfIndex: 4, Type: "veth", NetNS: 4026531840, NetNSDevice: 4, NetNSPath: "/run/netns/a"},
		Expires: time.Unix(1e9, 0).UTC(),
		Options: Options{Filter: "tcp port 443", RawPackets: 3, CPU: 50},
	}
	return []Envelope{
		{Hello: &Hello{HostID: "h", Instance: "i", Types: []string{TypeEBPF, TypeAFPacket}, Problems: []Problem{{"tcx", "no", "clsact"}}}},
		{Assignments: &Assignments{Revision: 3, Captures: []Capture{c}}},
		{State: &State{Whole: true, Captures: []CaptureState{{ID: c.ID, Revision: 7, State: StateRunning, Proof: ProofPacket, Counters: Counters{Packets: 3, Dropped: map[string]int64{"ring": 1}}}}}},
		{Fetch: &Fetch{Request: 9, Captures: []string{c.ID}, Follow: true}},
		{Packets: &Packets{Request: 9, Packets: []Packet{{Capture: c.ID, Time: 5, Link: 1, Wire: 60, Data: []byte{1, 2}}}, Done: true}},
		{Cancel: &Cancel{Request: 9}},
	}
}

func TestRoundTrip(t *testing.T) {
	for _, e := range sample() {
		b, err := Encode(&e)
		if err != nil {
			t.Fatal(err)
		}
		got, err := Decode(b)
		if err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if !reflect.DeepEqual(*got, e) {
			t.Errorf("%s became %+v", b, *got)
		}
	}
}

func TestDecodeUnknown(t *testing.T) {
	e, err := Decode([]byte(`{"from_the_future":{"a":1}}`))
	if err != nil || e.contents() != 0 {
		t.Errorf("a message that is not known: %+v, %v", e, err)
	}
	for _, bad := range []string{"", "{", `[]`, `{"cancel":{"request":1},"fetch":{"request":2}}`, `{"cancel":{"request":-1}}`} {
		if _, err := Decode([]byte(bad)); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
	if _, err := Encode(&Envelope{}); err == nil {
		t.Error("an empty message was made")
	}
}

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		o    Options
		want string
	}{
		{Options{}, ""},
		{Options{Type: TypeEBPF, KeyMode: "l3", Sampling: 10, CPU: 100}, ""},
		{Options{Type: "pcap"}, "use afpacket or ebpf"},
		{Options{KeyMode: "l4"}, "use l2 or l3"},
		{Options{Layers: []string{"http"}}, "use dns"},
		{Options{SnapLen: 10}, "snaplen 10 is out of bounds"},
		{Options{Memory: 1}, "memory 1 is out of bounds"},
		{Options{Sampling: -1}, "sampling -1"},
		{Options{Type: TypeEBPF, RawPackets: 1}, "use type afpacket"},
		{Options{Type: TypeEBPF, Layers: []string{"dns"}}, "use type afpacket"},
		{Options{Type: TypeEBPF, Promiscuous: true}, "use type afpacket"},
	} {
		err := tc.o.Validate()
		if got := ""; err != nil {
			got = err.Error()
			if tc.want == "" || !strings.Contains(got, tc.want) {
				t.Errorf("%+v: %s, want %q", tc.o, got, tc.want)
			}
		} else if tc.want != "" {
			t.Errorf("%+v was taken, want %q", tc.o, tc.want)
		}
	}
	c := Capture{ID: "a/b", Name: "n"}
	if c.Validate() == nil {
		t.Error("an order without an interface was taken")
	}
	c.Node = Node{Interface: "eth0", IfIndex: 2}
	if err := c.Validate(); err != nil || c.Definition() != "a" {
		t.Error(err, c.Definition())
	}
}

func TestPath(t *testing.T) {
	if got := Path("a/b c"); got != "/api/v1/hosts/a%2Fb%20c/assignments" {
		t.Error(got)
	}
}

func FuzzDecode(f *testing.F) {
	for _, e := range sample() {
		b, err := Encode(&e)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := Decode(b)
		if err != nil || e.contents() == 0 {
			return
		}
		again, err := Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		back, err := Decode(again)
		if err != nil {
			t.Fatal(err)
		}
		third, err := Encode(back)
		if err != nil || string(third) != string(again) {
			t.Fatalf("%s became %s", again, third)
		}
	})
}
