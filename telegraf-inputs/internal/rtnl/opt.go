package rtnl

import "encoding/json"

// Opt is a value that the kernel may leave out, for facts whose zero means
// something. The zero Opt is "not said".
type Opt[T comparable] struct {
	Value T
	Set   bool
}

// Some returns an Opt that holds v.
func Some[T comparable](v T) Opt[T] { return Opt[T]{Value: v, Set: true} }

// Get returns the value and whether the kernel said it.
func (o Opt[T]) Get() (T, bool) { return o.Value, o.Set }

// Or returns the value, or v when the kernel did not say it.
func (o Opt[T]) Or(v T) T {
	if o.Set {
		return o.Value
	}
	return v
}

// MarshalJSON writes the value, or null when it is not set.
func (o Opt[T]) MarshalJSON() ([]byte, error) {
	if !o.Set {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}
