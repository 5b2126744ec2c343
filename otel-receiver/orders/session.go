package orders

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	mathrand "math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/order"
)

// Captures does what is ordered.
type Captures interface {
	// Follow has exactly these captures run, whatever ran before. Each ID is there
	// once; the captures are as they came and may not be valid. Follow returns at
	// once, and keeps the list, which nobody changes.
	Follow(list []order.Capture)
	// States tells how each one does, in any order.
	States() []order.CaptureState
	// Changed has an element when a state has changed, counters apart.
	Changed() <-chan struct{}
}

// Packets gives packets that captures keep.
type Packets interface {
	// Fetch calls yield with parts of the answer to f, in turn, until there are no
	// more, ctx ends or yield reports false. The session fills in Request and Done.
	// A part has at most [MaxPart] bytes of packets.
	Fetch(ctx context.Context, f *order.Fetch, yield func(*order.Packets) bool) error
}

// MaxPart bounds the bytes of packets in one part of an answer, so that states
// are not held up.
const MaxPart = 256 << 10

// Deps are what a session works with.
type Deps struct {
	// Captures does what is ordered.
	Captures Captures
	// Packets answers requests for packets; nil refuses them.
	Packets Packets
	// Status is told when no session can be had, and why, and with nil when there is
	// one again. It may be nil.
	Status func(error)
	// Log is told of sessions. nil is slog.Default().
	Log *slog.Logger
	// Now is the clock for what expires; nil is time.Now.
	Now func() time.Time
}

// Stats counts what sessions did.
type Stats struct {
	// Connected tells whether there is a session now.
	Connected bool
	// Sessions counts those that were opened, Failures attempts that failed and
	// sessions that broke.
	Sessions, Failures uint64
	// Received and Sent count messages, Invalid those that could not be read.
	Received, Sent, Invalid uint64
	// StoreFailures counts lists that could not be kept or read back.
	StoreFailures uint64
}

// Session keeps the collector connected to topologyd and what is ordered
// followed.
type Session struct {
	cfg    Config
	deps   Deps
	agenda *agenda
	// next is the endpoint to try, used by run only, as is what was logged.
	next   int
	logged logged

	connected                                    atomic.Bool
	sessions, failures, received, sent, unusable atomic.Uint64

	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

// New returns a session that was not started.
func New(cfg Config, deps Deps) (*Session, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure orders: %w", err)
	}
	if deps.Captures == nil {
		return nil, errors.New("configure orders: there is nobody to follow them")
	}
	if deps.Log == nil {
		deps.Log = slog.Default()
	}
	if deps.Now == nil {
		deps.Now = time.Now
	}
	if deps.Status == nil {
		deps.Status = func(error) {}
	}
	if cfg.Hello.Instance == "" {
		cfg.Hello.Instance = rand.Text()
	}
	return &Session{
		cfg: cfg, deps: deps,
		agenda: newAgenda(store{cfg.Storage, cfg.Hello.HostID}, deps.Captures, deps.Log, deps.Now),
	}, nil
}

// Start begins; it waits for nothing. The kept list is followed at once.
func (s *Session) Start(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cancel != nil {
		return errors.New("start orders: they were started")
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() { s.agenda.run(ctx) })
	wg.Go(func() { s.run(ctx) })
	go func() {
		wg.Wait()
		close(s.done)
	}()
	return nil
}

// Stop ends the session and waits for it until ctx ends. The captures go on: who
// does them ends them.
func (s *Session) Stop(ctx context.Context) error {
	s.mu.Lock()
	cancel, done := s.cancel, s.done
	s.mu.Unlock()
	if cancel == nil {
		return nil
	}
	cancel()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("end orders: %w", ctx.Err())
	}
}

// Stats may be called at any time.
func (s *Session) Stats() Stats {
	return Stats{
		Connected: s.connected.Load(), Sessions: s.sessions.Load(), Failures: s.failures.Load(),
		Received: s.received.Load(), Sent: s.sent.Load(), Invalid: s.unusable.Load(),
		StoreFailures: s.agenda.failures.Load(),
	}
}

// steady is how long a session must have lasted for the next attempt not to
// wait longer.
const steady = 3 * time.Second

// run keeps a session open until ctx ends.
func (s *Session) run(ctx context.Context) {
	wait := s.cfg.MinWait
	told := ""
	for ctx.Err() == nil {
		began := time.Now()
		opened, err := s.round(ctx)
		if ctx.Err() != nil {
			return
		}
		if opened {
			told = ""
			if time.Since(began) >= steady {
				wait = s.cfg.MinWait
			}
		}
		s.failures.Add(1)
		if text := err.Error(); text != told {
			told = text
			s.deps.Status(err)
		}
		if s.logged.away(err.Error(), time.Now()) {
			s.deps.Log.Warn("No session with topologyd; captures go on as they were ordered last", "error", err)
		}
		if !sleep(ctx, jitter(wait)) {
			return
		}
		wait = min(2*wait, s.cfg.MaxWait)
	}
}

// logged is what of sessions was logged last. Nobody wants to read of each attempt
// for hours, nor of each session of a topologyd that ends them at once.
type logged struct {
	began bool // that there was one, once
	none  bool // that there is none
	text  string
	at    time.Time
}

// logAgain is how long after one warning another may follow.
const logAgain = 30 * time.Second

// away reports whether it is to be logged that there is no session.
func (l *logged) away(text string, now time.Time) bool {
	if l.none && l.text == text || !l.at.IsZero() && now.Sub(l.at) < logAgain {
		return false
	}
	l.none, l.text, l.at = true, text, now
	return true
}

// back reports whether it is to be logged that there is one.
func (l *logged) back() bool {
	tell := l.none || !l.began
	l.began, l.none = true, false
	return tell
}

// round tries the endpoints, beginning with the one that was used last, until
// one gives a session, which it then holds. The error says why there is none any
// more.
func (s *Session) round(ctx context.Context) (opened bool, err error) {
	var errs []error
	for range s.cfg.Endpoints {
		endpoint := s.cfg.Endpoints[s.next%len(s.cfg.Endpoints)]
		opened, err := s.hold(ctx, endpoint)
		if opened || ctx.Err() != nil {
			return opened, fmt.Errorf("%s: %w", endpoint, err)
		}
		errs = append(errs, fmt.Errorf("%s: %w", endpoint, err))
		s.next++
	}
	return false, joined(errs)
}

// joined puts errors on one line.
func joined(errs []error) error {
	texts := make([]string, len(errs))
	for i, e := range errs {
		texts[i] = e.Error()
	}
	return errors.New(strings.Join(texts, "; "))
}

// jitter returns between a half and all of d.
func jitter(d time.Duration) time.Duration { return d/2 + mathrand.N(d/2+1) }

// sleep reports whether ctx has not ended meanwhile.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
