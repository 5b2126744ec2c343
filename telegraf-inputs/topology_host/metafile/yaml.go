package metafile

import (
	"fmt"

	"gopkg.in/yaml.v3"

	"github.com/skein-net/skein/internal/entity"
)

// parseYAML goes through the nodes of the document itself, not through Go
// values made of them: so dates stay as they are written, keys of any scalar
// type work, and the number of values is bounded while aliases are followed.
func parseYAML(data []byte) (entity.Value, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return entity.Value{}, fmt.Errorf("parse YAML: %w", err)
	}
	if len(doc.Content) == 0 {
		return entity.Value{}, nil
	}
	var c counter
	return c.fromYAML(doc.Content[0], 0)
}

func (c *counter) fromYAML(n *yaml.Node, depth int) (entity.Value, error) {
	if err := c.add(depth); err != nil {
		return entity.Value{}, fmt.Errorf("line %d: %w", n.Line, err)
	}
	switch n.Kind {
	case yaml.AliasNode:
		// An alias within its own anchor ends at the bound of depth.
		return c.fromYAML(n.Alias, depth+1)
	case yaml.ScalarNode:
		return yamlScalar(n)
	case yaml.SequenceNode:
		vs := make([]entity.Value, 0, len(n.Content))
		for _, e := range n.Content {
			v, err := c.fromYAML(e, depth+1)
			if err != nil {
				return entity.Value{}, err
			}
			if !v.IsZero() { // lists have no null
				vs = append(vs, v)
			}
		}
		return entity.List(vs...), nil
	case yaml.MappingNode:
		return c.yamlMap(n, depth)
	}
	return entity.Value{}, fmt.Errorf("line %d: node of kind %d", n.Line, n.Kind)
}

func (c *counter) yamlMap(n *yaml.Node, depth int) (entity.Value, error) {
	a := make(entity.Attrs, 0, len(n.Content)/2)
	seen := make(map[string]bool, len(n.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, val := n.Content[i], n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			merged = append(merged, val)
			continue
		}
		if key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		if key.Kind != yaml.ScalarNode {
			return entity.Value{}, fmt.Errorf("line %d: key is not a scalar", key.Line)
		}
		if seen[key.Value] {
			return entity.Value{}, fmt.Errorf("line %d: key %q is there twice", key.Line, key.Value)
		}
		seen[key.Value] = true
		v, err := c.fromYAML(val, depth+1)
		if err != nil {
			return entity.Value{}, err
		}
		a = append(a, entity.A(key.Value, v))
	}
	for _, m := range merged {
		v, err := c.fromYAML(m, depth+1)
		if err != nil {
			return entity.Value{}, err
		}
		maps := v.List()
		if v.Kind() == entity.KindMap {
			maps = []entity.Value{v}
		}
		for _, from := range maps {
			for _, x := range from.Map() {
				if !seen[x.Key] { // what comes first stays
					seen[x.Key] = true
					a = append(a, x)
				}
			}
		}
	}
	return entity.Map(a.Normalize()), nil
}

func yamlScalar(n *yaml.Node) (entity.Value, error) {
	var err error
	switch n.ShortTag() {
	case "!!null":
		return entity.Value{}, nil
	case "!!bool":
		var b bool
		if err = n.Decode(&b); err == nil {
			return entity.Bool(b), nil
		}
	case "!!int":
		var i int64
		if err = n.Decode(&i); err == nil {
			return entity.Int(i), nil
		}
		var u uint64
		if n.Decode(&u) == nil {
			return entity.Uint(u), nil
		}
	case "!!float":
		var f float64
		if err = n.Decode(&f); err == nil {
			return entity.Float(f), nil
		}
	default: // text, times, binary data and types of other programs
		return entity.String(n.Value), nil
	}
	return entity.Value{}, fmt.Errorf("parse YAML: %w", err)
}
