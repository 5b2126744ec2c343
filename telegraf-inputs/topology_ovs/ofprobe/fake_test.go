package ofprobe

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/influxdata/telegraf/testutil"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRule is a rule of a [fakeSwitch] that matches a port and outputs to one.
type fakeRule struct {
	table    uint8
	priority uint16
	in, out  uint32
	cookie   uint64
	packets  uint64
}

// fakeKey identifies it.
type fakeKey struct {
	table    uint8
	priority uint16
	in       uint32
}

func (r fakeRule) key() fakeKey { return fakeKey{r.table, r.priority, r.in} }

// fakeSwitch speaks OpenFlow 1.3 at the other end of pipes.
type fakeSwitch struct {
	t testing.TB
	// noMonitor refuses to tell changes, silent answers nothing after the HELLO.
	noMonitor, silent bool
	versions          openflow.Versions

	mu     sync.Mutex
	rules  map[fakeKey]fakeRule
	groups map[uint32]uint32 // output of the one bucket
	conns  []net.Conn
	down   bool
	dials  int
	reads  int
	echoes int
	wg     sync.WaitGroup
}

func newFakeSwitch(t testing.TB) *fakeSwitch {
	s := &fakeSwitch{t: t, rules: make(map[fakeKey]fakeRule), groups: make(map[uint32]uint32), versions: openflow.VersionsOf(openflow.V13)}
	t.Cleanup(func() {
		s.drop()
		s.wg.Wait()
	})
	return s
}

// dial is a Config.Dial.
func (s *fakeSwitch) dial(context.Context, string, string) (net.Conn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dials++
	if s.down {
		return nil, errors.New("down")
	}
	a, b := net.Pipe()
	s.conns = append(s.conns, b)
	s.wg.Go(func() { s.serve(b) })
	return a, nil
}

// drop ends all connections.
func (s *fakeSwitch) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.conns {
		_ = c.Close()
	}
	s.conns = nil
}

// serve answers until the connection ends.
func (s *fakeSwitch) serve(c net.Conn) {
	defer c.Close()
	out := make(chan []byte, 10_000)
	done := make(chan struct{})
	s.wg.Go(func() {
		defer close(done)
		for b := range out {
			if _, err := c.Write(b); err != nil {
				return
			}
		}
	})
	defer close(out)
	r := openflow.NewReader(c)
	for {
		m, err := r.Next()
		if err != nil {
			return
		}
		for _, b := range s.answer(m) {
			select {
			case out <- b:
			case <-done:
				return
			}
		}
	}
}

func (s *fakeSwitch) answer(m openflow.Message) (out [][]byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := openflow.Dialect{Version: openflow.V13}
	if m.Kind() == openflow.KindHello {
		return [][]byte{openflow.Hello(1, s.versions)}
	}
	if s.silent {
		return nil
	}
	switch m.Kind() {
	case openflow.KindEchoRequest:
		s.echoes++
		return [][]byte{d.EchoReply(m)}
	case openflow.KindStatsRequest:
	default:
		return nil
	}
	p, err := m.Part()
	if err != nil {
		s.t.Errorf("fake switch: %v", err)
		return nil
	}
	switch p.Kind() {
	case openflow.KindFlowStats:
		s.reads++
		var entries [][]byte
		for _, r := range s.rules {
			entries = append(entries, r.stats())
		}
		return parts(m.XID, 1, entries)
	case openflow.KindGroupDesc:
		var entries [][]byte
		for id, port := range s.groups {
			b := make([]byte, 8+16+16)
			binary.BigEndian.PutUint16(b, uint16(len(b)))
			binary.BigEndian.PutUint32(b[4:], id)
			binary.BigEndian.PutUint16(b[8:], 32)
			binary.BigEndian.PutUint32(b[12:], openflow.AnyPort)
			binary.BigEndian.PutUint32(b[16:], openflow.NoGroup)
			copy(b[24:], output(port))
			entries = append(entries, b)
		}
		return parts(m.XID, 7, entries)
	case openflow.KindGroupStats:
		return parts(m.XID, 6, nil)
	case openflow.KindFlowMonitor:
		if s.noMonitor {
			return [][]byte{message(1, m.XID, append([]byte{0, 1, 0, 3}, m.Body...))}
		}
		return [][]byte{message(19, m.XID, experimenter(0))}
	}
	return nil
}

// change adds or changes a rule and tells it.
func (s *fakeSwitch) change(r fakeRule) {
	s.mu.Lock()
	_, known := s.rules[r.key()]
	s.rules[r.key()] = r
	event := uint16(0)
	if known {
		event = 2
	}
	conns := append([]net.Conn(nil), s.conns...)
	s.mu.Unlock()
	s.tell(conns, event, r)
}

// remove ends a rule and tells it.
func (s *fakeSwitch) remove(r fakeRule) {
	s.mu.Lock()
	delete(s.rules, r.key())
	conns := append([]net.Conn(nil), s.conns...)
	s.mu.Unlock()
	s.tell(conns, 1, r)
}

// tell writes an update. A pipe takes it when it is read, so the order of
// changes is that of the calls.
func (s *fakeSwitch) tell(conns []net.Conn, event uint16, r fakeRule) {
	for _, c := range conns {
		_, _ = c.Write(r.update(event)) // a connection that ended is told nothing
	}
}

// update is a message of the ONF's flow monitor: 0 added, 1 removed, 2 modified.
func (r fakeRule) update(event uint16) []byte {
	b := make([]byte, 24)
	binary.BigEndian.PutUint16(b[2:], event)
	binary.BigEndian.PutUint16(b[6:], r.priority)
	b[14] = r.table
	binary.BigEndian.PutUint64(b[16:], r.cookie)
	b = append(b, r.match()...)
	if event == 1 {
		binary.BigEndian.PutUint16(b[4:], openflow.RemovedDelete)
	} else {
		b = append(b, r.instructions()...)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)))
	return message(19, 0, append(experimenter(0), b...))
}

// set changes the rules without telling.
func (s *fakeSwitch) set(rules ...fakeRule) {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.rules)
	for _, r := range rules {
		s.rules[r.key()] = r
	}
}

func (s *fakeSwitch) count(n *int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return *n
}

func (r fakeRule) match() []byte {
	b := []byte{0, 1, 0, 12, 0x80, 0, 0, 4}
	b = binary.BigEndian.AppendUint32(b, r.in)
	return append(b, 0, 0, 0, 0)
}

func output(port uint32) []byte {
	b := []byte{0, 0, 0, 16}
	b = binary.BigEndian.AppendUint32(b, port)
	return append(b, 0, 0, 0, 0, 0, 0, 0, 0)
}

func (r fakeRule) instructions() []byte {
	return append([]byte{0, 4, 0, 24, 0, 0, 0, 0}, output(r.out)...)
}

// stats is the rule as struct ofp11_flow_stats.
func (r fakeRule) stats() []byte {
	b := make([]byte, 48)
	b[2] = r.table
	binary.BigEndian.PutUint32(b[4:], uint32(time.Now().Unix()))
	binary.BigEndian.PutUint16(b[12:], r.priority)
	binary.BigEndian.PutUint64(b[24:], r.cookie)
	binary.BigEndian.PutUint64(b[32:], r.packets)
	binary.BigEndian.PutUint64(b[40:], 60*r.packets)
	b = append(append(b, r.match()...), r.instructions()...)
	binary.BigEndian.PutUint16(b, uint16(len(b)))
	return b
}

// parts divides entries of statistics into messages.
func parts(xid uint32, typ uint16, entries [][]byte) (out [][]byte) {
	head := func(more uint16) []byte {
		b := binary.BigEndian.AppendUint16(nil, typ)
		return append(binary.BigEndian.AppendUint16(b, more), 0, 0, 0, 0)
	}
	var body []byte
	for _, e := range entries {
		if len(body)+len(e) > 60_000 {
			out = append(out, message(19, xid, append(head(1), body...)))
			body = nil
		}
		body = append(body, e...)
	}
	return append(out, message(19, xid, append(head(0), body...)))
}

// experimenter begins a part of the ONF's flow monitor.
func experimenter(more uint16) []byte {
	b := binary.BigEndian.AppendUint16([]byte{0xff, 0xff}, more)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, 0x4f4e4600)
	return binary.BigEndian.AppendUint32(b, 1870)
}

func message(typ uint8, xid uint32, body []byte) []byte {
	b := []byte{4, typ}
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(body)))
	b = binary.BigEndian.AppendUint32(b, xid)
	return append(b, body...)
}

// testConfig is quick, and generous with CPU.
func testConfig() Config {
	cfg := DefaultConfig()
	cfg.HostID = "h1"
	cfg.Interval = time.Second
	cfg.Settle = 200 * time.Millisecond
	cfg.Coalesce = 20 * time.Millisecond
	cfg.CPU = 1
	cfg.Timeout = 5 * time.Second
	cfg.Feed.RetryMin, cfg.Feed.RetryMax = 10*time.Millisecond, 100*time.Millisecond
	return cfg
}

// testBridge is a bridge of the test's own name, so that its counters are too.
func testBridge(t testing.TB) Bridge {
	return Bridge{
		Name: t.Name(), Database: "6c7bd1a6-9d1f-4d54-8bd3-0b1ff07e0001", UUID: "6c7bd1a6-9d1f-4d54-8bd3-0b1ff07e0002",
		Target: "unix:/nowhere/br0.mgmt",
	}
}

// run follows a fake switch; it is stopped at the end of the test.
func run(t testing.TB, cfg Config, s *fakeSwitch) (*Probe, *feedtest.World, Bridge) {
	t.Helper()
	w := feedtest.New(t)
	cfg.Dial = s.dial
	p, err := New(cfg, w.Accumulator(), testutil.Logger{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	b := testBridge(t)
	p.Start(t.Context())
	t.Cleanup(p.Stop)
	p.Sync([]Bridge{b})
	return p, w, b
}
