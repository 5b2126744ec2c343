package alertmanager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"time"
)

// set is one item of the file, in use.
type set struct {
	endpoints Endpoints
	client    *http.Client
	keys      []string // of finders
}

// readFile takes over what the file says, if that changed or could not be done.
func (n *Notifier) readFile(ctx context.Context, begin bool) {
	f, problem, changed := n.files.read(time.Now())
	if changed || begin || n.problem != "" {
		n.apply(ctx, f)
	}
	n.n.failed.Set(0)
	if problem || n.problem != "" {
		n.n.failed.Set(1)
	}
}

// apply takes over what the file says, nil if it says nothing.
func (n *Notifier) apply(ctx context.Context, f *File) {
	all := slices.Clone(n.urls)
	var external map[string]string
	if f != nil {
		all, external = append(all, f.Alertmanagers...), f.ExternalLabels
	}
	keys, err := n.finders.use(ctx, all)
	errs := []error{err}
	var sets []set
	for i := range all {
		s := set{endpoints: all[i], client: n.clientOf(&all[i]), keys: keys[i]}
		if s.client == nil {
			if s.client, err = newHTTPClient(&all[i]); err != nil {
				errs = append(errs, fmt.Errorf("item %d: %w", i+1-len(n.urls), err))
				continue
			}
		}
		sets = append(sets, s)
	}
	n.tell(errors.Join(errs...))
	old := n.sets
	n.sets = sets
	n.mu.Lock()
	n.external = external
	n.mu.Unlock()
	n.reconcile(ctx)
	for _, s := range old {
		if n.clientOf(&s.endpoints) != s.client {
			s.client.CloseIdleConnections()
		}
	}
}

// tell logs what of the file cannot be done, when that is something else than before.
func (n *Notifier) tell(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != n.problem && text != "" {
		n.log.Error("Alertmanagers cannot all be spoken to as configured; this is tried again", "error", err)
	}
	n.problem = text
}

// clientOf returns the client of a set in use with the same configuration.
func (n *Notifier) clientOf(e *Endpoints) *http.Client {
	for _, s := range n.sets {
		if reflect.DeepEqual(s.endpoints.HTTP, e.HTTP) {
			return s.client
		}
	}
	return nil
}

// reconcile sees to it that there is a peer for each Alertmanager that is known, and
// for no other.
func (n *Notifier) reconcile(ctx context.Context) {
	wanted, ignored := n.wanted()
	n.n.over.Set(float64(ignored))
	if over := ignored > 0; over != n.over {
		n.over = over
		if over {
			n.log.Warn("more Alertmanagers were found than are told", "told", len(wanted), "ignored", ignored)
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for url, p := range n.byURL {
		if wanted[url] == nil {
			delete(n.byURL, url)
			p.end()
			n.log.Info("Alertmanager is no longer known", "alertmanager", url)
		}
	}
	for url, post := range wanted {
		if p := n.byURL[url]; p != nil {
			p.post.Store(post)
			continue
		}
		p := newPeer(url, &n.cfg, n.log, n.n)
		p.firing = n.firing
		p.post.Store(post)
		p.offer(n.firingLocked(time.Now()))
		var peerCtx context.Context
		peerCtx, p.end = context.WithCancel(ctx)
		n.byURL[url] = p
		n.peers.Go(func() {
			p.run(peerCtx)
			n.left(p)
		})
		n.log.Info("Alertmanager is told of alerts", "alertmanager", url)
	}
}

// left sees to the metrics of a peer that has ended before the notifier does.
func (n *Notifier) left(p *peer) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.byURL[p.name] == p {
		return
	}
	p.drop("gone", p.queue.len())
	if n.byURL[p.name] == nil {
		n.n.forget(p.name)
	}
}

// wanted returns how to speak to each Alertmanager that is known, by URL, and how
// many there are over the limit. Of several ways to the same one the first counts.
func (n *Notifier) wanted() (out map[string]*poster, ignored int) {
	out = make(map[string]*poster)
	for i := range n.sets {
		s := &n.sets[i]
		var hosts []string
		for _, t := range s.endpoints.Static {
			hosts = append(hosts, t.Targets...)
		}
		for _, key := range s.keys {
			hosts = append(hosts, n.finders.addresses(key)...)
		}
		for _, host := range hosts {
			name := urlOf(&s.endpoints, host)
			switch {
			case out[name] != nil:
			case checkAddress(host) != nil:
				ignored++ // a static one has been checked; this was found
			case len(out) >= n.cfg.MaxAlertmanagers:
				ignored++
			default:
				out[name] = newPoster(host, &s.endpoints, s.client)
			}
		}
	}
	return out, ignored
}
