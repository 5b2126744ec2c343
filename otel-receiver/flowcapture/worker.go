package flowcapture

import (
	"sync/atomic"

	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/otel-receiver/flow"
	"github.com/skein-net/skein/otel-receiver/packet"
	"github.com/skein-net/skein/otel-receiver/source"
)

// stops are the reasons of packet.Stop, with the names that telemetry has.
func stops() [5]string {
	return [...]string{
		packet.StopDone:      "",
		packet.StopTruncated: "truncated",
		packet.StopMalformed: "malformed",
		packet.StopTooDeep:   "too_deep",
		packet.StopLinkType:  "link_type",
	}
}

// reporter takes the reports of the workers of a capture.
type reporter interface {
	// report takes a copy of the record.
	report(r *flowrecord.Record)
	// lost counts packets of flows that ended and of which no report could be kept.
	lost(packets, bytes uint64)
	// busy tells that reports had better wait.
	busy() bool
}

// keeper keeps packets.
type keeper interface {
	// Keep takes a copy of a frame of a flow; id is zero while it is not known what
	// flow it is of. It is called from the goroutine of the worker.
	Keep(id flowrecord.ID, f *source.Frame)
}

// worker is what one goroutine of a source works with: a decoder's result and a
// flow table that belong to it alone. It is a [source.BulkWorker].
type worker struct {
	decoder *packet.Decoder
	packet  packet.Packet
	table   *flow.Table
	to      reporter
	emit    func(*flowrecord.Record)
	// keeper keeps what the table says to keep (flow.Config.Keep): the first packets
	// of each flow, or all. It may be nil, and is set before the worker is used.
	keeper keeper
	// shift is added to all times; it is set by the first frame when moveTo is set.
	shift  int64
	moveTo func() int64
	last   int64
	// bulk is set once the source has counted in bulk: up to ticked it has then told
	// everything, also where frames that are newer came already.
	bulk   bool
	ticked int64
	// A table can hold only ring reports of flows that had to make room for others.
	// room is how many flows can still begin before that happens, since how many
	// flows at most had to make room since reports were last taken.
	ring, room, since int
	// unreported are the packets and bytes that were told as lost.
	unreported [2]uint64

	count [5]uint64
	// What others may read: the counters as of the last tick.
	seen      [5]atomic.Uint64
	postponed atomic.Uint64
}

func newWorker(d *packet.Decoder, t *flow.Table, to reporter) *worker {
	w := &worker{decoder: d, table: t, to: to, emit: to.report}
	w.ring = min(max(int(t.Stats().Capacity)/64, 64), 16384)
	w.roomLeft()
	return w
}

// roomLeft finds out how many flows can begin before others have to make room:
// none does while a quarter of the table is free.
func (w *worker) roomLeft() {
	s := w.table.Stats()
	w.room = int(s.Capacity)*3/4 - int(s.Flows)
	w.since = 0
	if now := [2]uint64{s.UnreportedPackets, s.UnreportedBytes}; now != w.unreported {
		w.to.lost(now[0]-w.unreported[0], now[1]-w.unreported[1])
		w.unreported = now
	}
}

var _ source.BulkWorker = (*worker)(nil)

// Frame implements [source.Worker].
func (w *worker) Frame(f *source.Frame) {
	w.decoder.Decode(&w.packet, f.Link, f.Data, f.Wire)
	if s := w.packet.Stop; int(s) < len(w.count) {
		w.count[s] += uint64(max(f.Weight, 1))
	}
	if w.moveTo != nil {
		w.shift, w.moveTo = w.moveTo()-f.Time, nil
	}
	w.last = f.Time + w.shift
	if w.keeper == nil {
		w.table.AddWeighted(&w.packet, f.Data, w.last, f.Weight)
	} else if id, keep := w.table.AddKeep(&w.packet, f.Data, w.last, f.Weight); keep {
		w.keeper.Keep(id, f)
	}
	w.added()
}

// Bulk implements [source.BulkWorker].
func (w *worker) Bulk(b *source.Bulk) {
	f := &b.Sample
	w.bulk = true
	w.decoder.Decode(&w.packet, f.Link, f.Data, f.Wire)
	if s := w.packet.Stop; int(s) < len(w.count) {
		w.count[s] += b.Same.Packets + b.Reverse.Packets
	}
	bulk := flow.Bulk{Same: w.moved(b.Same), Reverse: w.moved(b.Reverse), Weight: f.Weight}
	w.table.AddBulk(&w.packet, f.Data, &bulk)
	w.last = max(w.last, bulk.Same.Last, bulk.Reverse.Last)
	w.added()
}

// moved is a count at the worker's time.
func (w *worker) moved(c source.BulkCount) flow.Count {
	if c.Packets == 0 {
		return flow.Count{}
	}
	return flow.Count{Packets: c.Packets, Bytes: c.Bytes, First: c.First + w.shift, Last: c.Last + w.shift}
}

// added looks after the room in the table: each level of a packet may have begun
// a flow.
func (w *worker) added() {
	w.room -= w.packet.N
	w.since += w.packet.N
	if w.room < 0 && w.since >= w.ring && !w.to.busy() {
		if w.bulk {
			w.expire(w.ticked)
		} else {
			w.expire(w.last)
		}
	}
}

// expire takes the reports that are due at a time.
func (w *worker) expire(now int64) {
	w.table.Expire(now, w.emit)
	w.roomLeft()
}

// Tick implements [source.Worker].
func (w *worker) Tick(now int64) {
	w.publish()
	w.ticked = now + w.shift
	if w.to.busy() {
		w.postponed.Add(1)
		return
	}
	w.last = w.ticked
	w.expire(w.ticked)
}

func (w *worker) publish() {
	for i, n := range w.count {
		if n != w.seen[i].Load() {
			w.seen[i].Store(n)
		}
	}
}

// end reports all flows as ended. The source must have returned.
func (w *worker) end(emit func(*flowrecord.Record)) {
	w.publish()
	w.table.Flush(w.last, flowrecord.FinishStopped, emit)
	w.roomLeft()
}
