// Package daemon puts topologyd together: the engine, what feeds it and what
// asks it, and the servers in front. It decides in which order they start and
// stop, and nothing else.
package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/skein-net/skein/internal/version"
	"github.com/skein-net/skein/topologyd/api"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/config"
	"github.com/skein-net/skein/topologyd/engine"
	"github.com/skein-net/skein/topologyd/follow/live"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/ingest"
)

// What [Daemon.ready] answers when it is not.
var (
	errStarting = errors.New("the event log is being read")
	errStopping = errors.New("the daemon is stopping")
)

// Timeouts of the HTTP server. Handlers set tighter ones for what they read
// and write.
const (
	readHeaderTimeout = 10 * time.Second
	idleTimeout       = 2 * time.Minute
	readTimeout       = 5 * time.Minute
	writeTimeout      = 5 * time.Minute
	maxHeader         = 128 << 10 // a query may be in the URL
)

// Daemon is topologyd. Start and Stop are called once each, one after the
// other; the other methods may be called at any time after Start.
type Daemon struct {
	cfg    config.Config
	log    *slog.Logger
	engine *engine.Engine
	api    *api.API
	grpc   *ingest.GRPC
	http   *http.Server
	notify func(state string)
	routes []httpx.Route
	// registry has all metrics of the daemon.
	registry *prometheus.Registry

	httpListener, otlpListener net.Listener

	notReady atomic.Pointer[error]
	servers  sync.WaitGroup
	failed   chan error
	stopping chan struct{}

	hub         *live.Hub
	definitions definitions
	alerts      alertParts
	flows       *flowParts
	audit       *audit.Log
	security    security
}

// New puts a daemon together without starting anything. The configuration must
// be valid. notify tells the service manager about the daemon's state
// ("READY=1"); it may be nil.
func New(cfg config.Config, log *slog.Logger, notify func(state string)) (*Daemon, error) {
	if notify == nil {
		notify = func(string) {}
	}
	d := &Daemon{
		cfg: cfg, log: log, notify: notify, failed: make(chan error, 3), stopping: make(chan struct{}),
		engine: engine.New(engineConfig(&cfg), log.With("part", "engine")),
	}
	d.notReady.Store(&errStarting)
	var err error
	if d.flows, err = newFlows(&d.cfg, log); err != nil {
		return nil, err
	}
	reg := prometheus.NewRegistry()
	d.registry = reg
	shown := []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		newCollector(d.engine.Status), buildInfo(),
	}
	if d.flows != nil {
		shown = append(shown, newFlowCollector(d.flows))
	}
	for _, c := range shown {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("register metrics: %w", err)
		}
	}
	handler, err := d.handler(reg)
	if err != nil {
		return nil, err
	}
	d.http = &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		IdleTimeout:       idleTimeout,
		WriteTimeout:      writeTimeout,
		MaxHeaderBytes:    maxHeader,
		TLSConfig:         d.security.config(),
		ErrorLog:          d.security.errorLog(log.With("part", "http").Handler()),
	}
	return d, nil
}

// handler makes API and ingest and the routes of both.
func (d *Daemon) handler(reg *prometheus.Registry) (http.Handler, error) {
	observer, err := httpx.NewObserver(d.log.With("part", "http"), reg)
	if err != nil {
		return nil, fmt.Errorf("register metrics: %w", err)
	}
	sinks := ingest.Sinks{Events: d.engine, Graph: d.engine}
	if d.flows != nil {
		sinks.Flows, sinks.Series = d.flows.flows, d.flows.store
	}
	in, err := ingest.New(ingestConfig(&d.cfg), sinks, d.log.With("part", "ingest"), reg)
	if err != nil {
		return nil, err
	}
	if d.audit, err = newAudit(&d.cfg, d.log, reg); err != nil {
		return nil, err
	}
	if d.security, err = newSecurity(&d.cfg, d.audit, d.log, reg); err != nil {
		return nil, err
	}
	d.grpc = ingest.NewGRPC(in, ingest.Door{Admit: d.security.guard.Admit, TLS: d.security.config(), Refused: d.security.refused(), Panicked: observer.Panicked})
	d.hub = live.New(live.DefaultConfig(), live.Deps{
		View:      d.engine.View,
		Subscribe: func() (live.Changes, error) { return d.engine.Subscribe(0) },
	})
	if d.definitions, err = newDefinitions(&d.cfg, d.engine, d.hub, d.log, reg); err != nil {
		return nil, err
	}
	if d.alerts, err = newAlerts(&d.cfg, d.engine, d.definitions.store, d.flows, d.log, reg); err != nil {
		return nil, err
	}
	deps := api.Deps{
		View:      d.engine.View,
		Subscribe: func(from uint64) (api.Subscription, error) { return d.engine.Subscribe(from) },
		Status:    d.engine.Status,
		Hub:       d.hub,
		Past:      timeline{d.engine}, Records: timeline{d.engine}, Digest: d.digest,
		RevisionAt:  timeline{d.engine}.RevisionAt,
		Definitions: d.definitions.store, RuleStatus: d.definitions.rules.Status, Captures: d.definitions.orders,
		Joins: d.definitions.joins, Alerts: d.alerts.rules, Explain: d.engine,
		Ready:      d.ready,
		Registerer: reg, Gatherer: reg,
		Log: d.log.With("part", "api"), Version: version.String(),
	}
	if d.flows != nil {
		deps.Flows = d.flows.flows
	}
	deps.Audit, deps.Audited, deps.Packets = d.audit, d.audit, d.packets()
	if d.api, err = api.New(apiConfig(&d.cfg), deps); err != nil {
		return nil, err
	}
	d.routes = routes(d.api, in)
	for i := range d.routes {
		d.routes[i] = observer.Route(d.security.guard.Route(d.routes[i]))
	}
	return d.security.guard.Handler(httpx.Mux(d.routes)), nil
}

// routes returns all HTTP endpoints of the daemon.
func routes(a *api.API, in *ingest.Ingest) []httpx.Route {
	routes := slices.Concat(a.Routes(), in.Routes())
	for i := range routes {
		routes[i] = a.WhenReady(routes[i])
	}
	all := slices.Concat(routes, a.OperationRoutes(nil)) // what the page on "/" lists
	return append(routes, a.OperationRoutes(all)...)
}

func engineConfig(c *config.Config) engine.Config {
	e := engine.DefaultConfig(c.DataDir)
	logConfig(&e.Log, c)
	e.Past.MaxAge, e.Past.MaxBytes = c.RetentionAge, int64(c.RetentionBytes)
	e.Recent = c.Watch.Queue
	return e
}

func ingestConfig(c *config.Config) ingest.Config {
	i := ingest.DefaultConfig()
	i.MaxBody, i.Queue, i.ReadTimeout = int64(c.Ingest.MaxBody), c.Ingest.Queue, c.Ingest.ReadTimeout
	i.HostChanges, i.HostRecords = int(min(c.Security.HostChangeRate, math.MaxInt32)), c.Security.HostRecordRate
	return i
}

func apiConfig(c *config.Config) api.Config {
	a := api.DefaultConfig()
	a.Limits = gremlin.Limits{Time: c.Query.Timeout, Visited: c.Query.MaxVisited, Results: c.Query.MaxResults, Bytes: int(c.Query.MaxBytes)}
	a.Concurrency = c.Query.Concurrency
	a.WriteTimeout = c.WriteTimeout
	a.MaxSubscribers = c.Watch.MaxSubscribers
	a.WatchWriteTimeout, a.PingInterval = c.Watch.WriteTimeout, c.Watch.PingInterval
	return a
}

// ready tells why requests cannot be served, nil when they can.
func (d *Daemon) ready() error {
	if p := d.notReady.Load(); p != nil {
		return *p
	}
	return nil
}

// Start listens, reads the event log and returns when requests are served.
// Health and readiness are answered meanwhile. After an error nothing runs.
func (d *Daemon) Start(ctx context.Context) error {
	if err := d.listen(ctx); err != nil {
		return err
	}
	if err := d.openDoor(ctx); err != nil {
		d.closeListeners()
		return err
	}
	d.servers.Go(func() {
		if err := d.serveHTTP(); !errors.Is(err, http.ErrServerClosed) {
			d.failed <- fmt.Errorf("serve HTTP: %w", err)
		}
	})
	begin := time.Now()
	if err := d.startParts(ctx); err != nil {
		err = errors.Join(err, d.http.Close())
		d.closeListeners()
		d.servers.Wait()
		d.closeDoor()
		return err
	}
	d.notReady.Store(nil)
	d.servers.Go(func() {
		select {
		case err := <-d.engine.Failed():
			d.failed <- err
		case <-d.stopping:
		}
	})
	if d.otlpListener != nil {
		d.servers.Go(func() {
			if err := d.grpc.Serve(d.security.guard.Listener(d.otlpListener)); err != nil {
				d.failed <- err
			}
		})
	}
	d.log.Info("ready", "http", d.HTTPAddr().String(), "otlp", addrText(d.otlpListener), "data_dir", d.cfg.DataDir,
		"nodes", d.engine.View().NodeCount(), "took", time.Since(begin).Round(time.Millisecond))
	d.notify("READY=1")
	return nil
}

// serveHTTP serves until the server is stopped.
func (d *Daemon) serveHTTP() error {
	if d.http.TLSConfig == nil {
		return d.http.Serve(d.security.guard.Listener(d.httpListener))
	}
	return d.http.ServeTLS(d.security.guard.Listener(d.httpListener), "", "") // by TLSConfig
}

// startParts starts what the servers stand on. After an error none of it runs.
func (d *Daemon) startParts(ctx context.Context) error {
	if err := d.engine.Start(ctx); err != nil {
		return fmt.Errorf("start engine: %w", err)
	}
	if err := d.flows.start(ctx); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.cfg.ShutdownTimeout)
		defer cancel()
		return errors.Join(err, d.engine.Stop(stop))
	}
	if err := d.audit.Open(); err != nil {
		stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.cfg.ShutdownTimeout)
		defer cancel()
		d.flows.stop()
		return errors.Join(err, d.engine.Stop(stop))
	}
	d.definitions.start(d.engine)
	d.alerts.start(ctx)
	return nil
}

func (d *Daemon) listen(ctx context.Context) (err error) {
	var lc net.ListenConfig
	if d.httpListener, err = lc.Listen(ctx, "tcp", d.cfg.Listen); err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	if d.cfg.OTLPListen != "" {
		if d.otlpListener, err = lc.Listen(ctx, "tcp", d.cfg.OTLPListen); err != nil {
			d.closeListeners()
			return fmt.Errorf("--otlp-listen: %w", err)
		}
	}
	err = d.mayListen("listen", d.cfg.Listen, d.httpListener)
	if err == nil && d.otlpListener != nil {
		err = d.mayListen("otlp-listen", d.cfg.OTLPListen, d.otlpListener)
	}
	if err != nil {
		d.closeListeners()
	}
	return err
}

// closeListeners closes what is open; a listener closed before does no harm.
func (d *Daemon) closeListeners() {
	for _, l := range []net.Listener{d.httpListener, d.otlpListener} {
		if l != nil {
			_ = l.Close()
		}
	}
}

// HTTPAddr returns the address of the HTTP server.
func (d *Daemon) HTTPAddr() net.Addr { return d.httpListener.Addr() }

// OTLPAddr returns the address of the gRPC server, nil when it is off.
func (d *Daemon) OTLPAddr() net.Addr {
	if d.otlpListener == nil {
		return nil
	}
	return d.otlpListener.Addr()
}

func addrText(l net.Listener) string {
	if l == nil {
		return "off"
	}
	return l.Addr().String()
}

// Failed tells that a server ended although nobody stopped it.
func (d *Daemon) Failed() <-chan error { return d.failed }

// Stop ends the daemon gracefully until ctx ends: it stops listening, lets
// requests in hand end, tells watchers, then has the engine write what waits
// and close the log. Half of the time is for clients, the rest for the log;
// what takes longer is cut off.
func (d *Daemon) Stop(ctx context.Context) error {
	d.notify("STOPPING=1")
	d.notReady.Store(&errStopping)
	close(d.stopping)
	half := d.cfg.ShutdownTimeout / 2
	if end, ok := ctx.Deadline(); ok {
		half = time.Until(end) / 2
	}
	drain, cancel := context.WithTimeout(ctx, half)
	defer cancel()

	var closing sync.WaitGroup
	closing.Go(func() {
		if err := d.http.Shutdown(drain); err != nil {
			d.log.Warn("cutting off requests that do not end", "error", err)
			_ = d.http.Close()
		}
	})
	closing.Go(func() { d.grpc.Stop(drain) })
	closing.Go(d.definitions.orders.Stop) // hosts go to the next endpoint at once
	d.api.StopWatchers(drain)
	closing.Wait()
	d.closeListeners()
	d.servers.Wait()
	d.alerts.stop()
	d.definitions.stop()
	d.hub.Stop()
	d.flows.stop()
	d.closeDoor()
	if err := d.audit.Close(); err != nil {
		d.log.Error("audit log", "error", err)
	}
	if err := d.engine.Stop(ctx); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	d.log.Info("stopped")
	return nil
}
