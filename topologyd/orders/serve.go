package orders

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/api/httpx"
)

// CodeNotLeader is the code of the error with which a replica that does not lead
// turns a host away: the next endpoint may be the one.
const CodeNotLeader = "not_leader"

// Serve answers a collector that asks for the orders of its host, the path value
// "id": a WebSocket (RFC 6455) with messages of package order, as text. It
// returns when the session has ended.
func (m *Manager) Serve(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	if id == "" || len(id) > maxName || !utf8.ValidString(id) {
		httpx.WriteError(w, http.StatusBadRequest, &httpx.Error{Code: httpx.CodeInvalid,
			Message: fmt.Sprintf("the path must hold the host.id of the host, up to %d bytes of UTF-8", maxName)})
		return
	}
	if !m.speaksFor(w, r, id) {
		return
	}
	t, leave, refusal := m.admit(id)
	if refusal != nil {
		httpx.WriteRetry(w, http.StatusServiceUnavailable, 1, refusal)
		return
	}
	defer leave()
	s := &session{term: t, id: id, address: r.RemoteAddr, orders: make(chan struct{}, 1), control: make(chan *order.Envelope, 64),
		fetches: make(map[uint64]*fetch), greeted: make(chan error, 1), joined: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancelCause(context.Background())
	defer s.cancel(nil)
	// The server has taken its deadlines off the connection when it is taken over
	// (net/http, Hijacker): those of the session count from here on.
	c, err := websocket.Accept(w, r, &websocket.AcceptOptions{OnPongReceived: func(context.Context, []byte) { s.heard() }})
	if err != nil {
		return // it was answered
	}
	s.conn = c
	// The request's context ends when the credentials that opened it do not hold any
	// more; the loss of the connection does not end it once that is taken over.
	defer context.AfterFunc(r.Context(), func() { s.close(context.Cause(r.Context())) })()
	c.SetReadLimit(order.MaxMessage)
	s.run()
}

// admit lets a session with a host in, or says why not.
func (m *Manager) admit(host string) (t *term, leave func(), refusal *httpx.Error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t = m.term.Load()
	switch {
	case m.ended:
		return nil, nil, &httpx.Error{Code: httpx.CodeUnavailable, Message: errStopping.Error()}
	case t == nil && m.deps.Leads():
		return nil, nil, &httpx.Error{Code: httpx.CodeUnavailable, Message: "this topologyd is about to lead; try again in a second"}
	case t == nil:
		return nil, nil, &httpx.Error{Code: CodeNotLeader, Message: "another topologyd leads and gives the orders; try the next endpoint"}
	case m.open >= m.cfg.Session.Max:
		return nil, nil, &httpx.Error{Code: httpx.CodeBusy, Message: fmt.Sprintf("%d hosts are connected, the limit; try again later", m.open)}
	case m.byHost[host] >= m.cfg.Session.MaxPerHost:
		return nil, nil, &httpx.Error{Code: httpx.CodeBusy, Message: fmt.Sprintf("%d sessions of this host are open, the limit; run one collector with its host_id, and try again later", m.byHost[host])}
	}
	m.open++
	m.byHost[host]++
	m.serving.Add(1)
	return t, func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.open--
		if m.byHost[host]--; m.byHost[host] == 0 {
			delete(m.byHost, host)
		}
		m.serving.Done()
	}, nil
}

// meet waits for the first message.
func (s *session) meet() error {
	late := time.NewTimer(s.cfg.Session.Hello)
	defer late.Stop()
	select {
	case err := <-s.greeted:
		return err
	case <-s.ctx.Done():
		return fmt.Errorf("read hello: %w", context.Cause(s.ctx))
	case <-s.term.ctx.Done():
		return context.Cause(s.term.ctx)
	case <-late.C:
		return fmt.Errorf("no hello within %v", s.cfg.Session.Hello)
	}
}

// greet takes the first message.
func (s *session) greet(b []byte) error {
	e, err := decode(b)
	if err != nil {
		return err
	}
	switch h := e.Hello; {
	case h == nil:
		return errors.New("the first message is not a hello")
	case h.HostID != s.id:
		return fmt.Errorf("the hello is of host_id %q, the address of %q; they must be the same", clean(h.HostID, 80), clean(s.id, 80))
	case h.Instance == "":
		return errors.New("the hello names no instance")
	default:
		s.hello = *h
	}
	s.n.messages.WithLabelValues("hello", "in").Inc()
	tidy(&s.hello)
	return nil
}

// maxProblems and maxTypes bound what a host says of itself.
const (
	maxProblems = 64
	maxTypes    = 16
)

// tidy bounds what a host says of itself.
func tidy(h *order.Hello) {
	h.HostName, h.Instance, h.Version = clean(h.HostName, maxName), clean(h.Instance, maxName), clean(h.Version, maxName)
	h.Types, h.Problems = slices.Clone(h.Types[:min(len(h.Types), maxTypes)]), slices.Clone(h.Problems[:min(len(h.Problems), maxProblems)])
	for i := range h.Types {
		h.Types[i] = clean(h.Types[i], maxName)
	}
	for i := range h.Problems {
		p := &h.Problems[i]
		p.Feature, p.Error, p.Fallback = clean(p.Feature, maxName), clean(p.Error, maxText), clean(p.Fallback, maxText)
	}
}

// join makes a session that of its host; the one before ends.
func (t *term) join(s *session) error {
	now := t.now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ctx.Err() != nil {
		return context.Cause(t.ctx)
	}
	if t.hosts[s.id] == nil && len(t.hosts) >= t.cfg.MaxHosts && !t.makeRoom() {
		return fmt.Errorf("%d hosts are known, the limit; try again later", len(t.hosts))
	}
	h := t.host(s.id)
	if old := h.session; old != nil {
		h.rivals.met(h.hello.Instance, s.hello.Instance, now)
		old.close(fmt.Errorf("%w: instance %s from %s", errReplaced, s.hello.Instance, s.address))
	}
	s.host = h
	h.session, h.met, h.since, h.address, h.hello = s, true, now, s.address, s.hello
	if s.hello.HostName != "" {
		h.name = s.hello.HostName
	}
	clear(h.parked)
	if s.hello.Have < 1<<53 { // what JSON numbers of others can hold
		h.revision = max(h.revision, s.hello.Have)
	}
	if t.settled {
		poke(s.orders)
	}
	return nil
}

// makeRoom forgets the host that has been away longest. The lock is held.
func (t *term) makeRoom() bool {
	var oldest *host
	for _, h := range t.hosts {
		if h.session == nil && len(h.places) == 0 && (oldest == nil || h.since.Before(oldest.since)) {
			oldest = h
		}
	}
	if oldest != nil {
		delete(t.hosts, oldest.id)
	}
	return oldest != nil
}

// part ends a session's being that of its host.
func (t *term) part(s *session) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := s.host
	if h.session != s {
		return
	}
	now := t.now()
	h.session, h.since, h.over = nil, now, false
	for _, p := range h.places {
		for _, a := range p.list {
			a.over = nil
		}
	}
	if t.ctx.Err() == nil { // otherwise the next leader finds out
		t.leave(h, now)
	}
}

// rivals tells of two collectors that take turns with one host.id.
type rivals struct {
	turns int
	last  time.Time
	a, b  string
}

// met notes that one instance replaced another that was connected.
func (r *rivals) met(old, next string, now time.Time) {
	if old == next {
		return
	}
	if now.Sub(r.last) > time.Minute {
		r.turns = 0
	}
	r.turns++
	r.last, r.a, r.b = now, old, next
}

// problem tells what is wrong, if something is.
func (r *rivals) problem(now time.Time) (order.Problem, bool) {
	if r.turns < 3 || now.Sub(r.last) > time.Minute {
		return order.Problem{}, false
	}
	return order.Problem{Feature: "host_id", Error: fmt.Sprintf(
		"two collectors take turns with this host.id (instances %s and %s); give each host its own", r.a, r.b)}, true
}

// hangUp ends the connection with a reason; force is called when the host takes
// too long.
func (s *session) hangUp(reason error, force func()) {
	code := websocket.StatusPolicyViolation
	switch {
	case errors.Is(reason, errStopping), errors.Is(reason, errReplaced):
		code = websocket.StatusGoingAway
	case errors.Is(reason, errNotLeading):
		code = websocket.StatusTryAgainLater
	case errors.Is(reason, errGone), errors.Is(reason, errSilent), errors.Is(reason, errWrite):
		force()
		_ = s.conn.CloseNow() // it would not take a reason either
		return
	}
	text := reason.Error()
	if len(text) > 120 { // RFC 6455, 5.5
		text = clean(text[:117], 117) + "..."
	}
	late := time.AfterFunc(s.cfg.Session.Close, force)
	defer late.Stop()
	_ = s.conn.Close(code, text)
}
