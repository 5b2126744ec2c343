package api

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestJoinCheck(t *testing.T) {
	b := newBench(t, nil)
	b.fill(3)
	d := parse(t)
	const row = `{"kind":"edge","relation":"x","from":{"entity":"host","key":["@Host"]},"to":{"entity":"interface","key":["@Host"]}}`
	before := b.graph.Revision()
	resp, answer := b.do("POST", "/api/v1/joins/check", row, "Content-Type", typeJSON)
	if resp.StatusCode != 200 {
		t.Fatalf("%d %s", resp.StatusCode, answer)
	}
	var m map[string]any
	if err := json.Unmarshal([]byte(answer), &m); err != nil {
		t.Fatal(err)
	}
	checkShape(t, "JoinTrial", d.Components.Schemas["JoinTrial"], m)
	example := m["examples"].([]any)[0].(map[string]any)
	checkShape(t, "NamedEntity", d.Components.Schemas["NamedEntity"], example["from"].(map[string]any))
	if m["pairs"].(float64) < 1 || b.graph.Revision() != before {
		t.Error(answer)
	}
	for name, x := range map[string]struct {
		body, media string
		status      int
		want        string
	}{
		"media":    {row, "text/plain", 415, "Content-Type: application/json"},
		"field":    {`{"x":1}`, typeJSON, 400, `there is no field \"x\"`},
		"mistake":  {strings.Replace(row, "edge", "both", 1), typeJSON, 400, `kind \"both\" is not known`},
		"nothing":  {`{}`, typeJSON, 400, "there is no row"},
		"disabled": {`{"disabled":true}`, typeJSON, 400, "a row that is disabled does nothing"},
	} {
		t.Run(name, func(t *testing.T) {
			if resp, answer := b.do("POST", "/api/v1/joins/check", x.body, "Content-Type", x.media); resp.StatusCode != x.status || !strings.Contains(answer, x.want) {
				t.Errorf("%d %s", resp.StatusCode, answer)
			}
		})
	}
	if !b.api.trials.Acquire(t.Context(), time.Second) {
		t.Fatal("it is not given back")
	}
	if resp, answer := b.do("POST", "/api/v1/joins/check", row, "Content-Type", typeJSON); resp.StatusCode != 503 || !strings.Contains(answer, "another row is being tried") {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
	b.api.trials.Release()
	b.api.cfg.Limits.Time = time.Nanosecond
	if resp, answer := b.do("POST", "/api/v1/joins/check", row, "Content-Type", typeJSON); resp.StatusCode != 408 && resp.StatusCode != 503 {
		t.Errorf("%d %s", resp.StatusCode, answer)
	}
}
