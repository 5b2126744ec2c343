package packets

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/auth"
)

// Missing is a host that gave no packets, or not all.
type Missing struct {
	Host string
	// Name is what people call it, or its ID.
	Name string
	// Reason is why.
	Reason string
}

// Limits that end an answer.
const (
	LimitPackets = "packets"
	LimitBytes   = "bytes"
	LimitTime    = "time"
)

// Summary is what became of an answer.
type Summary struct {
	// Packets and Bytes were handed out.
	Packets, Bytes int64
	// Lost are those that hosts could not keep until they were fetched, Refused
	// those that were not what was asked for.
	Lost, Refused int64
	// Limit is which bound was met, "" for none.
	Limit string
	// Missing are hosts that gave nothing, or not all, by name.
	Missing []Missing
}

// Answer is an answer that is being made. It is for one goroutine, and must be
// closed.
type Answer struct {
	Query Query
	// Hosts and Nodes are how many are asked, as of the beginning.
	Hosts, Nodes int
	// Request names the answer in the audit log.
	Request string
	// Started is when it was begun.
	Started time.Time

	s      *Service
	ctx    context.Context //nolint:containedctx // of the one answer
	cancel context.CancelFunc
	done   sync.WaitGroup
	actor  audit.Actor
	flows  map[flowrecord.ID]struct{}

	mu    sync.Mutex
	at    places
	found time.Time // when at was made

	// lanes are those of an answer that ends, in is where parts of one that is
	// followed come; early are those that came before anybody asked.
	lanes   []*lane
	in      chan part
	early   []part
	asked   map[string]time.Time // zero while it is being asked
	last    map[string]int64     // of a followed one: the newest packet of a host
	missing map[string]Missing
	sum     Summary
	ended   bool
	failure error
}

// Open asks the hosts and waits until each has begun to answer, or has not in
// time, so that it is known who is missing. Errors wrap [ErrForbidden], [ErrBusy], [ErrNothing],
// [ErrAway], [ErrTooMany] and [ErrAudit]; refusals are written down too. ctx is for
// the whole answer, and tells who asks ([audit.WithActor]).
func (s *Service) Open(ctx context.Context, q Query) (*Answer, error) {
	a, err := s.open(ctx, q)
	if err != nil && !errors.Is(err, ErrAway) { // which is written down as the end of one that was begun
		s.refused(ctx, &q, err)
	}
	return a, err
}

// refused writes a refusal down.
func (s *Service) refused(ctx context.Context, q *Query, err error) {
	r := record(ctx, q)
	r.Outcome, r.Reason = audit.Failed, err.Error()
	if errors.Is(err, ErrForbidden) || errors.Is(err, ErrBusy) || errors.Is(err, ErrTooMany) {
		r.Outcome = audit.Refused
	}
	if err := s.deps.Audit.Record(r); err != nil {
		s.deps.Log.Error("cannot write down that no packets were handed out", "error", err)
	}
}

// record begins a record about a query.
func record(ctx context.Context, q *Query) audit.Record {
	r := audit.Record{
		Action: audit.PacketsFetch, Outcome: audit.OK, Actor: audit.ActorOf(ctx),
		Node: q.Node, Flows: len(q.Flows), From: q.From, To: q.To, Follow: q.Follow,
	}
	r.Capture, r.Name, r.Query, r.Filter = q.names()
	return r
}

func (s *Service) open(ctx context.Context, q Query) (*Answer, error) {
	if !auth.From(ctx).May(auth.Payload) {
		return nil, ErrForbidden
	}
	if err := q.validate(); err != nil {
		return nil, err
	}
	if !q.Follow {
		q.MaxPackets, q.MaxBytes = bound(q.MaxPackets, s.cfg.MaxPackets), bound(q.MaxBytes, s.cfg.MaxBytes)
	}
	at := s.places(&q)
	if len(at) == 0 && (!q.Follow || q.Node != "") {
		return nil, fmt.Errorf("%w: the capture is at no node now%s", ErrNothing, ofNode(q.Node))
	}
	if len(at) > s.cfg.MaxHosts {
		return nil, fmt.Errorf("%w: the capture is on %d hosts, and packets come from %d at once; name a node", ErrTooMany, len(at), s.cfg.MaxHosts)
	}
	number, err := s.enter()
	if err != nil {
		return nil, err
	}
	a := &Answer{
		Query: q, Hosts: len(at), Started: s.now(), s: s, at: at, found: s.now(), actor: audit.ActorOf(ctx),
		asked: make(map[string]time.Time), last: make(map[string]int64), missing: make(map[string]Missing),
	}
	a.Request = strconv.FormatInt(a.Started.UnixMilli(), 36) + "-" + strconv.FormatUint(number, 36)
	for _, h := range at {
		a.Nodes += len(h)
	}
	if len(q.Flows) > 0 {
		a.flows = make(map[flowrecord.ID]struct{}, len(q.Flows))
		for _, id := range q.Flows {
			a.flows[id] = struct{}{}
		}
	}
	r := record(ctx, &q)
	r.Request, r.Hosts, r.Nodes = a.Request, a.Hosts, a.Nodes
	if err := s.deps.Audit.Record(r); err != nil {
		s.leave()
		return nil, fmt.Errorf("%w: %w", ErrAudit, err)
	}
	if q.Follow {
		a.ctx, a.cancel = context.WithCancel(ctx)
		a.beginFollow()
	} else {
		a.ctx, a.cancel = context.WithTimeout(ctx, s.cfg.Time)
		a.beginMerge()
	}
	if n := len(a.missing); n > 0 && n == len(at) {
		err := fmt.Errorf("%w: %s", ErrAway, a.reasons())
		a.fail(err)
		a.Close()
		return nil, err
	}
	return a, nil
}

func bound(n, most int64) int64 {
	if n <= 0 || n > most {
		return most
	}
	return n
}

func ofNode(node string) string {
	if node == "" {
		return ""
	}
	return fmt.Sprintf(" that is %.100q; topologyctl capture nodes lists them", node)
}

// reasons says why hosts are missing, in few words.
func (a *Answer) reasons() string {
	list := a.Missing()
	var b strings.Builder
	for i, m := range list[:min(len(list), 3)] {
		if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(m.Name + ": " + m.Reason)
	}
	if len(list) > 3 {
		fmt.Fprintf(&b, "; and %d more", len(list)-3)
	}
	return b.String()
}

// Missing returns the hosts that have given nothing, or not all, until now, by
// name.
func (a *Answer) Missing() []Missing {
	out := slices.Collect(maps.Values(a.missing))
	slices.SortFunc(out, func(x, y Missing) int { return strings.Compare(x.Name+" "+x.Host, y.Name+" "+y.Host) })
	return out
}

// miss notes that a host gives no more.
func (a *Answer) miss(host string, reason error) {
	m := Missing{Host: host, Name: host, Reason: reason.Error()}
	for _, p := range a.hostPlaces(host) {
		if p.HostName != "" {
			m.Name = p.HostName
		}
	}
	a.missing[host] = m
}

func (a *Answer) hostPlaces(host string) map[string]*place {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.at[host]
}

// find returns the place of an assignment. One that is not known yet is looked
// for, where more may come.
func (a *Answer) find(host, id string) *place {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.at[host][id]; p != nil || !a.Query.Follow || a.s.now().Sub(a.found) < 100*time.Millisecond {
		return p
	}
	a.at, a.found = a.s.places(&a.Query), a.s.now()
	return a.at[host][id]
}

// start asks a host; give gets what it sends, in another goroutine.
func (a *Answer) start(id string, give func(part) bool) {
	h := &host{id: id, q: &a.Query, flows: a.flows, find: a.find, links: make(map[string][]uint16)}
	at := a.hostPlaces(id)
	f := a.Query.fetch(at)
	if a.Query.Follow {
		if last := a.last[id]; last > 0 { // it broke off: what it gave already is not asked for again
			f.From = max(f.From, last+1)
		}
		a.done.Go(func() { a.s.ask(a.ctx, h, f, give) })
		return
	}
	size, most := pageSize(a.Hosts), a.Query.capacityOf(at)
	a.done.Go(func() { a.s.pages(a.ctx, h, f, size, most, give) })
}

// Batches yields the packets in pieces, which are the caller's: in the order of
// their times, or, when the answer is followed, as they come. An empty piece may
// come when there is nothing for a while. An error is the last that it yields;
// bounds, also that of time, are none. It can be ranged over once.
func (a *Answer) Batches() iter.Seq2[[]Packet, error] {
	return func(yield func([]Packet, error) bool) {
		var err error
		if a.Query.Follow {
			err = a.follow(func(b []Packet) bool { return yield(b, nil) })
		} else {
			err = a.merge(func(b []Packet) bool { return yield(b, nil) })
		}
		switch {
		case err == nil, errors.Is(err, errLeft), errors.Is(err, errMet):
		case errors.Is(a.ctx.Err(), context.DeadlineExceeded):
			a.sum.Limit = LimitTime
		case a.Query.Follow && a.ctx.Err() != nil: // which is how it ends
		default:
			a.fail(err)
			yield(nil, err)
		}
	}
}

// Ends of an answer that are no failures.
var (
	errLeft = errors.New("nobody takes the packets any more")
	errMet  = errors.New("the bound of the answer was met")
)

func (a *Answer) fail(err error) {
	if a.failure == nil {
		a.failure = err
	}
}

// hand cuts a piece at the bounds of the answer and hands it on.
func (a *Answer) hand(b []Packet, yield func([]Packet) bool) error {
	q := &a.Query
	for i := range b {
		n := int64(len(b[i].Data))
		switch {
		case q.MaxPackets > 0 && a.sum.Packets >= q.MaxPackets:
			a.sum.Limit = LimitPackets
		case q.MaxBytes > 0 && a.sum.Bytes+n > q.MaxBytes:
			a.sum.Limit = LimitBytes
		default:
			a.sum.Packets++
			a.sum.Bytes += n
			continue
		}
		if b = b[:i]; len(b) > 0 && !yield(b) {
			return errLeft
		}
		return errMet
	}
	if !yield(b) {
		return errLeft
	}
	return nil
}

// Summary returns what became of it until now.
func (a *Answer) Summary() Summary {
	s := a.sum
	s.Missing = a.Missing()
	return s
}

// Fail notes why the answer could not be delivered, for the audit log.
func (a *Answer) Fail(err error) { a.fail(err) }

// Close ends the answer and writes down what was handed out.
func (a *Answer) Close() {
	if a.ended {
		return
	}
	a.ended = true
	a.cancel()
	a.done.Wait()
	a.s.leave()
	r := audit.Record{
		Action: audit.PacketsEnd, Outcome: audit.OK, Actor: a.actor, Request: a.Request, Follow: a.Query.Follow,
		Hosts: a.Hosts, Nodes: a.Nodes, Packets: a.sum.Packets, Bytes: a.sum.Bytes, Missing: len(a.missing),
	}
	r.Capture, r.Name, _, _ = a.Query.names()
	if a.failure != nil {
		r.Outcome, r.Reason = audit.Failed, a.failure.Error()
	} else if a.sum.Limit != "" {
		r.Reason = "the bound of " + a.sum.Limit + " was met"
	}
	if err := a.s.deps.Audit.Record(r); err != nil {
		a.s.deps.Log.Error("cannot write down what packets were handed out", "request", a.Request, "packets", a.sum.Packets, "error", err)
	}
}
