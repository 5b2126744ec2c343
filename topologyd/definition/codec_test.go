package definition

import (
	"bytes"
	"testing"
	"time"
)

type free struct {
	A string   `json:"a,omitempty"`
	B []int    `json:"b,omitempty"`
	C *float64 `json:"c,omitempty"`
}

func (*free) Validate() error { return nil }

// TestStoredForm pins the form of version 1, which must be read for ever.
func TestStoredForm(t *testing.T) {
	const stored = `{"version":1,"kind":"free","id":"x","name":"n","description":"d","created":"2026-03-01T12:00:00Z","updated":"2026-03-01T12:00:01.5Z","expires":"2026-03-02T12:00:00Z","spec":{"a":"é","b":[1]}}`
	k := &Kind{Name: "free", New: func() Spec { return new(free) }}
	d, err := decode(k, []byte(stored))
	if err != nil {
		t.Fatal(err)
	}
	if s := d.Spec.(*free); d.ID != "x" || d.Name != "n" || d.Description != "d" || s.A != "é" || !d.Expires.After(d.Updated) || !d.Updated.After(d.Created) {
		t.Errorf("%+v", d)
	}
	if b, err := encode(d); err != nil || string(b) != stored {
		t.Errorf("%s %v", b, err)
	}
}

// FuzzDecode: no panic; what is read is written and read the same.
func FuzzDecode(f *testing.F) {
	k := &Kind{Name: "free", New: func() Spec { return new(free) }}
	full, err := encode(&Definition{Kind: "free", ID: "x", Name: "n", Description: "d", Created: time.Unix(1, 0).UTC(),
		Updated: time.Unix(2, 0).UTC(), Expires: time.Unix(3, 0).UTC(), Spec: &free{A: "é", B: []int{1}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(full)
	f.Add([]byte(`{"version":1,"kind":"free","id":"x","spec":{}}`))
	f.Add([]byte(`{"version":2}`))
	f.Add([]byte(`{"version":1,"spec":null} x`))
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := decode(k, b)
		if d == nil {
			t.Fatal("no definition")
		}
		if err != nil {
			return
		}
		once, err := encode(d)
		if err != nil {
			t.Skip(err) // a year past 9999
		}
		again, err := decode(k, once)
		if err != nil {
			t.Fatalf("%s: %v", once, err)
		}
		twice, err := encode(again)
		if err != nil || !bytes.Equal(once, twice) {
			t.Fatalf("%s\n%s\n%v", once, twice, err)
		}
	})
}
