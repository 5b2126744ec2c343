package topology_containers //nolint:revive // see topology_containers.go

import (
	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/selfstat"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/lxc"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/lxd"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/runtimedir"
)

// selfStats are the figures of runtimes that their feeds do not have;
// inputs.internal shows them as the measurement internal_topology_containers. It
// is used by one goroutine.
type selfStats struct {
	figures []figure
	watches []watch
}

type figure struct {
	stat selfstat.Stat
	get  func() int64
}

// watch is a connection that may not notice all changes at once.
type watch struct {
	name string
	get  func() error // why
	said bool
}

// add has the figures of one connection shown.
func (s *selfStats) add(hostID, connection string, src feed.Source) {
	show := func(field string, get func() int64) {
		tags := map[string]string{"host_id": hostID, "connection": connection}
		s.figures = append(s.figures, figure{selfstat.Register("topology_containers", field, tags), get})
	}
	watched := func(get func() error) {
		s.watches = append(s.watches, watch{name: connection, get: get})
		show("not_watched", func() int64 {
			if get() != nil {
				return 1
			}
			return 0
		})
	}
	switch src := src.(type) {
	case *lxd.Source:
		show("unread_events", src.Unread)
	case *lxc.Source:
		show("containers", func() int64 { return src.Stats().Containers })
		show("left_out", func() int64 { return src.Stats().Left })
		show("refused", func() int64 { return src.Stats().Refused })
		watched(func() error { return src.Stats().NotWatched })
	case *runtimedir.Source:
		show("containers", func() int64 { return src.Stats().Containers })
		show("left_out", func() int64 { return src.Stats().Left })
		show("shadowed", func() int64 { return src.Stats().Shadowed })
		show("unreadable", func() int64 { return src.Stats().Unreadable })
		watched(func() error { return src.Stats().NotWatched })
	}
}

// update takes the figures of now. That changes are not noticed at once is said
// once.
func (s *selfStats) update(log telegraf.Logger) {
	for _, f := range s.figures {
		f.stat.Set(f.get())
	}
	for i := range s.watches {
		w := &s.watches[i]
		err := w.get()
		if err != nil && !w.said {
			log.Warnf("Some changes of %s are noticed late: %v", w.name, err)
		}
		w.said = err != nil
	}
}
