package packets

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/gremlin"
)

func written(t *testing.T, w *world, f Format, q Query) (*file, error) {
	t.Helper()
	q.Captures = w.defs
	a, err := w.service().Open(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	var out file
	return &out, Write(&out, f, a, "topologyd test")
}

func TestWriteNG(t *testing.T) {
	w := newWorld()
	w.nodes["def-1"] = append(w.nodes["def-1"], node("def-1", "gone"))
	w.flows = []*flowrecord.Record{{ID: flowID(1), TrackingID: 0xabc, Application: "HTTPS"}}
	raw := pk("def-1", "b", 15, 2)
	raw.Link, raw.Out = 101, true
	w.hosts["a"] = sends(2, pk("def-1", "a", 10, 1), pk("def-1", "a", 20, 0), pk("def-1", "a", 30, 0))
	w.hosts["b"] = sends(2, raw)
	out, err := written(t, w, PcapNG, Query{MaxPackets: 3})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"capture def-1 (web), filter: tcp", "missing: host host-gone: its collector is not connected",
		"flow " + flowID(1).String(), "tracking 0000000000000abc", "application HTTPS", "flow " + flowID(2).String(),
		"cut off: the bound of packets was met; there is more", "3 packets of",
	} {
		if n := strings.Count(out.String(), want); n == 0 {
			t.Errorf("%q is not in the file", want)
		}
	}
	r, err := pcapgo.NewNgReader(&out.Buffer, pcapgo.NgReaderOptions{WantMixedLinkType: true})
	if err != nil {
		t.Fatal(err)
	}
	var times []int64
	for {
		_, ci, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		times = append(times, ci.Timestamp.UnixNano())
	}
	if !slices.Equal(times, []int64{10, 15, 20}) || r.SectionInfo().Application != "topologyd test" {
		t.Error(times, r.SectionInfo())
	}
	a, _ := r.Interface(0)
	b, _ := r.Interface(1)
	if a.Name != "host-a/net1/eth-a" || a.Filter != "tcp" || a.SnapLength != 96 || a.Statistics.PacketsReceived != 100 || a.Statistics.PacketsDropped != 3 ||
		!strings.Contains(a.Description, "node-a") || b.Name != "host-b/net1/eth-b" || b.LinkType != 101 {
		t.Errorf("%+v %+v", a, b)
	}
}

func TestWritePcap(t *testing.T) {
	w := newWorld()
	raw := pk("def-1", "b", 15, 2)
	w.hosts["a"], w.hosts["b"] = sends(2, pk("def-1", "a", 10, 1)), sends(1, raw)
	out, err := written(t, w, Pcap, Query{})
	if err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewReader(&out.Buffer)
	if err != nil {
		t.Fatal(err)
	}
	if _, ci, err := r.ReadPacketData(); err != nil || ci.Timestamp.UnixNano() != 10 || ci.Length != 60 {
		t.Error(ci, err)
	}
	raw.Link = 101
	w.hosts["b"] = sends(1, raw)
	if _, err := written(t, w, Pcap, Query{}); !errors.Is(err, ErrMixed) {
		t.Error(err)
	}
	log := w.records()
	if last := log[len(log)-1]; !strings.Contains(last.Reason, "use format=pcapng") {
		t.Errorf("%+v", last)
	}
	w.hosts["a"], w.hosts["b"] = sends(1), sends(1)
	if out, err := written(t, w, Pcap, Query{}); err != nil || out.Len() != 24 {
		t.Error(out.Len(), err)
	}
	if _, err := written(t, w, "x", Query{}); err == nil {
		t.Error("a format that nobody knows")
	}
}

func TestWriteJSON(t *testing.T) {
	w := newWorld()
	w.hosts["a"], w.hosts["b"] = sends(2, pk("def-1", "a", 10, 1)), sends(1, pk("def-1", "b", 15, 2))
	out, err := written(t, w, JSON, Query{})
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var row struct {
		Capture, Flow, NodeTID, Interface, Host string
		Wire                                    int
		Data                                    []byte
	}
	if err := json.Unmarshal([]byte(lines[0]), &row); err != nil {
		t.Fatal(err)
	}
	if len(lines) != 2 || row.Capture != "web" || row.Flow != flowID(1).String() || row.Host != "a" || row.Interface != "eth-a" || string(row.Data) != "a 10" {
		t.Errorf("%q", lines)
	}
}

// failing is a client that is gone.
type failing struct{ file }

func (f *failing) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestWriteToNobody(t *testing.T) {
	w := newWorld()
	w.hosts["a"], w.hosts["b"] = sends(2, pk("def-1", "a", 10, 1)), sends(1)
	for _, f := range []Format{PcapNG, Pcap, JSON} {
		a, err := w.service().Open(t.Context(), Query{Captures: w.defs})
		if err != nil {
			t.Fatal(err)
		}
		if err := Write(&failing{}, f, a, ""); !errors.Is(err, io.ErrClosedPipe) {
			t.Error(f, err)
		}
		a.Close()
	}
}

func TestWriteRaw(t *testing.T) {
	list := []*gremlin.RawPacket{
		{Capture: "web", Flow: flowID(1), NodeTID: tid("a"), Interface: "eth0", Host: "a", Time: 5, Wire: 60, Link: 1, Data: []byte("x")},
		{Capture: "web", Interface: "eth0", Host: "b", Time: 6, Wire: 60, Link: 1, Out: true, Data: []byte("y")},
	}
	for _, f := range []Format{Pcap, PcapNG} {
		var out bytes.Buffer
		if err := WriteRaw(&out, f, slices.Values(list), "topologyd", time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
		var next func() ([]byte, error)
		if f == Pcap {
			r, err := pcapgo.NewReader(&out)
			if err != nil {
				t.Fatal(err)
			}
			next = func() ([]byte, error) { b, _, err := r.ReadPacketData(); return b, err }
		} else {
			r, err := pcapgo.NewNgReader(&out, pcapgo.NgReaderOptions{WantMixedLinkType: true})
			if err != nil {
				t.Fatal(err)
			}
			next = func() ([]byte, error) { b, _, err := r.ReadPacketData(); return b, err }
		}
		for _, p := range list {
			if b, err := next(); err != nil || !bytes.Equal(b, p.Data) {
				t.Errorf("%s: %q, %v", f, b, err)
			}
		}
		if _, err := next(); !errors.Is(err, io.EOF) {
			t.Error(err)
		}
	}
	list[1].Link = 9
	if err := WriteRaw(io.Discard, Pcap, slices.Values(list), "", time.Time{}); !errors.Is(err, ErrMixed) {
		t.Error(err)
	}
}

func TestFileName(t *testing.T) {
	for name, want := range map[string]string{
		"my-cap_1": "my-cap_1.pcap", "../../etc/passwd": "______etc_passwd.pcap", "a\"b\r\nc;d": "a_b__c_d.pcap", "": "def.pcap", "ü": "_.pcap",
		strings.Repeat("x", 300): strings.Repeat("x", 64) + ".pcap",
	} {
		q := Query{Captures: []*definition.Definition{{ID: "def", Name: name}}}
		if got := q.FileName(Pcap); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	q := Query{}
	if q.FileName(PcapNG) != "packets.pcapng" {
		t.Error(q.FileName(PcapNG))
	}
}

// TestDescriberIsBounded has more flows than are remembered.
func TestDescriberIsBounded(t *testing.T) {
	w := newWorld()
	w.flows = []*flowrecord.Record{{ID: flowID(1), Application: "DNS"}}
	d := newDescriber(w.service(), false)
	for i := range 3 * mostDescribed / 100 {
		b := []Packet{{Flow: flowID(1)}, {}}
		for n := range 100 {
			b = append(b, Packet{Flow: flowID(10 + 100*i + n)})
		}
		d.look(t.Context(), b)
		if c := d.comments(&b[0]); !slices.Contains(c, "application DNS") {
			t.Fatal(c)
		}
	}
	if n := len(d.known); n > mostDescribed {
		t.Errorf("%d flows are remembered", n)
	}
	if c := d.comments(&Packet{}); c != nil {
		t.Error(c)
	}
}
