package probe

import (
	"encoding/json"
	"testing"

	"github.com/skein-net/skein/internal/entity"
)

func TestThisMachine(t *testing.T) {
	w := newWorld()
	l := &lab{t: t, world: w, log: &testLog{t: t}}
	cfg := DefaultConfig()
	cfg.HostID = "here"
	l.watch(cfg)
	l.eventually("lo is there", func() bool {
		return len(w.find(func(e *entity.Event) bool { return e.Attributes.Get("Name").Str() == "lo" })) > 0
	})
	if testing.Verbose() {
		for _, e := range w.find(func(*entity.Event) bool { return true }) {
			a := e.Attributes
			if a.Has("Features") {
				a = a.With("Features", entity.String("..."))
			}
			if a.Has("CPU") {
				a = a.With("CPU", entity.String("..."))
			}
			b, _ := json.Marshal(entity.Map(a))
			t.Logf("%s %v %s", e.Type, e.ID, b)
		}
	}
}
