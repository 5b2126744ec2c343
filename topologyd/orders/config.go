package orders

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
)

// Config holds the bounds of a [Manager].
type Config struct {
	// MaxNodes is how many nodes one capture may match: one that matches more
	// captures nothing. MaxPerHost is how many captures one host is given; those of
	// the oldest definitions go first. MaxAssignments is how many there may be on
	// all hosts.
	MaxNodes, MaxPerHost, MaxAssignments int
	// MaxShown is how many captures the attribute of one node tells of.
	MaxShown int
	// Debounce is how long changes are gathered before hosts and graph are told.
	Debounce time.Duration
	// Writes is how often the state of captures at one node is written at once, and
	// then once in WriteEvery.
	Writes     int
	WriteEvery time.Duration
	// CountersEvery is the least time between two events of one node in which
	// nothing but counters differ.
	CountersEvery time.Duration
	// Grace is how long hosts may take to come back after this replica begins to
	// lead; until then what the graph says of their captures stays. Settle is how
	// long the first evaluation of all queries may take at most: until it is done
	// nobody is told anything.
	Grace, Settle time.Duration
	// Told is how long a host that connects may take to say how its captures do.
	Told time.Duration
	// Recheck is how often the graph is compared with what it should say. Retry is
	// the pause after something failed.
	Recheck, Retry time.Duration
	// LeadCheck is how often Leads is asked.
	LeadCheck time.Duration
	// Batch is how many events are submitted at once, SubmitTimeout how long that
	// may take.
	Batch         int
	SubmitTimeout time.Duration
	// A node that enters a query's result again more than FlapLimit times, with less
	// than FlapWindow between them, is left out for HoldMin, and twice as long each
	// time it goes on, up to HoldMax: a query may ask for what captures change.
	FlapLimit                    int
	FlapWindow, HoldMin, HoldMax time.Duration
	// MaxHosts is how many hosts are known at a time, Forget how long one is known
	// after it went away.
	MaxHosts int
	Forget   time.Duration

	Session SessionConfig
}

// SessionConfig holds the bounds of the sessions of hosts.
type SessionConfig struct {
	// Max is how many there may be, MaxPerHost how many of them with one host: the
	// one that counts, and those that begin or end.
	Max, MaxPerHost int
	// Hello is how long the first message may take, Write how long one to the host.
	Hello, Write time.Duration
	// Ping is how often a host is asked for a sign, Silence after how long without
	// one it counts as away.
	Ping, Silence time.Duration
	// Rate is how many messages of 64 KiB a host may send in a second, Burst how
	// many at once. What comes on top waits.
	Rate, Burst int
	// Close is how long a host may take to end a session in order.
	Close time.Duration
	// Fetches is how many answers with packets a host may be giving at a time,
	// FetchBytes how much of one may wait for who asked.
	Fetches, FetchBytes int
}

// DefaultConfig returns the bounds of a daemon that nobody configured.
func DefaultConfig() Config {
	return Config{
		MaxNodes: 10_000, MaxPerHost: 1000, MaxAssignments: 1_000_000, MaxShown: 200,
		Debounce: 50 * time.Millisecond, CountersEvery: 30 * time.Second, Writes: 50, WriteEvery: time.Second,
		Grace: 10 * time.Second, Settle: 30 * time.Second, Told: 2 * time.Second,
		Recheck: 30 * time.Second, Retry: time.Second, LeadCheck: 250 * time.Millisecond,
		Batch: 500, SubmitTimeout: 10 * time.Second,
		FlapLimit: 5, FlapWindow: time.Minute, HoldMin: 10 * time.Second, HoldMax: 5 * time.Minute,
		MaxHosts: 10_000, Forget: 24 * time.Hour,
		Session: SessionConfig{
			Max: 5000, MaxPerHost: 8, Hello: 5 * time.Second, Write: 10 * time.Second, Ping: time.Second, Silence: 2 * time.Second,
			Rate: 500, Burst: 1000, Close: time.Second, Fetches: 8, FetchBytes: 16 << 20,
		},
	}
}

// Hub follows queries.
type Hub interface {
	Follow(ctx context.Context, q *gremlin.Query, from uint64) (*live.Watch, error)
}

// Deps are what a manager stands on.
type Deps struct {
	Definitions *definition.Store
	// View returns the current graph.
	View func() *graph.View
	Hub  Hub
	// Submit puts events into the log and the graph and returns when View shows
	// them. The events are its own from then on.
	Submit func(ctx context.Context, events []entity.Event) error
	// Leads tells whether this replica gives the orders.
	Leads func() bool
	// RawPackets allows captures to keep packets, and packets to be fetched.
	RawPackets bool
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock, nil is [time.Now].
	Now func() time.Time
}

// Errors of [Manager.Fetch].
var (
	// ErrNoHost: the host is not connected, or this replica does not lead.
	ErrNoHost = errors.New("the host is not connected")
	// ErrNotAllowed: the daemon does not allow packets to be fetched.
	ErrNotAllowed = errors.New("raw packets are not allowed; start the daemon with --raw-packets")
	// ErrBusy: the host gives too many answers at the same time.
	ErrBusy = errors.New("the host gives as many packets as it may at a time; try again when a download has ended")
	// ErrTooSlow: who asked did not take the packets in time.
	ErrTooSlow = errors.New("the packets were not taken as fast as the host sent them")
	// ErrHost: the host ended the answer early.
	ErrHost = errors.New("the host ended the answer")
)
