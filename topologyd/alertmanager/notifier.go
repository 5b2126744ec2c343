package alertmanager

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/time/rate"
)

// Notifier tells Alertmanagers of alerts. It is made by New and sends between Start
// and Stop; Send and ExternalLabels may be called at any time, concurrently.
type Notifier struct {
	cfg     Config
	log     *slog.Logger
	n       *counters
	urls    []Endpoints // of Config.URLs
	invalid rate.Sometimes

	stop  chan struct{}
	end   context.CancelFunc // ends what Stop does not wait for any longer
	done  sync.WaitGroup
	peers sync.WaitGroup

	// Of the goroutine that runs, and of Start:
	files   *fileReader
	finders *finders
	sets    []set
	over    bool
	problem string // what of the file cannot be done, "" when all can

	mu       sync.Mutex
	stopped  bool
	external map[string]string
	byURL    map[string]*peer
	// book is what fires: an Alertmanager that is found later, or that was away and
	// may have been restarted, is told at once.
	book *queue
}

// New returns a notifier that is not started, and registers its metrics.
func New(cfg Config, log *slog.Logger, reg prometheus.Registerer) (*Notifier, error) {
	n := &Notifier{
		cfg: cfg, log: log, stop: make(chan struct{}), byURL: make(map[string]*peer), book: newQueue(cfg.Queue),
		invalid: rate.Sometimes{First: 1, Interval: time.Minute},
	}
	var err error
	if n.urls, err = fromURLs(cfg.URLs); err != nil {
		return nil, err
	}
	if n.files, err = newFileReader(&cfg, log); err != nil {
		return nil, fmt.Errorf("set up Alertmanagers: %w", err)
	}
	if n.n, err = newCounters(reg, &cfg); err != nil {
		return nil, err
	}
	n.finders, err = newFinders(log, reg)
	return n, err
}

// Start reads the file and begins to send. A file that cannot be used is told in the
// log, by a metric, and read again until it can. ctx gives values only: Stop ends it.
func (n *Notifier) Start(ctx context.Context) {
	ctx, n.end = context.WithCancel(context.WithoutCancel(ctx))
	n.readFile(ctx, true)
	n.done.Go(func() { n.run(ctx) })
}

// Stop sends what is queued, for as long as [Config.Drain] says and as Alertmanagers
// answer, and returns when all goroutines have ended. What is left is counted.
func (n *Notifier) Stop() {
	n.mu.Lock()
	started, again := n.end != nil, n.stopped
	n.stopped = true
	n.mu.Unlock()
	if !started || again {
		return
	}
	close(n.stop)
	n.done.Wait()
	for _, p := range n.byURL {
		close(p.stop)
	}
	t := time.AfterFunc(n.cfg.Drain, n.end)
	n.peers.Wait()
	t.Stop()
	n.end()
	n.finders.stop()
	for _, p := range n.byURL {
		p.drop("stopping", p.queue.len())
	}
	for _, s := range n.sets {
		s.client.CloseIdleConnections()
	}
}

// Send queues states of alerts for every Alertmanager, and returns at once. now is
// the time that they are of.
func (n *Notifier) Send(now time.Time, alerts []Outgoing) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.stopped {
		n.n.dropped.WithLabelValues("", "stopping").Add(float64(len(alerts)))
		return
	}
	entries := make([]*entry, 0, len(alerts))
	for i := range alerts {
		e, err := newEntry(&alerts[i], n.external)
		if err != nil {
			n.n.dropped.WithLabelValues("", "invalid").Inc()
			n.invalid.Do(func() {
				n.log.Error("an alert cannot be sent", "alertname", alerts[i].Labels["alertname"], "error", err)
			})
			continue
		}
		if e.firing(now) {
			n.book.put(e)
		} else {
			n.book.remove(e.key)
		}
		entries = append(entries, e)
	}
	for _, p := range n.byURL {
		p.put(entries)
	}
}

// ExternalLabels returns the labels that all alerts get, as the file says now.
func (n *Notifier) ExternalLabels() map[string]string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.external)
}

// firing returns what fires now; what has not been heard of for too long is
// forgotten.
func (n *Notifier) firing() []*entry {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.firingLocked(time.Now())
}

func (n *Notifier) firingLocked(now time.Time) (out []*entry) {
	var over []*entry
	for _, e := range n.book.first(n.book.len()) {
		if e.firing(now) {
			out = append(out, e)
		} else {
			over = append(over, e)
		}
	}
	n.book.done(over)
	return out
}

// run follows the file and what is found.
func (n *Notifier) run(ctx context.Context) {
	look := time.NewTicker(n.cfg.FileEvery)
	defer look.Stop()
	for {
		select {
		case <-look.C:
			n.readFile(ctx, false)
		case <-n.finders.found:
			n.reconcile(ctx)
		case <-n.stop:
			return
		}
	}
}
