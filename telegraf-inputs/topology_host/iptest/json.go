package iptest

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// object is a JSON object with its members in order. `ip` writes some keys
// twice (dst of a route with an MPLS tunnel), which a map would hide. Values
// are nil, bool, int64, float64, string, list or object.
type object []member

type member struct {
	key   string
	value any
}

type list []any

// get returns the first value of a key, nil when there is none.
func (o object) get(key string) any {
	for _, m := range o {
		if m.key == key {
			return m.value
		}
	}
	return nil
}

// last returns the last value of a key.
func (o object) last(key string) any {
	for i := len(o) - 1; i >= 0; i-- {
		if o[i].key == key {
			return o[i].value
		}
	}
	return nil
}

func (o object) has(key string) bool {
	for _, m := range o {
		if m.key == key {
			return true
		}
	}
	return false
}

// str returns the text of a key, "" when it is no string.
func (o object) str(key string) string {
	s, _ := o.get(key).(string)
	return s
}

// num returns the integer of a key, 0 when it is none.
func (o object) num(key string) int64 {
	n, _ := o.get(key).(int64)
	return n
}

// objects returns the objects in a list.
func objects(v any) []object {
	l, _ := v.(list)
	out := make([]object, 0, len(l))
	for _, e := range l {
		if o, ok := e.(object); ok && len(o) > 0 {
			out = append(out, o)
		}
	}
	return out
}

// texts returns the strings in a list.
func texts(v any) []string {
	l, _ := v.(list)
	out := make([]string, 0, len(l))
	for _, e := range l {
		if s, ok := e.(string); ok {
			out = append(out, s)
		}
	}
	return out
}

// parse reads all JSON documents of a text.
func parse(b []byte) ([]any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var out []any
	for {
		v, err := parseValue(d)
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, fmt.Errorf("parse JSON at byte %d: %w", d.InputOffset(), err)
		}
		out = append(out, v)
	}
}

func parseValue(d *json.Decoder) (any, error) {
	t, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch t := t.(type) {
	case json.Delim:
		if t == '{' {
			return parseObject(d)
		}
		out := list{}
		for d.More() {
			v, err := parseValue(d)
			if err != nil {
				return nil, inside(err)
			}
			out = append(out, v)
		}
		_, err := d.Token()
		return out, inside(err)
	case json.Number:
		return number(t)
	default:
		return t, nil
	}
}

func parseObject(d *json.Decoder) (any, error) {
	out := object{}
	for d.More() {
		k, err := d.Token()
		if err != nil {
			return nil, inside(err)
		}
		v, err := parseValue(d)
		if err != nil {
			return nil, inside(err)
		}
		out = append(out, member{k.(string), v})
	}
	_, err := d.Token()
	return out, inside(err)
}

func number(n json.Number) (any, error) {
	if !strings.ContainsAny(n.String(), ".eE") {
		if i, err := n.Int64(); err == nil {
			return i, nil
		}
	}
	return n.Float64()
}

// inside tells an end of the text within a document from one after it.
func inside(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
