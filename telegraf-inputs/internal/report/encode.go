package report

import (
	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
)

// newMetric makes the metric that carries an event. Fields are added in the
// order of the point, not from a map: the serializer keeps their order, so one
// state gives the same line each time and the receiver can tell an unchanged
// report by its bytes.
func newMetric(e *entity.Event) telegraf.Metric {
	p := lineproto.ToPoint(e)
	m := metric.New(p.Measurement, nil, nil, p.Time)
	for _, t := range p.Tags {
		m.AddTag(t.Key, t.Value)
	}
	for _, f := range p.Fields {
		switch f.Value.Kind() {
		case entity.KindBool:
			m.AddField(f.Key, f.Value.Bool())
		case entity.KindInt:
			m.AddField(f.Key, f.Value.Int())
		case entity.KindFloat:
			m.AddField(f.Key, f.Value.Float())
		case entity.KindString:
			m.AddField(f.Key, f.Value.Str())
		default:
			// A point holds scalars only.
		}
	}
	return m
}
