package lxc

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

const limit = 10 * time.Second

// monitor answers as that of a container does.
type monitor struct {
	l  net.Listener
	wg sync.WaitGroup

	mu     sync.Mutex
	state  monitorState
	pid    int
	silent bool
	cut    int // how much of an answer is sent
}

func listen(t *testing.T, path, name string) *monitor {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", "@"+socketName(path, name))
	if err != nil {
		t.Fatal(err)
	}
	m := &monitor{l: l, cut: messageSize}
	m.wg.Go(m.run)
	t.Cleanup(m.close)
	return m
}

func (m *monitor) close() {
	_ = m.l.Close()
	m.wg.Wait()
}

func (m *monitor) set(edit func(*monitor)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	edit(m)
}

func (m *monitor) run() {
	for {
		c, err := m.l.Accept()
		if err != nil {
			return
		}
		m.answer(c)
	}
}

func (m *monitor) answer(c net.Conn) {
	defer c.Close() //nolint:errcheck // a test's
	b := make([]byte, messageSize)
	if _, err := io.ReadFull(c, b); err != nil {
		return
	}
	m.mu.Lock()
	n, cut, silent := int(m.state), m.cut, m.silent
	if binary.NativeEndian.Uint32(b) == cmdGetInitPID {
		n = m.pid
	}
	m.mu.Unlock()
	if silent {
		_, _ = io.ReadFull(c, b) // until the other end has enough
		return
	}
	_, _ = c.Write(message(0, int64(n))[:cut])
}

func start(t *testing.T, path string, edit func(*Config)) (*feedtest.World, *Source) {
	t.Helper()
	m, err := container.NewMapper(container.Config{HostID: "h1", ProcDir: "/proc"})
	if err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Paths = []string{path}
	cfg.Poll, cfg.Rescan, cfg.Timeout = 10*time.Millisecond, time.Hour, 50*time.Millisecond
	if edit != nil {
		edit(&cfg)
	}
	src, err := New(cfg, m)
	if err != nil {
		t.Fatal(err)
	}
	w, _ := feedtest.Follow(t, container.SourceLXC, src)
	return w, src
}

func configure(t *testing.T, path, name string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Join(path, name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, name, "config"), []byte("lxc.uts.name = "+name+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func status(t *testing.T, w *feedtest.World, name, want string) {
	t.Helper()
	w.Eventually(t, limit, name+" is "+want, func(s feedtest.State) error {
		ev, ok := s.Find(entity.TypeContainer, "Name", name)
		if got := feedtest.Text(&ev, "Container.Status"); !ok || got != want {
			return fmt.Errorf("it is %q, there: %v", got, ok)
		}
		return nil
	})
}

// What a monitor answers becomes what the container does; what it does not answer
// changes nothing.
func TestStates(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("long", 30), "lxc") // hashed
	w, src := start(t, path, nil)
	configure(t, path, "a")
	status(t, w, "a", "exited")
	m := listen(t, path, "a")
	for _, c := range []struct {
		state monitorState
		pid   int
		want  string
	}{
		{stateStarting, 0, "created"},
		{stateRunning, os.Getpid(), "running"},
		{stateFrozen, os.Getpid(), "paused"},
		{stateThawed, os.Getpid(), "running"},
		{stateStopping, os.Getpid(), "exited"},
		{stateRunning, os.Getpid(), "running"},
		{stateRunning, 1<<31 - 1, "exited"}, // a process that is not there
		{stateRunning, os.Getpid(), "running"},
	} {
		m.set(func(m *monitor) { m.state, m.pid = c.state, c.pid })
		status(t, w, "a", c.want)
	}
	for name, edit := range map[string]func(*monitor){
		"silent":     func(m *monitor) { m.silent = true },
		"cut short":  func(m *monitor) { m.cut = 7 },
		"no process": func(m *monitor) { m.pid = -1 },
		"new state":  func(m *monitor) { m.state = 77 },
	} {
		before := src.Stats().Refused
		m.set(edit)
		proctest.Eventually(t, limit, name+" is refused", func() error {
			if n := src.Stats().Refused; n < before+2 {
				return fmt.Errorf("%d, before %d", n, before)
			}
			return nil
		})
		status(t, w, "a", "running")
		w.Eventually(t, limit, name+" is said", func(s feedtest.State) error {
			ev, _ := s.Find(entity.TypeContainer, "Name", "a")
			if got := feedtest.Text(&ev, "Limitations"); !strings.Contains(got, "state: ") {
				return fmt.Errorf("limitations: %q", got)
			}
			return nil
		})
		m.set(func(m *monitor) { m.state, m.pid, m.silent, m.cut = stateRunning, os.Getpid(), false, messageSize })
	}
	m.close()
	status(t, w, "a", "exited")
}

func TestTooMany(t *testing.T) {
	path := t.TempDir()
	for i := range 5 {
		configure(t, path, fmt.Sprintf("c%d", i))
	}
	if err := os.Mkdir(filepath.Join(path, "no container"), 0o755); err != nil {
		t.Fatal(err)
	}
	w, src := start(t, path, func(c *Config) { c.MaxContainers = 3 })
	w.Eventually(t, limit, "three", func(s feedtest.State) error {
		if n := len(s.All(entity.TypeContainer)); n != 3 {
			return fmt.Errorf("%d", n)
		}
		return nil
	})
	if st := src.Stats(); st.Containers != 3 || st.Left < 2 || st.NotWatched != nil {
		t.Errorf("%+v", st)
	}
}

// The configuration of another user than the path's is refused, and that is
// counted.
func TestUntrustedConfiguration(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to be believed or not")
	}
	path := t.TempDir()
	configure(t, path, "a")
	configure(t, path, "b")
	for _, file := range []string{path, filepath.Join(path, "b/config")} {
		if err := os.Chown(file, 1000, 1000); err != nil {
			t.Skip(err)
		}
	}
	w, src := start(t, path, nil)
	status(t, w, "b", "exited")
	proctest.Eventually(t, limit, "one is refused", func() error {
		if st := src.Stats(); st.Containers != 1 || st.Refused < 1 {
			return fmt.Errorf("%+v", st)
		}
		return nil
	})
}
