package openflow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"
)

// parse reads a message that the package made.
func parse(t testing.TB, b []byte) Message {
	t.Helper()
	m, err := ParseMessage(b)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestHelloOffersVersions(t *testing.T) {
	offer := VersionsOf(V10, V13, V15)
	m := parse(t, Hello(7, offer))
	if m.Kind() != KindHello || m.XID != 7 || m.Version != V15 {
		t.Errorf("header %+v, kind %v", m.Header, m.Kind())
	}
	if got := HelloVersions(m); got != offer {
		t.Errorf("offers %v, want %v", got, offer)
	}
	// A peer of before 1.3.1 has no bitmap: all up to its header's.
	if got := HelloVersions(parse(t, message(V13, typeHello, 1, nil))); got != VersionsOf(V10, V11, V12, V13) {
		t.Errorf("without a bitmap: %v", got)
	}
	// An element that is not known comes before the bitmap.
	body := []byte{0, 9, 0, 6, 1, 2, 0, 0, 0, 1, 0, 8, 0, 0, 0, 0x10}
	if got := HelloVersions(parse(t, message(V15, typeHello, 1, body))); got != VersionsOf(V13) {
		t.Errorf("after another element: %v", got)
	}
	for _, c := range []struct {
		ours, theirs Versions
		want         Version
	}{
		{AllVersions, offer, V15},
		{VersionsOf(V10, V13, V14), offer, V13},
		{VersionsOf(V14), offer, 0},
	} {
		if got := Negotiate(c.ours, c.theirs); got != c.want {
			t.Errorf("negotiate %v and %v: %v, want %v", c.ours, c.theirs, got, c.want)
		}
	}
}

func TestVersionsHaveNames(t *testing.T) {
	for v := V10; v <= V15; v++ {
		got, err := ParseVersion(v.String())
		if err != nil || got != v {
			t.Errorf("%v: %v, %v", v, got, err)
		}
	}
	for text, want := range map[string]Version{"1.4": V14, "openflow10": V10, "1.6": 0, "": 0, "OpenFlow": 0} {
		if got, err := ParseVersion(text); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	if got := VersionsOf(V10, V15).String(); got != "OpenFlow10,OpenFlow15" {
		t.Error(got)
	}
}

// Every message that can be made is of its kind in each version.
func TestMessagesAreOfTheirKind(t *testing.T) {
	for v := V10; v <= V15; v++ {
		d := Dialect{Version: v}
		echo := parse(t, d.EchoRequest(1, []byte("abc")))
		for _, c := range []struct {
			bytes []byte
			want  Kind
		}{
			{d.EchoRequest(1, nil), KindEchoRequest},
			{d.EchoReply(echo), KindEchoReply},
			{d.FeaturesRequest(1), KindFeaturesRequest},
			{d.BarrierRequest(1), KindBarrierRequest},
			{d.FlowStatsRequest(1, FlowQuery{Table: AllTables}), KindStatsRequest},
			{d.FlowStatsRequest(1, FlowQuery{Standard: true}), KindStatsRequest},
			{d.GroupDescRequest(1), KindStatsRequest},
			{d.GroupStatsRequest(1), KindStatsRequest},
			{d.FlowMonitorRequest(1, Monitor{ID: 1, Flags: MonitorAll, Table: AllTables}), KindStatsRequest},
		} {
			m := parse(t, c.bytes)
			if m.Kind() != c.want || m.Version != v {
				t.Errorf("%v: %v of %v, want %v", v, m.Kind(), m.Version, c.want)
			}
			if len(c.bytes)%8 != 0 && m.Kind() == KindStatsRequest && v > V10 {
				t.Errorf("%v: %v has %d bytes", v, m.Kind(), len(c.bytes))
			}
		}
		if string(parse(t, d.EchoReply(echo)).Body) != "abc" {
			t.Error("an echo has not its request's data")
		}
		if async := d.Async(1, true); (async != nil) != (v >= V14) {
			t.Errorf("%v: async %x", v, async)
		}
	}
}

func TestReaderSplitsMessages(t *testing.T) {
	d := Dialect{Version: V13}
	var stream []byte
	want := [][]byte{nil, []byte("x"), bytes.Repeat([]byte("long"), 16000), []byte("last")}
	for i, data := range want {
		stream = append(stream, d.EchoRequest(uint32(i), data)...)
	}
	for name, r := range map[string]io.Reader{
		"at once":        bytes.NewReader(stream),
		"byte by byte":   iotest.OneByteReader(bytes.NewReader(stream)),
		"end with bytes": iotest.DataErrReader(bytes.NewReader(stream)),
	} {
		reader := NewReader(r)
		for i := range want {
			m, err := reader.Next()
			if err != nil {
				t.Fatalf("%s: message %d: %v", name, i, err)
			}
			if m.XID != uint32(i) || !bytes.Equal(m.Body, want[i]) {
				t.Fatalf("%s: message %d is %d with %d bytes", name, i, m.XID, len(m.Body))
			}
		}
		if _, err := reader.Next(); !errors.Is(err, io.EOF) {
			t.Errorf("%s: %v at the end", name, err)
		}
	}
	if _, err := NewReader(bytes.NewReader(stream[:20])).Next(); err != nil {
		t.Fatal(err)
	}
	cut := NewReader(bytes.NewReader(stream[:12]))
	if _, err := cut.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := cut.Next(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a cut message: %v", err)
	}
	if _, err := NewReader(strings.NewReader("\x04\x00\x00\x07\x00\x00\x00\x00")).Next(); !errors.Is(err, ErrShort) {
		t.Errorf("a length below the header's: %v", err)
	}
}

// A read that times out within a message loses nothing.
func TestReaderGoesOnAfterADeadline(t *testing.T) {
	b := Dialect{Version: V10}.EchoRequest(9, []byte("12345678"))
	reader := NewReader(io.MultiReader(bytes.NewReader(b[:10]), iotest.ErrReader(os.ErrDeadlineExceeded)))
	if _, err := reader.Next(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal(err)
	}
	reader.r = bytes.NewReader(b[10:])
	m, err := reader.Next()
	if err != nil || string(m.Body) != "12345678" {
		t.Errorf("%q, %v", m.Body, err)
	}
}

// reply makes a part of an answer.
func reply(v Version, xid uint32, typ, flags uint16, rest ...byte) []byte {
	b := binary.BigEndian.AppendUint16(nil, typ)
	b = binary.BigEndian.AppendUint16(b, flags)
	if v == V10 {
		return message(v, type10StatsReply, xid, append(b, rest...))
	}
	b = append(b, 0, 0, 0, 0)
	return message(v, type11StatsReply, xid, append(b, rest...))
}

func TestPartsAreFollowedAndBounded(t *testing.T) {
	parts := NewParts(5, DefaultPartsLimit())
	for i := range 3 {
		flags := uint16(statsMore)
		if i == 2 {
			flags = 0
		}
		p, last, err := parts.Add(parse(t, reply(V13, 5, statsFlow, flags, 1, 2, 3)))
		if err != nil || last != (i == 2) || len(p.Body) != 3 || p.Kind() != KindFlowStats {
			t.Fatalf("part %d: %+v, last %v, %v", i, p, last, err)
		}
	}
	for name, c := range map[string]struct {
		before, then []byte
		limit        PartsLimit
	}{
		"another transaction": {nil, reply(V13, 6, statsFlow, 0), DefaultPartsLimit()},
		"another kind":        {reply(V13, 5, statsFlow, 1), reply(V13, 5, statsGroup, 0), DefaultPartsLimit()},
		"after the last":      {reply(V13, 5, statsFlow, 0), reply(V13, 5, statsFlow, 0), DefaultPartsLimit()},
		"too many":            {reply(V13, 5, statsFlow, 1), reply(V13, 5, statsFlow, 1), PartsLimit{1, 1 << 20}},
		"too long":            {nil, reply(V13, 5, statsFlow, 0, make([]byte, 50)...), PartsLimit{9, 40}},
		"short":               {nil, message(V13, type11StatsReply, 5, []byte{0, 1}), DefaultPartsLimit()},
	} {
		parts := NewParts(5, c.limit)
		if c.before != nil {
			if _, _, err := parts.Add(parse(t, c.before)); err != nil {
				t.Fatal(name, err)
			}
		}
		if _, _, err := parts.Add(parse(t, c.then)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestRepliesAreOfTheirKind(t *testing.T) {
	nicira := func(subtype byte) []byte { return []byte{0, 0, 0x23, 0x20, 0, 0, 0, subtype, 0, 0, 0, 0} }
	for _, c := range []struct {
		bytes []byte
		want  Kind
	}{
		{reply(V10, 1, statsFlow, 0), KindFlowStats},
		{reply(V15, 1, statsFlow, 0), KindFlowStats},
		{reply(V10, 1, statsVendor, 0, nicira(nxstFlow)...), KindFlowStats},
		{reply(V10, 1, statsVendor, 0, nicira(nxstGroupDesc)...), KindGroupDesc},
		{reply(V10, 1, statsVendor, 0, nicira(nxstGroup)...), KindGroupStats},
		{reply(V12, 1, statsVendor, 0, nicira(nxstFlowMonitor)[:8]...), KindFlowMonitor},
		{reply(V13, 1, statsVendor, 0, 0x4f, 0x4e, 0x46, 0, 0, 0, 0x07, 0x4e), KindFlowMonitor},
		{reply(V14, 1, statsFlowMonitor, 0), KindFlowMonitor},
		{reply(V12, 1, statsFlowMonitor, 0), KindOtherStats},
		{reply(V13, 1, 13, 0), KindOtherStats},
		{reply(V10, 1, statsGroup, 0), KindOtherStats},
		{reply(V13, 1, statsVendor, 0, 1, 2), KindOther},
		{message(V12, typeVendor, 0, nicira(nxtMonitorPaused)), KindMonitorPaused},
		{message(V12, typeVendor, 0, nicira(nxtMonitorResumed)), KindMonitorResumed},
		{message(V13, typeVendor, 0, []byte{0x4f, 0x4e, 0x46, 0, 0, 0, 0x07, 0x4f}), KindMonitorPaused},
		{message(V13, typeVendor, 0, []byte{0x4f, 0x4e, 0x46, 0, 0, 0, 0x07, 0x50}), KindMonitorResumed},
		{message(V13, typeVendor, 0, []byte{1}), KindOther},
		{message(V14, type14RequestForward, 0, nil), KindRequestForward},
		{message(V13, type14RequestForward, 0, nil), KindOther},
		{message(V10, type10BarrierReply, 0, nil), KindBarrierReply},
		{message(V11, type11BarrierReply, 0, nil), KindBarrierReply},
		{message(V11, typeFeaturesReply, 0, nil), KindFeaturesReply},
		{message(V11, typePacketIn, 0, nil), KindPacketIn},
		{message(V11, typeFlowRemoved, 0, nil), KindFlowRemoved},
		{message(V11, typePortStatus, 0, nil), KindPortStatus},
		{message(V11, typeError, 0, nil), KindError},
	} {
		if got := parse(t, c.bytes).Kind(); got != c.want {
			t.Errorf("%x: %v, want %v", c.bytes, got, c.want)
		}
	}
}

func TestFailuresSaySomething(t *testing.T) {
	for _, c := range []struct {
		bytes       []byte
		want        string
		unsupported bool
	}{
		{message(V13, typeError, 3, []byte{0, 1, 0, 2, 9, 9}), "switch refuses: bad request: bad statistics type", true},
		{message(V13, typeError, 3, []byte{0, 1, 0, 6}), "switch refuses: bad request: bad length", false},
		{message(V10, typeError, 3, []byte{0, 3, 0, 1}), "switch refuses: flow_mod failed, code 1", false},
		{message(V14, typeError, 3, []byte{0, 16, 0, 1}), "switch refuses: flow monitor failed, code 1", false},
		{message(V13, typeError, 3, []byte{0xff, 0xff, 0, 7, 0, 0, 0x23, 0x20}), "switch refuses: error type 65535 of experimenter 0x2320, code 7", false},
		{message(V10, typeError, 3, []byte{0xb0, 0xc2, 0, 0, 0, 0, 0x23, 0x20, 0, 1, 2, 3}), "switch refuses: error type 1 of experimenter 0x2320, code 515", false},
		{message(V10, typeError, 3, []byte("\x00\x00\x00\x00no common version")), `switch refuses: hello failed, code 0: "no common version"`, false},
	} {
		f, err := DecodeFailure(parse(t, c.bytes))
		if err != nil {
			t.Fatal(err)
		}
		if f.Error() != c.want || f.XID != 3 || f.Unsupported() != c.unsupported {
			t.Errorf("%q (unsupported %v), want %q", f.Error(), f.Unsupported(), c.want)
		}
	}
	if _, err := DecodeFailure(parse(t, message(V13, typeError, 3, []byte{0}))); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
}

func TestFeaturesAndForwards(t *testing.T) {
	body := []byte{0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, 254, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}
	f, err := DecodeFeatures(parse(t, message(V13, typeFeaturesReply, 1, body)))
	if err != nil || f.DatapathID != 0x010203040506 || f.Tables != 254 || f.AuxiliaryID != 1 {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := DecodeFeatures(parse(t, message(V13, typeFeaturesReply, 1, body[:9]))); !errors.Is(err, ErrShort) {
		t.Error(err)
	}
	inner := message(V15, typeGroupMod, 8, []byte{0, 2, 0, 0, 0, 0, 4, 0xd2})
	w, ok, err := DecodeForward(parse(t, message(V15, type14RequestForward, 1, inner)))
	if err != nil || !ok || w != (Forward{Command: 2, Group: 1234}) {
		t.Errorf("%+v, %v, %v", w, ok, err)
	}
	if _, ok, err = DecodeForward(parse(t, message(V15, type14RequestForward, 1, message(V15, 29, 8, nil)))); ok || err != nil {
		t.Error("a meter's change is one of a group", err)
	}
	if _, _, err = DecodeForward(parse(t, message(V15, type14RequestForward, 1, nil))); err == nil {
		t.Error("no error for nothing forwarded")
	}
}
