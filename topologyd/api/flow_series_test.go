package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
)

// seriesAnswer is the part of an answer that the tests look at.
type seriesAnswer struct {
	From, To, Start time.Time
	Step            int64 `json:"step_seconds"`
	By              []string
	Metric          string
	Series          []struct {
		Key    map[string]any
		Total  int64
		Points []int64
	}
	Others []int64
}

func (b *flowBench) series(query string) (s seriesAnswer, text string) {
	b.t.Helper()
	resp, answer := b.do(http.MethodGet, "/api/v1/flows/series?"+query, "")
	if err := json.Unmarshal([]byte(answer), &s); err != nil || resp.StatusCode != 200 {
		b.t.Fatalf("%s: %d %v %s", query, resp.StatusCode, err, answer)
	}
	for i := range s.Series {
		if text += fmt.Sprintf("%v%d%d ", s.Series[i].Key, s.Series[i].Total, s.Series[i].Points); len(s.Series[i].Points) != len(s.Series[0].Points) {
			b.t.Errorf("%s: %s", query, answer)
		}
	}
	if s.Others != nil {
		text += fmt.Sprint("others", s.Others)
	}
	return s, strings.TrimSpace(text)
}

// newSeriesBench has reports at even seconds of 2026-03-01 12:00: of eth0 100
// bytes at 10, 30 and 70, of eth1 500 at 30.
func newSeriesBench(t *testing.T) *flowBench {
	b := newFlowBench(t, nil, nil)
	for _, x := range []struct{ flow, second, bytes int64 }{{1, 10, 100}, {1, 30, 100}, {2, 70, 100}, {5, 30, 500}} {
		r := b.record(x.flow)
		at := t0.Add(time.Duration(x.second) * time.Second).UnixNano()
		r.Metric.Start, r.Metric.Last, r.Metric.ABBytes = at-1e9, at, x.second
		r.Update = flowrecord.Metric{Start: at - 1e9, Last: at, ABBytes: x.bytes, ABPackets: 1}
		if err := b.store.Write(t.Context(), []flowrecord.Record{r}); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func TestFlowSeries(t *testing.T) {
	b := newSeriesBench(t)
	at := func(seconds int) string {
		return url.QueryEscape(t0.Add(time.Duration(seconds) * time.Second).Format(time.RFC3339))
	}
	for query, want := range map[string]string{
		"by=application&step=20s&from=" + at(0) + "&to=" + at(79):         "map[Application:DNS]500[0 500 0 0] map[Application:HTTPS]300[100 100 0 100]",
		"by=application&step=20s&limit=1&from=" + at(0) + "&to=" + at(79): "map[Application:DNS]500[0 500 0 0] others[100 100 0 100]",
		"by=application&step=60&from=" + at(25) + "&to=" + at(69):         "map[Application:DNS]500[500 0] map[Application:HTTPS]100[100 0]",
		"step=1m&from=" + at(0) + "&to=" + at(79):                         "map[]800[700 100]",
		"step=1m&metric=flows&from=" + at(0) + "&to=" + at(79):            "map[]3[2 1]",
		"by=host&step=1m&interface=eth1&from=" + at(0) + "&to=" + at(79):  "map[Host:h]500[500 0]",
		"by=host&metric=ba_bytes&step=1h&from=" + at(0) + "&to=" + at(79): "map[Host:h]0[0]",
		"by=host&step=1m&from=" + at(80) + "&to=" + at(200):               "",
	} {
		if _, got := b.series(query); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", query, got, want)
		}
	}
	s, _ := b.series("by=source,port&metric=packets&from=" + at(25) + "&to=" + at(3625))
	if s.Step != 60 || !s.Start.Equal(t0) || !s.From.Equal(t0.Add(25*time.Second)) || s.To.Sub(s.From) != time.Hour || s.Metric != "packets" ||
		fmt.Sprint(s.By) != "[Network.A Transport.B]" || len(s.Series) != 3 || len(s.Series[0].Points) != 61 {
		t.Errorf("%+v", s)
	}
	s, _ = b.series("")
	if s.To.Sub(s.From).Round(time.Second) != time.Hour || s.Step != 60 || len(s.Series) != 1 || len(s.By) != 0 || s.Series[0].Total != 1500 {
		t.Errorf("the last hour: %+v", s)
	}
}

func TestFlowSeriesMistakes(t *testing.T) {
	b := newSeriesBench(t)
	for _, x := range []struct{ query, want string }{
		{"steps=1m", "there is no parameter"},
		{"finished=true", "there is no parameter"},
		{"by=Nope", "give source, destination"},
		{"by=Last", "give source, destination"},
		{"metric=rtt", "give bytes, packets, flows"},
		{"step=1", "makes 3601 steps of this time; there may be 2000"},
		{"step=1m&to=-1h", "there may be 2000"},
		{"step=0", "whole seconds"},
		{"step=-1m", "whole seconds"},
		{"step=1500ms", "whole seconds"},
		{"step=x", "whole seconds"},
		{"limit=0", "from 1 to 100"},
		{"limit=101", "from 1 to 100"},
		{"from=-1h&to=-2h", "from is after to"},
		{"since=soon", "from: "},
		{"port=x", "is not a port"},
	} {
		if resp, answer := b.do(http.MethodGet, "/api/v1/flows/series?"+x.query, ""); resp.StatusCode != 400 || !strings.Contains(answer, x.want) {
			t.Errorf("%s: %d %s", x.query, resp.StatusCode, answer)
		}
	}
	if resp, answer := b.do(http.MethodGet, "/api/v1/flows/series?node=nowhere", ""); resp.StatusCode != 404 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	b.api.cfg.Limits.Bytes = 50
	if resp, answer := b.do(http.MethodGet, "/api/v1/flows/series", ""); resp.StatusCode != 422 || !strings.Contains(answer, "bytes") {
		t.Errorf("too large: %d %s", resp.StatusCode, answer)
	}
	if b.api.running() != 0 || b.api.budget.Used() != 0 {
		t.Error("slots or bytes left over")
	}
}

func TestNiceStep(t *testing.T) {
	for window, want := range map[time.Duration]time.Duration{
		0: 10 * time.Second, 5 * time.Minute: 10 * time.Second, 20 * time.Minute: time.Minute, time.Hour: time.Minute, 6 * time.Hour: 5 * time.Minute,
		24 * time.Hour: 15 * time.Minute, 7 * 24 * time.Hour: 2 * time.Hour, 100 * 24 * time.Hour: 24 * time.Hour, 365 * 24 * time.Hour: 4 * 24 * time.Hour,
	} {
		if got := niceStep(window); got != want {
			t.Errorf("%v: %v, want %v", window, got, want)
		}
	}
}

// TestFlowSeriesShapes holds the schemas against what is really sent.
func TestFlowSeriesShapes(t *testing.T) {
	d := parse(t)
	b := newSeriesBench(t)
	_, text := b.do(http.MethodGet, "/api/v1/flows/series?by=application&limit=1", "")
	var answer map[string]any
	if err := json.Unmarshal([]byte(text), &answer); err != nil {
		t.Fatal(err)
	}
	checkShape(t, "FlowSeries", d.Components.Schemas["FlowSeries"], answer)
	if answer["others"] == nil {
		t.Error("no others")
	}
	checkShape(t, "FlowSeriesRow", d.Components.Schemas["FlowSeriesRow"], answer["series"].([]any)[0].(map[string]any))
}
