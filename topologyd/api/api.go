// Package api is topologyd's HTTP interface for those who ask: queries, watch
// by WebSocket and server-sent events, status, health, metrics, and the
// OpenAPI document that describes all of it.
//
// Every request works on an immutable view of the graph and within limits. The
// package must never let a client that is slow, gone or hostile hold anything
// that another needs: answers are made completely before they are written, and
// a watcher that does not keep up is cut off.
package api

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/graph"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/lane"
	"github.com/skein-net/skein/topologyd/packets"
	"github.com/skein-net/skein/topologyd/rules"
)

// Config are the limits of the API.
type Config struct {
	// Limits are the most that a query may ask for, and what it gets when it
	// asks for nothing.
	Limits gremlin.Limits
	// Concurrency is how many queries are evaluated at the same time, those that
	// take long not counted. It is the Quick of Lanes.
	Concurrency int
	// Lanes tell what becomes of those that take long.
	Lanes lane.Config
	// WriteTimeout is how long a client may take to read one answer.
	WriteTimeout time.Duration
	// Streams is how many answers may go out as streams at the same time, while
	// their rows are found; further ones are made whole first.
	Streams int
	// StreamPause is how long the client of a stream may take for the next piece.
	StreamPause time.Duration
	// Compressors is how many answers are compressed at the same time; further
	// ones go out as they are. Each takes about a megabyte.
	Compressors int

	// MaxSubscribers is how many watchers there may be.
	MaxSubscribers int
	// WatchWriteTimeout is how long one message to a watcher may take.
	WatchWriteTimeout time.Duration
	// PingInterval is how often a quiet watcher is pinged.
	PingInterval time.Duration
	// Replays is how many watchers may read the past at the same time, ReplayTime
	// how long one may take until it gets to the present.
	Replays    int
	ReplayTime time.Duration
	// ChunkElements is how many elements one message to a watcher holds at most.
	ChunkElements int
	// Follow are the bounds of watches of a query, when there is no Deps.Hub.
	Follow live.Config
}

// DefaultConfig returns the limits of a daemon that nobody configured.
func DefaultConfig() Config {
	return Config{
		Limits:            gremlin.DefaultLimits(),
		Concurrency:       8,
		Lanes:             lane.DefaultConfig(),
		WriteTimeout:      time.Minute,
		Streams:           32,
		StreamPause:       10 * time.Second,
		Compressors:       32,
		MaxSubscribers:    1024,
		WatchWriteTimeout: 10 * time.Second,
		PingInterval:      20 * time.Second,
		Replays:           4,
		ReplayTime:        10 * time.Minute,
		ChunkElements:     500,
		Follow:            live.DefaultConfig(),
	}
}

// Subscription is one watcher's view of the engine.
type Subscription interface {
	// View is the graph that the changes begin at; nil when a resumed watch has
	// missed nothing.
	View() *graph.View
	// Next waits for changes. It returns [engine.ErrSlow] when the subscriber
	// fell behind its bound, [engine.ErrStopped] when the engine stops.
	Next(ctx context.Context) ([]graph.Change, error)
	Close()
}

// Deps are what the API stands on.
type Deps struct {
	// View takes the current graph.
	View func() *graph.View
	// Subscribe begins a watch: after the revision from, or with the current
	// graph when from is 0 or too long ago.
	Subscribe func(from uint64) (Subscription, error)
	// Hub follows queries, for others too; whoever made it stops it, after
	// [API.StopWatchers]. Nil has the API make one of its own.
	Hub *live.Hub
	// Past and Records are what was; nil when the daemon does not keep it.
	Past    gremlin.Past
	Records Records
	// RevisionAt returns the revision of the last change that was logged at or
	// before a time. Without it a watch since a time reads all changes that are
	// kept.
	RevisionAt func(ctx context.Context, t time.Time) (uint64, error)
	// Flows are those that go on and went on; nil when the daemon keeps none.
	Flows Flows
	// Digest identifies the current state; nil when the daemon has none.
	Digest func(ctx context.Context) (Digest, error)
	// Now is the clock for relative times, nil is [time.Now].
	Now func() time.Time
	// Definitions are what users defined, RuleStatus tells how one does; nil when
	// the daemon keeps none.
	Definitions *definition.Store
	RuleStatus  func(*definition.Definition) rules.Status
	// Captures are what hosts are ordered to capture; nil when the daemon gives no
	// orders.
	Captures Captures
	// Joins tells of the table of joins; nil when the daemon keeps none.
	Joins Joins
	// Alerts runs graph rules; nil when the daemon runs none.
	Alerts Alerts
	// Explain tells why something is in the graph; nil when the daemon cannot.
	Explain Explainer
	// Packets hands out packets that captures keep; nil when that is not allowed.
	Packets *packets.Service
	// Audit is told who made, changed and deleted definitions; nil is nobody.
	// Audited reads what was written down; nil when nothing is.
	Audit   Auditor
	Audited AuditReader
	// Status describes the engine.
	Status func(ctx context.Context) (engine.Status, error)
	// Ready says why requests cannot be served yet, nil when they can.
	Ready func() error
	// Registerer and Gatherer are where metrics go and come from.
	Registerer prometheus.Registerer
	Gatherer   prometheus.Gatherer
	Log        *slog.Logger
	Version    string
}

// API is the HTTP interface.
type API struct {
	cfg      Config
	deps     Deps
	lanes    *lane.Lanes
	streams  *httpx.Slots
	compress *httpx.Compressors
	tags     tags
	replays  *httpx.Slots
	trials   *httpx.Slots // of rows of the table of joins
	budget   *httpx.Budget
	buffers  sync.Pool // *bytes.Buffer
	watchers watchers
	hub      *live.Hub
	ownHub   bool
	n        *counters
	packets  *packetCounters
	now      func() time.Time
}

// answersInHand is how many answers of the largest size may wait for their
// clients at the same time.
const answersInHand = 2

// New returns an API and registers its metrics.
func New(cfg Config, deps Deps) (*API, error) {
	n, err := newCounters(deps.Registerer)
	if err != nil {
		return nil, err
	}
	lanes := cfg.Lanes
	lanes.Quick = cfg.Concurrency
	a := &API{
		cfg: cfg, deps: deps, n: n,
		lanes:    lane.New(lanes),
		streams:  httpx.NewSlots(cfg.Streams),
		compress: httpx.NewCompressors(cfg.Compressors),
		tags:     newTags(),
		replays:  httpx.NewSlots(cfg.Replays),
		trials:   httpx.NewSlots(1),
		budget:   httpx.NewBudget(answersInHand * int64(cfg.Limits.Bytes)),
	}
	if a.now = deps.Now; a.now == nil {
		a.now = time.Now
	}
	var sent []prometheus.Collector
	a.packets, sent = newPacketCounters(deps.Packets)
	for _, c := range append(a.gauges(), sent...) {
		if err := deps.Registerer.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics of the API: %w", err)
		}
	}
	a.watchers.init()
	if a.hub = deps.Hub; a.hub == nil {
		a.ownHub = true
		a.hub = live.New(cfg.Follow, live.Deps{
			View:      deps.View,
			Subscribe: func() (live.Changes, error) { return deps.Subscribe(0) },
		})
	}
	if err := deps.Registerer.Register(newFollowCollector(a.hub)); err != nil {
		return nil, fmt.Errorf("register metrics of the API: %w", err)
	}
	return a, nil
}

// Routes returns the endpoints that need the graph.
func (a *API) Routes() []httpx.Route {
	return append(slices.Concat(a.definitionRoutes(), a.captureRoutes(), a.joinRoutes(), a.alertRoutes(), a.explainRoutes(), a.flowRoutes()), []httpx.Route{
		httpx.Get("/api/v1/query", a.queryGet).For(auth.Read),
		httpx.Post("/api/v1/query", a.queryPost).For(auth.Read),
		httpx.Post("/api/v1/complete", a.complete).For(auth.Read),
		httpx.Post("/api/v1/check", a.check).For(auth.Read),
		httpx.Get("/api/v1/steps", a.steps).For(auth.Read),
		httpx.Get("/api/v1/history/{id}", a.history).For(auth.Read),
		httpx.Get("/api/v1/diff", a.difference).For(auth.Read),
		httpx.Post("/api/v1/topology", a.topology).For(auth.Read),
		httpx.Get("/api/v1/changes", a.changes).For(auth.Read),
		httpx.Get("/api/v1/digest", a.digest).For(auth.Read),
		httpx.Get("/api/v1/watch", a.watch).For(auth.Read),
		httpx.Get("/api/v1/status", a.status).For(auth.Read),
		httpx.Get("/api/v1/audit", a.auditList).For(auth.Administer),
	}...)
}

// OperationRoutes returns the endpoints that answer even while the daemon is
// starting. all are the routes of the whole server, for the list on "/".
func (a *API) OperationRoutes(all []httpx.Route) []httpx.Route {
	return []httpx.Route{
		httpx.Get("/{$}", a.index(all)).For(auth.Read),
		httpx.Get("/openapi.yaml", a.openapi).For(auth.Read),
		httpx.Get("/metrics", a.metrics()).For(auth.Read),
		httpx.Get("/-/healthy", a.healthy).For(auth.Public),
		httpx.Get("/-/ready", a.ready).For(auth.Public),
	}
}

// WhenReady makes a route answer 503 until the daemon is ready.
func (a *API) WhenReady(r httpx.Route) httpx.Route {
	next := r.Handler
	r.Handler = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if err := a.deps.Ready(); err != nil {
			httpx.WriteRetry(w, http.StatusServiceUnavailable, 1, &httpx.Error{Code: httpx.CodeUnavailable,
				Message: fmt.Sprintf("%v; try again in a second", err)})
			return
		}
		next.ServeHTTP(w, req)
	})
	return r
}

// counters are the metrics of the package.
type counters struct {
	queries  *prometheus.CounterVec // result
	watching prometheus.Gauge
	messages *prometheus.CounterVec // type
	closed   *prometheus.CounterVec // reason
}

func newCounters(reg prometheus.Registerer) (*counters, error) {
	c := &counters{
		queries: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_queries_total",
			Help: "Queries by outcome: ok, unchanged (304), gone (the client of a stream), or the code of the error."}, []string{"result"}),
		watching: prometheus.NewGauge(prometheus.GaugeOpts{Name: "topologyd_watch_subscribers",
			Help: "Watchers that are connected."}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_watch_messages_total",
			Help: "Messages sent to watchers by type."}, []string{"type"}),
		closed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_watch_closed_total",
			Help: "Watches that ended by reason: client, fell_behind, limit, write, stopping, credentials, refused, error."}, []string{"reason"}),
	}
	for _, m := range []prometheus.Collector{c.queries, c.watching, c.messages, c.closed} {
		if err := reg.Register(m); err != nil {
			return nil, fmt.Errorf("register metrics of the API: %w", err)
		}
	}
	return c, nil
}
