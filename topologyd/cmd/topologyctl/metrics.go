package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// appendNumber writes a number, or the values of a map one below the other.
func appendNumber(b *bytes.Buffer, v entity.Value) {
	if v.Kind() != entity.KindMap {
		b.WriteString(v.Text() + "\n")
		return
	}
	t := table{header: []string{"WHAT", "VALUE"}, always: true}
	flatten(&t, "", v)
	t.write(b)
}

// appendGroups writes the flows of each group below its name.
func appendGroups(b *bytes.Buffer, values []entity.Value) {
	for _, v := range values {
		for i, g := range v.Map() {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(printable(g.Key, false) + "\n")
			var flows []client.Flow
			if json.Unmarshal(g.Value.AppendJSON(nil), &flows) == nil {
				appendFlows(b, flows)
			}
		}
	}
}

// appendMetrics writes the metrics of each node or flow as rows that begin with
// its ID: counters side by side, times as such.
func appendMetrics(b *bytes.Buffer, values []entity.Value) {
	const start, last = "Start", "Last"
	keys := map[string]bool{}
	for _, v := range values {
		for _, g := range v.Map() {
			for _, m := range g.Value.List() {
				for _, a := range m.Map() {
					keys[a.Key] = a.Key != start && a.Key != last
				}
			}
		}
	}
	counters := slices.DeleteFunc(slices.Sorted(maps.Keys(keys)), func(k string) bool { return !keys[k] })
	t := table{header: append([]string{"FROM", "TO"}, counters...)}
	t.header = append(t.header, "ID")
	for _, v := range values {
		for _, g := range v.Map() {
			for _, m := range g.Value.List() {
				row := []string{at(m.Map().Get(start).Int()), at(m.Map().Get(last).Int())}
				for _, k := range counters {
					row = append(row, cell(m.Map().Get(k)))
				}
				t.add(append(row, strings.TrimSpace(g.Key))...)
			}
		}
	}
	t.write(b)
}
