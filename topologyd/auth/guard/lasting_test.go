package guard

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/auth"
)

// stay sends a request whose answer goes on, and returns where the reason of its end
// is told.
func (w *world) stay(token string) <-chan error {
	end, inside := make(chan error, 1), make(chan struct{})
	h := w.Route(httpx.Get("/x", func(_ http.ResponseWriter, r *http.Request) {
		close(inside)
		<-r.Context().Done()
		end <- context.Cause(r.Context())
	}).For(auth.Read)).Handler
	r := httptest.NewRequest(http.MethodGet, "/x", nil)
	r.Header.Set(bearer, token)
	go h.ServeHTTP(httptest.NewRecorder(), r)
	<-inside
	return end
}

// TestLasting changes who is known while requests are being answered.
func TestLasting(t *testing.T) {
	viewer := func(change func(*auth.Identity)) *auth.Identity {
		id := &auth.Identity{Name: "v", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer}}
		change(id)
		return id
	}
	for name, tt := range map[string]struct {
		to   *auth.Identity
		ends bool
	}{
		"removed":         {nil, true},
		"another role":    {viewer(func(id *auth.Identity) { id.Roles = []auth.Role{auth.Host} }), true},
		"packets":         {viewer(func(id *auth.Identity) { id.Packets = true }), true},
		"of another host": {viewer(func(id *auth.Identity) { id.Hosts = []string{"x"} }), true},
		"another name":    {viewer(func(id *auth.Identity) { id.Name = "y" }), true},
		"the same":        {viewer(func(*auth.Identity) {}), false},
		"longer":          {viewer(func(id *auth.Identity) { id.Expires = time.Now().Add(time.Hour) }), false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, func(_ *Config, d *Deps) { d.Now = time.Now })
				w.Start()
				v, other := w.stay("Bearer v"), w.stay("Bearer w")
				synctest.Wait()
				w.door.change("Bearer v", tt.to)
				synctest.Wait()
				select {
				case err := <-v:
					if !tt.ends || !errors.Is(err, auth.ErrEnded) {
						t.Errorf("it ended: %v", err)
					}
				default:
					if tt.ends {
						t.Error("it goes on")
					}
				}
				if len(other) > 0 {
					t.Error("somebody else's ended")
				}
				if n := testutil.ToFloat64(w.n.ended); n != map[bool]float64{true: 1}[tt.ends] {
					t.Errorf("%v ended", n)
				}
				w.door.change("Bearer v", nil)
				w.door.change("Bearer w", nil)
				synctest.Wait()
				if w.lasting.count() != 0 {
					t.Errorf("%d are left", w.lasting.count())
				}
				w.Stop()
			})
		})
	}
}

// TestExpires lets the time of a proof run out.
func TestExpires(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *Config, d *Deps) { d.Now = time.Now })
		w.Start()
		w.door.known["Bearer e"].Expires = time.Now().Add(time.Minute)
		begin, e := time.Now(), w.stay("Bearer e")
		if err := <-e; !errors.Is(err, auth.ErrEnded) {
			t.Error(err)
		}
		if took := time.Since(begin); took < time.Minute || took > time.Minute+w.cfg.Look {
			t.Errorf("after %v", took)
		}
		w.Stop()
	})
}

// TestUnavailable goes on while those who are known cannot be asked for.
func TestUnavailable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *Config, d *Deps) { d.Now = time.Now })
		w.Start()
		v := w.stay("Bearer v")
		synctest.Wait()
		w.door.mu.Lock()
		w.door.fault = &fault{Fault{Reason: "unavailable", RetryAfter: time.Second}, "away"}
		w.door.mu.Unlock()
		w.door.change("Bearer z", nil)
		synctest.Wait()
		if len(v) > 0 {
			t.Error("it ended")
		}
		w.door.mu.Lock()
		w.door.fault = nil
		w.door.mu.Unlock()
		w.door.change("Bearer v", nil)
		<-v
		w.Stop()
	})
}

// TestUnsure: what could not be looked at when everybody had to be is looked at again,
// as soon as it can be, without a further change.
func TestUnsure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *Config, d *Deps) { d.Now = time.Now })
		w.Start()
		v, other := w.stay("Bearer v"), w.stay("Bearer w")
		synctest.Wait()
		set := func(f *fault) {
			w.door.mu.Lock()
			defer w.door.mu.Unlock()
			w.door.fault = f
		}
		set(&fault{Fault{Reason: "unavailable", RetryAfter: time.Second}, "away"})
		w.door.change("Bearer v", nil)
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(v) > 0 {
			t.Error("it ended while nobody knew")
		}
		set(nil)
		time.Sleep(w.cfg.Look)
		synctest.Wait()
		if len(v) != 1 || len(other) > 0 {
			t.Errorf("%d, %d ended", len(v), len(other))
		}
		w.door.change("Bearer w", nil)
		<-other
		w.Stop()
	})
}

// TestChainEnds: that a CA has ended is told by nobody, and is seen.
func TestChainEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(_ *Config, d *Deps) { d.Now = time.Now })
		w.Start()
		w.door.known["Bearer v"].Method = auth.MethodCertificate
		v := w.stay("Bearer v")
		time.Sleep(time.Minute)
		synctest.Wait()
		if len(v) > 0 {
			t.Error("it ended")
		}
		w.door.mu.Lock()
		w.door.known["Bearer v"] = nil
		w.door.mu.Unlock()
		time.Sleep(w.cfg.Look)
		synctest.Wait()
		if len(v) != 1 {
			t.Error("it goes on")
		}
		w.Stop()
	})
}

// TestOpen: one client does not have all watches that there are.
func TestOpen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, func(c *Config, d *Deps) { c.Open, d.Now = 3, time.Now })
		w.Start()
		var open []<-chan error
		for range w.cfg.Open {
			open = append(open, w.stay("Bearer v"))
		}
		synctest.Wait()
		if rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer v"); rec.Code != 503 || rec.Header().Get("Retry-After") == "" || w.refusals(reasonInHand) != 1 {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
		if rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer w"); rec.Code != 200 {
			t.Errorf("another client: %d %s", rec.Code, rec.Body)
		}
		w.door.change("Bearer v", &auth.Identity{Name: "v", Method: auth.MethodToken})
		for _, o := range open {
			<-o
		}
		w.door.change("Bearer v", &auth.Identity{Name: "v", Method: auth.MethodToken, Roles: []auth.Role{auth.Viewer}})
		synctest.Wait()
		if rec := w.ask(auth.Read, http.MethodGet, bearer, "Bearer v"); rec.Code != 200 {
			t.Errorf("after they ended: %d %s", rec.Code, rec.Body)
		}
		w.Stop()
	})
}

// TestBetween takes a credential away after it was looked at, and before what it opens
// is known.
func TestBetween(t *testing.T) {
	w := newWorld(t, nil)
	reviews := w.lasting.reviews.Load()
	w.door.change("Bearer v", nil)
	w.review(t.Context(), true)
	ctx, leave := w.begin(t.Context(), auth.Credentials{Authorization: "Bearer v"}, &auth.Identity{Name: "v", Method: auth.MethodToken}, reviews)
	defer leave()
	if !errors.Is(context.Cause(ctx), auth.ErrEnded) {
		t.Error(context.Cause(ctx))
	}
}
