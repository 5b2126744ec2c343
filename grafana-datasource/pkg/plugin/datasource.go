package plugin

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/backend"
	"github.com/grafana/grafana-plugin-sdk-go/backend/instancemgmt"
	"github.com/grafana/grafana-plugin-sdk-go/backend/resource/httpadapter"

	"github.com/skein-net/skein/grafana-datasource/pkg/nodegraph"
	"github.com/skein-net/skein/topologyd/client"
)

// ID is the identifier of the plugin in Grafana.
const ID = "skein-topology-datasource"

// Datasource is one data source. All methods may be called at the same time.
type Datasource struct {
	settings *settings
	client   *client.Client
	// broken is why nothing can be asked: the settings are wrong.
	broken error

	backend.CallResourceHandler

	now func() time.Time
	// tick is how often a stream sends what has come.
	tick time.Duration

	// places are where the nodes of pictures were drawn last.
	places *nodegraph.Places

	// ended is closed by Dispose.
	ended   chan struct{}
	dispose sync.Once
	streams atomic.Int64
}

// New makes the data source of some settings. It does not connect. Settings that
// cannot be used are told by the health check and by every query.
func New(ctx context.Context, in backend.DataSourceInstanceSettings) (instancemgmt.Instance, error) {
	return newDatasource(ctx, &in), nil
}

func newDatasource(ctx context.Context, in *backend.DataSourceInstanceSettings) *Datasource {
	d := &Datasource{now: time.Now, tick: time.Second, places: nodegraph.NewPlaces(), ended: make(chan struct{})}
	var err error
	if d.settings, err = parseSettings(in); err == nil {
		d.client, err = newClient(ctx, in, d.settings)
	}
	if err != nil {
		d.broken = errors.New(d.settings.redact(err.Error()))
	}
	d.CallResourceHandler = httpadapter.New(d.resources())
	return d
}

// Dispose ends streams and closes idle connections. Grafana calls it when the
// settings change.
func (d *Datasource) Dispose() {
	d.dispose.Do(func() { close(d.ended) })
	if d.client != nil {
		d.client.Close()
	}
}

// usable returns why nothing can be asked, nil when something can.
func (d *Datasource) usable() error {
	if d.broken != nil {
		return wrongQuery(d.broken)
	}
	return nil
}

var (
	_ backend.QueryDataHandler      = (*Datasource)(nil)
	_ backend.CheckHealthHandler    = (*Datasource)(nil)
	_ backend.CallResourceHandler   = (*Datasource)(nil)
	_ backend.StreamHandler         = (*Datasource)(nil)
	_ instancemgmt.InstanceDisposer = (*Datasource)(nil)
)
