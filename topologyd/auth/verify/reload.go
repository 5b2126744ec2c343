package verify

import (
	"context"
	"time"

	"github.com/skein-net/skein/topologyd/auth/authfile"
)

// use takes a version of the file into use.
func (v *Verifier) use(ctx context.Context, f *authfile.File, now time.Time) {
	old := v.state.Load()
	s := &state{file: f, tokens: newTokens(f.Tokens), certificates: newCertificates(f.Certificates)}
	switch {
	case f.OIDC == nil:
	case old.issuer != nil && old.issuer.same(f.OIDC):
		s.issuer = old.issuer
	default:
		s.issuer = newIssuer(f.OIDC, v)
		s.issuer.start(ctx)
	}
	v.state.Store(s)
	if old.issuer != nil && old.issuer != s.issuer {
		old.issuer.stop()
	}
	v.tellExpired(f, now)
	if old.file != nil && v.deps.Log != nil {
		v.deps.Log.Info("who may do what was read again", "file", v.cfg.File, "tokens", len(f.Tokens), "certificates", len(f.Certificates), "oidc", f.OIDC != nil)
	}
}

// soon is how long before its end a token is told in the log.
const soon = 7 * 24 * time.Hour

// tellExpired logs tokens that are of no use, or soon will not be, the first few by
// name.
func (v *Verifier) tellExpired(f *authfile.File, now time.Time) {
	if v.deps.Log == nil {
		return
	}
	const most = 10
	var n int
	for i := range f.Tokens {
		t := &f.Tokens[i]
		if t.Expires.IsZero() || t.Expires.Sub(now) > soon {
			continue
		}
		if n++; n > most {
			continue
		}
		if t.Expires.After(now) {
			v.deps.Log.Warn("token expires soon; make a new one by topologyctl token new", "name", t.Name, "expires", t.Expires)
		} else {
			v.deps.Log.Warn("token is expired; remove it, or make a new one by topologyctl token new", "name", t.Name, "expires", t.Expires)
		}
	}
	if n > most {
		v.deps.Log.Warn("more tokens are expired or expire soon", "tokens", n-most)
	}
}

// run follows the file, which was read last, and what is told by chains, nil without
// [Chains].
func (v *Verifier) run(ctx context.Context, last time.Time, chains <-chan struct{}) {
	defer func() {
		if i := v.state.Load().issuer; i != nil {
			i.stop()
		}
	}()
	ticker := time.NewTicker(v.cfg.Reload)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-chains:
			chains = v.deps.Chains.Changed()
			v.change()
		case <-ticker.C:
			now := time.Now()
			if v.reload(ctx, now) || v.state.Load().expires(last, now) {
				v.change()
			}
			last = now
		}
	}
}

// reload reads the file when it changed. It tells whether another version is in use.
func (v *Verifier) reload(ctx context.Context, now time.Time) bool {
	if !v.files.Read(now) {
		return false
	}
	f := v.files.List()[0]
	if f.Problem != "" {
		v.m.reloads.WithLabelValues("failed").Inc()
		v.m.bad.Store(true)
		return false
	}
	v.m.reloads.WithLabelValues("ok").Inc()
	v.m.bad.Store(false)
	if f.Value == v.state.Load().file {
		return false
	}
	v.use(ctx, f.Value, now)
	return true
}

// expires tells whether a token does after one time and until another.
func (s *state) expires(after, until time.Time) bool {
	for i := range s.file.Tokens {
		if e := s.file.Tokens[i].Expires; e.After(after) && !e.After(until) {
			return true
		}
	}
	return false
}
