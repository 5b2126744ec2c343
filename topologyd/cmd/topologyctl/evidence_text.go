package main

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// appendEdgeEvidence writes why an edge is there.
func appendEdgeEvidence(b *bytes.Buffer, e *client.EdgeExplanation) {
	line(b, 0, "edge %s %s%s", cell(e.Edge.Metadata.Get(entity.KeyRelationType)), e.Edge.ID, marked(e.Edge.Stale))
	line(b, 1, "parent  %s", place(&e.Parent))
	line(b, 1, "child   %s", place(&e.Child))
	if len(e.Evidence) == 0 {
		line(b, 1, "nothing asserts it any more")
	}
	for i := range e.Evidence {
		x := &e.Evidence[i]
		if x.Join != nil {
			appendJoinEvidence(b, e.Now, x)
			continue
		}
		line(b, 1, "asserted by %s of %s", x.Source, entityText(x.Entity))
		appendSaid(b, 2, x.Attributes)
		line(b, 2, "%s", heard(e.Now, &x.FacetInfo))
	}
}

// appendJoinEvidence writes that a row makes an edge.
func appendJoinEvidence(b *bytes.Buffer, now time.Time, x *client.EdgeEvidence) {
	j := x.Join
	if j.Row == nil { // not of this server
		return
	}
	line(b, 1, "made by the join %s: %s", j.Row.Name, joinText(j.Row))
	if j.Row.Description != "" {
		line(b, 2, "%s", j.Row.Description)
	}
	appendSaid(b, 2, x.Attributes)
	line(b, 2, "%s", heard(now, &client.FacetInfo{Confirmed: x.Confirmed, Stale: x.Stale}))
	for _, s := range []struct {
		what string
		key  []string
		side *client.JoinedFacets
	}{{"from", j.Row.From.Key, &j.From}, {"to", j.Row.To.Key, &j.To}} {
		line(b, 2, "%-4s %s", s.what, entityText(s.side.Entity))
		var values []string
		for i, key := range s.key {
			if i < len(j.Keys) {
				values = append(values, key+" = "+j.Keys[i])
			}
		}
		line(b, 3, "%s", strings.Join(values, ", "))
		for i := range s.side.Facets {
			line(b, 3, "%s: %s", s.side.Facets[i].Source, heard(now, &s.side.Facets[i]))
		}
	}
}

// appendSaid writes what is said of an edge beside that it is there.
func appendSaid(b *bytes.Buffer, depth int, a entity.Attrs) {
	var parts []string
	for _, x := range a {
		if x.Key != entity.KeyRelationType {
			parts = append(parts, x.Key+" = "+cell(x.Value))
		}
	}
	if len(parts) > 0 {
		line(b, depth, "says %s", strings.Join(parts, ", "))
	}
}

// appendNodeEvidence writes who speaks of a node.
func appendNodeEvidence(b *bytes.Buffer, e *client.NodeExplanation) {
	line(b, 0, "node %s%s", place(&e.Node), marked(e.Node.Stale))
	line(b, 1, "is the %s", entityText(e.Entity))
	for i := range e.Joined {
		line(b, 1, "and the %s, by the join %s", entityText(e.Joined[i].Entity), e.Joined[i].Row)
	}
	for i := range e.Facets {
		f := &e.Facets[i]
		of := ""
		if len(e.Joined) > 0 {
			of = " of the " + f.Entity.Type
		}
		line(b, 1, "%s%s: %s", f.Source, of, heard(e.Now, f))
		if len(f.Keys) > 0 {
			line(b, 2, "gives %s", strings.Join(f.Keys, ", "))
		}
	}
}

// line writes one line, whatever the texts hold.
func line(b *bytes.Buffer, depth int, format string, args ...any) {
	b.WriteString(strings.Repeat("  ", depth))
	b.WriteString(printable(fmt.Sprintf(format, args...), false))
	b.WriteByte('\n')
}

func marked(isStale bool) string {
	if isStale {
		return " (stale)"
	}
	return ""
}

// place is the name of a node, its host and its ID.
func place(n *client.Node) string {
	name := nodeName(n)
	if n.Host != "" && n.Host != cell(n.Metadata.Get(entity.KeyName)) {
		name += " at " + n.Host
	}
	return name + " " + n.ID.String()
}

// entityText is an entity by its type and identity.
func entityText(e client.EntityRef) string {
	parts := make([]string, 0, len(e.ID))
	for _, k := range slices.Sorted(maps.Keys(e.ID)) {
		parts = append(parts, k+"="+e.ID[k])
	}
	return e.Type + " {" + strings.Join(parts, ", ") + "}"
}

// heard tells when something was confirmed, and what of that is amiss.
func heard(now time.Time, f *client.FacetInfo) string {
	text := "never confirmed"
	if !f.Confirmed.IsZero() {
		text = "confirmed " + ago(now.Sub(f.Confirmed))
	}
	if !f.Reported.IsZero() {
		text += ", unchanged since " + f.Reported.UTC().Format(time.RFC3339)
	}
	if f.Interval > 0 {
		text += fmt.Sprintf(", every %g s", f.Interval)
	}
	if f.Stale {
		text += ", stale: overdue"
	}
	return text
}

// ago is a time that passed, in the unit that fits.
func ago(d time.Duration) string {
	switch {
	case d < time.Second:
		return "just now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	}
	return fmt.Sprintf("%d days ago", int(d.Hours()/24))
}
