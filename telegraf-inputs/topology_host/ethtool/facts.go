// Package ethtool reads what the driver of a link says of it: its name, where
// the hardware is, speed and duplex, and which offload features are on
// (linux/ethtool.h, ioctl SIOCETHTOOL).
//
// It only reads, needs no privilege, and works through any socket that belongs
// to the link's namespace, so that nobody has to enter it. Systems other than
// Linux compile; there [Reader.Read] returns an error.
package ethtool

import (
	"errors"
	"sync"

	"github.com/skein-net/skein/internal/entity"
)

// ErrUnsupported is returned on systems other than Linux.
var ErrUnsupported = errors.New("ethtool exists only on Linux")

// Facts is what a driver says of a link. What it does not say is zero.
type Facts struct {
	Driver, DriverVersion, Firmware string
	// BusInfo is where the hardware is, for example 0000:01:00.0.
	BusInfo string
	// Speed is in Mbit/s, 0 for unknown.
	Speed int64
	// Duplex is Full or Half, empty for unknown.
	Duplex string
	// Features holds a boolean for every feature that the kernel knows; the zero
	// Value when they were not asked for.
	Features entity.Value
}

// Attrs returns the attributes of the facts, not normalized.
func (f *Facts) Attrs() entity.Attrs {
	var a entity.Attrs
	text := func(key, v string) {
		if v != "" {
			a = append(a, entity.A(key, entity.String(v)))
		}
	}
	text("Driver", f.Driver)
	text("DriverVersion", f.DriverVersion)
	text("Firmware", f.Firmware)
	text("BusInfo", f.BusInfo)
	text("Duplex", f.Duplex)
	if f.Speed > 0 {
		a = append(a, entity.A("Speed", entity.Int(f.Speed)))
	}
	return append(a, entity.A("Features", f.Features))
}

// Equal reports whether both say the same.
func (f *Facts) Equal(o *Facts) bool {
	if f == nil || o == nil {
		return f == o
	}
	x, y := *f, *o
	x.Features, y.Features = entity.Value{}, entity.Value{}
	return x == y && f.Features.Equal(o.Features)
}

// Reader reads facts. It remembers the names of features, which are those of
// the running kernel, and shares equal sets of features between links. It is
// safe for concurrent use.
type Reader struct {
	// features tells whether to read features at all.
	features bool

	mu    sync.Mutex
	names []string // by bit; empty for bits that are not used
	sets  map[string]entity.Value
}

// maxSets bounds the memory of shared feature sets; a host has a handful.
const maxSets = 1024

// NewReader returns a reader, which reads features when told so.
func NewReader(features bool) *Reader {
	return &Reader{features: features, sets: make(map[string]entity.Value)}
}

// featureSet returns the value of a set of active bits, little endian by bit.
func (r *Reader) featureSet(names []string, active []uint32) entity.Value {
	key := make([]byte, 0, 4*len(active))
	for _, w := range active {
		key = append(key, byte(w), byte(w>>8), byte(w>>16), byte(w>>24))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.sets[string(key)]; ok {
		return v
	}
	a := make(entity.Attrs, 0, len(names))
	for i, name := range names {
		if name == "" || i/32 >= len(active) {
			continue
		}
		a = append(a, entity.A(name, entity.Bool(active[i/32]&(1<<(i%32)) != 0)))
	}
	v := entity.Map(a.Normalize())
	if len(r.sets) < maxSets {
		r.sets[string(key)] = v
	}
	return v
}
