package main

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// appendResult writes a result as text: a table for elements, a line per value
// or path, the bare number.
func appendResult(b *bytes.Buffer, r *client.Result) {
	switch r.Kind {
	case client.KindNumber, client.KindMap:
		appendNumber(b, r.Number)
	case client.KindFlows:
		appendFlows(b, r.Flows)
	case client.KindGroups:
		appendGroups(b, r.Values)
	case client.KindMetrics:
		appendMetrics(b, r.Values)
	case client.KindNodes:
		appendNodes(b, r.Nodes)
	case client.KindEdges:
		appendEdges(b, r.Edges, nil)
	case client.KindPaths:
		for _, way := range r.Ways {
			for i, e := range way {
				switch {
				case e.Edge != nil:
					b.WriteString(" -[" + printable(cell(e.Edge.Metadata.Get(entity.KeyRelationType)), false) + "]-> ")
				case i > 0 && way[i-1].Edge == nil:
					b.WriteString(" -> ")
				}
				if e.Node != nil {
					b.WriteString(nodeName(e.Node))
				}
			}
			b.WriteByte('\n')
		}
	case client.KindGraph:
		names := make(map[entity.UUID]string, len(r.Nodes))
		for i := range r.Nodes {
			names[r.Nodes[i].ID] = nodeName(&r.Nodes[i])
		}
		appendNodes(b, r.Nodes)
		if len(r.Nodes) > 0 && len(r.Edges) > 0 {
			b.WriteByte('\n')
		}
		appendEdges(b, r.Edges, names)
	default:
		if len(r.Values) > 0 && !slices.ContainsFunc(r.Values, func(v entity.Value) bool { return v.Kind() != entity.KindMap }) {
			appendMaps(b, r.Values)
			return
		}
		for _, v := range r.Values {
			b.WriteString(printable(v.Text(), false) + "\n")
		}
	}
}

func appendNodes(b *bytes.Buffer, nodes []client.Node) {
	t := table{header: []string{"NAME", "TYPE", "HOST", "STATE", "MAC", "MTU", "IPV4", "IPV6", "UPDATED", "", "ID"}}
	for i := range nodes {
		n := &nodes[i]
		get := func(key string) string { return cell(n.Metadata.Get(key)) }
		t.add(get("Name"), get("Type"), n.Host, get("State"), get("MAC"), get("MTU"), get("IPV4"), get("IPV6"),
			at(n.UpdatedAt), stale(n.Stale), n.ID.String())
	}
	t.write(b)
}

func appendEdges(b *bytes.Buffer, edges []client.Edge, names map[entity.UUID]string) {
	t := table{header: []string{"RELATION", "PARENT", "CHILD", "ATTRIBUTES", "UPDATED", "", "ID"}}
	end := func(id entity.UUID) string {
		if s, ok := names[id]; ok {
			return s
		}
		return id.String()
	}
	for i := range edges {
		e := &edges[i]
		t.add(cell(e.Metadata.Get(entity.KeyRelationType)), end(e.Parent), end(e.Child), edgeAttributes(e), at(e.UpdatedAt), stale(e.Stale), e.ID.String())
	}
	t.write(b)
}

// edgeAttributes returns what is known of an edge besides its relation type.
func edgeAttributes(e *client.Edge) string {
	var parts []string
	for _, a := range e.Metadata {
		if a.Key != entity.KeyRelationType {
			parts = append(parts, a.Key+"="+cell(a.Value))
		}
	}
	return strings.Join(parts, " ")
}

func appendMaps(b *bytes.Buffer, values []entity.Value) {
	keys := map[string]bool{}
	for _, v := range values {
		for _, a := range v.Map() {
			keys[a.Key] = true
		}
	}
	t := table{header: slices.Sorted(maps.Keys(keys)), always: true}
	for _, v := range values {
		row := make([]string, len(t.header))
		for i, k := range t.header {
			row[i] = cell(v.Map().Get(k))
		}
		t.add(row...)
	}
	t.write(b)
}

// nodeName returns the name and type of a node, its ID when it has none.
func nodeName(n *client.Node) string {
	name := cell(n.Metadata.Get(entity.KeyName))
	if name == "" {
		name = n.ID.String()
	}
	if typ := cell(n.Metadata.Get(entity.KeyType)); typ != "" {
		name += " (" + typ + ")"
	}
	return printable(name, false)
}

// cell returns a value as a table shows it: lists of scalars with commas.
func cell(v entity.Value) string {
	switch v.Kind() {
	case entity.KindNone:
		return ""
	case entity.KindList:
		if slices.ContainsFunc(v.List(), func(e entity.Value) bool { return !e.IsScalar() }) {
			return v.Text()
		}
		parts := make([]string, len(v.List()))
		for i, e := range v.List() {
			parts[i] = e.Text()
		}
		return strings.Join(parts, ",")
	default:
		return v.Text()
	}
}

func at(ms int64) string {
	if ms == 0 {
		return ""
	}
	return time.UnixMilli(ms).UTC().Format(time.RFC3339)
}

func stale(yes bool) string {
	if yes {
		return "stale"
	}
	return ""
}

// table aligns columns. A column without any cell is left out, unless always.
type table struct {
	header []string
	rows   [][]string
	always bool
}

func (t *table) add(cells ...string) {
	for i, c := range cells {
		cells[i] = printable(c, false)
	}
	t.rows = append(t.rows, cells)
}

func (t *table) write(b *bytes.Buffer) {
	if len(t.rows) == 0 {
		return
	}
	width := make([]int, len(t.header))
	for _, row := range t.rows {
		for i, c := range row {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	var columns []int
	for i, h := range t.header {
		if width[i] > 0 || t.always {
			columns = append(columns, i)
			width[i] = max(width[i], utf8.RuneCountInString(h))
		}
	}
	line := make([]byte, 0, 256)
	for r := -1; r < len(t.rows); r++ {
		row := t.header
		if r >= 0 {
			row = t.rows[r]
		}
		line = line[:0]
		for k, i := range columns {
			line = append(line, row[i]...)
			if k < len(columns)-1 {
				line = append(line, strings.Repeat(" ", width[i]-utf8.RuneCountInString(row[i])+2)...)
			}
		}
		b.Write(bytes.TrimRight(line, " "))
		b.WriteByte('\n')
	}
}
