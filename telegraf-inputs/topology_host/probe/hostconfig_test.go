package probe

import (
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

func TestSetConfig(t *testing.T) {
	l := &lab{t: t, world: newWorld(), log: &testLog{t: t}}
	cfg := DefaultConfig()
	cfg.HostID = "here"
	cfg.Discovery.Dirs, cfg.Discovery.Processes = nil, false
	rack := func(name string) entity.Attrs {
		return entity.Attrs{entity.A("Rack", entity.String(name))}
	}

	before, err := New(cfg, l.world, l.log)
	if err != nil {
		t.Fatal(err)
	}
	for range 1000 {
		before.SetConfig(rack("b1")) // waits for nothing
	}
	if got := text(before.hostConfig.get(), "Rack"); got != `"b1"` {
		t.Errorf("before the start: %s", got)
	}

	l.watch(cfg)
	config := func() string {
		l.world.mu.Lock()
		defer l.world.mu.Unlock()
		ev := l.world.now[entity.HostRef("here").UUID()]
		return text(ev.Attributes, "Config")
	}
	if got := config(); got != "" {
		t.Errorf("at start: %s", got)
	}
	for _, step := range []struct {
		set  entity.Attrs
		want string
	}{
		{rack("b1"), `{"Rack":"b1"}`},
		{rack("b2"), `{"Rack":"b2"}`},
		{nil, ""},
		{rack("b3"), `{"Rack":"b3"}`},
	} {
		l.probe.SetConfig(step.set)
		l.eventually("Config is "+step.want, func() bool { return config() == step.want })
	}

	l.probe.Stop()
	for range 1000 {
		l.probe.SetConfig(rack("b4")) // waits for nothing
	}
}
