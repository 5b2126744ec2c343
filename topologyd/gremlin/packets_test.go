package gremlin

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"
)

func packetWorld(t *testing.T) *world {
	w := newWorld(t)
	w.load("clock 1000", "host h", "node eth0 device", "edge h -> eth0 ownership",
		"flow f eth0 Application=DNS TrackingID=00000000000000a1", "flow g eth0 Application=DNS TrackingID=00000000000000a2",
		"packet f 60", "packet g 1500", "packet f 90")
	return w
}

func TestPacketsAnswer(t *testing.T) {
	w := packetWorld(t)
	q := mustParse(t, "G.Flows().RawPackets()")
	r, err := q.RunOn(t.Context(), w.view, w.sources(), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if r.Kind() != KindPackets || r.Kind().String() != "packets" || r.Len() != 3 {
		t.Fatalf("%d of %s", r.Len(), r.Kind())
	}
	var list []struct {
		Capture, Flow, Interface, Host, Data string
		Time                                 float64
		Wire, Link                           int
	}
	if err := json.Unmarshal(r.AppendJSON(nil), &list); err != nil {
		t.Fatal(err)
	}
	if len(list) != 3 || list[1].Wire != 1500 || list[1].Link != 1 || list[0].Capture != "all" || list[0].Time != 1006000 || len(list[0].Flow) != 36 ||
		list[2].Data != base64.StdEncoding.EncodeToString([]byte{1, 2, 3}) || list[0].Interface != "eth0" {
		t.Errorf("%+v", list)
	}
	var lines bytes.Buffer
	if err := r.WriteNDJSON(&lines); err != nil || strings.Count(lines.String(), "\n") != 3 {
		t.Errorf("%v\n%s", err, &lines)
	}
	// Row by row it is the same, and the packets are at hand.
	var rows bytes.Buffer
	end, err := q.Each(t.Context(), w.view, w.sources(), Limits{}, func(row *Row) bool {
		if row.Packet() == nil || row.Packet().Wire < 60 {
			t.Errorf("the row holds %+v", row.Packet())
		}
		rows.Write(append(row.AppendJSON(nil), '\n'))
		return true
	})
	if err != nil || end.Rows != 3 || rows.String() != lines.String() {
		t.Errorf("%+v, %v\n%s", end, err, &rows)
	}
	for row := range r.Rows() {
		if len(row) != len(r.Columns()) {
			t.Errorf("%q has not the columns %q", row, r.Columns())
		}
	}
	if len(w.packets.asked) != 2 || len(w.packets.asked[0]) != 2 {
		t.Errorf("asked for %v", w.packets.asked)
	}
}

// TestPacketsEnd: limits and errors of the source end the run.
func TestPacketsEnd(t *testing.T) {
	w := packetWorld(t)
	q := mustParse(t, "G.Flows().RawPackets().BPF('greater 1')")
	var limit *LimitError
	if _, err := q.RunOn(t.Context(), w.view, w.sources(), Limits{Results: 2}); !errors.As(err, &limit) || limit.Limit != "results" {
		t.Errorf("too many: %v", err)
	}
	if _, err := q.RunOn(t.Context(), w.view, w.sources(), Limits{Memory: 2300}); !errors.As(err, &limit) || limit.Limit != "memory" {
		t.Errorf("too large: %v", err)
	}
	var syntax *SyntaxError
	src := w.sources()
	bad := mustParse(t, "G.Flows().RawPackets().BPF('nonsense')")
	if _, err := bad.RunOn(t.Context(), w.view, src, Limits{}); !errors.As(err, &syntax) || syntax.Column != 28 {
		t.Errorf("a filter that is none: %v", err)
	}
	src.CompileBPF = nil
	var eval *EvalError
	if _, err := q.RunOn(t.Context(), w.view, src, Limits{}); !errors.As(err, &eval) || eval.Reason != noFilters {
		t.Errorf("no filters: %v", err)
	}
	w.packets.refuse = errTable
	var flow *FlowError
	if _, err := q.RunOn(t.Context(), w.view, w.sources(), Limits{}); !errors.Is(err, errTable) || !errors.As(err, &flow) || flow.Step != "RawPackets" {
		t.Errorf("a source that fails: %v", err)
	}
	none := Sources{Flows: w.flows}
	if _, err := q.RunOn(t.Context(), w.view, none, Limits{}); !errors.As(err, &eval) || !strings.Contains(eval.Reason, "--raw-packets") {
		t.Errorf("no packets: %v", err)
	}
}

func TestPacketTime(t *testing.T) {
	for ns, want := range map[int64]string{
		0: "0", 1_000_000: "1", 1_500_000: "1.5", 1_000_001: "1.000001", 999_999: "0.999999", -1_500_000: "-1.5",
		time.Date(2026, 3, 1, 12, 0, 0, 123_456_789, time.UTC).UnixNano(): "1772366400123.456789",
	} {
		if got := string(appendMillis(nil, ns)); got != want {
			t.Errorf("%d: got %s, want %s", ns, got, want)
		}
	}
}

// TestCaptureIndex: the other spelling of a key is found by the same index.
func TestCaptureIndex(t *testing.T) {
	w := newWorld(t)
	for i := range 300 {
		w.load(fmt.Sprintf("node n%d veth", i))
	}
	w.load(`node x device Captures=[{"Name":"a"},{"Name":"b"}]`, `node y device Captures=[{"Name":"a"}]`)
	// The first query asks for the index, which is made of what was asked for.
	if _, err := w.ask("G.V().Has('Capture.Name', 'b')", Limits{}); err != nil || w.Graph.BuildWanted(t.Context()) == 0 {
		t.Fatalf("no index was made, %v", err)
	}
	w.load()
	for _, key := range []string{"Captures.Name", "Capture.Name"} {
		e, err := mustParse(t, "G.V().Has('"+key+"', 'b')").Explain(t.Context(), w.view, w.sources(), Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if s := e.Steps[len(e.Steps)-1]; s.Out != 1 || s.Visited > 2 || !strings.Contains(strings.Join(s.How, ""), "index Captures.Name = 'b'") {
			t.Errorf("%s: %d found, %d looked at: %q", key, s.Out, s.Visited, s.How)
		}
	}
}
