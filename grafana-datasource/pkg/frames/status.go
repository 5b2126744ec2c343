package frames

import (
	"fmt"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// Status makes a frame of one row of what topologyd says of itself; members of
// members are named with a dot: log.records.
func Status(s *client.Status) (*data.Frame, error) {
	v, err := entity.ParseJSON(string(s.Raw))
	if err != nil {
		return nil, fmt.Errorf("read status: %w", err)
	}
	r := newRows()
	r.spread("", v.Map(), true)
	r.next()
	f := r.frame("status", []string{"version", "started", "uptime_seconds", "revision", "nodes", "edges", "facets", "stale", "dangling"}, nil)
	for i, field := range f.Fields {
		f.Fields[i] = moment(field)
	}
	return f, nil
}

// moment makes times of a field of one text that is one.
func moment(f *data.Field) *data.Field {
	s, ok := f.At(0).(*string)
	if !ok || s == nil {
		return f
	}
	t, err := time.Parse(time.RFC3339Nano, *s)
	if err != nil {
		return f
	}
	return data.NewField(f.Name, nil, []*time.Time{stamp(t)})
}
