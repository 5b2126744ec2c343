package linetest

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/metric"
	"github.com/influxdata/telegraf/plugins/serializers/influx"
	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/entitytest"
	"github.com/skein-net/skein/internal/entity/lineproto"
)

// toMetric does what an input does with a point.
func toMetric(p lineproto.Point) telegraf.Metric {
	tags := make(map[string]string, len(p.Tags))
	for _, t := range p.Tags {
		tags[t.Key] = t.Value
	}
	fields := make(map[string]any, len(p.Fields))
	for _, f := range p.Fields {
		switch f.Value.Kind() {
		case entity.KindBool:
			fields[f.Key] = f.Value.Bool()
		case entity.KindInt:
			fields[f.Key] = f.Value.Int()
		case entity.KindFloat:
			fields[f.Key] = f.Value.Float()
		default:
			fields[f.Key] = f.Value.Str()
		}
	}
	return metric.New(p.Measurement, tags, fields, p.Time)
}

// TestThroughTelegraf: event -> point -> Telegraf's metric -> its serializer
// -> decoder gives back the event, one by one and in a batch, whatever the
// serializer's options, and with tags that Telegraf adds.
func TestThroughTelegraf(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for name, s := range map[string]*influx.Serializer{
		"default": {},
		"sorted":  {SortFields: true},
		"uint":    {UintSupport: true},
	} {
		t.Run(name, func(t *testing.T) {
			if err := s.Init(); err != nil {
				t.Fatal(err)
			}
			var (
				d       lineproto.Decoder
				events  []entity.Event
				metrics []telegraf.Metric
			)
			for range 1000 {
				e := entitytest.Event(r)
				m := toMetric(lineproto.ToPoint(&e))
				m.AddTag("host", `some "host", a=b`)
				line, err := s.Serialize(m)
				if err != nil {
					t.Fatalf("%v: %+v", err, e)
				}
				check(t, &d, line, &e)
				events, metrics = append(events, e), append(metrics, m)
			}
			body, err := s.SerializeBatch(metrics)
			if err != nil {
				t.Fatal(err)
			}
			i := 0
			lineproto.Lines(body, func(number int, line []byte) bool {
				if i == len(events) {
					t.Fatalf("line %d: one too many", number)
				}
				check(t, &d, line, &events[i])
				i++
				return true
			})
			if i != len(events) {
				t.Errorf("%d lines of %d", i, len(events))
			}
		})
	}
}

func check(t *testing.T, d *lineproto.Decoder, line []byte, want *entity.Event) {
	t.Helper()
	got, err := d.Decode(line)
	if err != nil {
		t.Fatalf("%v\n%q", err, line)
	}
	if got.Kind != lineproto.IsEvent || !got.Event.Equal(want) {
		t.Fatalf("line %q\ngot  %+v\nwant %+v", line, got.Event, *want)
	}
}

// TestSameLine: the codec's own line is the one that Telegraf's serializer
// would write, but for the order of the fields.
func TestSameLine(t *testing.T) {
	e := entity.Event{
		Ref: entity.HostRef(`a "host"`), Source: `back\slash\`, Time: time.Unix(1, 5), Interval: time.Minute,
		Attributes: entity.Attrs{
			{Key: "A b,c=d", Value: entity.Float(1e21)}, {Key: "F", Value: entity.Float(1)}, {Key: "I", Value: entity.Int(-1)},
			{Key: "T", Value: entity.Bool(true)}, {Key: "Z", Value: entity.String("a\"\\\n")},
		},
	}
	s := &influx.Serializer{}
	if err := s.Init(); err != nil {
		t.Fatal(err)
	}
	p := lineproto.ToPoint(&e)
	m := metric.New(p.Measurement, nil, nil, p.Time)
	for _, tag := range p.Tags {
		m.AddTag(tag.Key, tag.Value)
	}
	// The order of the codec: entity.* first.
	full := toMetric(p)
	for _, key := range []string{"entity.type", "entity.id", "entity.source", "entity.report.interval", "A b,c=d", "F", "I", "T", "Z"} {
		v, ok := full.GetField(key)
		if !ok {
			t.Fatalf("no field %s", key)
		}
		m.AddField(key, v)
	}
	want, err := s.Serialize(m)
	if err != nil {
		t.Fatal(err)
	}
	if got := lineproto.AppendEvent(nil, &e); string(got) != string(want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
