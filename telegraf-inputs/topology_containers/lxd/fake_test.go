package lxd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
)

const limit = 10 * time.Second

// daemon answers as LXD does.
type daemon struct {
	t      *testing.T
	socket string

	mu        sync.Mutex
	auth      string
	name      string
	clustered bool
	old       bool // without extensions: no states, no instances
	instances []Instance
	asked     map[string]int
	conns     []*websocket.Conn
}

func newDaemon(t *testing.T) *daemon {
	t.Helper()
	dir := t.TempDir()
	d := &daemon{t: t, socket: filepath.Join(dir, "s"), auth: "trusted", name: "here", asked: make(map[string]int)}
	if err := os.WriteFile(filepath.Join(dir, "server.crt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "unix", d.socket)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(d.serve), ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		d.disconnect()
		_ = srv.Close()
		<-served
	})
	return d
}

func (d *daemon) disconnect() {
	d.mu.Lock()
	conns := d.conns
	d.conns = nil
	d.mu.Unlock()
	for _, c := range conns {
		_ = c.CloseNow()
	}
}

// set changes the instances, or whatever, and then tells events.
func (d *daemon) set(edit func(*daemon), events ...string) {
	d.mu.Lock()
	edit(d)
	conns := slices.Clone(d.conns)
	d.mu.Unlock()
	for _, c := range conns {
		for _, ev := range events {
			ctx, cancel := context.WithTimeout(context.Background(), limit)
			if err := c.Write(ctx, websocket.MessageText, []byte(ev)); err != nil {
				d.t.Logf("tell event: %v", err)
			}
			cancel()
		}
	}
}

func (d *daemon) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/1.0/events" {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		d.mu.Lock()
		d.conns = append(d.conns, c)
		d.mu.Unlock()
		_, _, _ = c.Read(context.Background()) // until one of both closes it
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked[r.URL.Path]++
	answer := func(v any) {
		_ = json.NewEncoder(w).Encode(map[string]any{"type": "sync", "status_code": 200, "metadata": v})
	}
	base := "/1.0/instances"
	if d.old {
		base = "/1.0/containers"
	}
	if r.URL.Path == "/1.0" {
		s := server{Auth: d.auth}
		if !d.old {
			s.Extensions = []string{"instances", "instance_all_projects"}
		}
		s.Env.Name, s.Env.Clustered = d.name, d.clustered
		answer(s)
		return
	}
	if r.URL.Path == base {
		answer(d.instances)
		return
	}
	name, below, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, base+"/"), "/")
	for _, i := range d.instances {
		if i.Name != name || i.Project != "" && i.Project != r.URL.Query().Get("project") {
			continue
		}
		if below == "state" {
			answer(i.State)
			return
		}
		if d.old {
			i.State = nil
		}
		answer(i)
		return
	}
	_, _ = w.Write([]byte(`{"type":"error","error":"Not Found","error_code":404}`))
}

func start(t *testing.T, d *daemon) *feedtest.World {
	t.Helper()
	return startWith(t, d, func(*Config) {})
}

func startWith(t *testing.T, d *daemon, edit func(*Config)) *feedtest.World {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Socket, cfg.Relist, cfg.Settle = d.socket, time.Hour, time.Millisecond
	edit(&cfg)
	src, err := New(cfg, mapper(t))
	if err != nil {
		t.Fatal(err)
	}
	w, _ := feedtest.Follow(t, "lxd", src)
	return w
}

// names waits until the instances are these, each NAME:STATUS.
func names(t *testing.T, w *feedtest.World, want ...string) {
	t.Helper()
	slices.Sort(want)
	w.Eventually(t, limit, fmt.Sprintf("instances %v", want), func(s feedtest.State) error {
		var got []string
		for _, ev := range s.All(entity.TypeContainer) {
			got = append(got, feedtest.Text(&ev, "Name")+":"+feedtest.Text(&ev, "Container.Status"))
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			return fmt.Errorf("they are %v", got)
		}
		return nil
	})
}

func instance(name, status string) Instance {
	return Instance{
		Name: name, Project: "default", Type: "container", Status: status, State: &State{Status: status},
		Config: map[string]string{"volatile.uuid": "uuid-" + name},
	}
}

func lifecycle(action, name string) string {
	return `{"type":"lifecycle","project":"default","metadata":{"action":"instance-` + action + `","source":"/1.0/instances/` + name + `"}}`
}

func TestEvents(t *testing.T) {
	d := newDaemon(t)
	d.instances = []Instance{instance("a", "Running")}
	w := start(t, d)
	names(t, w, "a:running")
	d.set(func(d *daemon) { d.instances = append(d.instances, instance("b", "Running")) },
		"no event", lifecycle("created", "b"), lifecycle("started", "b"), lifecycle("started", "nobody"))
	names(t, w, "a:running", "b:running")
	// What an event tells is asked for again when it has settled.
	d.set(func(d *daemon) { d.instances[0] = instance("a", "Stopping") }, lifecycle("stopped", "a"))
	d.set(func(d *daemon) { d.instances[0] = instance("a", "Stopped") }, lifecycle("updated", "b"), lifecycle("stopped", "a"))
	names(t, w, "a:exited", "b:running")
	// An event that comes before that of the new name says nothing of an end.
	d.set(func(d *daemon) { d.instances[0].Name = "c" }, lifecycle("updated", "a"), lifecycle("updated", "b"))
	// Renamed: the same one.
	d.set(func(*daemon) {},
		`{"type":"lifecycle","project":"default","metadata":{"action":"instance-renamed","source":"/1.0/instances/c","context":{"old_name":"a"}}}`)
	names(t, w, "c:exited", "b:running")
	w.See(func(s feedtest.State) {
		if s.Deleted != 0 {
			t.Errorf("%d ended", s.Deleted)
		}
	})
	// Deleted, and another of its name made.
	d.set(func(d *daemon) { d.instances[0].Config = map[string]string{"volatile.uuid": "other"} }, lifecycle("deleted", "c"))
	w.Eventually(t, limit, "another one", func(s feedtest.State) error {
		if _, ok := s.Entity(entity.ContainerRef("other")); !ok || len(s.All(entity.TypeContainer)) != 2 {
			return errors.New("not yet")
		}
		return nil
	})
	d.set(func(d *daemon) { d.instances = d.instances[1:] }, lifecycle("deleted", "c"))
	names(t, w, "b:running")
}

// One that is replaced by another of its name has ended, also if only the next
// listing shows it.
func TestReplaced(t *testing.T) {
	d := newDaemon(t)
	d.instances = []Instance{instance("a", "Running")}
	w := startWith(t, d, func(cfg *Config) { cfg.Relist = 10 * time.Millisecond })
	names(t, w, "a:running")
	d.set(func(d *daemon) { d.instances[0].Config = map[string]string{"volatile.uuid": "other"} })
	w.Eventually(t, limit, "the other one alone", func(s feedtest.State) error {
		if _, ok := s.Entity(entity.ContainerRef("other")); !ok || len(s.All(entity.TypeContainer)) != 1 {
			return fmt.Errorf("%d containers, the other one: %v", len(s.All(entity.TypeContainer)), ok)
		}
		return nil
	})
}

// What happens while nobody is connected is seen afterwards.
func TestReconnect(t *testing.T) {
	d := newDaemon(t)
	d.instances = []Instance{instance("a", "Running"), instance("b", "Running")}
	w := start(t, d)
	names(t, w, "a:running", "b:running")
	d.set(func(d *daemon) { d.instances = []Instance{instance("b", "Stopped"), instance("c", "Running")} })
	d.disconnect()
	names(t, w, "b:exited", "c:running")
}

func TestCluster(t *testing.T) {
	d := newDaemon(t)
	here, there := instance("a", "Running"), instance("b", "Running")
	here.Location, there.Location = "here", "there"
	d.clustered, d.instances = true, []Instance{here, there}
	w := start(t, d)
	names(t, w, "a:running")
	moved := there
	moved.Location = "here"
	d.set(func(d *daemon) { d.instances = []Instance{moved} }, lifecycle("deleted", "a"), lifecycle("updated", "b"))
	names(t, w, "b:running")
	d.set(func(d *daemon) { d.instances[0].Location = "there" }, lifecycle("updated", "b"))
	names(t, w)
}

// A daemon without the extensions has containers, and their states apart.
func TestOld(t *testing.T) {
	d := newDaemon(t)
	d.old = true
	i := instance("a", "Running")
	i.Project, i.Type, i.Config = "", "", nil
	d.instances = []Instance{i}
	w := start(t, d)
	names(t, w, "a:running")
	d.set(func(d *daemon) { d.instances[0].State = &State{Status: "Frozen"} },
		`{"type":"lifecycle","metadata":{"action":"container-paused","source":"/1.0/containers/a"}}`)
	names(t, w, "a:paused")
	w.See(func(s feedtest.State) {
		if _, ok := s.Entity(entity.ContainerRef("h1/lxd/default/a")); !ok {
			t.Error("without a UUID it is not known by its name")
		}
	})
}

// Who is not trusted, or was never set up, tells nothing; as soon as that
// changes it does.
func TestAbsent(t *testing.T) {
	d := newDaemon(t)
	d.auth = "untrusted"
	d.instances = []Instance{instance("a", "Running")}
	crt := filepath.Join(filepath.Dir(d.socket), "server.crt")
	if err := os.Remove(crt); err != nil {
		t.Fatal(err)
	}
	cfg := DefaultConfig()
	cfg.Socket = d.socket
	src, err := New(cfg, mapper(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := src.Follow(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "never set up") {
		t.Errorf("not set up: %v", err)
	}
	d.mu.Lock()
	if len(d.asked) > 0 {
		t.Errorf("asked for %v", d.asked)
	}
	d.mu.Unlock()
	w := start(t, d)
	if err := os.WriteFile(crt, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := src.Follow(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "trust") {
		t.Errorf("not trusted: %v", err)
	}
	d.set(func(d *daemon) { d.auth = "trusted" })
	names(t, w, "a:running")
	for _, socket := range []string{"rel", ""} {
		if _, err := New(Config{Socket: socket, Relist: 1, Timeout: 1}, nil); err == nil {
			t.Errorf("socket %q: no error", socket)
		}
	}
	cfg.Socket = crt
	if src, err := New(cfg, mapper(t)); err != nil || src.Follow(t.Context(), nil) == nil {
		t.Errorf("a file is a socket: %v", err)
	}
	cfg.Socket = filepath.Join(t.TempDir(), "none")
	if src, err := New(cfg, mapper(t)); err != nil || !errors.Is(src.Follow(t.Context(), nil), os.ErrNotExist) {
		t.Errorf("nothing is a socket: %v", err)
	}
}
