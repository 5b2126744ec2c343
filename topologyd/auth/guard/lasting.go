package guard

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/topologyd/auth"
)

// visit is a request that is being answered.
type visit struct {
	credentials auth.Credentials
	id          *auth.Identity
	cancel      context.CancelCauseFunc
	// unsure tells that the proof could not be looked at when it should have been.
	unsure atomic.Bool
}

// lasting are the requests that are being answered.
type lasting struct {
	mu   sync.Mutex
	open map[*visit]struct{}
	// reviews counts how often all had to prove once more who they are.
	reviews atomic.Uint64
}

func (l *lasting) enter(v *visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open[v] = struct{}{}
}

func (l *lasting) leave(v *visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, v)
}

func (l *lasting) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// list returns those that are open.
func (l *lasting) list() []*visit {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]*visit, 0, len(l.open))
	for v := range l.open {
		out = append(out, v)
	}
	return out
}

// watch looks after what lasts: at once when those who are known have changed, and
// now and then for what expires.
func (g *Guard) watch(ctx context.Context) {
	t := time.NewTicker(g.cfg.Look)
	defer t.Stop()
	changed := g.deps.Identify.Changed()
	for {
		select {
		case <-ctx.Done():
			return
		case <-changed:
			changed = g.deps.Identify.Changed()
			g.review(ctx, true)
		case <-t.C:
			g.review(ctx, false)
		}
	}
}

// review ends what may not go on. again has everybody prove once more who he is;
// otherwise only the clock is asked.
func (g *Guard) review(ctx context.Context, again bool) {
	if again {
		g.lasting.reviews.Add(1)
	}
	// All of them together: an issuer that does not answer must not keep those from
	// being ended of whom it is known.
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, v := range g.lasting.list() {
		if ctx.Err() != nil {
			return
		}
		if !g.holds(short, v, again || v.unsure.Load() || v.shown()) && ctx.Err() == nil {
			g.end(v)
		}
	}
}

// shown tells whether a certificate proves who it is: a CA between it and those that
// are trusted may end before it does, and nobody tells when. It costs a microsecond.
func (v *visit) shown() bool { return v.id.Method == auth.MethodCertificate }

// end ends what may not go on.
func (g *Guard) end(v *visit) {
	g.n.ended.Inc()
	g.deps.Log.Info("ending what the credentials that opened it do not allow any more", "user", v.id.Name, "method", v.id.Method,
		"remote", v.credentials.Remote.String())
	v.cancel(auth.ErrEnded)
}

// begin has what is being answered end with the proof of who asks; reviews is how
// many there had been when that was looked at. leave is called at the end.
func (g *Guard) begin(ctx context.Context, c auth.Credentials, id *auth.Identity, reviews uint64) (_ context.Context, leave func()) {
	v := &visit{credentials: c, id: id}
	ctx, v.cancel = context.WithCancelCause(ctx)
	g.lasting.enter(v)
	if g.lasting.reviews.Load() != reviews { // it changed in between
		short, cancel := context.WithTimeout(ctx, patience)
		defer cancel()
		if !g.holds(short, v, true) {
			g.end(v)
		}
	}
	return ctx, func() {
		g.lasting.leave(v)
		v.cancel(nil)
	}
}

// holds tells whether the proof of a visit still holds, and says the same. One that
// cannot be looked at now does so far: it is looked at again.
func (g *Guard) holds(ctx context.Context, v *visit, again bool) bool {
	if ended(v.id, g.now()) {
		return false
	}
	if !again {
		return true
	}
	id, err := g.deps.Identify.Identify(ctx, v.credentials)
	if err != nil {
		v.unsure.Store(g.deps.Explain(err).RetryAfter > 0)
		return v.unsure.Load()
	}
	v.unsure.Store(false)
	return id.Name == v.id.Name && id.Method == v.id.Method && id.Packets == v.id.Packets &&
		slices.Equal(id.Roles, v.id.Roles) && slices.Equal(id.Hosts, v.id.Hosts)
}
