package probe

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os/exec"
	"runtime"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// batch runs many commands by one ip process.
func (l *lab) batch(ns int, lines []string) {
	l.t.Helper()
	cmd := exec.Command("ip", "-n", l.names[ns], "-batch", "-")
	cmd.Stdin = strings.NewReader(l.expand(strings.Join(lines, "\n")))
	if out, err := cmd.CombinedOutput(); err != nil {
		l.t.Fatalf("ip -batch: %v: %s", err, bytes.TrimSpace(out))
	}
}

// truth returns the links of a namespace as `ip` lists them, "index name".
func (l *lab) truth(ns int) []string {
	l.t.Helper()
	out, err := exec.Command("ip", "-n", l.names[ns], "-j", "link").Output()
	if err != nil {
		l.t.Fatal(err)
	}
	var links []struct {
		Index int    `json:"ifindex"`
		Name  string `json:"ifname"`
	}
	if err := json.Unmarshal(out, &links); err != nil {
		l.t.Fatal(err)
	}
	names := make([]string, len(links))
	for i, x := range links {
		names[i] = fmt.Sprint(x.Index, " ", x.Name)
	}
	sort.Strings(names)
	return names
}

// reported returns the same from what was reported.
func (l *lab) reported(ns int) []string {
	inode := fmt.Sprint(l.ids[ns].Inode)
	var names []string
	for _, e := range l.world.find(func(e *entity.Event) bool {
		return e.Type == entity.TypeInterface && e.ID.Get(entity.IDNamespace) == inode
	}) {
		names = append(names, fmt.Sprint(e.Attributes.Get("IfIndex").Int(), " ", e.Attributes.Get("Name").Str()))
	}
	sort.Strings(names)
	return names
}

// agrees waits until what was reported is the truth.
func (l *lab) agrees(ns int) {
	l.t.Helper()
	want := l.truth(ns)
	deadline := time.Now().Add(60 * time.Second)
	var got []string
	for time.Now().Before(deadline) {
		if got = l.reported(ns); strings.Join(got, ",") == strings.Join(want, ",") {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	l.t.Fatalf("%d links are reported, %d are there: %v", len(got), len(want), difference(got, want))
}

func difference(got, want []string) string {
	has := map[string]int{}
	for _, x := range want {
		has[x]--
	}
	for _, x := range got {
		has[x]++
	}
	var out []string
	for x, n := range has {
		if n != 0 && len(out) < 10 {
			out = append(out, fmt.Sprintf("%+d %s", n, x))
		}
	}
	return strings.Join(out, ", ")
}

func pairs(n int) (add, del []string) {
	for i := range n {
		add = append(add, fmt.Sprintf("link add ska%d type veth peer name skb%d", i, i))
		del = append(del, fmt.Sprintf("link del ska%d", i))
	}
	return add, del
}

// TestThousandPairs makes and deletes 1,000 pairs in one batch each, with a
// buffer that holds all of it and with one that cannot.
func TestThousandPairs(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for name, buffer := range map[string]int{"large buffer": 0, "tiny buffer": 4096} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 1)
			cfg := l.config()
			if buffer > 0 {
				cfg.ReceiveBuffer = buffer
				cfg.Relist = 100 * time.Millisecond
			}
			l.watch(cfg)
			add, del := pairs(1000)
			l.batch(0, add)
			l.agrees(0)
			// Every pair is joined.
			l.eventually("all pairs are joined", func() bool {
				joined := l.world.find(func(e *entity.Event) bool {
					for _, r := range e.Relationships {
						if r.Type == entity.RelPeerOf {
							return true
						}
					}
					return false
				})
				return len(joined) == 2000
			})
			st := l.probe.Stats()
			t.Logf("after add: %+v", st)
			l.batch(0, del)
			l.agrees(0)
			st = l.probe.Stats()
			t.Logf("after delete: %+v", st)
			if tiny := buffer > 0; tiny != (st.Overruns > 0) {
				t.Errorf("%d overruns", st.Overruns)
			}
			if st.Interfaces != 1 {
				t.Errorf("%d interfaces are counted, 1 is there", st.Interfaces)
			}
		})
	}
}

// TestRestart starts a second probe over the same namespaces: it must say
// exactly what the first one said last, and say it once.
func TestRestart(t *testing.T) {
	l := newLab(t, 3)
	l.ip(0, "link add skbr type bridge")
	l.ip(0, "link add skv0 type veth peer name skv1 netns @1")
	l.ip(0, "link set skv0 master skbr")
	l.ip(1, "link add skw0 type veth peer name skw1 netns @2")
	for _, x := range []struct {
		ns   int
		name string
	}{{0, "skbr"}, {0, "skv0"}, {1, "skv1"}, {1, "skw0"}, {2, "skw1"}} {
		l.ip(x.ns, "link set "+x.name+" addrgenmode none")
		l.ip(x.ns, "link set "+x.name+" up")
	}
	l.ip(1, "addr add 10.1.0.1/24 dev skv1")
	l.ip(1, "addr add 10.1.0.2/24 dev skv1")
	l.ip(1, "route add default via 10.1.0.9")
	l.ip(1, "neigh add 10.1.0.9 lladdr 02:00:00:00:00:09 dev skv1 nud permanent")

	l.watch(l.config())
	l.related(2, "skw1", entity.RelPeerOf, "1/skw0")
	l.settle()
	l.probe.Stop()
	first := l.world

	l.world = newWorld()
	l.watch(l.config())
	l.related(2, "skw1", entity.RelPeerOf, "1/skw0")
	l.settle()
	l.probe.Stop()
	if l.world.sets != len(first.now) || len(l.world.deletes) != 0 {
		t.Errorf("second start: %d events and %d deletes, want %d and 0", l.world.sets, len(l.world.deletes), len(first.now))
	}
	for id, ev := range first.now {
		again := l.world.now[id]
		if !ev.SameState(&again) {
			a, _ := json.Marshal(entity.Map(ev.Attributes))
			b, _ := json.Marshal(entity.Map(again.Attributes))
			t.Errorf("%s differs:\n%s\n%s", ev.Attributes.Get("Name").Str(), a, b)
		}
	}
}

// settle waits until nothing was reported for a while.
func (l *lab) settle() {
	l.t.Helper()
	last, since := int64(-1), time.Now()
	l.eventually("reports end", func() bool {
		if n := l.probe.Stats().Reports; n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
}

// TestChurn changes all kinds of things at random places and compares in the
// end with a second probe that only lists.
func TestChurn(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	for name, buffer := range map[string]int{"large buffer": 0, "tiny buffer": 4096} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, 3)
			cfg := l.config()
			cfg.Relist = 50 * time.Millisecond
			if buffer > 0 {
				cfg.ReceiveBuffer = buffer
			}
			l.watch(cfg)
			var lines []string
			for i := range 60 {
				lines = append(lines,
					fmt.Sprintf("link add ska%d type veth peer name skb%d", i, i),
					fmt.Sprintf("link set ska%d up", i),
					fmt.Sprintf("link set skb%d up", i),
					fmt.Sprintf("addr add 10.%d.0.1/24 dev ska%d", i, i),
					fmt.Sprintf("neigh add 10.%d.0.2 lladdr 02:00:00:00:00:02 dev ska%d nud permanent", i, i),
					fmt.Sprintf("route add 10.%d.1.0/24 via 10.%d.0.2", i, i),
				)
				switch i % 6 {
				case 0:
					lines = append(lines, fmt.Sprintf("link set skb%d netns @1", i))
				case 1:
					lines = append(lines, fmt.Sprintf("link set skb%d netns @2", i))
				case 2:
					lines = append(lines, fmt.Sprintf("link set ska%d down", i), fmt.Sprintf("link set ska%d name skr%d", i, i))
				case 3:
					lines = append(lines, fmt.Sprintf("link del ska%d", i))
				case 4:
					lines = append(lines, fmt.Sprintf("addr del 10.%d.0.1/24 dev ska%d", i, i))
				case 5:
					lines = append(lines, fmt.Sprintf("route replace 10.%d.1.0/24 dev ska%d", i, i))
				}
			}
			l.batch(0, lines)
			live := l.world
			probe := l.probe

			compare := func() string {
				l.world = newWorld()
				l.watch(l.config())
				l.settle()
				l.probe.Stop()
				fresh := l.world
				live.mu.Lock()
				defer live.mu.Unlock()
				var out []string
				for id, ev := range fresh.now {
					old, ok := live.now[id]
					if ok && ev.SameState(&old) {
						continue
					}
					for _, x := range ev.Attributes {
						if v := old.Attributes.Get(x.Key); !v.Equal(x.Value) {
							a, _ := json.Marshal(v)
							b, _ := json.Marshal(x.Value)
							out = append(out, fmt.Sprintf("%s of %s is %s, want %s", x.Key, ev.Attributes.Get("Name").Str(), a, b))
						}
					}
					out = append(out, fmt.Sprintf("%s differs", ev.Attributes.Get("Name").Str()))
				}
				for id, ev := range live.now {
					if _, ok := fresh.now[id]; !ok {
						out = append(out, "too many: "+ev.Attributes.Get("Name").Str())
					}
				}
				return strings.Join(out, "\n")
			}
			var diff string
			for range 10 {
				time.Sleep(500 * time.Millisecond) // IPv6 addresses become usable after a second or two
				if diff = compare(); diff == "" {
					break
				}
			}
			if diff != "" {
				t.Errorf("the model is not the truth:\n%.3000s", diff)
			}
			t.Logf("%+v", probe.Stats())
		})
	}
}

// BenchmarkStart starts over 1,000 namespaces with one veth pair each.
func BenchmarkStart(b *testing.B) {
	const n = 1000
	l := newLab(b, 1)
	for i := range n {
		ns := l.addNS()
		l.ip(0, fmt.Sprintf("link add sk%d type veth peer name eth0 netns @%d", i, ns))
	}
	b.ResetTimer()
	for b.Loop() {
		l.world = newWorld()
		before := cpuTime()
		start := time.Now()
		l.watch(l.config())
		l.eventually("all is reported", func() bool { return l.world.len() == 1+n+n+2*n+1 })
		b.ReportMetric(time.Since(start).Seconds(), "s/start")
		b.ReportMetric((cpuTime() - before).Seconds(), "cpu-s/start")
		b.ReportMetric(float64(l.world.sets)/float64(l.world.len()), "sets/entity")
		b.ReportMetric(float64(openFiles())/float64(n+1), "fds/ns")
		var ms runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&ms)
		b.ReportMetric(float64(ms.HeapAlloc)/(1<<20), "heap-MiB")
		b.ReportMetric(float64(residentSize())/(1<<20), "rss-MiB")
		before, start = cpuTime(), time.Now()
		time.Sleep(5 * time.Second)
		b.ReportMetric(100*float64(cpuTime()-before)/float64(time.Since(start)), "idle-%")
		l.probe.Stop()
	}
}

// BenchmarkLinkChange measures the time from a change of a link among 2,000 to
// its report.
func BenchmarkLinkChange(b *testing.B) {
	l := newLab(b, 1)
	add, _ := pairs(1000)
	l.batch(0, add)
	l.watch(l.config())
	l.eventually("all is reported", func() bool { return l.world.len() >= 2002 })
	l.settle()
	before, start := cpuTime(), time.Now()
	time.Sleep(3 * time.Second)
	idle := 100 * float64(cpuTime()-before) / float64(time.Since(start))
	var times []time.Duration
	i := 0
	for b.Loop() {
		i++
		mtu := 1000 + i%400
		setMTU(b, l, i%1000, mtu, &times)
	}
	sort.Slice(times, func(i, j int) bool { return times[i] < times[j] })
	b.ReportMetric(idle, "idle-%")
	b.ReportMetric(float64(times[len(times)/2].Microseconds()), "p50-us")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds()), "p99-us")
	l.probe.Stop()
}

func setMTU(b *testing.B, l *lab, link, mtu int, times *[]time.Duration) {
	b.Helper()
	name := fmt.Sprintf("ska%d", link)
	cmd := exec.Command("ip", "-n", l.names[0], "link", "set", name, "mtu", fmt.Sprint(mtu))
	index := fmt.Sprint(linkIndex(b, l, name))
	id := entity.InterfaceRef(l.probe.HostID(), fmt.Sprint(l.ids[0].Inode), index).UUID()
	if err := cmd.Run(); err != nil {
		b.Fatal(err)
	}
	start := time.Now() // the command's own end is part of neither
	for {
		l.world.mu.Lock()
		ev := l.world.now[id]
		l.world.mu.Unlock()
		if ev.Attributes.Get("MTU").Int() == int64(mtu) {
			break
		}
		if time.Since(start) > 5*time.Second {
			b.Fatal("the change was not reported")
		}
		runtime.Gosched()
	}
	*times = append(*times, time.Since(start))
}

func linkIndex(b *testing.B, l *lab, name string) int64 {
	ev, ok := l.world.in(l.ids[0], name)
	if !ok {
		b.Fatalf("no link %s", name)
	}
	return ev.Attributes.Get("IfIndex").Int()
}

// TestManyRoutes adds more routes than are shown.
func TestManyRoutes(t *testing.T) {
	l := newLab(t, 1)
	l.ip(0, "link add skv0 type veth peer name skv1")
	l.ip(0, "link set skv0 up")
	l.ip(0, "link set skv1 up")
	cfg := l.config()
	cfg.MaxEntries = 100
	l.watch(cfg)
	var add, del []string
	for i := range 3000 {
		add = append(add, fmt.Sprintf("route add 10.%d.%d.0/24 dev skv0", i/256, i%256))
		if i >= 50 {
			del = append(del, fmt.Sprintf("route del 10.%d.%d.0/24 dev skv0", i/256, i%256))
		}
	}
	l.batch(0, add)
	l.attr(0, "skv0", "Truncated", `["RoutingTables"]`)
	l.batch(0, del)
	l.attr(0, "skv0", "Truncated", "")
	l.eventually("50 routes are left", func() bool {
		ev, _ := l.world.in(l.ids[0], "skv0")
		n := 0
		ev.Attributes.Lookup("RoutingTables.Routes.Prefix", func(v entity.Value) bool {
			if strings.HasPrefix(v.Str(), "10.") {
				n++
			}
			return true
		})
		return n == 50
	})
	t.Logf("%+v", l.probe.Stats())
}
