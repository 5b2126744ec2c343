package capture

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/gremlin"
)

func TestValidate(t *testing.T) {
	for _, tc := range []struct {
		name, json, want string
	}{
		{"least", `{"query":"G.V().Has('Type','veth')"}`, ""},
		{"all options", `{"query":"G.V().Has('Type','veth')","type":"afpacket","filter":"tcp port 443 and vlan 5","snaplen":128,
			"promiscuous":true,"key_mode":"l3","layers":["dns"],"no_defrag":true,"flows":1000,"sampling":10,"cpu":200,
			"memory":67108864,"raw_packets":3,"raw_ring":1048576}`, ""},
		{"moves", `{"query":"G.V().Has('Type','netns').Out().Has('Type','veth')"}`, ""},
		{"no query", `{}`, "query: there is none; give for example"},
		{"blank query", `{"query":"  "}`, "query: there is none"},
		{"no language", `{"query":"select 1"}`, "query: "},
		{"edges", `{"query":"G.E()"}`, "a capture needs nodes"},
		{"values", `{"query":"G.V().Values('Name')"}`, "a capture needs nodes"},
		{"flows", `{"query":"G.Flows()"}`, "a capture needs nodes"},
		{"the past", `{"query":"G.At('-1h').V()"}`, "query: "},
		{"wrong filter", `{"query":"G.V()","filter":"tcp prot 80"}`, "filter, column 5"},
		{"no packet", `{"query":"G.V()","filter":"tcp and udp"}`, "no packet can match"},
		{"wrong type", `{"query":"G.V()","type":"pcap"}`, "use afpacket or ebpf"},
		{"bounds", `{"query":"G.V()","cpu":100000}`, "cpu 100000 is out of bounds"},
		{"ebpf keeps none", `{"query":"G.V()","type":"ebpf","raw_packets":1}`, "use type afpacket"},
		{"field", `{"query":"G.V()","snap":1}`, `no field "snap"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := Kinds()[0].New()
			err := definition.Strict([]byte(tc.json), s)
			if err == nil {
				err = s.Validate()
			}
			switch {
			case tc.want == "" && err != nil:
				t.Error(err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	s := Spec{Query: "G.V().Has('Type')x"}
	if p, ok := gremlin.PositionOf(s.Validate()); !ok || p.Pos == 0 {
		t.Error("an error of a query has no place", p, ok)
	}
	s = Spec{Query: "G.V()", Options: order.Options{Filter: "host nowhere at all"}}
	if fe := (*filter.Error)(nil); !errors.As(s.Validate(), &fe) {
		t.Error("an error of a filter has no place")
	}
}

// TestFlat pins the form that is stored and asked for.
func TestFlat(t *testing.T) {
	b, err := json.Marshal(&Spec{Query: "G.V()", Options: order.Options{Filter: "tcp", CPU: 50}})
	if want := `{"query":"G.V()","filter":"tcp","cpu":50}`; err != nil || string(b) != want {
		t.Errorf("%s %v, want %s", b, err, want)
	}
}
