package definition

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"
)

// version is that of the stored form. A reader refuses what is newer.
const version = 1

// record is the stored form: one JSON object.
type record struct {
	Version     int             `json:"version"`
	Kind        string          `json:"kind"`
	ID          string          `json:"id"`
	Name        string          `json:"name,omitempty"`
	Description string          `json:"description,omitempty"`
	Created     time.Time       `json:"created"`
	Updated     time.Time       `json:"updated"`
	Expires     *time.Time      `json:"expires,omitempty"`
	Spec        json.RawMessage `json:"spec"`
}

// encode returns the stored form.
func encode(d *Definition) ([]byte, error) {
	spec, err := json.Marshal(d.Spec)
	if err != nil {
		return nil, fmt.Errorf("encode spec: %w", err)
	}
	r := record{
		Version: version, Kind: d.Kind, ID: d.ID, Name: d.Name, Description: d.Description,
		Created: d.Created, Updated: d.Updated, Spec: spec,
	}
	if !d.Expires.IsZero() {
		r.Expires = &d.Expires
	}
	b, err := json.Marshal(r)
	if err != nil {
		return nil, fmt.Errorf("encode definition: %w", err)
	}
	return b, nil
}

// decode reads the stored form of a kind. What it can tell of a definition
// that it cannot read whole stands beside the error.
func decode(k *Kind, b []byte) (*Definition, error) {
	var head struct {
		Version int    `json:"version"`
		Name    string `json:"name"`
	}
	if err := json.Unmarshal(b, &head); err != nil {
		return &Definition{}, fmt.Errorf("read definition: %w", plain(err))
	}
	out := &Definition{Name: head.Name}
	if head.Version > version {
		return out, fmt.Errorf("read definition: it is of version %d, this daemon reads up to %d; update the daemon", head.Version, version)
	}
	if head.Version < 1 {
		return out, fmt.Errorf("read definition: it has no version")
	}
	var r record
	if err := Strict(b, &r); err != nil {
		return out, fmt.Errorf("read definition: %w", err)
	}
	out.Kind, out.ID, out.Description, out.Created, out.Updated = r.Kind, r.ID, r.Description, r.Created, r.Updated
	if r.Expires != nil {
		out.Expires = *r.Expires
	}
	if r.Kind != k.Name {
		return out, fmt.Errorf("read definition: it is a %q, not a %q", r.Kind, k.Name)
	}
	spec, err := k.read(r.Spec)
	if err != nil {
		return out, fmt.Errorf("read definition: %w", err)
	}
	out.Spec = spec
	return out, nil
}

// read reads and checks a specification.
func (k *Kind) read(b []byte) (Spec, error) {
	if len(b) == 0 {
		return nil, errors.New("there is no spec")
	}
	spec := k.New()
	if err := Strict(b, spec); err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	if err := spec.Validate(); err != nil {
		return nil, fmt.Errorf("spec: %w", err)
	}
	return spec, nil
}

// Strict reads one JSON value into v and refuses fields that v does not have
// and text behind the value.
func Strict(b []byte, v any) error {
	dec := json.NewDecoder(bytes.NewReader(b))
	dec.DisallowUnknownFields()
	if err := dec.Decode(v); err != nil {
		return plain(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("there is text after the JSON value at byte %d", dec.InputOffset())
	}
	return nil
}

// plain says what the errors of encoding/json say, for people.
func plain(err error) error {
	var (
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.Is(err, io.EOF):
		return errors.New("it is empty; want a JSON object")
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the JSON ends too early")
	case errors.As(err, &syntax):
		return fmt.Errorf("JSON at byte %d: %w", syntax.Offset, err)
	case errors.As(err, &typ):
		return fmt.Errorf("%s cannot be a JSON %s at byte %d; give %s", fieldName(typ.Field), typ.Value, typ.Offset, jsonForm(typ.Type))
	}
	if field, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok {
		return fmt.Errorf("there is no field %s", field)
	}
	return err
}

// fieldName is the path of a field. Fields of embedded structs come with the name
// of the type, which no JSON has; fields begin with a small letter.
func fieldName(path string) string {
	for {
		typ, rest, ok := strings.Cut(path, ".")
		if !ok || typ == "" || typ[0] < 'A' || typ[0] > 'Z' {
			break
		}
		path = rest
	}
	return cmp.Or(path, "it")
}

// jsonForm says how a value of a type is written.
func jsonForm(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.Struct, reflect.Map, reflect.Pointer:
		return "an object"
	case reflect.Float32, reflect.Float64:
		return "a number"
	}
	return "a whole number"
}
