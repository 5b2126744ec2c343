package metafile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"github.com/skein-net/skein/internal/entity"
)

// parseJSON is laxer than [entity.ParseJSON], which reads what other parts of
// Skein write: a null in a list or a deep part of the file that nobody selects
// does not make the file unusable.
func parseJSON(text string) (entity.Value, error) {
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var doc any
	if err := dec.Decode(&doc); err != nil {
		return entity.Value{}, fmt.Errorf("parse JSON: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return entity.Value{}, errors.New("parse JSON: text after the value")
	}
	var c counter
	return c.fromTree(doc, 0)
}

func parseTOML(text string) (entity.Value, error) {
	var doc map[string]any
	if _, err := toml.Decode(text, &doc); err != nil {
		return entity.Value{}, fmt.Errorf("parse TOML: %w", err)
	}
	var c counter
	return c.fromTree(doc, 0)
}

// fromTree converts what the JSON and TOML parsers return. Null is none, and
// is left out of lists and maps.
func (c *counter) fromTree(x any, depth int) (entity.Value, error) {
	if err := c.add(depth); err != nil {
		return entity.Value{}, err
	}
	switch x := x.(type) {
	case nil:
		return entity.Value{}, nil
	case bool:
		return entity.Bool(x), nil
	case int64:
		return entity.Int(x), nil
	case float64:
		return entity.Float(x), nil
	case json.Number:
		return number(x), nil
	case string:
		return entity.String(x), nil
	case time.Time:
		return entity.String(tomlTime(x)), nil
	case []any:
		return treeList(c, x, depth)
	case []map[string]any:
		return treeList(c, x, depth)
	case map[string]any:
		a := make(entity.Attrs, 0, len(x))
		for k, e := range x {
			v, err := c.fromTree(e, depth+1)
			if err != nil {
				return entity.Value{}, err
			}
			a = append(a, entity.A(k, v))
		}
		return entity.Map(a.Normalize()), nil
	}
	return entity.Value{}, fmt.Errorf("value of type %T", x)
}

func treeList[T any](c *counter, xs []T, depth int) (entity.Value, error) {
	vs := make([]entity.Value, 0, len(xs))
	for _, x := range xs {
		v, err := c.fromTree(x, depth+1)
		if err != nil {
			return entity.Value{}, err
		}
		if !v.IsZero() {
			vs = append(vs, v)
		}
	}
	return entity.List(vs...), nil
}

// number returns a JSON number as an integer where it is one that fits. One
// that is too large even for a float is infinite, and refused when selected.
func number(n json.Number) entity.Value {
	if i, err := strconv.ParseInt(string(n), 10, 64); err == nil {
		return entity.Int(i)
	}
	f, _ := strconv.ParseFloat(string(n), 64) // the error says that it is infinite
	return entity.Float(f)
}

// tomlTime writes a time with the parts that it has in the file. The parser
// marks those without an offset by the name of their zone.
func tomlTime(t time.Time) string {
	switch t.Location().String() {
	case "datetime-local":
		return t.Format("2006-01-02T15:04:05.999999999")
	case "date-local":
		return t.Format(time.DateOnly)
	case "time-local":
		return t.Format("15:04:05.999999999")
	}
	return t.Format(time.RFC3339Nano)
}
