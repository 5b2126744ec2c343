package packets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/orders"
)

// Config are the bounds of the service.
type Config struct {
	// Answers is how many are made at the same time, MaxHosts how many hosts are
	// asked for one.
	Answers, MaxHosts int
	// MaxPackets and MaxBytes bound an answer that ends. One that is followed has no
	// bound but what it asks for.
	MaxPackets, MaxBytes int64
	// Time bounds an answer that ends.
	Time time.Duration
	// Begin is how long a host may take to begin its answer, BeginFollowed when it
	// is followed, Silence for each next part of one that ends.
	Begin, BeginFollowed, Silence time.Duration
	// Look is how often a followed answer looks for hosts that came.
	Look time.Duration
	// QueryPackets and QueryBytes bound what one query of the query language gets.
	QueryPackets, QueryBytes int64
}

// DefaultConfig returns the bounds of a daemon that nobody configured.
func DefaultConfig() Config {
	return Config{
		Answers: 4, MaxHosts: 64,
		MaxPackets: 10_000_000, MaxBytes: 4 << 30,
		Time:  10 * time.Minute,
		Begin: 5 * time.Second, BeginFollowed: 2 * time.Second, Silence: 10 * time.Second,
		Look:         time.Second,
		QueryPackets: 100_000, QueryBytes: 64 << 20,
	}
}

// Fetcher asks hosts. [orders.Manager] is one.
type Fetcher interface {
	// Fetch asks a host for packets and yields the parts of its answer. An error is
	// the last that it yields. It assigns f.Request itself.
	Fetch(ctx context.Context, host string, f order.Fetch) iter.Seq2[*order.Packets, error]
}

// Nodes tells where captures are. [orders.Manager] is one.
type Nodes interface {
	// Nodes tells how a capture does at each node.
	Nodes(definition string) []orders.NodeStatus
}

// Definitions are the captures that users defined. [definition.Store] is one.
type Definitions interface {
	Get(kind, id string) (*definition.Definition, error)
	List(kind string) []*definition.Definition
}

// Flows describes flows. [flows.Flows] is one.
type Flows interface {
	List(ctx context.Context, q *flowrecord.Query) ([]*flowrecord.Record, error)
}

// Auditor writes down what was done. [audit.Log] is one.
type Auditor interface {
	Record(r audit.Record) error
}

// Deps are what the service stands on.
type Deps struct {
	Hosts       Fetcher
	Nodes       Nodes
	Definitions Definitions
	// Flows may be nil: packets are then not described.
	Flows Flows
	Audit Auditor
	Log   *slog.Logger
	// Now is the clock, nil is [time.Now].
	Now func() time.Time
}

// Errors of [Service.Open].
var (
	// ErrForbidden: who asks ([auth.From]) may not have packets.
	ErrForbidden = errors.New("you may not have the content of packets; that takes packets: true in the file of --auth-file, beside a role that reads")
	// ErrBusy: as many answers are being made as may be.
	ErrBusy = errors.New("packets are being handed out to as many as may have them at a time; try again later")
	// ErrNothing: the captures keep no packets, or are at no node.
	ErrNothing = errors.New("there are no packets")
	// ErrKeepsNone wraps ErrNothing: the capture was not told to keep any.
	ErrKeepsNone = fmt.Errorf("%w", ErrNothing)
	// ErrDeleted ends an answer that is followed: the captures are no more.
	ErrDeleted = errors.New("the capture was deleted")
	// ErrAway: none of the hosts answers.
	ErrAway = errors.New("no host of the capture gives packets")
	// ErrTooMany: too much is asked for at once.
	ErrTooMany = errors.New("too many")
	// ErrAudit: what is not written down is not handed out.
	ErrAudit = errors.New("the audit log cannot be written, so that no packets are handed out")
)

// Service hands out packets. Its methods may be called by several goroutines.
type Service struct {
	cfg  Config
	deps Deps
	now  func() time.Time

	mu      sync.Mutex
	answers int
	number  uint64
}

// New returns a service.
func New(cfg Config, deps Deps) *Service {
	s := &Service{cfg: cfg, deps: deps, now: deps.Now}
	if s.now == nil {
		s.now = time.Now
	}
	return s
}

// Config returns the bounds.
func (s *Service) Config() Config { return s.cfg }

// InUse returns how many answers are being made.
func (s *Service) InUse() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answers
}

// enter takes a place and numbers the answer.
func (s *Service) enter() (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.answers >= s.cfg.Answers {
		return 0, ErrBusy
	}
	s.answers++
	s.number++
	return s.number, nil
}

func (s *Service) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answers--
}
