package plugin

import (
	"context"
	"sync"

	"github.com/skein-net/skein/grafana-datasource/pkg/frames"
	"github.com/skein-net/skein/grafana-datasource/pkg/query"
	"github.com/skein-net/skein/topologyd/client"
)

// runFlows sends reports of flows as they come.
func (d *Datasource) runFlows(ctx context.Context, q *query.Query, out *sender) error {
	var (
		mu      sync.Mutex
		pending []client.Flow
		lost    int64
		once    sync.Once
		names   frames.Hosts
	)
	hosts := d.hostsLater(ctx, "")
	most := min(maxBatch, d.settings.MaxRows)
	return d.every(ctx, func(ctx context.Context) error {
		return d.client.FollowFlows(ctx, client.FollowFlows{
			FlowFilter: q.Filter.Flows(),
			Handle: func(m *client.FlowMessage) error {
				mu.Lock()
				defer mu.Unlock()
				take := min(len(m.Flows), most-len(pending))
				pending = append(pending, m.Flows[:take]...)
				lost += int64(len(m.Flows)-take) + m.Count
				return nil
			},
			Broken: d.broke(ctx),
		})
	}, func(context.Context) error {
		once.Do(func() { names = hosts() })
		mu.Lock()
		flows, missed := pending, lost
		if len(flows) > 0 {
			pending, lost = nil, 0
		}
		mu.Unlock()
		if len(flows) == 0 {
			return nil
		}
		return out.send(frames.FlowReports(flows, names, missed))
	})
}
