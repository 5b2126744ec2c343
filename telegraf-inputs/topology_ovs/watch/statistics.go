package watch

import (
	"context"

	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/mapping"
)

// Interface names an interface in metrics.
type Interface = mapping.Names

// Sample is what the counters of an interface are now.
type Sample struct {
	Interface
	// Counters are those of the column statistics, by their names there.
	Counters map[string]int64
}

// Statistics asks for the counters of all interfaces. Without a connection there
// are none, which is no error.
func (w *Watcher) Statistics(ctx context.Context) ([]Sample, error) {
	w.mu.Lock()
	conn := w.conn
	w.mu.Unlock()
	if conn == nil {
		return nil, nil
	}
	all, err := conn.Statistics(ctx)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make([]Sample, 0, len(all))
	for uuid, counters := range all {
		if i, ok := w.meta[uuid]; ok {
			out = append(out, Sample{i, counters})
		}
	}
	return out, nil
}
