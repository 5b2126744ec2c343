package otlplog

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

func decodeAll(logs plog.Logs) (events []entity.Event, ignored, invalid int, err error) {
	ignored, invalid, err = Decode(logs, func(e entity.Event) { events = append(events, e) })
	return events, ignored, invalid, err
}

// encodings returns a request as protobuf and as JSON.
func encodings(t *testing.T, req plogotlp.ExportRequest) (pb, js []byte) {
	t.Helper()
	pb, err := req.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if js, err = req.MarshalJSON(); err != nil {
		t.Fatal(err)
	}
	return pb, js
}

// TestPropertyRoundTrip: every valid event survives, in memory, as protobuf
// and as JSON.
func TestPropertyRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		var want []entity.Event
		for range 50 {
			want = append(want, entitytest.Event(r))
		}
		logs := Encode(want)
		checkEvents(t, logs, want)
		req := plogotlp.NewExportRequestFromLogs(logs)
		pb, js := encodings(t, req)
		got := plogotlp.NewExportRequest()
		if err := got.UnmarshalProto(pb); err != nil {
			t.Fatal(err)
		}
		checkEvents(t, got.Logs(), want)
		got = plogotlp.NewExportRequest()
		if err := got.UnmarshalJSON(js); err != nil {
			t.Fatal(err)
		}
		checkEvents(t, got.Logs(), want)
	}
}

func checkEvents(t *testing.T, logs plog.Logs, want []entity.Event) {
	t.Helper()
	got, ignored, invalid, err := decodeAll(logs)
	if ignored != 0 || invalid != 0 || err != nil {
		t.Fatalf("ignored %d, invalid %d: %v", ignored, invalid, err)
	}
	if len(got) != len(want) {
		t.Fatalf("%d events of %d", len(got), len(want))
	}
	for i := range got {
		if !got[i].Equal(&want[i]) {
			t.Fatalf("event %d\ngot  %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// put is one attribute of a record of the tables below.
type put func(pcommon.Map)

func strAttr(key, value string) put { return func(m pcommon.Map) { m.PutStr(key, value) } }
func intAttr(key string, value int64) put {
	return func(m pcommon.Map) { m.PutInt(key, value) }
}

func mapAttr(key string, members ...put) put {
	return func(m pcommon.Map) {
		x := m.PutEmptyMap(key)
		for _, p := range members {
			p(x)
		}
	}
}

func listAttr(key string, elements ...[]put) put {
	return func(m pcommon.Map) {
		s := m.PutEmptySlice(key)
		for _, e := range elements {
			x := s.AppendEmpty().SetEmptyMap()
			for _, p := range e {
				p(x)
			}
		}
	}
}

func record(logs plog.Logs, eventName string, attrs ...put) plog.LogRecord {
	if logs.ResourceLogs().Len() == 0 {
		logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty()
	}
	r := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
	r.SetEventName(eventName)
	for _, p := range attrs {
		p(r.Attributes())
	}
	return r
}

// TestDecodeContribPod is a pod as the collector's k8s_cluster receiver of the
// earlier spelling reports it.
func TestDecodeContribPod(t *testing.T) {
	logs := plog.NewLogs()
	r := record(
		logs, "",
		strAttr(oldEventType, oldState), intAttr(oldInterval, 300_500), strAttr(oldType, "k8s.pod"),
		mapAttr(oldID, strAttr("k8s.pod.uid", "7c1b")),
		mapAttr(oldAttributes, strAttr("k8s.pod.name", "web-0"), strAttr("k8s.namespace.name", "shop"), strAttr("k8s.pod.phase", "Running")),
	)
	r.SetObservedTimestamp(1700000000_000000000)
	scope := logs.ResourceLogs().At(0).ScopeLogs().At(0).Scope()
	scope.SetName("github.com/open-telemetry/opentelemetry-collector-contrib/receiver/k8sclusterreceiver")
	scope.Attributes().PutBool(eventAsLog, true)
	d := record(logs, "", strAttr(oldEventType, oldDelete), strAttr(oldType, "k8s.pod"), mapAttr(oldID, strAttr("k8s.pod.uid", "7c1b")))
	d.SetTimestamp(1700000001_000000000)
	record(logs, "", strAttr(oldEventType, "entity_other"))
	record(logs, "something.else")

	got, ignored, invalid, err := decodeAll(logs)
	if err != nil || ignored != 2 || invalid != 0 || len(got) != 2 {
		t.Fatalf("%d events, ignored %d, invalid %d: %v", len(got), ignored, invalid, err)
	}
	s := entity.String
	ref := entity.Ref{Type: "k8s.pod", ID: entity.NewIdentity("k8s.pod.uid", "7c1b")}
	want := []entity.Event{
		{
			Ref: ref, Source: scope.Name(), Time: time.Unix(1700000000, 0), Interval: 301 * time.Second,
			Attributes: entity.Attrs{
				{Key: "Name", Value: s("web-0")},
				{Key: "Type", Value: s("k8s.pod")},
				{Key: "k8s.namespace.name", Value: s("shop")},
				{Key: "k8s.pod.name", Value: s("web-0")},
				{Key: "k8s.pod.phase", Value: s("Running")},
			},
		},
		{Kind: entity.Delete, Ref: ref, Source: scope.Name(), Time: time.Unix(1700000001, 0)},
	}
	for i := range want {
		if !got[i].Equal(&want[i]) {
			t.Errorf("event %d\ngot  %+v\nwant %+v", i, got[i], want[i])
		}
	}
}

// TestDecodeForeign covers what a source that follows the specification, but
// does not know this graph, leaves to us.
func TestDecodeForeign(t *testing.T) {
	id := mapAttr("entity.id", strAttr("b.id", "2"), strAttr("a.id", "1"))
	for _, c := range []struct {
		name string
		put  []put
		host string
		want string
	}{
		{"first identifying value", []put{id}, "", `{"Name":"1","Type":"t"}`},
		{"type.name", []put{id, mapAttr("entity.description", strAttr("name", "n"), strAttr("t.name", "tn"))}, "", `{"Name":"tn","Type":"t","name":"n","t.name":"tn"}`},
		{"name", []put{id, mapAttr("entity.description", strAttr("name", "n"))}, "", `{"Name":"n","Type":"t","name":"n"}`},
		{"name in the identity", []put{mapAttr("entity.id", strAttr("a", "1"), strAttr("t.name", "tn"))}, "", `{"Name":"tn","Type":"t"}`},
		{"its own", []put{id, mapAttr("entity.description", strAttr("Name", "N"), strAttr("Type", "T"))}, "", `{"Name":"N","Type":"T"}`},
		{"host of the resource", []put{id}, "h1", `{"Name":"1","Type":"t","host.id":"h1"}`},
		{"its own host", []put{mapAttr("entity.id", strAttr("host.id", "h2"))}, "h1", `{"Name":"h2","Type":"t"}`},
		{"not foreign", []put{id, strAttr("entity.source", "mine")}, "h1", `{}`},
		{"bad UTF-8", []put{id, mapAttr("entity.description", strAttr("Name", "\xff"), strAttr("Type", "T"))}, "", `{"Name":"` + "\uFFFD" + `","Type":"T"}`},
		{"odd values", []put{id, strAttr("entity.source", "x"), mapAttr("entity.description",
			func(m pcommon.Map) { m.PutEmpty("none") },
			func(m pcommon.Map) { m.PutEmptyBytes("bytes").FromRaw([]byte{1, 2, 3}) },
			func(m pcommon.Map) { m.PutEmptySlice("list").AppendEmpty() })}, "", `{"bytes":"AQID","list":[]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			logs := plog.NewLogs()
			record(logs, "entity.state", append(c.put, strAttr("entity.type", "t"))...)
			if c.host != "" {
				logs.ResourceLogs().At(0).Resource().Attributes().PutStr("host.id", c.host)
			}
			got, _, _, err := decodeAll(logs)
			if err != nil || len(got) != 1 {
				t.Fatalf("%d events: %v", len(got), err)
			}
			if js := string(got[0].Attributes.AppendJSON(nil)); js != c.want {
				t.Errorf("got %s, want %s", js, c.want)
			}
			if want := map[bool]string{true: "otlp", false: got[0].Source}[c.name != "not foreign" && c.name != "odd values"]; got[0].Source != want {
				t.Errorf("source %s, want %s", got[0].Source, want)
			}
		})
	}
}

// TestDecodeInvalid: invalid records are counted, and those after them read.
func TestDecodeInvalid(t *testing.T) {
	typ, id := strAttr("entity.type", "t"), mapAttr("entity.id", strAttr("a", "1"))
	deep := func(m pcommon.Map) {
		v := m.PutEmpty("deep")
		for range entity.MaxDepth {
			v = v.SetEmptySlice().AppendEmpty()
		}
	}
	for want, put := range map[string][]put{
		"no entity.type":                {id},
		"no entity.id":                  {typ},
		"entity.id: want a map":         {typ, strAttr("entity.id", "x")},
		"no identifying attribute":      {typ, mapAttr("entity.id")},
		`entity.id: "l": want a string`: {typ, mapAttr("entity.id", listAttr("l"))},
		"33 identifying attributes": {typ, mapAttr("entity.id", func(m pcommon.Map) {
			for i := range 33 {
				m.PutInt(strings.Repeat("k", i+1), 1)
			}
		})},
		"entity.report.interval: want an integer":  {typ, id, strAttr("entity.report.interval", "x")},
		"entity.report.interval: -1 is out of":     {typ, id, intAttr("entity.report.interval", -1)},
		"entity.report.interval: 9223372036854775": {typ, id, intAttr("entity.report.interval", 9223372036854775807)},
		"entity.description: want a map":           {typ, id, strAttr("entity.description", "x")},
		"nested more than 16 deep":                 {typ, id, mapAttr("entity.description", deep)},
		"control character":                        {typ, id, mapAttr("entity.description", strAttr("a\nb", ""))},
		"not a finite number": {typ, id, mapAttr("entity.description", func(m pcommon.Map) {
			m.PutDouble("nan", math.NaN())
		})},
		"entity.relationships: want an array":                        {typ, id, strAttr("entity.relationships", "x")},
		"entity.relationships: relationship 0: no relationship.type": {typ, id, listAttr("entity.relationships", []put{typ, id})},
		"entity.relationships: relationship 0: no entity.id":         {typ, id, listAttr("entity.relationships", []put{typ, strAttr("relationship.type", "r")})},
		"entity.relationships: relationship 0: want a map, got Bool": {typ, id, func(m pcommon.Map) {
			m.PutEmptySlice("entity.relationships").AppendEmpty().SetBool(true)
		}},
	} {
		logs := plog.NewLogs()
		record(logs, "entity.state", put...)
		record(logs, "entity.delete", id)
		record(logs, "entity.state", typ, id)
		got, ignored, invalid, err := decodeAll(logs)
		if len(got) != 1 || ignored != 0 || invalid != 2 || err == nil || !strings.HasPrefix(err.Error(), "log record 1: ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %d events, ignored %d, invalid %d: %v", want, len(got), ignored, invalid, err)
		}
	}
}

func TestDecodeTime(t *testing.T) {
	now := time.Unix(9, 0)
	logs := plog.NewLogs()
	typ, id := strAttr("entity.type", "t"), mapAttr("entity.id", strAttr("a", "1"))
	record(logs, "entity.state", typ, id)
	record(logs, "entity.state", typ, id).SetObservedTimestamp(8)
	r := record(logs, "entity.state", typ, id)
	r.SetObservedTimestamp(8)
	r.SetTimestamp(7)
	var got []time.Time
	if _, _, err := (Decoder{Now: now}).Decode(logs, func(e entity.Event) { got = append(got, e.Time) }); err != nil {
		t.Fatal(err)
	}
	for i, want := range []time.Time{now, time.Unix(0, 8), time.Unix(0, 7)} {
		if !got[i].Equal(want) {
			t.Errorf("record %d: %v, want %v", i, got[i], want)
		}
	}
	r.SetTimestamp(1 << 63)
	if _, invalid, err := Decode(logs, func(entity.Event) {}); invalid != 1 || err == nil {
		t.Errorf("a time past 2262: invalid %d: %v", invalid, err)
	}
}

func TestEncodeNothing(t *testing.T) {
	if n := Encode(nil).LogRecordCount(); n != 0 {
		t.Errorf("%d records", n)
	}
}

func seeds(f *testing.F, marshal func(plogotlp.ExportRequest) ([]byte, error)) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 10 {
		b, err := marshal(plogotlp.NewExportRequestFromLogs(Encode([]entity.Event{entitytest.Event(r), entitytest.Event(r)})))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	logs := plog.NewLogs()
	record(logs, "", strAttr(oldEventType, oldState), intAttr(oldInterval, 300_500), strAttr(oldType, "k8s.pod"),
		mapAttr(oldID, strAttr("k8s.pod.uid", "7c1b")), mapAttr(oldAttributes, strAttr("k8s.pod.name", "web-0")))
	b, err := marshal(plogotlp.NewExportRequestFromLogs(logs))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
}

// checkLogs: every record is counted once; an event is valid and survives
// being written again.
func checkLogs(t *testing.T, logs plog.Logs) {
	got, ignored, invalid, err := decodeAll(logs)
	if n := logs.LogRecordCount(); len(got)+ignored+invalid != n {
		t.Fatalf("%d events, ignored %d, invalid %d of %d", len(got), ignored, invalid, n)
	}
	if (invalid > 0) != (err != nil) {
		t.Fatalf("invalid %d: %v", invalid, err)
	}
	for i := range got {
		if err := got[i].Validate(); err != nil {
			t.Fatal(err)
		}
	}
	if len(got) > 0 {
		checkEvents(t, Encode(got), got)
	}
}

func FuzzDecodeProto(f *testing.F) {
	seeds(f, plogotlp.ExportRequest.MarshalProto)
	f.Fuzz(func(t *testing.T, b []byte) {
		req := plogotlp.NewExportRequest()
		if CheckProto(b) == nil && req.UnmarshalProto(b) == nil {
			checkLogs(t, req.Logs())
		}
	})
}

func FuzzDecodeJSON(f *testing.F) {
	seeds(f, plogotlp.ExportRequest.MarshalJSON)
	f.Fuzz(func(t *testing.T, b []byte) {
		req := plogotlp.NewExportRequest()
		if CheckJSON(b) == nil && req.UnmarshalJSON(b) == nil {
			checkLogs(t, req.Logs())
		}
	})
}

// TestDecodeMemory: what decoding allocates is proportional to the records.
func TestDecodeMemory(t *testing.T) {
	logs := plog.NewLogs()
	s := record(logs, "entity.state", strAttr("entity.type", "t"), mapAttr("entity.id", strAttr("a", "1")), mapAttr("entity.description")).
		Attributes().PutEmptySlice("entity.relationships")
	const n = entity.MaxRelationships + 1
	s.EnsureCapacity(n)
	for range n {
		s.AppendEmpty()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, _, invalid, err := decodeAll(logs)
	runtime.ReadMemStats(&after)
	if invalid != 1 || err == nil {
		t.Errorf("invalid %d: %v", invalid, err)
	}
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 1<<20 {
		t.Errorf("%d bytes allocated to refuse too many relationships", grown)
	}
}

func benchEvents() []entity.Event {
	r := rand.New(rand.NewPCG(5, 6))
	events := make([]entity.Event, 100)
	for i := range events {
		events[i] = entitytest.Event(r)
	}
	return events
}

func BenchmarkEncode(b *testing.B) {
	events := benchEvents()
	b.ReportAllocs()
	for b.Loop() {
		Encode(events)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
}

func BenchmarkDecode(b *testing.B) {
	logs := Encode(benchEvents())
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		Decode(logs, func(entity.Event) { n++ })
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
}
