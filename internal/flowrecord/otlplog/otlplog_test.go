package otlplog

import (
	"math"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/flowrecordtest"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
)

func decodeAll(t *testing.T, logs plog.Logs) (records []flowrecord.Record) {
	t.Helper()
	ignored, invalid, err := Decode(logs, func(r *flowrecord.Record) { records = append(records, *r) })
	if ignored != 0 || invalid != 0 || err != nil {
		t.Fatalf("ignored %d, invalid %d: %v", ignored, invalid, err)
	}
	return records
}

func same(t *testing.T, got, want []flowrecord.Record) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d records of %d", len(got), len(want))
	}
	table := flowrecord.NewTable()
	for i := range got {
		if a, b := table.Attrs(&got[i]), table.Attrs(&want[i]); !a.Equal(b) {
			t.Fatalf("record %d\ngot  %s\nwant %s", i, entity.Map(a).Text(), entity.Map(b).Text())
		}
	}
}

// TestPropertyRoundTrip: every record survives, in memory, as protobuf and as
// JSON.
func TestPropertyRoundTrip(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		var want []flowrecord.Record
		for range 30 {
			want = append(want, flowrecordtest.Record(r), flowrecordtest.Full(r))
		}
		logs := Encode(want)
		same(t, decodeAll(t, logs), want)
		req := plogotlp.NewExportRequestFromLogs(logs)
		pb, err := NewEncoder().Request(want)
		if err != nil {
			t.Fatal(err)
		}
		js, err := req.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		got := plogotlp.NewExportRequest()
		if err := got.UnmarshalProto(pb); err != nil {
			t.Fatal(err)
		}
		same(t, decodeAll(t, got.Logs()), want)
		got = plogotlp.NewExportRequest()
		if err := got.UnmarshalJSON(js); err != nil {
			t.Fatal(err)
		}
		same(t, decodeAll(t, got.Logs()), want)
	}
}

// TestEncodedForm pins what other programs read.
func TestEncodedForm(t *testing.T) {
	rec := flowrecordtest.Full(rand.New(rand.NewPCG(3, 4)))
	rec.HostID, rec.TransportProtocol, rec.TransportB = "h1", "TCP", 443
	rec.DNS = entity.Map(entity.Attrs{entity.A("ID", entity.Int(7))})
	logs := Encode([]flowrecord.Record{rec})
	res := logs.ResourceLogs().At(0)
	if v, _ := res.Resource().Attributes().Get("host.id"); v.Str() != "h1" {
		t.Errorf("host.id of the resource is %q", v.AsString())
	}
	lr := res.ScopeLogs().At(0).LogRecords().At(0)
	if lr.EventName() != "network.flow" {
		t.Errorf("event name %q", lr.EventName())
	}
	if got, want := int64(lr.Timestamp()), max(rec.Update.Last, rec.Metric.Last); got != want {
		t.Errorf("timestamp %d, want %d", got, want)
	}
	for key, want := range map[string]any{
		"network.transport": "tcp", "destination.port": int64(443), "flow.dns": `{"ID":7}`,
		"flow.id": rec.ID.String(), "network.io.bytes": rec.Update.ABBytes,
	} {
		if v, _ := lr.Attributes().Get(key); v.AsRaw() != want {
			t.Errorf("%s: got %v, want %v", key, v.AsRaw(), want)
		}
	}
	if _, ok := lr.Attributes().Get("host.id"); ok {
		t.Error("host.id is written twice")
	}
}

func TestEncodeGroupsByHost(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	var want []flowrecord.Record
	for _, host := range []string{"a", "a", "b", "", "a"} {
		rec := flowrecordtest.Record(r)
		rec.HostID = host
		want = append(want, rec)
	}
	logs := Encode(want)
	if n := logs.ResourceLogs().Len(); n != 4 {
		t.Errorf("%d resources, want 4", n)
	}
	same(t, decodeAll(t, logs), want)
}

// TestRecordOverResource: the host.id of a log record wins.
func TestRecordOverResource(t *testing.T) {
	logs := flowLog(func(a pcommon.Map) { a.PutStr("host.id", "inner") })
	logs.ResourceLogs().At(0).Resource().Attributes().PutStr("host.id", "outer")
	if got := decodeAll(t, logs)[0].HostID; got != "inner" {
		t.Errorf("host %q", got)
	}
}

// TestShallowCopy: what one record holds is not changed by the next.
func TestShallowCopy(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	want := []flowrecord.Record{flowrecordtest.Full(r), flowrecordtest.Full(r)}
	got := decodeAll(t, Encode(want))
	if got[0].TCP == got[1].TCP || !reflect.DeepEqual(got[0].TCP, want[0].TCP) {
		t.Error("records share TCP")
	}
}

// flowLog is a log record with an ID and what put adds.
func flowLog(put func(pcommon.Map)) plog.Logs {
	logs := plog.NewLogs()
	r := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	r.SetEventName(flowrecord.EventName)
	r.Attributes().PutStr("flow.id", "6ba7b810-9dad-51d1-80b4-00c04fd430c8")
	put(r.Attributes())
	return logs
}

func TestDecodeInvalid(t *testing.T) {
	str := func(key, value string) func(pcommon.Map) { return func(m pcommon.Map) { m.PutStr(key, value) } }
	num := func(key string, value int64) func(pcommon.Map) { return func(m pcommon.Map) { m.PutInt(key, value) } }
	deep := func(m pcommon.Map) {
		x := m.PutEmptyMap("flow.dns")
		for range 100 {
			x = x.PutEmptyMap("x")
		}
	}
	deepList := func(m pcommon.Map) {
		x := m.PutEmptyMap("flow.dns").PutEmptySlice("x")
		for range 100 {
			x = x.AppendEmpty().SetEmptySlice()
		}
	}
	wide := func(m pcommon.Map) {
		x := m.PutEmptyMap("flow.dns").PutEmptySlice("x")
		for range 20_000 {
			x.AppendEmpty().SetBool(true)
		}
	}
	for name, c := range map[string]struct {
		put  func(pcommon.Map)
		want string
	}{
		"no id":              {func(m pcommon.Map) { m.Remove("flow.id") }, "no flow.id"},
		"zero id":            {str("flow.id", "00000000-0000-0000-0000-000000000000"), "no flow.id"},
		"id":                 {str("flow.id", "x"), "flow.id: x makes no sense"},
		"id is a number":     {num("flow.id", 1), "flow.id: want a string, got Int"},
		"id is bytes":        {func(m pcommon.Map) { m.PutEmptyBytes("flow.id").Append(1) }, "got Bytes"},
		"tracking":           {str("flow.tracking_id", "12"), "makes no sense"},
		"mac":                {str("source.mac", "02:00:00:00:00:0"), "makes no sense"},
		"mac without colons": {str("source.mac", "02-00-00-00-00-00"), "makes no sense"},
		"address":            {str("source.address", "1.2.3"), "makes no sense"},
		"zone":               {str("source.address", "fe80::1%eth0"), "makes no sense"},
		"port":               {num("source.port", 65536), "makes no sense"},
		"negative port":      {num("source.port", -1), "makes no sense"},
		"port is text":       {str("source.port", "80"), "want an integer, got Str"},
		"negative":           {num("flow.bytes", -1), "makes no sense"},
		"negative time":      {num("network.flow.start", math.MinInt64), "makes no sense"},
		"double":             {func(m pcommon.Map) { m.PutDouble("flow.bytes", 1) }, "got Double"},
		"bool":               {func(m pcommon.Map) { m.PutBool("flow.bytes", true) }, "got Bool"},
		"finish":             {str("flow.finish", "DONE"), "makes no sense"},
		"long":               {str("flow.capture_id", strings.Repeat("x", 1025)), "1025 bytes, more than 1024"},
		"tcp":                {str("flow.tcp.retransmits", "1"), "want an integer"},
		"transport":          {str("network.transport", "\u0130"), "makes no sense"},
		"text is a map":      {func(m pcommon.Map) { m.PutEmptyMap("flow.layers") }, "want a string, got Map"},
		"details":            {str("flow.dns", "{"), "flow.dns: "},
		"details are a list": {str("flow.dns", "[]"), "want a JSON object, got a list"},
		"details are a slice": {func(m pcommon.Map) { m.PutEmptySlice("flow.dns") },
			"want a JSON object or a map, got Slice"},
		"long details":    {str("flow.dns", strings.Repeat(" ", 65537)), "more than 65536"},
		"deep details":    {deep, "nested more than 16 deep"},
		"deep list":       {deepList, "nested more than 16 deep"},
		"wide details":    {wide, "more than 65536 bytes"},
		"NaN in details":  {func(m pcommon.Map) { m.PutEmptyMap("flow.dns").PutDouble("x", math.NaN()) }, "NaN is no number"},
		"bytes in detail": {func(m pcommon.Map) { m.PutEmptyMap("flow.dns").PutEmptyBytes("x") }, "a value of type Bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			ignored, invalid, err := Decode(flowLog(c.put), func(*flowrecord.Record) { t.Error("a record") })
			if ignored != 0 || invalid != 1 || err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), "log record 1: ") {
				t.Errorf("ignored %d, invalid %d, %v; want %q", ignored, invalid, err, c.want)
			}
		})
	}
}

// TestDecodeTolerant: what is unknown, empty or not UTF-8 does no harm.
func TestDecodeTolerant(t *testing.T) {
	logs := flowLog(func(m pcommon.Map) {
		m.PutStr("net.unknown", "x")
		m.PutEmpty("flow.bytes")
		m.PutStr("source.address", "")
		m.PutStr("flow.capture_id", "a\xffb")
		d := m.PutEmptyMap("flow.dns")
		d.PutStr("q\xff", "n")
		d.PutEmpty("none")
		d.PutEmptySlice("list").AppendEmpty().SetInt(3)
	})
	logs.ResourceLogs().At(0).Resource().Attributes().PutInt("host.id", 3)
	rec := decodeAll(t, logs)[0]
	if rec.CaptureID != "a\uFFFDb" || rec.HostID != "" || rec.DNS.Text() != `{"list":[3],"q`+"\uFFFD"+`":"n"}` {
		t.Errorf("%q %q %s", rec.CaptureID, rec.HostID, rec.DNS.Text())
	}
}

// TestDecodeMixed counts what is no flow and goes on after what is invalid.
func TestDecodeMixed(t *testing.T) {
	logs := flowLog(func(pcommon.Map) {})
	records := logs.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords()
	records.AppendEmpty().SetEventName("entity.state")
	records.AppendEmpty().SetEventName(flowrecord.EventName)
	records.At(0).CopyTo(records.AppendEmpty())
	n := 0
	ignored, invalid, err := Decode(logs, func(*flowrecord.Record) { n++ })
	if n != 2 || ignored != 1 || invalid != 1 || err.Error() != "log record 3: no flow.id" {
		t.Errorf("%d records, ignored %d, invalid %d, %v", n, ignored, invalid, err)
	}
}

// FuzzDecode: any request gives records or errors, and what was read is
// written and read again as the same.
func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(9, 10))
	for range 5 {
		pb, err := plogotlp.NewExportRequestFromLogs(Encode([]flowrecord.Record{flowrecordtest.Record(r)})).MarshalProto()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(pb)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		req := plogotlp.NewExportRequest()
		if len(b) > 1<<16 || req.UnmarshalProto(b) != nil {
			return
		}
		var first []flowrecord.Record
		ignored, invalid, err := Decode(req.Logs(), func(r *flowrecord.Record) { first = append(first, *r) })
		if (err != nil) != (invalid > 0) || ignored+invalid+len(first) != req.Logs().LogRecordCount() {
			t.Fatalf("%d records, ignored %d, invalid %d, %v", len(first), ignored, invalid, err)
		}
		same(t, decodeAll(t, Encode(first)), first)
	})
}

// FuzzAttribute: one attribute of any name and any kind of value.
func FuzzAttribute(f *testing.F) {
	for i, field := range flowrecord.Fields() {
		f.Add(field.Wire, "x", int64(i), 1.5, byte(i))
	}
	f.Add("flow.dns", `{"a":[1,{"b":2.5}]}`, int64(0), 0.0, byte(0))
	f.Fuzz(func(t *testing.T, key, s string, i int64, d float64, kind byte) {
		logs := flowLog(func(m pcommon.Map) {
			v, _ := m.GetOrPutEmpty(key)
			switch kind % 7 {
			case 0:
				v.SetStr(s)
			case 1:
				v.SetInt(i)
			case 2:
				v.SetDouble(d)
			case 3:
				v.SetBool(i > 0)
			case 4:
				v.SetEmptyBytes().FromRaw([]byte(s))
			case 5:
				v.SetEmptySlice().AppendEmpty().SetStr(s)
			case 6:
				x := v.SetEmptyMap()
				x.PutStr(s, s)
				x.PutDouble("d", d)
			}
		})
		var first []flowrecord.Record
		_, invalid, err := Decode(logs, func(r *flowrecord.Record) { first = append(first, *r) })
		if (err != nil) != (invalid == 1) || len(first)+invalid != 1 {
			t.Fatalf("%d records, %v", len(first), err)
		}
		same(t, decodeAll(t, Encode(first)), first)
	})
}

func BenchmarkEncode(b *testing.B) {
	r := rand.New(rand.NewPCG(11, 12))
	rec := flowrecordtest.Full(r)
	rec.DNS, rec.DHCPv4, rec.VRRPv2 = entity.Value{}, entity.Value{}, entity.Value{}
	e := NewEncoder()
	b.ReportAllocs()
	for b.Loop() {
		logs := plog.NewLogs()
		records := logs.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords()
		records.EnsureCapacity(1000)
		for range 1000 {
			e.Record(&rec, records.AppendEmpty())
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
}

func BenchmarkDecode(b *testing.B) {
	r := rand.New(rand.NewPCG(13, 14))
	var records []flowrecord.Record
	for range 1000 {
		rec := flowrecordtest.Full(r)
		rec.DNS, rec.DHCPv4, rec.VRRPv2 = entity.Value{}, entity.Value{}, entity.Value{}
		records = append(records, rec)
	}
	logs, d := Encode(records), NewDecoder()
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := d.Decode(logs, func(*flowrecord.Record) {}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/record")
}
