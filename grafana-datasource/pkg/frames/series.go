package frames

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// SeriesOptions say how time series are made.
type SeriesOptions struct {
	// Base is when the first step begins, Step how long each is.
	Base time.Time
	Step time.Duration
	// Rate gives what was counted per second, else in each step.
	Rate bool
	// Limit is the most series; the largest are kept. 0 is no limit.
	Limit int
	// Legend names series: {{Name}} stands for the value of a label.
	Legend string
}

// Counted is what was counted of one thing: an interface, or whatever a query
// tells apart.
type Counted struct {
	Name  string
	Steps []entity.Attrs
}

// ParseCounted reads an answer of Metrics or Aggregates.
func ParseCounted(values []entity.Value) []Counted {
	var out []Counted
	for _, v := range values {
		for _, g := range v.Map() {
			c := Counted{Name: g.Key}
			for _, e := range g.Value.List() {
				if a := e.Map(); a != nil {
					c.Steps = append(c.Steps, a)
				}
			}
			out = append(out, c)
		}
	}
	return out
}

// Sum is what was counted under some keys in all steps.
func (c *Counted) Sum(fields []string) (sum float64) {
	for _, s := range c.Steps {
		for _, f := range fields {
			sum += s.Get(f).Float()
		}
	}
	return sum
}

// Largest leaves of all the n that have the largest sums, the largest first, and
// says how many there were that had any.
func Largest(all []Counted, fields []string, n int) ([]Counted, int) {
	all = slices.DeleteFunc(all, func(c Counted) bool {
		return !slices.ContainsFunc(c.Steps, func(s entity.Attrs) bool {
			return slices.ContainsFunc(fields, func(f string) bool { return s.Has(f) })
		})
	})
	slices.SortStableFunc(all, func(a, b Counted) int {
		return cmp.Or(cmp.Compare(b.Sum(fields), a.Sum(fields)), strings.Compare(a.Name, b.Name))
	})
	total := len(all)
	if n > 0 && total > n {
		all = all[:n]
	}
	return all, total
}

// CountedFields are the counters that there are, sorted.
func CountedFields(all []Counted) []string {
	seen := map[string]bool{}
	for _, c := range all {
		for _, s := range c.Steps {
			for _, x := range s {
				if x.Value.IsNumber() && x.Key != "Start" && x.Key != "Last" {
					seen[x.Key] = true
				}
			}
		}
	}
	out := make([]string, 0, len(seen))
	for k := range seen {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// CountedSeries makes one frame for each of all and each field that it has.
// labels gives the labels of one of them, to which the field is added.
func CountedSeries(all []Counted, fields []string, labels func(c *Counted) data.Labels, o SeriesOptions) data.Frames {
	frames := data.Frames{}
	for i := range all {
		c := &all[i]
		for _, field := range fields {
			points := map[int64]*point{}
			for _, s := range c.Steps {
				v := s.Get(field)
				if !v.IsNumber() {
					continue
				}
				start, last := s.Get("Start").Int(), s.Get("Last").Int()
				n := stepOf(start-o.Base.UnixMilli(), o.Step.Milliseconds())
				p := points[n]
				if p == nil {
					p = &point{}
					points[n] = p
				}
				p.sum += v.Float()
				p.millis += last - start
			}
			if len(points) == 0 {
				continue
			}
			l := data.Labels{}
			for k, v := range labels(c) {
				l[k] = v
			}
			l["field"] = field
			frames = append(frames, o.frame(points, counterUnit(field, o.Rate), l))
		}
	}
	return frames
}

// point is what one step has counted, and for how long it did.
type point struct {
	sum    float64
	millis int64
}

// stepOf is the number of the step that begins nearest to a time.
func stepOf(millis, step int64) int64 {
	if step <= 0 {
		return millis
	}
	n := millis + step/2
	if n < 0 {
		return (n - step + 1) / step
	}
	return n / step
}

func (o SeriesOptions) frame(points map[int64]*point, unit string, labels data.Labels) *data.Frame {
	steps := make([]int64, 0, len(points))
	for n := range points {
		steps = append(steps, n)
	}
	slices.Sort(steps)
	times, values := make([]time.Time, len(steps)), make([]*float64, len(steps))
	for i, n := range steps {
		times[i] = o.Base.Add(time.Duration(n) * o.Step).UTC()
		p := points[n]
		v := p.sum
		if o.Rate {
			length := float64(p.millis) / 1000
			if length <= 0 {
				length = o.Step.Seconds()
			}
			v /= length
		}
		values[i] = &v
	}
	return o.series(times, values, unit, labels)
}

// series makes the frame of one series.
func (o SeriesOptions) series(times []time.Time, values []*float64, unit string, labels data.Labels) *data.Frame {
	name := labels["field"]
	if name == "" {
		name = "Value"
	}
	config := &data.FieldConfig{Unit: unit}
	if o.Legend != "" {
		config.DisplayNameFromDS = legend(o.Legend, labels)
	} else {
		config.DisplayNameFromDS = usualName(labels)
	}
	at := data.NewField("Time", nil, times)
	if o.Step > 0 {
		at.SetConfig(&data.FieldConfig{Interval: float64(o.Step.Milliseconds())})
	}
	f := data.NewFrame("", at, data.NewField(name, labels, values).SetConfig(config))
	f.Meta = &data.FrameMeta{Type: data.FrameTypeTimeSeriesMulti, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeGraph}
	return f
}

// counterUnit is the unit of a counter, by its name.
func counterUnit(field string, rate bool) string {
	switch {
	case strings.HasSuffix(field, "Bytes") && rate:
		return "Bps"
	case strings.HasSuffix(field, "Bytes"):
		return "decbytes"
	case field == "RTT":
		return "ns"
	case (strings.HasSuffix(field, "Packets") || strings.HasSuffix(field, "Dropped") || strings.HasSuffix(field, "Errors") || field == "Multicast") && rate:
		return "pps"
	case rate:
		return "cps"
	}
	return "short"
}

// FlowSeries makes one frame for each series of flows. steps begin on multiples
// of the step; the first and the last count what is in the range only, and the
// rate is by that.
func FlowSeries(s *client.FlowSeries, hosts Hosts, o SeriesOptions) data.Frames {
	o.Step = time.Duration(s.StepSeconds) * time.Second
	unit, name := metricUnit(s.Metric)
	if o.Rate {
		switch unit {
		case "decbytes":
			unit = "Bps"
		default:
			unit = "cps"
			if strings.HasSuffix(name, "ackets") {
				unit = "pps"
			}
		}
	}
	frames := data.Frames{}
	add := func(points []int64, labels data.Labels) {
		times, values := make([]time.Time, len(points)), make([]*float64, len(points))
		for i, n := range points {
			begin := s.Step(i)
			times[i] = begin.UTC()
			v := float64(n)
			if o.Rate {
				from, to := begin, begin.Add(o.Step)
				if from.Before(s.From) {
					from = s.From
				}
				if to.After(s.To) {
					to = s.To
				}
				length := to.Sub(from).Seconds()
				// What little is left of a step tells nothing of a rate.
				if length < o.Step.Seconds()/10 {
					values[i] = nil
					continue
				}
				v /= length
			}
			values[i] = &v
		}
		f := o.series(times, values, unit, labels)
		f.Fields[1].Name = name
		frames = append(frames, f)
	}
	for i := range s.Series {
		labels := data.Labels{}
		for _, k := range s.By {
			labels[k] = cmp.Or(hosts.key(s.Series[i].Key, k), "none")
		}
		if len(s.By) == 0 {
			labels["Name"] = name
		}
		add(s.Series[i].Points, labels)
	}
	if s.Others != nil {
		labels := data.Labels{}
		for _, k := range s.By {
			labels[k] = others
		}
		o.Legend = others
		add(s.Others, labels)
	}
	return frames
}

// others is the series of all that is not among the largest.
const others = "others"

// NumberSeries makes one frame of a number at several times; a nil value is not
// known.
func NumberSeries(times []time.Time, values []*float64, name string, o SeriesOptions) *data.Frame {
	o.Step = 0
	return o.series(times, values, "short", data.Labels{"Name": name})
}

// SeriesLeftOut says that only the largest series are shown.
func SeriesLeftOut(frames data.Frames, shown, all int) {
	if all > shown {
		Warn(frames, "The %d largest of %d series are shown: narrow the query, or raise its limit.", shown, all)
	}
}
