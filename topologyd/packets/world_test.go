package packets

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/capture"
	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/orders"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is hosts with captures.
type world struct {
	mu    sync.Mutex
	hosts map[string]func(ctx context.Context, f order.Fetch, yield func(*order.Packets, error) bool)
	asked map[string]order.Fetch
	nodes map[string][]orders.NodeStatus
	defs  []*definition.Definition
	flows []*flowrecord.Record
	log   []audit.Record
	full  bool // the audit log cannot be written
}

func (w *world) Fetch(ctx context.Context, host string, f order.Fetch) iter.Seq2[*order.Packets, error] {
	return func(yield func(*order.Packets, error) bool) {
		w.mu.Lock()
		w.asked[host] = f
		answer := w.hosts[host]
		w.mu.Unlock()
		if answer == nil {
			yield(nil, errors.New("its collector is not connected"))
			return
		}
		answer(ctx, f, yield)
	}
}

func (w *world) Nodes(id string) []orders.NodeStatus {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.nodes[id]
}

func (w *world) Get(_, id string) (*definition.Definition, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, d := range w.defs {
		if d.ID == id {
			return d, nil
		}
	}
	return nil, definition.ErrNotFound
}

func (w *world) List(string) []*definition.Definition {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.defs
}

func (w *world) Record(r audit.Record) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.full {
		return errors.New("no space left")
	}
	w.log = append(w.log, r)
	return nil
}

func (w *world) records() []audit.Record {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]audit.Record(nil), w.log...)
}

type flowList struct{ w *world }

func (l flowList) List(_ context.Context, q *flowrecord.Query) (out []*flowrecord.Record, err error) {
	for _, r := range l.w.flows {
		for _, id := range q.IDs {
			if id == r.ID {
				out = append(out, r)
			}
		}
	}
	return out, nil
}

// newWorld has the capture web (ID def-1) on two hosts, one interface each.
func newWorld() *world {
	w := &world{
		hosts: make(map[string]func(context.Context, order.Fetch, func(*order.Packets, error) bool)),
		asked: make(map[string]order.Fetch), nodes: make(map[string][]orders.NodeStatus),
	}
	w.define("def-1", "web", order.Options{RawPackets: 3, Filter: "tcp", SnapLen: 96}, "a", "b")
	return w
}

func (w *world) define(id, name string, o order.Options, hosts ...string) *definition.Definition {
	w.mu.Lock()
	defer w.mu.Unlock()
	d := &definition.Definition{Kind: capture.Kind, ID: id, Name: name, Spec: &capture.Spec{Query: "G.V()", Options: o}}
	w.defs = append(w.defs, d)
	for _, h := range hosts {
		w.nodes[id] = append(w.nodes[id], node(id, h))
	}
	return d
}

func node(def, host string) orders.NodeStatus {
	n := orders.NodeStatus{
		Node: "node-" + host, TID: tid(host).String(), Host: host, HostName: "host-" + host, Interface: "eth-" + host, NetNS: "net1",
	}
	n.ID, n.Packets, n.Dropped = order.CaptureID(def, n.Node), 100, map[string]int64{"ring": 2, "x": 1}
	return n
}

func tid(host string) (id entity.UUID) {
	copy(id[:], "tid-"+host)
	return id
}

func flowID(n int) (id flowrecord.ID) {
	id[0] = 9
	binary.BigEndian.PutUint32(id[12:], uint32(n))
	return id
}

// pk makes a packet of a host's interface.
func pk(def, host string, at int64, flow int) order.Packet {
	p := order.Packet{Capture: order.CaptureID(def, "node-"+host), Time: at, Link: 1, Wire: 60, Data: fmt.Appendf(nil, "%s %d", host, at)}
	if flow > 0 {
		p.Flow = flowID(flow).String()
	}
	return p
}

// sends has a host answer with messages of so many packets.
func sends(each int, list ...order.Packet) func(context.Context, order.Fetch, func(*order.Packets, error) bool) {
	return func(_ context.Context, _ order.Fetch, yield func(*order.Packets, error) bool) {
		for rest := list; len(rest) > 0; {
			n := min(each, len(rest))
			if !yield(&order.Packets{Packets: rest[:n]}, nil) {
				return
			}
			rest = rest[n:]
		}
		yield(&order.Packets{Done: true}, nil)
	}
}

func (w *world) service(change ...func(*Config)) *Service {
	cfg := DefaultConfig()
	cfg.Begin, cfg.BeginFollowed, cfg.Silence, cfg.Look = 2*time.Second, time.Second, 2*time.Second, 20*time.Millisecond
	for _, c := range change {
		c(&cfg)
	}
	return New(cfg, Deps{Hosts: w, Nodes: w, Definitions: w, Flows: flowList{w}, Audit: w, Log: slog.New(slog.DiscardHandler)})
}

// collect returns all packets of an answer.
func collect(a *Answer) (out []Packet, err error) {
	defer a.Close()
	for b, err := range a.Batches() {
		if err != nil {
			return out, err
		}
		out = append(out, b...)
	}
	return out, nil
}

// file is a sink.
type file struct {
	mu sync.Mutex
	bytes.Buffer
	flushed int
}

func (f *file) Write(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.Buffer.Write(b)
}

func (f *file) Flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.flushed = f.Len()
	return nil
}
