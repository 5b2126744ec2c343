package rawpackets

import (
	"errors"
	"fmt"
	"sync"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/source"
)

// Config says how much a capture keeps.
type Config struct {
	// Bytes is the memory that it takes, heads of about 40 bytes a packet included.
	Bytes int64
	// Workers is how many rings share it, for workers that keep packets at the same
	// time without waiting for one another; 0 is 1.
	Workers int
}

// DefaultConfig returns what a capture keeps that orders the first packets of
// each flow and says no more.
func DefaultConfig() Config { return Config{Bytes: 4 << 20, Workers: 1} }

// Store is what one capture keeps. Its methods may be called by several
// goroutines.
type Store struct {
	id    string
	bytes int64
	rings []*Ring
	from  *Registry
	once  sync.Once
}

// Keep copies a frame of a flow into the first ring. It allocates nothing, and
// waits only for another one who keeps, and for at most 64 KiB being copied by
// one who fetches.
func (s *Store) Keep(id flowrecord.ID, f *source.Frame) { s.rings[0].Keep(id, f) }

// Keeper returns the ring of a worker, by its number from 0.
func (s *Store) Keeper(worker int) *Ring { return s.rings[worker%len(s.rings)] }

// Stats returns what is kept.
func (s *Store) Stats() Stats {
	var out Stats
	for _, r := range s.rings {
		r.add(&out)
	}
	return out
}

// Memory returns what the store takes in bytes.
func (s *Store) Memory() int64 { return s.bytes }

// Close forgets all packets; what is kept afterwards is not. Who fetches them is
// told.
func (s *Store) Close() {
	s.once.Do(func() {
		s.from.remove(s)
		for _, r := range s.rings {
			r.close()
		}
	})
}

// RegistryConfig bounds all captures together.
type RegistryConfig struct {
	// MaxBytes is what the stores take together.
	MaxBytes int64
	// MaxFetches is how many may fetch at the same time.
	MaxFetches int
}

// DefaultRegistryConfig returns the bounds of a collector that nobody configured.
func DefaultRegistryConfig() RegistryConfig {
	return RegistryConfig{MaxBytes: 512 << 20, MaxFetches: 16}
}

// Errors of [Registry.Open].
var (
	// ErrFull: the captures keep as much as they may.
	ErrFull = errors.New("no memory is left for raw packets")
	// ErrOpen: the capture keeps packets already.
	ErrOpen = errors.New("the capture keeps packets already")
)

// Registry is all that is kept. Its methods may be called by several goroutines.
type Registry struct {
	cfg RegistryConfig

	mu       sync.Mutex
	stores   map[string]*Store
	bytes    int64
	fetching int
	// changed is closed, and made anew, when a store comes or goes.
	changed chan struct{}
}

// NewRegistry returns an empty registry.
func NewRegistry(cfg RegistryConfig) *Registry {
	return &Registry{cfg: cfg, stores: make(map[string]*Store), changed: make(chan struct{})}
}

// Open begins to keep packets of a capture, by the ID of its assignment. The
// memory is taken at once. Errors wrap [ErrFull] and [ErrOpen].
func (g *Registry) Open(id string, cfg Config) (*Store, error) {
	n := int64(max(cfg.Workers, 1))
	each := max(cfg.Bytes/n, minRing) &^ 7
	s := &Store{id: id, bytes: each * n, from: g}
	if err := g.insert(s); err != nil {
		return nil, err
	}
	for range n {
		s.rings = append(s.rings, newRing(each))
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.stores[id] = s
	g.signal()
	return s, nil
}

// insert takes the place and the memory of a store.
func (g *Registry) insert(s *Store) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, is := g.stores[s.id]; is {
		return fmt.Errorf("keep packets of %s: %w", s.id, ErrOpen)
	}
	if left := g.cfg.MaxBytes - g.bytes; s.bytes > left {
		return fmt.Errorf("%w: the capture asks for %d bytes, of %d there are %d left; keep less, or delete another capture that keeps packets",
			ErrFull, s.bytes, g.cfg.MaxBytes, max(left, 0))
	}
	g.bytes += s.bytes
	g.stores[s.id] = nil // not filled yet
	return nil
}

func (g *Registry) remove(s *Store) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bytes -= s.bytes
	delete(g.stores, s.id)
	g.signal()
}

func (g *Registry) signal() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// Stats returns how many captures keep packets and the memory that they take in
// bytes.
func (g *Registry) Stats() (captures int, bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.stores), g.bytes
}
