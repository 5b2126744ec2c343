package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"

	"github.com/skein-net/skein/internal/entity"
	eventlog "github.com/skein-net/skein/internal/entity/otlplog"
	"github.com/skein-net/skein/internal/flowrecord"
	flowlog "github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/engine"
)

// newShareBench has hosts that may change 10 bytes a second, and have one record a
// second kept.
func newShareBench(t *testing.T) *claimsBench {
	b := newClaimsBench(t)
	var err error
	if b.in.shares, err = newShares(&Config{HostChanges: 10, HostRecords: 1}); err != nil {
		t.Fatal(err)
	}
	return b
}

// renamed is an interface of a host with so long a name.
func renamed(host string, n int) []byte {
	return encode(ev(eth(host, "2"), "netlink", text("Name", strings.Repeat("x", n))))
}

// TestShareOfChanges: a host that changes too much has to wait, alone; what it
// repeats is taken all the same.
func TestShareOfChanges(t *testing.T) {
	b := newShareBench(t)
	alive := encode(world("a", global)...)
	if code, e := b.write("a", alive); code != http.StatusNoContent {
		t.Fatalf("%d %+v", code, e)
	}
	if code, e := b.write("a", renamed("a", 7000)); code != http.StatusNoContent {
		t.Fatalf("the first may come at once: %d %+v", code, e)
	}
	resp, header, answer := b.post("/api/v2/write", renamed("a", 10), "As", "a")
	if resp != http.StatusTooManyRequests || header.Get("Retry-After") != "10" || !strings.Contains(string(answer), "a reports more changes than its share; send again in 10 s, or have --host-change-rate raised") {
		t.Errorf("%d %v %s", resp, header, answer)
	}
	if n := b.counter("topologyd_ingest_rejected_total", protoLine, reasonChanges); n != 1 {
		t.Errorf("%v counted", n)
	}
	// Beside a change that has to wait, what is known is alive.
	before := b.counter("topologyd_ingest_events_total", protoLine, "heartbeat")
	if code, _ := b.write("a", append(bytes.Clone(alive), renamed("a", 10)...)); code != http.StatusTooManyRequests {
		t.Error(code)
	}
	if n := b.counter("topologyd_ingest_events_total", protoLine, "heartbeat") - before; n != 10 {
		t.Errorf("%v heartbeats, want 10: all but the interface that was renamed", n)
	}
	for _, as := range []string{"b", "relay"} {
		host := strings.Replace(as, "relay", "a", 1)
		if code, e := b.write(as, renamed(host, 20)); code != http.StatusNoContent {
			t.Errorf("%s: %d %+v", as, code, e)
		}
	}
	// By OTLP it has the same share.
	logs := marshal(t, typeProtobuf, eventlog.Encode([]entity.Event{*ev(eth("a", "2"), "netlink", text("Name", "y"))}))
	if code, header, answer := b.post("/v1/logs", logs, "Content-Type", typeProtobuf, "As", "a"); code != http.StatusTooManyRequests || header.Get("Retry-After") != "10" {
		t.Errorf("%d %s", code, answer)
	}
	b.clock = b.clock.Add(20 * time.Minute)
	if code, e := b.write("a", renamed("a", 30)); code != http.StatusNoContent {
		t.Errorf("%d %+v", code, e)
	}
}

// TestShareOfNoChange: what changes nothing is not charged.
func TestShareOfNoChange(t *testing.T) {
	b := newShareBench(t)
	body := renamed("a", 500)
	for i := range 50 {
		// As the same by another encoding, so that it is decoded.
		logs := marshal(t, typeProtobuf, eventlog.Encode([]entity.Event{*ev(eth("a", "2"), "netlink", text("Name", strings.Repeat("x", 500)))}))
		if code, _, answer := b.post("/v1/logs", logs, "Content-Type", typeProtobuf, "As", "a"); code != http.StatusOK {
			t.Fatalf("%d: %d %s", i, code, answer)
		}
	}
	if code, e := b.write("a", body); code != http.StatusNoContent {
		t.Errorf("%d %+v", code, e)
	}
}

// TestShareOfRecords: flow records, on both ways in, and counters.
func TestShareOfRecords(t *testing.T) {
	for _, media := range []string{typeProtobuf, typeJSON} {
		b := newShareBench(t)
		b.write("b", encode(world("b", another)...))
		flows := func(n int) []byte {
			_, all := flowLogs(n)
			for i := range all {
				all[i].HostID, all[i].NodeTID = "b", entity.UUID{1}
			}
			return marshal(t, media, flowlog.Encode(all))
		}
		// Ten minutes' worth of two hosts.
		for i, n := range []int{700, 700, 1} {
			want := http.StatusOK
			if i == 2 {
				want = http.StatusTooManyRequests
			}
			if code, _, answer := b.post("/v1/logs", flows(n), "Content-Type", media, "As", "b"); code != want {
				t.Fatalf("%s, %d: %d %s", media, i, code, answer)
			}
		}
		if n := len(b.flows.reports); n != 1400 {
			t.Errorf("%d records", n)
		}
		if code, e := b.write("b", counterLines(eth("b", "2").UUID())); code != http.StatusTooManyRequests || !strings.Contains(e.Message, "--host-record-rate") || len(b.series.got) != 0 {
			t.Errorf("%d %+v", code, e)
		}
		if n := b.counter("topologyd_ingest_rejected_total", reasonRecords); n != 2 {
			t.Errorf("%v counted", n)
		}
		b.clock = b.clock.Add(time.Hour)
		if code, e := b.write("b", counterLines(eth("b", "2").UUID())); code != http.StatusNoContent || len(b.series.got) != 1 {
			t.Errorf("%d %+v", code, e)
		}
	}
}

// TestShareOfOneRequest: what is more than a share is taken, when there was something
// left as it came, or it would never be.
func TestShareOfOneRequest(t *testing.T) {
	b := newShareBench(t)
	b.in.cfg.Batch = 10
	var body []byte
	for n := range 100 {
		body = append(body, encode(ev(eth("a", fmt.Sprint(n)), "netlink", text("Name", strings.Repeat("x", 200))))...)
	}
	for i, want := range []int{http.StatusNoContent, http.StatusTooManyRequests} {
		body := bytes.ReplaceAll(body, []byte("xxx"), fmt.Appendf(nil, "y%d", i))
		if code, e := b.write("a", body); code != want {
			t.Errorf("%d: %d %+v", i, code, e)
		}
	}
	if n := b.counter("topologyd_ingest_events_total", protoLine, "changed"); n != 100 {
		t.Errorf("%v changed, want 100", n)
	}
	_, records := flowLogs(3 * flowBatch)
	for i := range records {
		records[i].HostID, records[i].NodeTID = "a", entity.UUID{1}
	}
	if code, _, answer := b.post("/v1/logs", marshal(t, typeProtobuf, flowlog.Encode(records)), "Content-Type", typeProtobuf, "As", "a"); code != http.StatusOK || len(b.flows.reports) != len(records) {
		t.Errorf("%d %s, %d records", code, answer, len(b.flows.reports))
	}
}

// TestShareGRPC tells a sender over gRPC when to come again.
func TestShareGRPC(t *testing.T) {
	b := newShareBench(t)
	ctx := auth.With(t.Context(), who["a"])
	send := func(n int) error {
		_, err := b.in.takeLogs(ctx, protoGRPC, eventlog.Encode([]entity.Event{*ev(eth("a", "2"), "netlink", text("Name", strings.Repeat("x", n)))}))
		return err
	}
	if err := send(6500); err != nil {
		t.Fatal(err)
	}
	err := send(1)
	var over *shareError
	if !errors.As(err, &over) {
		t.Fatal(err)
	}
	st := grpcstatus.Convert((&GRPC{in: b.in}).refuse(err))
	if st.Code() != codes.ResourceExhausted || len(st.Details()) != 1 || st.Details()[0].(*errdetails.RetryInfo).RetryDelay.Seconds != 10 {
		t.Errorf("%v %v", st, st.Details())
	}
}

// TestShareUnbounded: nobody is bound by a share of zero, nor are those who speak
// for all hosts by any.
func TestShareUnbounded(t *testing.T) {
	b := newShareBench(t)
	for i := range 20 {
		if code, e := b.write("relay", renamed("a", 5000+i)); code != http.StatusNoContent {
			t.Fatalf("%d %+v", code, e)
		}
	}
	var err error
	if b.in.shares, err = newShares(&Config{}); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		if code, e := b.write("a", renamed("a", 5000+i)); code != http.StatusNoContent {
			t.Fatalf("%d %+v", code, e)
		}
	}
	if _, err := newShares(&Config{HostChanges: -1}); err == nil || !strings.Contains(err.Error(), "bound the changes of a host") {
		t.Error(err)
	}
}

// BenchmarkShare is what a batch of changes, and one of flow records, costs more.
func BenchmarkShare(b *testing.B) {
	bench := newClaimsBench(b)
	c := bench.in.claimsOf(auth.With(b.Context(), who["a"]))
	items := make([]engine.Item, 5000)
	for i := range items {
		items[i].Event = *ev(eth("a", fmt.Sprint(i)), "netlink", text("Name", "eth0"), text("Type", "device"), text("MAC", "02:00:00:00:00:02"))
	}
	records := make([]flowrecord.Record, 1000)
	b.Run("changes", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.changes = false
			if err := c.mayChange(); err != nil {
				bench.clock = bench.clock.Add(time.Hour)
			}
			c.changed(c.sizeOf(items), len(items), engine.Summary{Changed: 2500})
		}
	})
	b.Run("records", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			c.records = false
			if err := c.mayRecord(); err != nil {
				bench.clock = bench.clock.Add(time.Hour)
			}
			c.recorded(len(records))
		}
	})
}
