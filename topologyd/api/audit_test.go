package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/topologyd/audit"
)

// auditExample is a record with everything that one may have.
func auditExample() audit.Record {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return audit.Record{
		Time: at, Action: audit.PacketsFetch, Outcome: audit.Refused, Reason: "r",
		Actor:    audit.Actor{User: "u", Method: "token", Remote: "192.0.2.1:5", UserAgent: "curl"},
		Endpoint: "GET /", Request: "1", Kind: "join", ID: "i", Capture: "c", Name: "n", Query: "q", Filter: "f", Node: "n", Flows: 1,
		From: at, To: at, Follow: true, Nodes: 1, Hosts: 1, Packets: 1, Bytes: 1, Missing: 1, Suppressed: 1,
	}
}

// audited is an [AuditReader] that tells what it was asked for.
type audited struct {
	asked audit.Query
	err   error
}

func (f *audited) Read(_ context.Context, q audit.Query) ([]audit.Record, bool, error) {
	f.asked = q
	if q.User == "nobody" {
		return nil, false, f.err
	}
	return []audit.Record{auditExample()}, true, f.err
}

func TestAudit(t *testing.T) {
	f := &audited{}
	now := time.Date(2026, 3, 1, 13, 0, 0, 0, time.UTC)
	b := newBenchWith(t, nil, func(d *Deps) { d.Audited, d.Now = f, func() time.Time { return now } })
	for _, tt := range []struct {
		query string
		code  int
		want  string
		asked audit.Query
	}{
		{"", 200, `"more":true`, audit.Query{Limit: 100}},
		{"?user=nobody", 200, `{"records":[],"more":false}`, audit.Query{Limit: 100, User: "nobody"}},
		{"?since=-1h&before=2026-03-01T12:30:00Z&action=packets.&outcome=ok&limit=1000", 200, `"user":"u"`, audit.Query{
			Since: now.Add(-time.Hour), Before: now.Add(-30 * time.Minute), Action: "packets.", Outcome: "ok", Limit: 1000}},
		{"?limit=1001", 400, "limit", audit.Query{}},
		{"?outcome=good", 400, "ok, refused, failed", audit.Query{}},
		{"?who=x", 400, "there is no parameter", audit.Query{}},
		{"?since=yesterday", 400, "since", audit.Query{}},
	} {
		f.asked = audit.Query{}
		resp, answer := b.do(http.MethodGet, "/api/v1/audit"+tt.query, "")
		if resp.StatusCode != tt.code || !strings.Contains(answer, tt.want) || fmt.Sprint(f.asked) != fmt.Sprint(tt.asked) {
			t.Errorf("%s: %d %s; asked %+v", tt.query, resp.StatusCode, answer, f.asked)
		}
	}
	for err, code := range map[error]int{context.DeadlineExceeded: 422, errors.New("the disk is gone"): 500} {
		f.err = err
		if resp, answer := b.do(http.MethodGet, "/api/v1/audit", ""); resp.StatusCode != code || !json.Valid([]byte(answer)) {
			t.Errorf("%v: %d %s", err, resp.StatusCode, answer)
		}
	}
	if resp, _ := newBench(t, nil).do(http.MethodGet, "/api/v1/audit", ""); resp.StatusCode != http.StatusNotImplemented {
		t.Errorf("without a record: %d", resp.StatusCode)
	}
}
