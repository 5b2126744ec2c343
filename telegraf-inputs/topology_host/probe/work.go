package probe

import (
	"context"
	"errors"
	"syscall"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/ethtool"
)

// work is what waits to be asked of the kernel in one namespace. One job at a
// time is under way; while it is, events about what it asks for are held back
// and applied on top of the answer.
type work struct {
	sp   *space
	busy bool

	want     kinds     // tables to list
	wantFrom time.Time // not before
	lost     bool      // events were lost since the last listing began
	wantLink map[int32]struct{}
	wantFact map[int32]struct{}
	wantNSID map[int32]struct{}

	listing kinds
	asking  map[int32]struct{}
	held    []rtnl.Event

	lastList time.Time
	listCost time.Duration       // how long the last listing took
	failing  bool                // the last listing failed, which has been logged
	gone     map[int32]time.Time // links that were removed lately
	timer    task                // kicks when the time of a listing has come
	resync   task
	// wantLater are links to ask for when their time has come.
	wantLater map[int32]time.Time
	later     task
}

func (w *work) init(sp *space) {
	w.sp = sp
	w.wantLink = make(map[int32]struct{})
	w.wantFact = make(map[int32]struct{})
	w.wantNSID = make(map[int32]struct{})
	w.asking = make(map[int32]struct{})
	w.gone = make(map[int32]time.Time)
	w.wantLater = make(map[int32]time.Time)
	w.later.run = w.askDue
	w.timer.run = func(now time.Time) { w.kick(now) }
	w.resync.run = func(now time.Time) { w.relist(sp.p.cfg.kinds(), now) }
}

// pending reports whether there is work that reports should wait for.
func (w *work) pending() bool {
	return w.busy || len(w.wantFact) > 0 || len(w.wantLink) > 0 || len(w.wantNSID) > 0
}

// relist asks for tables to be listed, as soon as the pace allows.
func (w *work) relist(k kinds, now time.Time) {
	if w.sp.gone {
		return
	}
	w.wantFromCost(k, 2)
	w.kick(now)
}

// wantFromCost asks for tables, but lets pass the pace, and the given multiple
// of the time that a listing takes.
func (w *work) wantFromCost(k kinds, times time.Duration) {
	from := w.lastList.Add(max(w.sp.p.cfg.Relist, times*w.listCost))
	if w.want == 0 || from.Before(w.wantFrom) {
		w.wantFrom = from
	}
	w.want |= k & w.sp.p.cfg.kinds()
}

// doubt asks for tables to be listed of which events do not tell all. It waits
// a moment for the rest of what happens. A router with a million routes gives
// reason for doubt all the time: listings take a twentieth of the time at most.
func (w *work) doubt(k kinds, now time.Time) {
	if w.sp.gone {
		return
	}
	first := w.want == 0
	w.wantFromCost(k, 20)
	// Only the first doubt waits: others must not put it off for ever.
	if soon := now.Add(w.sp.p.cfg.Debounce); first && w.wantFrom.Before(soon) {
		w.wantFrom = soon
	}
	w.kick(now)
}

// overrun asks for everything to be listed.
func (w *work) overrun(now time.Time) {
	w.lost = true
	w.relist(w.sp.p.cfg.kinds(), now)
}

func (w *work) ask(index int32) { w.wantLink[index] = struct{}{} }

// laterBy is how long programs may take to set up a link that they made.
const laterBy = time.Second

// askLater asks for a link when it has been set up.
func (w *work) askLater(index int32, now time.Time) {
	w.wantLater[index] = now.Add(laterBy)
	w.sp.p.sched.at(&w.later, now.Add(laterBy))
}

func (w *work) askDue(now time.Time) {
	for index, due := range w.wantLater {
		if due.After(now) {
			w.sp.p.sched.at(&w.later, due)
			continue
		}
		delete(w.wantLater, index)
		w.ask(index)
	}
	w.kick(now)
}

// facts asks for what the driver of a link says.
func (w *work) facts(l *link) {
	if w.sp.p.cfg.Ethtool {
		w.wantFact[l.index] = struct{}{}
	}
}

// maxRemoved bounds how many removed links are remembered, and removedFor how
// long.
const (
	maxRemoved = 4096
	removedFor = 10 * time.Second
)

func (w *work) removed(index int32) {
	if len(w.gone) >= maxRemoved {
		clear(w.gone)
	}
	w.gone[index] = time.Now()
}

func (w *work) wasRemoved(index int32, now time.Time) bool {
	at, ok := w.gone[index]
	return ok && now.Sub(at) < removedFor
}

// maxHeld bounds the events that wait for a listing. What does not fit is lost,
// and listed again.
const maxHeld = 1 << 17

// hold keeps an event back when what it is about is being asked for.
func (w *work) hold(ev *rtnl.Event) bool {
	held := w.listing&kindOf(ev) != 0
	if !held && ev.Link != nil {
		_, held = w.asking[ev.Link.Index]
	}
	if !held {
		return false
	}
	if len(w.held) >= maxHeld {
		w.sp.p.stats.overruns.Add(1)
		w.held = w.held[:0]
		w.overrun(time.Now())
	}
	w.held = append(w.held, *ev)
	return true
}

// kick begins the next job, if there is one and none is under way.
func (w *work) kick(now time.Time) {
	sp := w.sp
	switch {
	case w.busy || sp.gone || sp.conn == nil:
	case w.want != 0 && !w.wantFrom.After(now):
		w.startList(now)
	case len(w.wantLink) > 0:
		w.startAsk()
	case len(w.wantFact) > 0:
		w.startFacts()
	case len(w.wantNSID) > 0:
		w.startNSIDs()
	}
	if w.want != 0 && !w.busy && !sp.gone {
		sp.p.sched.at(&w.timer, w.wantFrom)
	}
}

// start runs a job on a worker and then finish on the loop.
func (w *work) start(job func(ctx context.Context) (finish func(now time.Time))) {
	sp := w.sp
	w.busy = true
	sp.p.pool.add(func() {
		finish := job(sp.p.ctx)
		sp.p.post(func() {
			w.busy = false
			if sp.gone {
				return
			}
			now := time.Now()
			finish(now)
			w.release(now)
			w.kick(now)
			sp.p.checkReady()
		})
	})
}

// release applies what was held back.
func (w *work) release(now time.Time) {
	w.listing = 0
	clear(w.asking)
	held := w.held
	w.held = nil
	for i := range held {
		w.sp.apply(&held[i], now)
	}
}

// begin calls f on the loop after everything that was handed over so far, and
// waits for it.
func (w *work) begin(f func()) {
	done := make(chan struct{})
	if w.sp.p.post(func() { f(); close(done) }) {
		select {
		case <-done:
		case <-w.sp.p.quit:
		}
	}
}

// snapshot is the content of the tables of a namespace.
type snapshot struct {
	kinds     kinds
	links     []rtnl.Link
	addrs     []rtnl.Addr
	neighbors []rtnl.Neigh
	fdb       []rtnl.Neigh
	routes    []rtnl.Route
	rules     []rtnl.Rule
	nexthops  []rtnl.Nexthop
}

func (w *work) startList(now time.Time) {
	sp := w.sp
	conn, recv, lost, k := sp.conn, sp.recv, w.lost, w.want
	w.want, w.lost, w.lastList = 0, false, now
	if k == sp.p.cfg.kinds() {
		sp.p.sched.cancel(&w.resync)
	}
	sp.p.stats.listings.Add(1)
	w.start(func(ctx context.Context) func(time.Time) {
		sure := !lost || recv.catchUp(ctx)
		w.begin(func() { w.listing = k })
		start := time.Now()
		snap, err := list(ctx, conn, k)
		took := time.Since(start)
		return func(now time.Time) {
			w.lastList, w.listCost = now, took
			failed := w.failing
			w.failing = false
			switch {
			case errors.Is(err, rtnl.ErrClosed), errors.Is(err, context.Canceled):
				return
			case err != nil && !errors.Is(err, rtnl.ErrInterrupted):
				sp.p.stats.errors.Add(1)
				if w.failing = true; !failed {
					sp.p.log.Errorf("Cannot list network namespace %s: %v", sp.id, err)
				}
				w.relist(k, now)
				return
			}
			sp.replace(snap, now)
			if err != nil || !sure {
				w.lost = w.lost || !sure
				w.relist(k, now)
			}
			if w.resync.pos == 0 {
				// Not all namespaces at the same time.
				spread := time.Duration(sp.id.Inode%64) * sp.p.cfg.Resync / 256
				sp.p.sched.at(&w.resync, now.Add(sp.p.cfg.Resync+spread))
			}
		}
	})
}

// list reads tables. What the kernel has not, as policy rules in kernels
// without them, is empty.
func list(ctx context.Context, c *rtnl.Conn, k kinds) (s snapshot, err error) {
	s.kinds = k
	s.links, err = table(ctx, k&kindLinks, c.Links, nil)
	s.addrs, err = table(ctx, k&kindAddrs, c.Addrs, err)
	s.neighbors, err = table(ctx, k&kindNeighbors, c.Neighbors, err)
	s.fdb, err = table(ctx, k&kindFDB, c.FDB, err)
	s.nexthops, err = table(ctx, k&kindNexthops, c.Nexthops, err)
	s.routes, err = table(ctx, k&kindRoutes, c.Routes, err)
	s.rules, err = table(ctx, k&kindRules, c.Rules, err)
	return s, err
}

// table reads one table, unless an earlier one could not be read at all.
func table[T any](ctx context.Context, wanted kinds, read func(context.Context) ([]T, error), before error) ([]T, error) {
	if wanted == 0 || before != nil && !errors.Is(before, rtnl.ErrInterrupted) {
		return nil, before
	}
	out, err := read(ctx)
	switch {
	case errors.Is(err, syscall.EOPNOTSUPP), errors.Is(err, syscall.EAFNOSUPPORT):
		return nil, before
	case err == nil:
		return out, before
	}
	return out, err
}

// startAsk asks for single links.
func (w *work) startAsk() {
	sp, conn, indexes := w.sp, w.sp.conn, w.wantLink
	w.wantLink = make(map[int32]struct{})
	w.start(func(ctx context.Context) func(time.Time) {
		w.begin(func() { w.asking = indexes })
		recs := make(map[int32]*rtnl.Link, len(indexes))
		for index := range indexes {
			rec, err := conn.Link(ctx, index)
			switch {
			case err == nil:
				recs[index] = &rec
			case errors.Is(err, syscall.ENODEV):
				recs[index] = nil
			}
		}
		return func(now time.Time) {
			w.asking = make(map[int32]struct{})
			for index, rec := range recs {
				l := sp.links[index]
				switch {
				case rec != nil && rec.Index == index && rec.Name != "":
					sp.upsertLink(rec, now)
				case rec == nil && l != nil:
					sp.removeLink(l, "link removed")
				}
			}
		}
	})
}

// startFacts reads what drivers say.
func (w *work) startFacts() {
	sp, ctl, indexes := w.sp, w.sp.ctl, w.wantFact
	w.wantFact = make(map[int32]struct{})
	w.start(func(ctx context.Context) func(time.Time) {
		type answer struct {
			facts *ethtool.Facts
			pf    string
			vfID  int
		}
		got := make(map[int32]answer, len(indexes))
		for index := range indexes {
			if ctx.Err() != nil {
				break
			}
			f, err := sp.p.reader.Read(ctl, index)
			if err != nil {
				continue // the link is gone, of which an event tells
			}
			a := answer{facts: f}
			a.pf, a.vfID = virtualFunction(f.BusInfo)
			got[index] = a
		}
		return func(now time.Time) {
			for index, a := range got {
				l := sp.links[index]
				if l == nil || l.rec == nil {
					continue
				}
				same := l.facts.Equal(a.facts) && l.pf == a.pf && l.vfID == a.vfID
				sp.p.vfs.set(l, a.facts, a.pf, a.vfID, now)
				switch {
				case !l.sent && sp.p.ready:
					sp.p.sched.at(&l.task, now)
				case !same:
					l.changed(0, now)
				}
			}
		}
	})
}
