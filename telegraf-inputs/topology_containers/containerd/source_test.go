package containerd

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	apievents "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/api/types/task"
	"github.com/influxdata/telegraf/testutil"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	hostID = "h1"
	soon   = 20 * time.Second
)

func mapper(t testing.TB) *model.Mapper {
	t.Helper()
	cfg := model.DefaultConfig()
	cfg.HostID = hostID
	m, err := model.NewMapper(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func source(t testing.TB, path string, change func(*Config)) *Source {
	t.Helper()
	cfg := DefaultConfig()
	cfg.Socket = path
	if change != nil {
		change(&cfg)
	}
	s, err := New(cfg, mapper(t), testutil.Logger{Name: t.Name()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// has is a condition: an entity has these values at these paths.
func has(ref entity.Ref, pairs ...string) func(feedtest.State) error {
	return func(s feedtest.State) error {
		ev, ok := s.Entity(ref)
		if !ok {
			return errors.New("is not there")
		}
		for i := 0; i < len(pairs); i += 2 {
			if got := feedtest.Text(&ev, pairs[i]); got != pairs[i+1] {
				return fmt.Errorf("%s is %q, want %q", pairs[i], got, pairs[i+1])
			}
		}
		return nil
	}
}

func gone(ref entity.Ref) func(feedtest.State) error {
	return func(s feedtest.State) error {
		if _, ok := s.Entity(ref); ok {
			return errors.New("is still there")
		}
		return nil
	}
}

var (
	runs   = task.Status_RUNNING
	paused = task.Status_PAUSED
)

func TestFake(t *testing.T) {
	for _, old := range []bool{false, true} {
		s := startServer(t)
		s.old = old
		m := mapper(t)
		a, b, c := key{"default", "a"}, key{"default", "b"}, key{"other", "c"}
		ref := func(k key) entity.Ref { return m.Ref(k.scope(), k.id) }
		s.put(a, `{}`, &runs, 1<<30)
		s.put(c, `not JSON`, nil, 0)
		w, _ := feedtest.Follow(t, model.SourceContainerd, source(t, s.socket, nil))
		w.Eventually(t, soon, "a", has(ref(a), "Container.Status", "running", "Limitations", ""))
		w.Eventually(t, soon, "c", has(ref(c), "Container.Status", "exited"))
		s.put(b, `{}`, &paused, 1<<30)
		s.event(b, "/containers/create", &apievents.ContainerCreate{ID: b.id})
		w.Eventually(t, soon, "b", has(ref(b), "Container.Status", "paused"))

		n := s.questions(b)
		s.event(b, "/tasks/exit", &apievents.TaskExit{ContainerID: b.id, ID: "exec-1"})
		s.remove(a)
		s.event(a, "/containers/delete", &apievents.ContainerDelete{ID: a.id})
		w.Eventually(t, soon, "a is removed", gone(ref(a)))
		if got := s.questions(b); got > n+1 { // it is looked at once more after a while
			t.Errorf("asked %d times because of a process that was executed", got-n)
		}

		// What happens while nobody is connected.
		s.remove(b)
		s.put(c, `{}`, &runs, 1<<30)
		s.grpc.Stop()
		s.up()
		w.Eventually(t, soon, "b is removed", gone(ref(b)))
		w.Eventually(t, soon, "c runs", has(ref(c), "Container.Status", "running"))
	}
}

// TestBetween: what happens while the listing is on its way is not missed, and
// neither is what happens before the subscription has begun.
func TestBetween(t *testing.T) {
	s := startServer(t)
	m := mapper(t)
	a, b := key{"default", "a"}, key{"default", "b"}
	s.put(a, `{}`, &runs, 1<<30)
	s.before = func() { // nobody says so
		s.remove(a)
		s.put(b, `{}`, &runs, 1<<30)
	}
	w, _ := feedtest.Follow(t, model.SourceContainerd, source(t, s.socket, func(c *Config) { c.Settle = 50 * time.Millisecond }))
	w.Eventually(t, soon, "b", has(m.Ref(b.scope(), b.id), "Container.Status", "running"))
	w.Eventually(t, soon, "a is removed", gone(m.Ref(a.scope(), a.id)))
}

// TestOdd: a task that cannot be asked for holds up no other, keeps its state and
// is asked for again.
func TestOdd(t *testing.T) {
	s := startServer(t)
	m := mapper(t)
	a, b, c := key{"default", "a"}, key{"default", "b"}, key{"default", "c"}
	ref := func(k key) entity.Ref { return m.Ref(k.scope(), k.id) }
	limited := func(k key) func(feedtest.State) error {
		return func(st feedtest.State) error {
			ev, _ := st.Entity(ref(k))
			if text := feedtest.Text(&ev, "Limitations"); !strings.Contains(text, "task: ") {
				return fmt.Errorf("limitations %q", text)
			}
			return nil
		}
	}
	s.put(a, `{}`, &runs, 1<<30)
	s.put(b, `{}`, &runs, 1<<30)
	s.put(c, `{}`, &runs, 1<<30)
	s.fail(b, status.Error(codes.DeadlineExceeded, "the shim hangs"))
	w, _ := feedtest.Follow(t, model.SourceContainerd, source(t, s.socket, func(c *Config) { c.Timeout = 100 * time.Millisecond }))
	w.Eventually(t, soon, "a", has(ref(a), "Container.Status", "running"))
	w.Eventually(t, soon, "b is limited", limited(b))
	w.Eventually(t, soon, "b has no state", has(ref(b), "Container.Status", ""))
	w.Eventually(t, soon, "c", has(ref(c), "Container.Status", "running", "Limitations", ""))
	s.fail(c, status.Error(codes.Unknown, "the shim is broken"))
	s.started(c)
	w.Eventually(t, soon, "c is limited", limited(c))
	w.Eventually(t, soon, "c keeps its state", has(ref(c), "Container.Status", "running"))
	s.fail(b, nil)
	s.fail(c, nil)
	w.Eventually(t, soon, "b", has(ref(b), "Container.Status", "running", "Limitations", ""))
	w.Eventually(t, soon, "c", has(ref(c), "Container.Status", "running", "Limitations", ""))
}

// TestGarbage: an event that cannot be read is a lost one, so all is listed again.
func TestGarbage(t *testing.T) {
	s := startServer(t)
	m := mapper(t)
	a := key{"default", "a"}
	s.put(a, `{}`, &runs, 1<<30)
	w, f := feedtest.Follow(t, model.SourceContainerd, source(t, s.socket, nil))
	w.Eventually(t, soon, "a", has(m.Ref(a.scope(), a.id), "Container.Status", "running"))
	w.Eventually(t, soon, "a subscription", func(feedtest.State) error {
		if s.subscribed() == 0 {
			return errors.New("none")
		}
		return nil
	})
	s.put(a, `{}`, &paused, 1<<30)
	s.say(&types.Envelope{Namespace: "default", Topic: "/tasks/paused", Event: &anypb.Any{Value: []byte{0x0a, 0xff}}})
	w.Eventually(t, soon, "what it was about", has(m.Ref(a.scope(), a.id), "Container.Status", "paused"))
	if got := f.Stats(); got.Lost != 1 || got.Breaks != 1 {
		t.Errorf("%+v", got)
	}
}

// TestSecrets: of environment, commands, annotations, mounts and hooks nothing
// becomes an attribute.
func TestSecrets(t *testing.T) {
	const config = `{"hostname":"box","process":{"args":["hidden"],"env":["TOKEN=hidden"]},
"annotations":{"token":"hidden","io.kubernetes.cri.sandbox-uid":"u"},"mounts":[{"destination":"/x","source":"/hidden","options":["hidden"]}],
"hooks":{"prestart":[{"path":"/hidden","env":["hidden"]}]},"linux":{"sysctl":{"a":"hidden"}}}`
	c := &containers.Container{Image: "img", Spec: &anypb.Any{Value: []byte(config)}}
	ev := mapper(t).Event(convert(key{"default", "x"}, c, nil))
	if all := string(ev.Attributes.AppendJSON(nil)); strings.Contains(all, "hidden") || !strings.Contains(all, `"PodUID":"u"`) {
		t.Error(all)
	}
}

// FuzzConvert: whatever a specification holds, the event is valid.
func FuzzConvert(f *testing.F) {
	f.Add([]byte(`{"hostname":"a","annotations":{"io.kubernetes.cri.sandbox-uid":"u"},"linux":{"namespaces":[{"type":"network","path":"/x"}]}}`), "img", int32(2))
	m := mapper(f)
	f.Fuzz(func(t *testing.T, config []byte, image string, st int32) {
		c := &containers.Container{Image: image, Labels: map[string]string{image: string(config)}, Spec: &anypb.Any{Value: config}}
		ev := m.Event(convert(key{image, "x"}, c, &task.Process{Status: task.Status(st), Pid: 1 << 30}))
		if err := ev.Validate(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestConcerns(t *testing.T) {
	for _, c := range []struct {
		topic, want string
		value       []byte
		fails       bool
	}{
		{"/containers/create", "a", []byte{0x0a, 1, 'a'}, false},
		{"/tasks/start", "a", []byte{0x0a, 1, 'a', 0x10, 7}, false},
		{"/tasks/exit", "a", []byte{0x0a, 1, 'a', 0x12, 1, 'a'}, false},
		{"/tasks/exit", "", []byte{0x0a, 1, 'a', 0x12, 1, 'b'}, false},
		{"/tasks/start", "", []byte{0x0a}, true},
	} {
		got, err := concerns(&types.Envelope{Topic: c.topic, Event: &anypb.Any{Value: c.value}})
		if got != c.want || (err != nil) != c.fails {
			t.Errorf("%+v: %q, %v", c, got, err)
		}
	}
}

func TestValidate(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"socket":  func(c *Config) { c.Socket = "c.sock" },
		"timeout": func(c *Config) { c.Timeout = 0 },
		"workers": func(c *Config) { c.Workers = 0 },
		"settle":  func(c *Config) { c.Settle = 0 },
	} {
		cfg := DefaultConfig()
		cfg.Socket = "/run/containerd/containerd.sock"
		if err := cfg.Validate(); err != nil {
			t.Fatal(err)
		}
		change(&cfg)
		if cfg.Validate() == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
