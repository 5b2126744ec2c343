package alert

import (
	"strings"
	"unicode/utf8"

	"github.com/skein-net/skein/internal/entity"
)

// Names of the labels that alerts have by themselves.
const (
	labelAlert    = "alertname"
	labelID       = "id"
	labelName     = "name"
	labelType     = "type"
	labelHost     = "host"
	labelRelation = "relation"
	labelParent   = "parent"
	labelChild    = "child"
	labelKey      = "key"
	labelValue    = "value"
)

// maxBrief bounds the value of a label, or one that changed, in bytes.
const maxBrief = 1 << 10

// defaults are the labels that an alert of a thing has by itself, those without a
// value left out.
func (c *Compiled) defaults(t *Thing) map[string]string {
	out := make(map[string]string, 8)
	set := func(name, value string) {
		if value != "" && !c.dropped[name] {
			out[name] = brief(value)
		}
	}
	s := t.sub()
	switch s.Kind {
	case OfNode:
		set(labelID, s.Key)
		set(labelName, t.Name())
		set(labelType, t.Type())
		set(labelHost, t.Host())
	case OfEdge:
		set(labelID, s.Key)
		set(labelRelation, s.Edge.RelationType)
		set(labelParent, nameOf(s.Parent))
		set(labelChild, nameOf(s.Child))
		set(labelHost, t.Host())
	case OfRow:
		for _, a := range s.Value.Map() {
			if a.Value.IsScalar() && !c.ignored[a.Key] {
				set(sanitize(a.Key), a.Value.Text())
			}
		}
	case OfGroup:
		set(labelKey, s.Key)
	case OfValue:
		set(labelValue, s.Key)
	case OfPath:
		set(labelParent, nameOf(s.Parent))
		set(labelChild, nameOf(s.Child))
	case OfFlow:
		set(labelID, s.Key)
		set(labelHost, t.Host())
		for name, key := range flowLabels() {
			set(name, t.get(key))
		}
	}
	out[labelAlert] = c.Rule.Alert
	return out
}

// flowLabels are the labels of flows, by the fields they have their values from.
func flowLabels() map[string]string {
	return map[string]string{"application": "Application", "network_a": "Network.A", "network_b": "Network.B", "interface": "Interface"}
}

// labelsOf gives the labels of the alert of a thing, and of a template that failed
// the error.
func (c *Compiled) labelsOf(s *Subject, external *External) (map[string]string, error) {
	t := &Thing{subject: s, flows: c.flows, external: external}
	own := c.defaults(t)
	t.labels = own
	out := make(map[string]string, len(own)+len(c.labels))
	for name, value := range own {
		out[name] = value
	}
	var problem error
	for _, l := range c.labels {
		value, err := l.t.expand(t)
		if err != nil {
			problem = &Error{Rule: -1, Field: "labels." + l.name, Err: err}
		}
		if value = brief(value); value == "" {
			delete(out, l.name)
		} else {
			out[l.name] = value
		}
	}
	out[labelAlert] = c.Rule.Alert
	return out, problem
}

// notesOf gives the annotations of an alert, and of a template that failed the
// error.
func (c *Compiled) notesOf(s *Subject, labels map[string]string, external *External) (map[string]string, error) {
	t := &Thing{subject: s, flows: c.flows, labels: labels, external: external}
	out := make(map[string]string, len(c.notes))
	var problem error
	for _, a := range c.notes {
		value, err := a.t.expand(t)
		if err != nil {
			problem = &Error{Rule: -1, Field: "annotations." + a.name, Err: err}
		}
		out[a.name] = value
	}
	return out, problem
}

// brief makes a text fit to be the value of a label, or of a change.
func brief(s string) string {
	s = strings.ToValidUTF8(s, "\ufffd")
	if len(s) <= maxBrief {
		return s
	}
	s = s[:maxBrief]
	for !utf8.ValidString(s) {
		s = s[:len(s)-1]
	}
	return s
}

// fingerprint is a text that equal labels have alone.
func fingerprint(labels map[string]string) string {
	list := make(entity.Attrs, 0, len(labels))
	for name, value := range labels {
		list = append(list, entity.A(name, entity.String(value)))
	}
	return string(list.Normalize().AppendJSON(nil))
}
