package definition

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"
)

// Config holds the limits of a store.
type Config struct {
	// MaxSize is the largest stored form of one definition, in bytes.
	MaxSize int
	// MaxCount is how many there may be of one kind. Replicas that create at the
	// same time may each go past it by one.
	MaxCount int
	// Timeout bounds one write, and the first reading of the bucket.
	Timeout time.Duration
	// ExpireEvery is how often expired definitions are looked for.
	ExpireEvery time.Duration
	// Retry is the pause before a bucket that could not be followed is tried
	// again.
	Retry time.Duration
}

// DefaultConfig returns the limits of a daemon that nobody configured.
func DefaultConfig() Config {
	return Config{MaxSize: 64 << 10, MaxCount: 1000, Timeout: 10 * time.Second, ExpireEvery: time.Second, Retry: time.Second}
}

// Deps are what a store stands on.
type Deps struct {
	Log *slog.Logger
	// Leads tells whether this replica deletes what expired.
	Leads func() bool
	Now   func() time.Time
}

// Store keeps definitions. Its methods may be called concurrently.
type Store struct {
	cfg   Config
	deps  Deps
	kinds map[string]*Kind
	done  sync.WaitGroup
	stop  context.CancelFunc

	ready chan struct{} // closed when the bucket was read

	mu      sync.Mutex
	kv      KV // nil while it cannot be written
	entries map[string]*entry
	fixed   map[string]*Definition
	// floor is, for keys deleted from here, the revision that was: what the
	// watch still tells of it is old.
	floor      map[string]uint64
	generation uint64 // of the watch
	changed    chan struct{}
}

// entry is one cached definition.
type entry struct {
	*Definition
	generation uint64
}

// New returns a store of some kinds that is not started. fixed are definitions
// that come from the configuration: they are listed with the others, may even
// be malformed, and cannot be changed.
func New(cfg Config, deps Deps, kinds []Kind, fixed ...*Definition) (*Store, error) {
	s := &Store{
		cfg: cfg, deps: deps, kinds: make(map[string]*Kind, len(kinds)),
		entries: make(map[string]*entry), fixed: make(map[string]*Definition),
		floor: make(map[string]uint64), changed: make(chan struct{}), ready: make(chan struct{}),
	}
	for i := range kinds {
		k := &kinds[i]
		if s.kinds[k.Name] != nil {
			return nil, fmt.Errorf("make store of definitions: kind %q is there twice", k.Name)
		}
		if err := ValidID(k.Name); err != nil {
			return nil, fmt.Errorf("make store of definitions: kind: %w", err)
		}
		s.kinds[k.Name] = k
	}
	for _, d := range fixed {
		if s.kinds[d.Kind] == nil {
			return nil, fmt.Errorf("make store of definitions: there is no kind %q", d.Kind)
		}
		d.Fixed = true
		s.fixed[keyOf(d.Kind, d.ID)] = d
	}
	return s, nil
}

func keyOf(kind, id string) string { return kind + "." + id }

// Begin begins to follow a bucket, which is opened as often as it takes: in a
// cluster there may be nobody to ask yet. Until [Store.Ready] says so, nothing
// is known and nothing can be written.
func (s *Store) Begin(open func(context.Context) (KV, error)) {
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	s.done.Go(func() { s.follow(ctx, open) })
	s.done.Go(func() { s.expire(ctx) })
}

// Ready tells whether the content of the bucket is known.
func (s *Store) Ready() bool {
	select {
	case <-s.ready:
		return true
	default:
		return false
	}
}

// Start is Begin for a bucket that is open; it returns when its content is
// known.
func (s *Store) Start(ctx context.Context, kv KV) error {
	s.Begin(func(context.Context) (KV, error) { return kv, nil })
	timeout := time.NewTimer(s.cfg.Timeout)
	defer timeout.Stop()
	var err error
	select {
	case <-s.ready:
	case <-ctx.Done():
		err = ctx.Err()
	case <-timeout.C:
		err = fmt.Errorf("the bucket did not answer within %v", s.cfg.Timeout)
	}
	if err != nil {
		s.Stop()
		return fmt.Errorf("read definitions: %w", err)
	}
	return nil
}

// Stop ends the store; writes fail from then on.
func (s *Store) Stop() {
	if s.stop == nil {
		return
	}
	s.stop()
	s.done.Wait()
	s.mu.Lock()
	s.kv = nil
	s.mu.Unlock()
}

// Kinds returns the names of the kinds, sorted.
func (s *Store) Kinds() []string {
	out := make([]string, 0, len(s.kinds))
	for name := range s.kinds {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}

// List returns the definitions of a kind, the oldest first.
func (s *Store) List(kind string) []*Definition {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []*Definition
	for _, d := range s.fixed {
		if d.Kind == kind {
			out = append(out, d)
		}
	}
	for _, e := range s.entries {
		if e.Kind == kind {
			out = append(out, e.Definition)
		}
	}
	slices.SortFunc(out, func(a, b *Definition) int {
		return cmp.Or(a.Created.Compare(b.Created), strings.Compare(a.ID, b.ID))
	})
	return out
}

// Get returns one definition, or an error that wraps [ErrNotFound].
func (s *Store) Get(kind, id string) (*Definition, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.get(kind, id)
}

func (s *Store) get(kind, id string) (*Definition, error) {
	key := keyOf(kind, id)
	if d := s.fixed[key]; d != nil {
		return d, nil
	}
	if e := s.entries[key]; e != nil {
		return e.Definition, nil
	}
	return nil, fmt.Errorf("%w: %s %q", ErrNotFound, kind, id)
}

// Changed returns a channel that is closed at the next change of any
// definition.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// announce tells that something changed; the mutex is held.
func (s *Store) announce() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// ReadSpec reads and checks a specification in JSON. The error wraps
// [ErrInvalid], or [ErrNotFound] for a kind that is not known.
func (s *Store) ReadSpec(kind string, spec []byte) (Spec, error) {
	k := s.kinds[kind]
	if k == nil {
		return nil, fmt.Errorf("%w: there is no kind %q", ErrNotFound, kind)
	}
	out, err := k.read(spec)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return out, nil
}

// Create stores a new definition and returns it as it is stored. Of d the
// kind, ID, name, description, expiry and specification count.
func (s *Store) Create(ctx context.Context, d *Definition) (*Definition, error) {
	now := s.now()
	c := *d
	if c.ID == "" {
		c.ID = newID()
	}
	c.Created, c.Updated = now, now
	s.mu.Lock()
	n, exists := 0, s.fixed[keyOf(c.Kind, c.ID)] != nil
	for _, e := range s.entries {
		if e.Kind == c.Kind {
			n++
		}
	}
	s.mu.Unlock()
	switch {
	case exists:
		return nil, fmt.Errorf("%w: %s %q", ErrExists, c.Kind, c.ID)
	case n >= s.cfg.MaxCount:
		return nil, fmt.Errorf("%w: there are %d of kind %s, which is the most; delete one", ErrFull, n, c.Kind)
	}
	return s.write(ctx, &c, 0)
}

// Replace stores another content for a definition that exists. d.Revision is
// that of the content it replaces, 0: whichever there is.
func (s *Store) Replace(ctx context.Context, d *Definition) (*Definition, error) {
	old, err := s.Get(d.Kind, d.ID)
	if err != nil {
		return nil, err
	}
	switch {
	case old.Fixed:
		return nil, fmt.Errorf("%s %q: %w", d.Kind, d.ID, ErrFixed)
	case d.Revision != 0 && d.Revision != old.Revision:
		return nil, fmt.Errorf("%s %q: %w (it is at revision %d, not %d)", d.Kind, d.ID, ErrConflict, old.Revision, d.Revision)
	}
	c := *d
	c.Created, c.Updated = old.Created, s.now()
	return s.write(ctx, &c, old.Revision)
}

// now is the time to store: nobody cares for less than a millisecond.
func (s *Store) now() time.Time { return s.deps.Now().UTC().Truncate(time.Millisecond) }

// write checks and stores a definition over the one of a revision.
func (s *Store) write(ctx context.Context, d *Definition, revision uint64) (*Definition, error) {
	k := s.kinds[d.Kind]
	if k == nil {
		return nil, fmt.Errorf("%w: there is no kind %q", ErrNotFound, d.Kind)
	}
	if err := d.validate(s.deps.Now()); err != nil {
		return nil, err
	}
	b, err := encode(d)
	if err != nil {
		return nil, err
	}
	if len(b) > s.cfg.MaxSize {
		return nil, invalid("it takes %d bytes, more than %d", len(b), s.cfg.MaxSize)
	}
	// What is kept is what is read back: so it is the same on every replica.
	stored, err := decode(k, b)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	kv, ctx, cancel, err := s.writer(ctx)
	if err != nil {
		return nil, err
	}
	defer cancel()
	key := keyOf(d.Kind, d.ID)
	if stored.Revision, err = kv.Write(ctx, key, b, revision); err != nil {
		return nil, refused(d.Kind, d.ID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, stored)
	return stored, nil
}

// Delete deletes a definition.
func (s *Store) Delete(ctx context.Context, kind, id string) error {
	old, err := s.Get(kind, id)
	if err != nil {
		return err
	}
	if old.Fixed {
		return fmt.Errorf("%s %q: %w", kind, id, ErrFixed)
	}
	kv, ctx, cancel, err := s.writer(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	key := keyOf(kind, id)
	if err := kv.Delete(ctx, key, old.Revision); err != nil {
		return refused(kind, id, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.entries[key]; e != nil && e.Revision == old.Revision {
		s.floor[key] = old.Revision
		delete(s.entries, key)
		s.announce()
	}
	return nil
}

func (s *Store) writer(ctx context.Context) (KV, context.Context, context.CancelFunc, error) {
	s.mu.Lock()
	kv := s.kv
	s.mu.Unlock()
	if kv == nil {
		return nil, nil, nil, fmt.Errorf("%w: they have not been read yet, or the daemon is stopping", ErrUnavailable)
	}
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	return kv, ctx, cancel, nil
}

// refused wraps an error of the bucket.
func refused(kind, id string, err error) error {
	for _, known := range []error{ErrExists, ErrConflict, ErrNotFound} {
		if errors.Is(err, known) {
			return fmt.Errorf("%s %q: %w", kind, id, known)
		}
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
