package main

import (
	"bytes"
	"cmp"
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
		if plainGroups(v.Map()) {
			appendPlainGroups(b, v.Map())
			continue
		}
		for i, g := range v.Map() {
			if i > 0 {
				b.WriteByte('\n')
			}
			b.WriteString(groupName(g.Key) + "\n")
			appendMembers(b, g.Value)
		}
	}
}

// groupName is the name of a group as it is shown, "" that of what has none.
func groupName(s string) string { return cmp.Or(printable(s, false), `""`) }

// appendMembers writes the flows, nodes or edges of a group.
func appendMembers(b *bytes.Buffer, v entity.Value) {
	var first entity.Attrs
	if list := v.List(); len(list) > 0 {
		first = list[0].Map()
	}
	data := v.AppendJSON(nil)
	var flows []client.Flow
	var nodes []client.Node
	var edges []client.Edge
	switch {
	case !first.Has("Metadata"):
		if json.Unmarshal(data, &flows) == nil {
			appendFlows(b, flows)
		}
	case first.Has("Parent"):
		if json.Unmarshal(data, &edges) == nil {
			appendEdges(b, edges, nil)
		}
	default:
		if json.Unmarshal(data, &nodes) == nil {
			appendNodes(b, nodes)
		}
	}
}

// plainGroups tells whether groups hold values, not flows, nodes or edges.
func plainGroups(groups entity.Attrs) bool {
	for _, g := range groups {
		if g.Value.Kind() != entity.KindList {
			return true
		}
		for _, e := range g.Value.List() {
			return !e.Map().Has("Metadata") && !e.Map().Has("UUID")
		}
	}
	return false
}

// appendPlainGroups writes a row for each group: its name and its value.
func appendPlainGroups(b *bytes.Buffer, groups entity.Attrs) {
	t := table{header: []string{"GROUP", "VALUE"}, always: true}
	for _, g := range groups {
		t.add(groupName(g.Key), cell(g.Value))
	}
	t.write(b)
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
