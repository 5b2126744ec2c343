package guard

import (
	"container/list"
	"context"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/auth/limit"
)

// Config are the limits.
type Config struct {
	// RequestRate is how many requests a second one client may make, RequestBurst
	// how many at once. What reports is not counted.
	RequestRate, RequestBurst int
	// FailureRate is how many failed proofs a second of one address are told why, and
	// written down.
	FailureRate int
	// Clients is how many clients are told apart; beyond, the one that was quiet
	// longest is forgotten.
	Clients int
	// Reports and ReportBytes bound what one client may have in hand that reports:
	// how many requests, and how much their bodies are said to hold together.
	Reports     int
	ReportBytes int64
	// Streams bounds those over gRPC of who speaks for some hosts alone: of all
	// clients only a few may be in hand there, as none says how large it is.
	Streams int
	// Open bounds how many requests of one client are answered at the same time that
	// neither report nor follow assignments: watches and other streams among them, of
	// which there is a number for all.
	Open int
	// Strangers bounds the connections on which nobody has proved who he is: for each
	// more the oldest one is closed.
	Strangers int
	// MaxBody is what a body is taken to hold that does not say it.
	MaxBody int64
	// Look is how often it is looked whether what lasts may go on.
	Look time.Duration
	// Names are the host names, beside those that mean this host anyway, by which a
	// daemon that asks nobody may be addressed over loopback.
	Names []string
}

// DefaultConfig returns the limits of a daemon that nobody configured.
func DefaultConfig() Config {
	return Config{
		RequestRate: 200, RequestBurst: 1000, FailureRate: 10, Clients: 65536,
		Reports: 16, ReportBytes: 128 << 20, Streams: 4, Open: 512, Strangers: 4096, MaxBody: 64 << 20, Look: 2 * time.Second,
	}
}

// Identifier proves who asks. Its methods may be called concurrently.
type Identifier interface {
	// Identify returns who has these credentials, which are not none.
	Identify(ctx context.Context, c auth.Credentials) (*auth.Identity, error)
	// Changed returns a channel that is closed when those who were known may not be
	// any more.
	Changed() <-chan struct{}
}

// Fault is why a proof was not good.
type Fault struct {
	// Reason is one of a few words, of small letters and underscores.
	Reason string
	// RetryAfter is when the same proof may be good that was not looked at, 0 when it
	// was.
	RetryAfter time.Duration
}

// Auditor writes down what was done. [audit.Log] is one.
type Auditor interface {
	Record(r audit.Record) error
}

// Deps are what the guard stands on.
type Deps struct {
	// Identify proves who asks; nil: nobody is asked, and everybody is
	// [auth.Anybody].
	Identify Identifier
	// Explain says what an error of Identify is, whose text tells nothing of what was
	// sent. It must be there when Identify is.
	Explain func(err error) Fault
	// Audit is told of refusals; nil is nobody.
	Audit Auditor
	// TLS tells that the listeners speak TLS.
	TLS        bool
	Log        *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock, nil is [time.Now].
	Now func() time.Time
}

// Guard asks requests. Its methods may be called concurrently.
type Guard struct {
	cfg      Config
	deps     Deps
	now      func() time.Time
	n        *counters
	rates    *limit.Limiter[limit.Client]
	failures *limit.Limiter[netip.Addr]
	hand     hand // what reports
	open     hand // all else
	lasting  lasting
	// strangers have not proved who they are yet.
	strangers strangers
	anybody   *auth.Identity
	unknown   *auth.Identity

	run     context.CancelFunc
	running sync.WaitGroup
}

// New returns a guard and registers its metrics.
func New(cfg Config, deps Deps) (*Guard, error) {
	if deps.Now == nil {
		deps.Now = time.Now
	}
	anybody := auth.Anybody()
	g := &Guard{
		cfg: cfg, deps: deps, now: deps.Now, anybody: &anybody, unknown: new(auth.Identity),
		hand:      hand{requests: cfg.Reports, bytes: cfg.ReportBytes, clients: make(map[limit.Client]inHand)},
		open:      hand{requests: cfg.Open, bytes: math.MaxInt64, clients: make(map[limit.Client]inHand)},
		strangers: strangers{most: cfg.Strangers, order: list.New(), byEnds: make(map[ends]*list.Element)},
		lasting:   lasting{open: make(map[*visit]struct{})},
	}
	var err error
	if g.rates, err = limit.New[limit.Client](limit.Config{Rate: float64(cfg.RequestRate), Burst: cfg.RequestBurst, Clients: cfg.Clients}); err != nil {
		return nil, fmt.Errorf("limit requests: %w", err)
	}
	if g.failures, err = limit.New[netip.Addr](limit.Config{Rate: float64(cfg.FailureRate), Burst: 2 * cfg.FailureRate, Clients: cfg.Clients}); err != nil {
		return nil, fmt.Errorf("limit failures: %w", err)
	}
	if g.n, err = newCounters(deps.Registerer, g); err != nil {
		return nil, fmt.Errorf("register metrics of the guard: %w", err)
	}
	g.strangers.closed = g.n.strangers
	return g, nil
}

// Start begins to look after what lasts.
func (g *Guard) Start() {
	if g.deps.Identify == nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	g.run = cancel
	g.running.Go(func() { g.watch(ctx) })
}

// Stop ends that.
func (g *Guard) Stop() {
	if g.run != nil {
		g.run()
		g.running.Wait()
	}
}

// Asks tells whether anybody is asked who he is.
func (g *Guard) Asks() bool { return g.deps.Identify != nil }

// request is what the guard knows of a request before it is let in.
type request struct {
	auth.Credentials
	needs auth.Permission
	what  string // the method and pattern, for the audit record
	actor audit.Actor
	ends  ends // of the connection
	// many tells that there is more than one Authorization.
	many bool
	// hasty tells that whoever asks the guard cannot wait for longer than patience.
	hasty bool
}

// patience is how long those wait for a proof who hold up others meanwhile.
const patience = time.Second

// let says who sends a request that may go on, else why it may not.
func (g *Guard) let(ctx context.Context, r *request) (*auth.Identity, *refusal) {
	id, no := g.identify(ctx, r)
	if no != nil {
		return nil, no
	}
	r.actor.User, r.actor.Method = id.Name, id.Method
	if !id.May(r.needs) {
		return nil, forbidden(id, r.needs)
	}
	if r.needs == auth.Public || r.needs == auth.Report || g.deps.Identify == nil && r.Remote.IsLoopback() {
		return id, nil
	}
	if ok, wait := g.rates.TakeAt(client(id, r.Remote), g.now()); !ok {
		return nil, tooMany(wait)
	}
	return id, nil
}

// client is what an identity is counted as.
func client(id *auth.Identity, remote netip.Addr) limit.Client {
	if id.Method == auth.MethodNone {
		return limit.Client{Address: limit.Address(remote)}
	}
	return limit.Client{Method: id.Method, Name: id.Name}
}

// identify says who sends a request.
func (g *Guard) identify(ctx context.Context, r *request) (*auth.Identity, *refusal) {
	switch {
	case g.deps.Identify == nil:
		return g.anybody, nil
	case r.needs == auth.Public:
		return g.unknown, nil
	case r.many:
		return nil, g.failed(r, unknown(reasonMalformed))
	case r.None():
		return nil, unknown(reasonNone)
	}
	look := ctx
	if r.hasty {
		short, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		look = short
	}
	id, err := g.deps.Identify.Identify(look, r.Credentials)
	if err == nil && ended(id, g.now()) {
		return nil, g.failed(r, unknown(reasonExpired))
	}
	if err == nil {
		g.strangers.proved(r.ends)
		return id, nil
	}
	if ctx.Err() != nil {
		return nil, unknown(reasonGone)
	}
	f := g.deps.Explain(err)
	if f.RetryAfter > 0 { // it was not looked at: that is no failure
		return nil, later(label(f.Reason), f.RetryAfter, err)
	}
	no := unknown(label(f.Reason))
	no.message = err.Error()
	return nil, g.failed(r, no)
}

// ended tells whether a proof has ended by itself.
func ended(id *auth.Identity, now time.Time) bool {
	return !id.Expires.IsZero() && !now.Before(id.Expires)
}

// failed counts a proof that was not good: when there are too many from one address
// that is all they are told.
func (g *Guard) failed(r *request, no *refusal) *refusal {
	if ok, wait := g.failures.TakeAt(limit.Address(r.Remote), g.now()); !ok {
		return tooManyFailures(wait)
	}
	return no
}

// label bounds the reasons of others, which are labels of a metric.
func label(reason string) string {
	if reason == "" || len(reason) > 32 || strings.ContainsFunc(reason, func(c rune) bool { return (c < 'a' || c > 'z') && c != '_' }) {
		return reasonOther
	}
	return reason
}
