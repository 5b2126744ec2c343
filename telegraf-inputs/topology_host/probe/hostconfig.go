package probe

import (
	"sync/atomic"
	"time"

	"github.com/skein-net/skein/internal/entity"
)

// hostConfig holds values that somebody else watches.
type hostConfig struct {
	values  atomic.Pointer[entity.Attrs]
	started atomic.Bool // there is a loop to be told
}

func (h *hostConfig) get() entity.Attrs {
	if v := h.values.Load(); v != nil {
		return *v
	}
	return nil
}

// SetConfig sets the attribute Config of the host's node to a map of values,
// which must be sorted by name, valid in an event and not be changed
// afterwards; no values stand for no attribute. What is set before
// [Probe.Start] is in the first report, what is set later is reported at once.
// Any goroutine may call it, one at a time.
func (p *Probe) SetConfig(values entity.Attrs) {
	p.hostConfig.values.Store(&values)
	if !p.hostConfig.started.Load() {
		return
	}
	p.post(func() {
		if p.root != nil {
			p.root.touch(time.Now())
		}
	})
}
