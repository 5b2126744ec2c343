package ingest

import (
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
)

// Config are the limits of ingest.
type Config struct {
	// MaxBody bounds a request body in bytes, compressed and decompressed.
	MaxBody int64
	// Queue bounds the requests that are worked on at the same time.
	Queue int
	// ReadTimeout is the longest pause in a body.
	ReadTimeout time.Duration
	// Patience is how long a request waits for its turn before it is refused.
	Patience time.Duration
	// MaxLine bounds one line of line protocol.
	MaxLine int
	// Chunk is about how much line protocol is worked on at a time.
	Chunk int
	// Batch is how many events are submitted at a time.
	Batch int
	// HostChanges is how many bytes of events a second a host may change the graph
	// with, HostRecords how many flow records and counters a second it may have kept,
	// of [shareTime] at once. 0: no bound. They hold for senders that speak for some
	// hosts alone, for each of their hosts.
	HostChanges, HostRecords int
}

// DefaultConfig returns limits that suit a daemon with a few hundred sources.
func DefaultConfig() Config {
	return Config{
		MaxBody:     64 << 20,
		Queue:       64,
		ReadTimeout: 15 * time.Second,
		Patience:    time.Second,
		MaxLine:     lineproto.MaxLine,
		Chunk:       4 << 20,
		Batch:       5000,
		HostChanges: 256 << 10,
		HostRecords: 20_000,
	}
}

// bodiesInHand is how many times MaxBody all requests together may hold.
const bodiesInHand = 4

// Ingest receives events for a [Sink]. Its handlers may be called from any
// number of goroutines.
type Ingest struct {
	cfg    Config
	sink   Sink
	flows  FlowSink
	series SeriesSink
	graph  Graph
	owners owners
	shares shares
	many   atomic.Pointer[claims] // of a sender with many hosts
	told   foreignLog
	log    *slog.Logger
	n      *counters
	slots  *httpx.Slots
	// flowSlots are those of requests with flow records, beside slots.
	flowSlots   *httpx.Slots
	flowTimeout time.Duration
	seriesSlots *httpx.Slots
	budget      *httpx.Budget
	// scratch holds *lineWriter, what a write request needs beside its buffer.
	scratch sync.Pool
	// reports holds *[]flowrecord.Record, a batch of a request.
	reports sync.Pool
	decoder *otlplog.Decoder
	// wires holds *flowWire.
	wires   sync.Pool
	buffers buffers
	now     func() time.Time
	seed    maphash.Seed
}

// New returns an ingest that hands what it receives to the sinks and registers
// its metrics with reg.
func New(cfg Config, to Sinks, log *slog.Logger, reg prometheus.Registerer) (*Ingest, error) {
	shares, err := newShares(&cfg)
	if err != nil {
		return nil, err
	}
	n, err := newCounters(reg)
	if err != nil {
		return nil, err
	}
	return &Ingest{
		cfg: cfg, sink: to.Events, flows: to.Flows, series: to.Series, graph: to.Graph, shares: shares, log: log, n: n,
		decoder:   otlplog.NewDecoder(),
		slots:     httpx.NewSlots(cfg.Queue),
		flowSlots: httpx.NewSlots(flowsAtOnce), flowTimeout: flowTimeout, seriesSlots: httpx.NewSlots(seriesAtOnce),
		budget: httpx.NewBudget(bodiesInHand * cfg.MaxBody),
		now:    time.Now,
		seed:   maphash.MakeSeed(),
	}, nil
}

// Routes returns the HTTP endpoints of ingest.
func (in *Ingest) Routes() []httpx.Route {
	return []httpx.Route{
		httpx.Post("/api/v2/write", in.write).For(auth.Report),
		httpx.Get("/api/v2/health", in.health).For(auth.Public),
		httpx.Get("/health", in.health).For(auth.Public),
		httpx.Get("/ping", in.ping).For(auth.Public),
		httpx.Post("/v1/logs", in.logs).For(auth.Report),
		httpx.Post("/v1/metrics", in.metrics).For(auth.Report),
	}
}

func (in *Ingest) bodyLimits() httpx.BodyLimits {
	return httpx.BodyLimits{Bytes: in.cfg.MaxBody, Pause: in.cfg.ReadTimeout}
}

// fingerprint names the bytes of an encoded event without its time, whatever
// the order of its fields, which Telegraf changes. It is never 0.
func (in *Ingest) fingerprint(content []byte) uint64 {
	return max(1, lineproto.Fingerprint(in.seed, content))
}
