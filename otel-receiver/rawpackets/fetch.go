package rawpackets

import (
	"container/heap"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/order"
)

const (
	// A message holds so many packets, and about so many bytes of them, at most:
	// far less than [order.MaxMessage] when it is encoded.
	messagePackets = 1000
	messageBytes   = 256 << 10
	// poll is how often a followed answer looks for more.
	poll = 50 * time.Millisecond
	// gone is how long a followed answer waits for a capture that is no more to
	// begin again.
	gone = 2 * time.Second
	// maxFlows bounds the flows of one fetch.
	maxFlows = 100_000
)

// Ends of an answer that are no errors.
var (
	errLimit = errors.New("the bound of the answer was met")
	errLeft  = errors.New("nobody takes the answer")
)

// Fetch answers: it hands the packets that are kept of the captures to yield, in
// the order of their times over all captures, then, when f.Follow is set, those
// that come, looking for more every 50 ms. An entry of f.Captures that ends in
// "/" stands for all assignments of that definition, also for those that begin
// while the answer is followed. A followed answer begins with a message that may
// be empty: the fetch is understood. No message is Done: that is the caller's to
// say.
//
// It ends when everything was told, a bound was met, yield returns false, or with
// an error: that of ctx, what is wrong with the request, or why the answer ended
// early. What yield gets is its own, and yield may take its time: nobody who keeps
// packets waits for it.
func (g *Registry) Fetch(ctx context.Context, f *order.Fetch, yield func(*order.Packets) bool) error {
	a := &answer{g: g, f: *f, yield: yield}
	if err := a.begin(); err != nil {
		return err
	}
	defer g.leave()
	err := a.run(ctx)
	switch {
	case errors.Is(err, errLeft):
		return nil
	case errors.Is(err, errLimit):
		err = nil
	}
	if a.out.Lost > 0 || len(a.out.Packets) > 0 {
		if a.flush() != nil {
			return nil
		}
	}
	return err
}

// answer is one fetch.
type answer struct {
	g     *Registry
	f     order.Fetch
	yield func(*order.Packets) bool

	match   match
	ids     map[string]struct{}
	defs    []string // with "/" behind
	readers map[*Store][]*lane

	out            order.Packets
	outBytes       int
	packets, bytes int64
}

// begin checks the request and takes a place.
func (a *answer) begin() error {
	if len(a.f.Flows) > maxFlows {
		return fmt.Errorf("%d flows are more than %d", len(a.f.Flows), maxFlows)
	}
	a.match = match{from: max(a.f.From, 0), to: max(a.f.To, 0)}
	if len(a.f.Flows) > 0 {
		a.match.flows = make(map[flowrecord.ID]struct{}, len(a.f.Flows))
	}
	for _, s := range a.f.Flows {
		id, err := entity.ParseUUID(s)
		if err != nil {
			return fmt.Errorf("%.64q is not the ID of a flow", s)
		}
		a.match.flows[id] = struct{}{}
	}
	a.ids, a.readers = make(map[string]struct{}, len(a.f.Captures)), make(map[*Store][]*lane)
	for _, c := range a.f.Captures {
		if strings.HasSuffix(c, "/") {
			a.defs = append(a.defs, c)
		} else {
			a.ids[c] = struct{}{}
		}
	}
	return a.g.enter()
}

func (g *Registry) enter() error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fetching >= g.cfg.MaxFetches {
		return fmt.Errorf("%d fetch packets of this host already; try again later", g.fetching)
	}
	g.fetching++
	return nil
}

func (g *Registry) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fetching--
}

func (a *answer) wanted(id string) bool {
	if len(a.f.Captures) == 0 {
		return true
	}
	if _, ok := a.ids[id]; ok {
		return true
	}
	for _, d := range a.defs {
		if strings.HasPrefix(id, d) {
			return true
		}
	}
	return false
}

// open finds the stores that are wanted and begins to read those that are new.
// It returns how many there are, and what is closed when that changes.
func (a *answer) open() (n int, changed <-chan struct{}) {
	var fresh []*Store
	a.g.mu.Lock()
	changed = a.g.changed
	here := make(map[*Store]struct{})
	for id, s := range a.g.stores {
		if s == nil || !a.wanted(id) {
			continue
		}
		here[s] = struct{}{}
		if _, known := a.readers[s]; !known {
			fresh = append(fresh, s)
		}
	}
	a.g.mu.Unlock()
	for s := range a.readers {
		if _, is := here[s]; !is {
			delete(a.readers, s)
		}
	}
	for _, s := range fresh {
		lanes := make([]*lane, len(s.rings))
		for i, r := range s.rings {
			lanes[i] = &lane{id: s.id, cursor: newCursor(r, a.match.from)}
		}
		a.readers[s] = lanes
	}
	return len(here), changed
}

// run sends what is there and, when it is followed, what comes.
func (a *answer) run(ctx context.Context) error {
	n, changed := a.open()
	if !a.f.Follow {
		if n == 0 {
			return errors.New("the capture keeps no packets here, or has ended")
		}
		return a.round(ctx)
	}
	if err := a.flush(); err != nil {
		return err
	}
	tick := time.NewTicker(poll)
	defer tick.Stop()
	var since time.Time // when the last store went
	for {
		if err := a.round(ctx); err != nil {
			return err
		}
		if a.out.Lost > 0 || len(a.out.Packets) > 0 {
			if err := a.flush(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("fetch packets: %w", ctx.Err())
		case <-changed:
			n, changed = a.open()
			since = time.Now()
		case <-tick.C:
		}
		if n == 0 {
			if since.IsZero() {
				since = time.Now()
			}
			if time.Since(since) > gone {
				return errors.New("the capture has ended here")
			}
		}
		for _, lanes := range a.readers {
			for _, l := range lanes {
				l.cursor.grow()
			}
		}
	}
}

// round merges what the cursors have up to their ends.
func (a *answer) round(ctx context.Context) error {
	var h merge
	for _, lanes := range a.readers {
		for _, l := range lanes {
			if l.fill(a) {
				h = append(h, l)
			}
		}
	}
	heap.Init(&h)
	for i := 0; len(h) > 0; i++ {
		if i%256 == 0 && ctx.Err() != nil {
			return fmt.Errorf("fetch packets: %w", ctx.Err())
		}
		l := h[0]
		if err := a.packet(l.id, &l.batch[0]); err != nil {
			return err
		}
		if l.batch = l.batch[1:]; len(l.batch) > 0 || l.fill(a) {
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
	}
	return nil
}

// packet puts a packet into the message, and sends it when it is full.
func (a *answer) packet(capture string, k *kept) error {
	if f := &a.f; f.MaxPackets > 0 && a.packets >= f.MaxPackets || f.MaxBytes > 0 && a.bytes+int64(len(k.data)) > f.MaxBytes {
		return errLimit
	}
	if len(a.out.Packets) >= messagePackets || len(a.out.Packets) > 0 && a.outBytes+len(k.data) > messageBytes {
		if err := a.flush(); err != nil {
			return err
		}
	}
	p := order.Packet{Capture: capture, Time: k.time, Link: uint16(k.link), Wire: int(k.wire), Out: k.out, Data: k.data}
	if !k.flow.IsZero() {
		p.Flow = k.flow.String()
	}
	a.out.Packets = append(a.out.Packets, p)
	a.outBytes += len(k.data)
	a.packets++
	a.bytes += int64(len(k.data))
	return nil
}

// flush sends the message.
func (a *answer) flush() error {
	m := a.out
	m.Request = a.f.Request
	a.out, a.outBytes = order.Packets{}, 0
	if !a.yield(&m) {
		return errLeft
	}
	return nil
}

// lane is a ring that is read, and what was read of it.
type lane struct {
	id     string
	cursor *cursor
	batch  []kept
}

// fill reads more; false: there is no more for now.
func (l *lane) fill(a *answer) bool {
	for {
		out, lost, more := l.cursor.read(&a.match)
		a.out.Lost += lost
		if l.batch = out; len(out) > 0 {
			return true
		}
		if !more {
			return false
		}
	}
}

// merge is a heap of lanes by the time of their next packet.
type merge []*lane

func (m merge) Len() int           { return len(m) }
func (m merge) Less(i, j int) bool { return m[i].batch[0].time < m[j].batch[0].time }
func (m merge) Swap(i, j int)      { m[i], m[j] = m[j], m[i] }
func (m *merge) Push(x any)        { *m = append(*m, x.(*lane)) }
func (m *merge) Pop() any {
	last := len(*m) - 1
	l := (*m)[last]
	*m = (*m)[:last]
	return l
}
