package rulefile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/topologyd/alert"
)

// MaxBytes is how long a file may be.
const MaxBytes = 4 << 20

// Bounds of one file.
const (
	maxGroups   = 1000
	maxMistakes = 20
)

// Parse reads a file and compiles its rules. The error tells all mistakes, at most
// some, each in a line of its own with the number of the line it is in.
func Parse(data []byte) ([]alert.Group, error) {
	var root yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	if err := dec.Decode(&root); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, nil
		}
		return nil, plain(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, errors.New("it holds more than one document; write all groups into one, below its field groups")
	}
	var doc document
	strict := yaml.NewDecoder(bytes.NewReader(data))
	strict.KnownFields(true)
	if err := strict.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return nil, plain(err)
	}
	return build(&doc, field(content(&root), "groups"))
}

// build makes groups of a document; nodes are where they stand.
func build(doc *document, nodes *yaml.Node) ([]alert.Group, error) {
	if len(doc.Groups) > maxGroups {
		return nil, fmt.Errorf("it has %d groups, more than %d", len(doc.Groups), maxGroups)
	}
	var errs mistakes
	seen := make(map[string]bool)
	out := make([]alert.Group, 0, len(doc.Groups))
	for i := range doc.Groups {
		g, at := doc.Groups[i].group(), item(nodes, i)
		if g.Name != "" && seen[g.Name] {
			errs.add(line(at, "name"), "name: there are two groups %s; rename one", g.Name)
		}
		seen[g.Name] = true
		rules := field(at, "rules")
		for k := range doc.Groups[i].Rules {
			if doc.Groups[i].Rules[k].Record != "" {
				errs.add(line(item(rules, k), "record"), "record: graph rules record nothing; give alert, or count things for Prometheus by a recording rule on topologyd's metrics")
			}
		}
		for _, e := range alert.Mistakes(g.Validate()) {
			where := at
			if e.Rule >= 0 {
				where = item(rules, e.Rule)
			}
			errs.add(line(where, e.Field), "%s", e.Error())
		}
		out = append(out, g)
	}
	if err := errs.err(); err != nil {
		return nil, err
	}
	return out, nil
}

// group makes the group of the core.
func (g *group) group() alert.Group {
	out := alert.Group{Name: g.Name, Interval: time.Duration(g.Interval), Limit: g.Limit, Labels: g.Labels}
	for i := range g.Rules {
		r := g.Rules[i].rule()
		if g.Rules[i].Record != "" && r.Alert == "" {
			r.Alert = g.Rules[i].Record // said already
		}
		out.Rules = append(out.Rules, r)
	}
	return out
}

// mistakes collects what is wrong.
type mistakes struct {
	list []mistake
	more int
}

type mistake struct {
	line int
	text string
}

func (m *mistakes) add(line int, format string, args ...any) {
	x := mistake{line, fmt.Sprintf(format, args...)}
	switch {
	case slices.Contains(m.list, x): // said already of another use of the same text
	case len(m.list) == maxMistakes:
		m.more++
	default:
		m.list = append(m.list, x)
	}
}

func (m *mistakes) err() error {
	if len(m.list) == 0 {
		return nil
	}
	slices.SortStableFunc(m.list, func(a, b mistake) int { return a.line - b.line })
	lines := make([]string, 0, len(m.list)+1)
	for _, x := range m.list {
		lines = append(lines, fmt.Sprintf("line %d: %s", x.line, x.text))
	}
	if m.more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", m.more))
	}
	return errors.New(strings.Join(lines, "\n"))
}

// content is the mapping of a file.
func content(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.DocumentNode && len(n.Content) > 0 {
		return n.Content[0]
	}
	return n
}

// field is the value of a field of a mapping, nil when there is none.
func field(n *yaml.Node, name string) *yaml.Node {
	n = resolve(n)
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == name {
			return n.Content[i+1]
		}
	}
	return nil
}

// item is an element of a list, nil when there is none.
func item(n *yaml.Node, i int) *yaml.Node {
	n = resolve(n)
	if n == nil || n.Kind != yaml.SequenceNode || i >= len(n.Content) {
		return nil
	}
	return n.Content[i]
}

func resolve(n *yaml.Node) *yaml.Node {
	if n != nil && n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// line is where a field stands, of one in a mapping with its key behind a dot; else
// where the mapping does.
func line(n *yaml.Node, name string) int {
	if n == nil {
		return 1
	}
	head, key, inside := strings.Cut(name, ".")
	at := field(n, head)
	if at == nil {
		return n.Line
	}
	if inside {
		if sub := field(at, key); sub != nil {
			return sub.Line
		}
	}
	return at.Line
}
