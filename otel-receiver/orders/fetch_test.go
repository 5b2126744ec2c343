package orders

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/skein-net/skein/internal/order"
)

// store of packets that gives three and then, when it is followed, waits.
type shelf struct{ err error }

func (s shelf) Fetch(ctx context.Context, f *order.Fetch, yield func(*order.Packets) bool) error {
	for i := range 3 {
		if !yield(&order.Packets{Packets: []order.Packet{{Capture: "a/1", Time: int64(i), Data: []byte{1}}}}) {
			return nil
		}
	}
	if f.Follow {
		<-ctx.Done()
	}
	return s.err
}

func (d *topologyd) answers(request uint64) (packets int, done bool, failed string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, p := range d.packets {
		if p.Request == request {
			packets += len(p.Packets)
			done = done || p.Done
			failed += p.Error
		}
	}
	return packets, done, failed
}

// TestFetch: packets are sent, a followed answer ends when it is cancelled, and
// the session goes on.
func TestFetch(t *testing.T) {
	d, c := newTopologyd(t), newCaptures()
	cfg := testConfig(d.URL)
	cfg.MaxFetches = 2
	s := begin(t, cfg, Deps{Captures: c, Packets: shelf{}})
	d.sessions(t, 1)
	fetch := func(request uint64, follow bool) {
		d.send(t, order.Envelope{Fetch: &order.Fetch{Request: request, Follow: follow}})
	}
	fetch(1, false)
	eventually(t, "the answer", func() bool { n, done, failed := d.answers(1); return n == 3 && done && failed == "" })
	fetch(2, true)
	fetch(3, true)
	eventually(t, "packets of both", func() bool {
		a, _, _ := d.answers(2)
		b, _, _ := d.answers(3)
		return a == 3 && b == 3
	})
	fetch(2, true)
	fetch(4, true)
	eventually(t, "refusals", func() bool {
		_, _, second := d.answers(2)
		_, _, fourth := d.answers(4)
		return strings.Contains(second, "request 2 is being answered") && strings.Contains(fourth, "ask again")
	})
	d.send(t, order.Envelope{Cancel: &order.Cancel{Request: 2}})
	d.send(t, order.Envelope{Cancel: &order.Cancel{Request: 99}})
	for request := uint64(5); ; request++ { // until there is room
		fetch(request, false)
		eventually(t, "an answer", func() bool { _, done, _ := d.answers(request); return done })
		if n, _, _ := d.answers(request); n == 3 {
			break
		}
	}
	if st := s.Stats(); st.Sessions != 1 || !st.Connected {
		t.Errorf("%+v", st)
	}
	d.drop() // what is followed ends with its session
	d.sessions(t, 2)
	fetch(2, false)
	eventually(t, "an answer in the next one", func() bool { n, _, _ := d.answers(2); return n == 6 })
}

func TestFetchFails(t *testing.T) {
	d := newTopologyd(t)
	s := begin(t, testConfig(d.URL), Deps{Captures: newCaptures(), Packets: shelf{errors.New("gone")}})
	d.sessions(t, 1)
	d.send(t, order.Envelope{Fetch: &order.Fetch{Request: 1}})
	eventually(t, "the error", func() bool { _, done, failed := d.answers(1); return done && failed == "gone" })
	finish(t, s)
	begin(t, testConfig(d.URL), Deps{Captures: newCaptures()})
	d.sessions(t, 2)
	d.send(t, order.Envelope{Fetch: &order.Fetch{Request: 7}})
	eventually(t, "the refusal", func() bool {
		_, done, failed := d.answers(7)
		return done && strings.Contains(failed, "orders.raw_packets")
	})
}
