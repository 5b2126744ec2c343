package flowstore

import (
	"bytes"
	"fmt"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/otlplog"
)

// TestOTLP has a collector's export go to a VictoriaLogs without topologyd in
// between: flows must be found as if they had been written by it.
func TestOTLP(t *testing.T) {
	addr := run(t, victoriaLogs(t), "-storageDataPath="+t.TempDir())
	s := openRemote(t, addr, nil)
	w := newWorld(21, time.Now().Add(-time.Hour).UnixNano(), time.Minute)
	m := newModel(s.cfg)
	m.records = w.flows(200)
	all := otlplog.Encode(m.records)
	// Logs of others are no flows, whatever their attributes.
	other := all.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().AppendEmpty()
	all.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0).CopyTo(other)
	other.SetEventName("network.flower")
	body, err := plogotlp.NewExportRequestFromLogs(all).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, fmt.Sprintf("http://%s/insert/opentelemetry/v1/logs", addr), bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status, err)
	}
	http.DefaultClient.CloseIdleConnections()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkFlows(t, s, m, &flowrecord.Query{From: w.from, To: w.from + int64(10*time.Minute)})
	for range 100 {
		checkFlows(t, s, m, w.query(s.table, m.records))
	}
	rows, err := s.Top(t.Context(), TopQuery{Metric: TopFlows, From: w.from, To: w.from + int64(10*time.Minute)})
	if err != nil || len(rows) != 1 || rows[0].Value != 200 {
		t.Errorf("flows: %v, %v", rows, err)
	}
}
