package faults

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// reports sends reports of flows, as OTLP in JSON, and notes when which were
// acknowledged. Each report of a flow adds a packet of 100 bytes.
type reports struct {
	http  *http.Client
	from  int64 // Unix ns
	flows []reported
	next  int
	body  bytes.Buffer

	sent, acked, refused int64
}

// reported is what is known of one flow.
type reported struct {
	id   string
	sent int64
	// acked holds of each report when it was acknowledged, 0 when it was not.
	acked []int64
	// lost is how many were missing after a crash.
	lost int64
}

func newReports(set, flows int) *reports {
	l := &reports{http: newHTTP(nil), from: time.Now().UnixNano(), flows: make([]reported, flows)}
	for i := range l.flows {
		l.flows[i].id = fmt.Sprintf("fa000000-%04x-8000-8000-%012x", set, i)
	}
	return l
}

// ledger runs a function with reports of ten flows.
func (d *daemon) ledger(t *testing.T, f func(*reports)) {
	t.Helper()
	l := newReports(0xffff, 10)
	defer l.http.CloseIdleConnections()
	f(l)
}

// send sends the next report of each of n flows in one request.
func (l *reports) send(ctx context.Context, d *daemon, n int) error {
	l.body.Reset()
	l.body.WriteString(`{"resourceLogs":[{"resource":{"attributes":[{"key":"host.id","value":{"stringValue":"fault-host"}}]},"scopeLogs":[{"logRecords":[`)
	first, now := l.next, time.Now().UnixNano()
	for i := range n {
		f := &l.flows[(first+i)%len(l.flows)]
		f.sent++
		f.acked = append(f.acked, 0)
		l.report(i, f, now)
	}
	l.next = (first + n) % len(l.flows)
	l.body.WriteString(`]}]}]}`)
	l.sent += int64(n)
	err := post(ctx, l.http, "http://"+d.addr+"/v1/logs", l.body.Bytes())
	if err != nil {
		l.refused += int64(n)
		return err
	}
	l.acked += int64(n)
	now = time.Now().UnixNano()
	for i := range n {
		f := &l.flows[(first+i)%len(l.flows)]
		f.acked[len(f.acked)-1] = now
	}
	return nil
}

// report writes a log record.
func (l *reports) report(i int, f *reported, now int64) {
	if i > 0 {
		l.body.WriteByte(',')
	}
	fmt.Fprintf(&l.body, `{"timeUnixNano":"%d","eventName":"network.flow","attributes":[`, now)
	for j, s := range [][2]string{
		{"flow.id", f.id}, {"flow.capture_id", "faults"}, {"network.interface.name", "v0"}, {"flow.layers", "Ethernet/IPv4/UDP"},
		{"network.type", "ipv4"}, {"source.address", "10.9.0.1"}, {"destination.address", "10.9.0.2"}, {"flow.finish", "NOT_FINISHED"},
	} {
		if j > 0 {
			l.body.WriteByte(',')
		}
		fmt.Fprintf(&l.body, `{"key":%q,"value":{"stringValue":%q}}`, s[0], s[1])
	}
	for _, n := range []struct {
		key   string
		value int64
	}{
		{"network.flow.start", l.from}, {"network.flow.end", now}, {"flow.update.start", now}, {"flow.update.end", now},
		{"flow.packets", f.sent}, {"flow.bytes", 100 * f.sent}, {"network.io.packets", 1}, {"network.io.bytes", 100},
	} {
		fmt.Fprintf(&l.body, `,{"key":%q,"value":{"intValue":"%d"}}`, n.key, n.value)
	}
	l.body.WriteString(`]}`)
}

func post(ctx context.Context, c *http.Client, url string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	switch {
	case err != nil:
		return err
	case resp.StatusCode != http.StatusOK:
		return fmt.Errorf("%s, Retry-After %q: %s", resp.Status, resp.Header.Get("Retry-After"), bytes.TrimSpace(b))
	case strings.Contains(string(b), "rejected"):
		return fmt.Errorf("not all were taken: %s", b)
	}
	return nil
}

// tryMetric returns the sum of the series of one of topologyd's counters.
func (d *daemon) tryMetric(name string) (int64, error) {
	b, err := d.get("/metrics")
	if err != nil {
		return 0, err
	}
	return sumOf(bytes.NewReader(b), strings.TrimSuffix(name, "_total"))
}
