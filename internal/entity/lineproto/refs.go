package lineproto

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/skein-net/skein/internal/entity"
)

// identity reads a JSON object of strings.
func (d *Decoder) identity(s string) (entity.Identity, error) {
	p := plain{s: s}
	if id, ok := p.identity(d); ok && p.s == "" {
		return id, nil
	}
	v, err := entity.ParseJSON(s)
	if err != nil {
		return nil, err
	}
	return d.identityOf(v)
}

// relationships reads a JSON array of relationships.
func (d *Decoder) relationships(s string) ([]entity.Relationship, error) {
	p := plain{s: s}
	if rels, ok := p.relationships(d); ok && p.s == "" {
		return rels, nil
	}
	v, err := entity.ParseJSON(s)
	if err != nil {
		return nil, err
	}
	if v.Kind() != entity.KindList {
		return nil, fmt.Errorf("want a list, got %s", v.Kind())
	}
	rels := make([]entity.Relationship, len(v.List()))
	for i, e := range v.List() {
		if rels[i], err = d.relationshipOf(e); err != nil {
			return nil, fmt.Errorf("relationship %d: %w", i, err)
		}
	}
	return rels, nil
}

func (d *Decoder) identityOf(v entity.Value) (entity.Identity, error) {
	if v.Kind() != entity.KindMap {
		return nil, fmt.Errorf("want an object, got %s", v.Kind())
	}
	id := make(entity.Identity, 0, len(v.Map()))
	for _, a := range v.Map() {
		if !a.Value.IsScalar() {
			return nil, fmt.Errorf("identifying attribute %s: want a string, got %s", a.Key, a.Value.Kind())
		}
		id = append(id, entity.IDAttr{Key: d.intern(a.Key), Value: a.Value.Text()})
	}
	return id, nil
}

func (d *Decoder) relationshipOf(v entity.Value) (r entity.Relationship, err error) {
	if v.Kind() != entity.KindMap {
		return r, fmt.Errorf("want an object, got %s", v.Kind())
	}
	r.Type = d.intern(v.Map().Get(entity.KeyRelationshipType).Str())
	r.Target.Type = d.intern(v.Map().Get(entity.KeyEntityType).Str())
	if r.Target.ID, err = d.identityOf(v.Map().Get(entity.KeyEntityID)); err != nil {
		return r, fmt.Errorf("%s: %w", entity.KeyEntityID, err)
	}
	switch a := v.Map().Get(entity.KeyRelationshipAttributes); a.Kind() {
	case entity.KindNone:
	case entity.KindMap:
		r.Attributes = a.Map()
	default:
		return r, errors.New(entity.KeyRelationshipAttributes + " is not an object")
	}
	return r, nil
}

// plain reads JSON as [AppendEvent] writes it, without white space and
// escapes and in the one order of members. It gives up (false) on everything
// else, which is then left to [entity.ParseJSON].
type plain struct{ s string }

func (p *plain) skip(prefix string) bool {
	rest, ok := strings.CutPrefix(p.s, prefix)
	p.s = rest
	return ok
}

// text reads a string without escapes.
func (p *plain) text() (string, bool) {
	if p.s == "" || p.s[0] != '"' {
		return "", false
	}
	for i := 1; i < len(p.s); i++ {
		switch c := p.s[i]; {
		case c == '"':
			text := p.s[1:i]
			p.s = p.s[i+1:]
			return text, true
		case c == '\\' || c < ' ':
			return "", false
		}
	}
	return "", false
}

// member reads a key, a colon and a text.
func (p *plain) member() (key, value string, ok bool) {
	if key, ok = p.text(); !ok || !p.skip(":") {
		return "", "", false
	}
	value, ok = p.text()
	return key, value, ok
}

func (p *plain) identity(d *Decoder) (entity.Identity, bool) {
	var buf [8]entity.IDAttr
	if !p.skip("{") {
		return nil, false
	}
	for n := 0; ; n++ {
		key, value, ok := p.member()
		if !ok || n == len(buf) || n > 0 && buf[n-1].Key >= key {
			return nil, false
		}
		buf[n] = entity.IDAttr{Key: d.intern(key), Value: value}
		if p.skip("}") {
			return slices.Clone(buf[:n+1]), true
		}
		if !p.skip(",") {
			return nil, false
		}
	}
}

func (p *plain) relationships(d *Decoder) ([]entity.Relationship, bool) {
	if !p.skip("[") {
		return nil, false
	}

	rels := make([]entity.Relationship, 0, strings.Count(p.s, `"`+entity.KeyRelationshipType+`"`))
	for {
		r, ok := p.relationship(d)
		if !ok {
			return nil, false
		}
		rels = append(rels, r)
		if p.skip("]") {
			return rels, true
		}
		if !p.skip(",") {
			return nil, false
		}
	}
}

func (p *plain) relationship(d *Decoder) (r entity.Relationship, ok bool) {
	if !p.skip(`{"` + entity.KeyRelationshipType + `":`) {
		return r, false
	}
	typ, ok := p.text()
	if !ok || !p.skip(`,"`+entity.KeyEntityType+`":`) {
		return r, false
	}
	target, ok := p.text()
	if !ok || !p.skip(`,"`+entity.KeyEntityID+`":`) {
		return r, false
	}
	r.Type, r.Target.Type = d.intern(typ), d.intern(target)
	if r.Target.ID, ok = p.identity(d); !ok {
		return r, false
	}
	if p.skip(`,"` + entity.KeyRelationshipAttributes + `":{`) {
		if r.Attributes, ok = p.attributes(d); !ok {
			return r, false
		}
	}
	return r, p.skip("}")
}

// attributes reads members that are all text, up to the brace after them.
func (p *plain) attributes(d *Decoder) (entity.Attrs, bool) {
	var a entity.Attrs
	for {
		key, value, ok := p.member()
		if !ok {
			return nil, false
		}
		a = append(a, entity.Attr{Key: d.intern(key), Value: entity.String(value)})
		if p.skip("}") {
			return a.Normalize(), true
		}
		if !p.skip(",") {
			return nil, false
		}
	}
}
