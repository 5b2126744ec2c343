package eventlog

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/proctest"
)

// testWire passes connections on to an address, unless it is cut: then nothing gets
// through, and nobody is told.
type testWire struct {
	t        testing.TB
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu    sync.Mutex
	whole chan struct{} // closed: not cut
	conns []net.Conn
	ended bool
}

func newTestWire(t testing.TB, target string) *testWire {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	w := &testWire{t: t, listener: l, target: target, whole: make(chan struct{})}
	close(w.whole)
	w.work.Go(w.accept)
	t.Cleanup(w.close)
	return w
}

func (w *testWire) accept() {
	for {
		in, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.work.Go(func() {
			<-w.gate()
			out, err := net.Dial("tcp", w.target)
			if err != nil {
				_ = in.Close()
				return
			}
			w.mu.Lock()
			w.conns = append(w.conns, in, out)
			ended := w.ended
			w.mu.Unlock()
			if ended {
				_, _ = in.Close(), out.Close()
			}
			w.work.Go(func() { w.pass(in, out) })
			w.pass(out, in)
		})
	}
}

func (w *testWire) pass(from, to net.Conn) {
	defer from.Close() //nolint:errcheck // both ends end together
	defer to.Close()   //nolint:errcheck // both ends end together
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		<-w.gate()
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

func (w *testWire) gate() <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.whole
}

func (w *testWire) cut(cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case <-w.whole:
		if cut {
			w.whole = make(chan struct{})
		}
	default:
		if !cut {
			close(w.whole)
		}
	}
}

func (w *testWire) close() {
	_ = w.listener.Close()
	w.cut(false)
	w.mu.Lock()
	w.ended = true
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.mu.Unlock()
	w.work.Wait()
}

// TestCutOff separates the leader from the two others without telling anybody:
// they go on, it says what is missing, and when it is back it has what they
// have. At no time do two hold the lease.
func TestCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("starts three servers")
	}
	cfgs := clusterConfigs(t, 3)
	wires := map[[2]int]*testWire{} // from, to
	for i := range cfgs {
		cfgs[i].Timeout = 4 * time.Second
		cfgs[i].Cluster.Peers = nil
		for j := range cfgs {
			if i != j {
				w := newTestWire(t, cfgs[j].Cluster.Listen)
				wires[[2]int{i, j}] = w
				cfgs[i].Cluster.Peers = append(cfgs[i].Cluster.Peers, w.listener.Addr().String())
			}
		}
	}
	var logs []*Log
	var follows []*followed
	var leases []*Lease
	for _, c := range cfgs {
		l := openWith(t, c)
		s := l.Lease("leader")
		s.Start(context.Background())
		t.Cleanup(s.Stop)
		logs, follows, leases = append(logs, l), append(follows, follow(t, l, 0)), append(leases, s)
	}
	watch, stopWatch := context.WithCancel(context.Background())
	watched := make(chan int, 1)
	go func() { // counts how often two held the lease
		twice := 0
		for sleep(watch, time.Millisecond) {
			held := 0
			for _, s := range leases {
				if s.Held() {
					held++
				}
			}
			if held > 1 {
				twice++
			}
		}
		watched <- twice
	}()
	defer stopWatch()

	acked := map[uint64]string{}
	write := func(l *Log, text string) { acked[publishUntilStored(t, l, []byte(text))] = text }
	for i := range 30 {
		write(logs[i%3], fmt.Sprintf("before %d", i))
	}
	held := func(which ...int) bool {
		return slices.ContainsFunc(which, func(i int) bool { return leases[i].Held() })
	}
	require.Eventually(t, func() bool { return held(0, 1, 2) }, 2*time.Minute, 5*time.Millisecond)

	leader := logs[0].Status(context.Background()).Leader
	lost := slices.IndexFunc(cfgs, func(c Config) bool { return c.Cluster.NodeName == leader })
	require.GreaterOrEqual(t, lost, 0)
	a, b := (lost+1)%3, (lost+2)%3
	// One of the others has records in flight all the time.
	var o outcome
	sent := 0
	load, stopLoad := context.WithCancel(context.Background())
	loaded := make(chan struct{})
	go func() {
		defer close(loaded)
		for load.Err() == nil {
			if err := logs[a].Publish(fmt.Appendf(nil, "load %d", sent), o.done(sent)); err == nil {
				// A few thousand a second: some are always under way, and the test does
				// not fill the machine.
				if sent++; sent%4 == 0 {
					sleep(load, time.Millisecond)
				}
				continue
			}
			o.wait.Done()
			sleep(load, 2*time.Millisecond) // the queue is full
		}
	}()
	defer stopLoad()
	require.Eventually(t, func() bool { o.mu.Lock(); defer o.mu.Unlock(); return len(o.numbers) > 100 }, 2*time.Minute, time.Millisecond)
	for pair, w := range wires {
		if pair[0] == lost || pair[1] == lost {
			w.cut(true)
		}
	}
	begin := time.Now()
	write(logs[b], "first after the cut")
	t.Logf("stored again %v after the leader was cut off", time.Since(begin).Round(100*time.Millisecond))
	for i := range 30 {
		write(logs[[]int{a, b}[i%2]], fmt.Sprintf("meanwhile %d", i))
	}
	var alone error
	require.Eventually(t, func() bool {
		_, alone = logs[lost].Append(context.Background(), []byte("of nobody"))
		return alone != nil
	}, 2*time.Minute, time.Millisecond)
	require.ErrorIs(t, alone, ErrTimeout)
	t.Log("the one that is cut off says:", alone)
	require.Eventually(t, func() bool { return held(a, b) && !held(lost) }, 2*time.Minute, 5*time.Millisecond)

	for _, w := range wires {
		w.cut(false)
	}
	begin = time.Now()
	write(logs[lost], "back")
	t.Logf("stored by the one that is back %v after it was", time.Since(begin).Round(100*time.Millisecond))
	stopLoad()
	<-loaded
	o.wait.Wait()
	_, last, _, err := logs[a].Bounds(context.Background())
	require.NoError(t, err)
	var reference []Entry
	for _, f := range follows {
		proctest.Eventually(t, 2*time.Minute, "all is followed", func() error {
			if number, _ := f.newest(); number < last {
				return fmt.Errorf("one is at %d of %d", number, last)
			}
			return nil
		})
		all := f.all()[:last]
		if reference == nil {
			reference = all
		}
		for i := range all {
			require.Zero(t, all[i].Missing)
			require.Equal(t, reference[i].Number, all[i].Number)
			require.Equal(t, string(reference[i].Data), string(all[i].Data))
		}
	}
	for number, text := range acked {
		require.Equal(t, text, string(reference[number-1].Data))
	}
	copies := map[string]int{}
	for _, e := range reference {
		copies[string(e.Data)]++
	}
	before := uint64(0)
	for i := range sent {
		require.Equal(t, 1, o.calls[i], "done is called once")
		if n, ok := o.numbers[i]; ok {
			require.Greater(t, n, before, "in the order of Publish")
			before = n
			require.Equal(t, fmt.Sprintf("load %d", i), string(reference[n-1].Data))
		}
		require.LessOrEqual(t, copies[fmt.Sprintf("load %d", i)], 1, "stored twice")
	}
	t.Logf("of %d records in flight %d were confirmed", sent, len(o.numbers))
	stopWatch()
	require.Zero(t, <-watched, "two held the lease")
}
