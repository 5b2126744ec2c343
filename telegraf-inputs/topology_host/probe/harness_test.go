package probe

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/internal/netns/netnstest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a sink that remembers the present state.
type world struct {
	mu      sync.Mutex
	now     map[entity.UUID]entity.Event
	deletes map[entity.UUID]string
	sets    int // events that changed something
	invalid []error
}

func newWorld() *world {
	return &world{now: make(map[entity.UUID]entity.Event), deletes: make(map[entity.UUID]string)}
}

func (w *world) Set(ev entity.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if err := ev.Validate(); err != nil {
		w.invalid = append(w.invalid, err)
	}
	id := ev.UUID()
	if old, ok := w.now[id]; ok && old.SameState(&ev) {
		return
	}
	w.sets++
	w.now[id] = ev
}

func (w *world) Delete(ref entity.Ref, reason string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	id := ref.UUID()
	delete(w.now, id)
	w.deletes[id] = reason
}

func (w *world) len() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.now)
}

// find returns the entities for which ok holds.
func (w *world) find(ok func(*entity.Event) bool) []entity.Event {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []entity.Event
	for _, ev := range w.now {
		if ok(&ev) {
			out = append(out, ev)
		}
	}
	return out
}

// in returns the interface of a name in a namespace.
func (w *world) in(ns netns.ID, name string) (entity.Event, bool) {
	inode := fmt.Sprint(ns.Inode)
	found := w.find(func(e *entity.Event) bool {
		return e.Type == entity.TypeInterface && e.ID.Get(entity.IDNamespace) == inode && e.Attributes.Get("Name").Str() == name
	})
	if len(found) != 1 {
		return entity.Event{}, false
	}
	return found[0], true
}

// testLog is a logger that writes to the test.
type testLog struct {
	t  testing.TB
	mu sync.Mutex
	// ended guards against writes after the test.
	ended bool
	text  []string
}

func (l *testLog) printf(level, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	text := level + " " + fmt.Sprintf(format, args...)
	l.text = append(l.text, text)
	if !l.ended {
		l.t.Log(text)
	}
}

func (l *testLog) Debugf(format string, args ...any) { l.printf("D", format, args...) }
func (l *testLog) Infof(format string, args ...any)  { l.printf("I", format, args...) }
func (l *testLog) Warnf(format string, args ...any)  { l.printf("W", format, args...) }
func (l *testLog) Errorf(format string, args ...any) { l.printf("E", format, args...) }

// lab is a set of namespaces of a test, the first of which plays the host, and
// a probe that watches them.
type lab struct {
	t     testing.TB
	dir   string
	names []string
	ids   []netns.ID
	world *world
	probe *Probe
	log   *testLog
}

// newLab makes n namespaces.
func newLab(t testing.TB, n int) *lab {
	t.Helper()
	netnstest.Need(t)
	l := &lab{t: t, dir: t.TempDir(), world: newWorld(), log: &testLog{t: t}}
	for range n {
		l.addNS()
	}
	return l
}

// addNS makes one more namespace, and gives it a name in the directory that
// only this test's probe looks at.
func (l *lab) addNS() int {
	l.t.Helper()
	name := netnstest.Add(l.t)
	id, err := netns.Stat(netnstest.Path(name))
	if err != nil {
		l.t.Fatal(err)
	}
	l.names, l.ids = append(l.names, name), append(l.ids, id)
	if len(l.names) > 1 {
		// A link is enough of a name for the probe; `ip netns del` then makes it
		// dangle, which ends the namespace.
		if err := os.Symlink(netnstest.Path(name), l.dir+"/"+name); err != nil {
			l.t.Fatal(err)
		}
	}
	return len(l.names) - 1
}

func (l *lab) config() Config {
	cfg := DefaultConfig()
	cfg.HostID, cfg.HostName = "lab-"+l.names[0], "lab"
	cfg.RootNetNS = netnstest.Path(l.names[0])
	cfg.Discovery.Dirs = []string{l.dir}
	cfg.Discovery.Processes = false
	cfg.NeighborDebounce = 50 * time.Millisecond
	return cfg
}

// watch starts the probe and waits for its first report.
func (l *lab) watch(cfg Config) {
	l.t.Helper()
	p, err := New(cfg, l.world, l.log)
	if err != nil {
		l.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := p.Start(ctx); err != nil {
		cancel()
		l.t.Fatal(err)
	}
	l.probe = p
	l.t.Cleanup(func() {
		p.Stop()
		cancel()
		l.log.mu.Lock()
		l.log.ended = true
		l.log.mu.Unlock()
		l.world.mu.Lock()
		defer l.world.mu.Unlock()
		for _, err := range l.world.invalid {
			l.t.Errorf("invalid event: %v", err)
		}
	})
	l.eventually("the host is reported", func() bool {
		l.world.mu.Lock()
		defer l.world.mu.Unlock()
		_, ok := l.world.now[entity.HostRef(cfg.HostID).UUID()]
		return ok
	})
}

// ip runs the ip tool in a namespace.
func (l *lab) ip(ns int, args string) {
	l.t.Helper()
	if out, err := l.tryIP(ns, args); err != nil {
		l.t.Fatalf("ip %s: %v: %s", args, err, out)
	}
}

func (l *lab) tryIP(ns int, args string) (string, error) {
	cmd := exec.Command("ip", append([]string{"-n", l.names[ns]}, strings.Fields(l.expand(args))...)...)
	out, err := cmd.CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

// need is ip for what not every kernel has.
func (l *lab) need(ns int, args string) {
	l.t.Helper()
	if out, err := l.tryIP(ns, args); err != nil {
		l.t.Skipf("this kernel cannot: ip %s: %v: %s", args, err, out)
	}
}

var reference = regexp.MustCompile(`@\d+`)

// expand replaces @1 by the name of namespace 1.
func (l *lab) expand(args string) string {
	return reference.ReplaceAllStringFunc(args, func(ref string) string {
		i, err := strconv.Atoi(ref[1:])
		if err != nil || i >= len(l.names) {
			l.t.Fatalf("no namespace %s", ref)
		}
		return l.names[i]
	})
}

func (l *lab) eventually(what string, ok func() bool) {
	l.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			l.t.Fatalf("%s: not within 20 s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// attr waits until an attribute of an interface is the JSON text want; ""
// stands for none.
func (l *lab) attr(ns int, name, key, want string) {
	l.t.Helper()
	got := "no such interface"
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		if ev, ok := l.world.in(l.ids[ns], name); ok {
			if got = text(ev.Attributes, key); got == want {
				return
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	l.t.Errorf("%s of %s in namespace %d is %s, want %s", key, name, ns, got, want)
}

// text returns what a dotted path leads to as JSON.
func text(a entity.Attrs, path string) string {
	var out []string
	a.Lookup(path, func(v entity.Value) bool {
		b, err := json.Marshal(v)
		if err != nil {
			b = []byte(err.Error())
		}
		out = append(out, string(b))
		return true
	})
	return strings.Join(out, " ")
}

// related waits until the relations of a type of an interface are exactly
// those of names "ns/name", or "host" and "netns:ns".
func (l *lab) related(ns int, name, typ string, want ...string) {
	l.t.Helper()
	var got []string
	deadline := time.Now().Add(10 * time.Second)
	for time.Now().Before(deadline) {
		ev, ok := l.world.in(l.ids[ns], name)
		got = []string{"no such interface"}
		if ok {
			got = nil
			for _, r := range ev.Relationships {
				if r.Type == typ {
					got = append(got, l.describe(r.Target))
				}
			}
			if strings.Join(got, " ") == strings.Join(want, " ") {
				return
			}
		}
		time.Sleep(2 * time.Millisecond)
	}
	l.t.Errorf("%s of %s in namespace %d is %v, want %v", typ, name, ns, got, want)
}

func (l *lab) describe(r entity.Ref) string {
	switch r.Type {
	case entity.TypeHost:
		return "host"
	case entity.TypeNetNS:
		for i, id := range l.ids {
			if fmt.Sprint(id.Inode) == r.ID.Get(entity.IDInode) {
				return fmt.Sprintf("netns:%d", i)
			}
		}
	case entity.TypeInterface:
		l.world.mu.Lock()
		ev, ok := l.world.now[r.UUID()]
		l.world.mu.Unlock()
		for i, id := range l.ids {
			if ok && fmt.Sprint(id.Inode) == r.ID.Get(entity.IDNamespace) {
				return fmt.Sprintf("%d/%s", i, ev.Attributes.Get("Name").Str())
			}
		}
	}
	return fmt.Sprintf("%s %v", r.Type, r.ID)
}
