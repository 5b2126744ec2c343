package hops

import (
	"iter"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// Attrs returns the conversation as answers show it: times in Unix milliseconds,
// delays in nanoseconds. node, when set, gives more attributes of the node with
// a TID.
func (c *Conversation) Attrs(node func(tid entity.UUID) entity.Attrs) entity.Attrs {
	a := c.head()
	list := make([]entity.Value, len(c.Points))
	for i := range c.Points {
		p := &c.Points[i]
		m := p.attrs()
		if node != nil && !p.NodeTID.IsZero() {
			m = append(m, node(p.NodeTID)...)
		}
		list[i] = entity.Map(m.Normalize())
	}
	a = append(a, entity.A("Hops", entity.List(list...)))
	between := make([]entity.Value, len(c.Between))
	for i := range c.Between {
		between[i] = entity.Map(c.Between[i].attrs().Normalize())
	}
	a = append(a, entity.A("Between", entity.List(between...)))
	if c.EndToEnd != nil {
		a = append(a, entity.A("EndToEnd", entity.Map(c.EndToEnd.attrs().Normalize())))
	}
	if c.Order != "" {
		a = append(a, entity.A("OrderedBy", entity.String(c.Order)))
	}
	p := &c.Points[c.Total]
	total := counts(p)
	total = append(total, entity.A("Hop", entity.Int(int64(c.Total))))
	return append(a, entity.A("Total", entity.Map(total.Normalize()))).Normalize()
}

// Rows yields one map for each two points that follow one another: what HopByHop
// gives.
func (c *Conversation) Rows() iter.Seq[entity.Attrs] {
	return func(yield func(entity.Attrs) bool) {
		for i := range c.Between {
			b := &c.Between[i]
			a := append(c.head(), b.figures()...)
			a = append(a, entity.A("From", entity.Map(c.Points[b.From].place())), entity.A("To", entity.Map(c.Points[b.To].place())),
				entity.A("Hop", entity.Int(int64(i))))
			if !yield(a.Normalize()) {
				return
			}
		}
	}
}

// head is what the conversation is.
func (c *Conversation) head() entity.Attrs {
	a := entity.Attrs{entity.A("TrackingID", entity.String(c.TrackingID.String()))}
	text := func(to *entity.Attrs, key, s string) {
		if s != "" {
			*to = append(*to, entity.A(key, entity.String(s)))
		}
	}
	text(&a, "Application", c.Application)
	text(&a, "LayersPath", c.LayersPath)
	group := func(name, protocol string, ends ...entity.Attr) {
		var g entity.Attrs
		text(&g, "Protocol", protocol)
		if g = append(g, ends...); len(g) > 0 {
			a = append(a, entity.A(name, entity.Map(g.Normalize())))
		}
	}
	if c.LinkA != (flowrecord.MAC{}) || c.LinkB != (flowrecord.MAC{}) {
		group("Link", "", entity.A("A", entity.String(c.LinkA.String())), entity.A("B", entity.String(c.LinkB.String())))
	}
	if c.NetworkA.IsValid() {
		group("Network", c.NetworkProtocol, entity.A("A", entity.String(c.NetworkA.String())), entity.A("B", entity.String(c.NetworkB.String())))
	}
	if c.TransportProtocol != "" {
		group("Transport", c.TransportProtocol, entity.A("A", entity.Int(int64(c.TransportA))), entity.A("B", entity.Int(int64(c.TransportB))))
	}
	return a
}

// place is where a point is.
func (p *Point) place() entity.Attrs {
	var a entity.Attrs
	if !p.NodeTID.IsZero() {
		a = append(a, entity.A("NodeTID", entity.String(p.NodeTID.String())))
	}
	if p.Host != "" {
		a = append(a, entity.A("Host", entity.String(p.Host)))
	}
	if p.Interface != "" {
		a = append(a, entity.A("Interface", entity.String(p.Interface)))
	}
	return a.Normalize()
}

func counts(p *Point) entity.Attrs {
	a := entity.Attrs{
		entity.A("ABPackets", entity.Int(p.AB.Packets)), entity.A("ABBytes", entity.Int(p.AB.Bytes)),
		entity.A("BAPackets", entity.Int(p.BA.Packets)), entity.A("BABytes", entity.Int(p.BA.Bytes)),
	}
	if p.Sampling > 1 {
		a = append(a, entity.A("SamplingRate", entity.Int(p.Sampling)))
	}
	return a
}

func (p *Point) attrs() entity.Attrs {
	a := append(p.place(), counts(p)...)
	a = append(a,
		entity.A("Captures", entity.Strings(p.Captures...)), entity.A("CountedBy", entity.String(p.Capture)), entity.A("Flows", entity.Int(int64(p.Flows))),
		entity.A("First", millis(p.First)), entity.A("Last", millis(p.Last)), entity.A("FinishType", entity.String(p.Finish.String())))
	if p.RTT != 0 {
		a = append(a, entity.A("RTT", entity.Int(p.RTT)))
	}
	if p.Swapped {
		a = append(a, entity.A("Swapped", entity.Bool(true)))
	}
	if p.Dropped > 0 {
		a = append(a, entity.A("Dropped", entity.Int(p.Dropped)))
	}
	if p.Drops.Kind() == entity.KindMap {
		a = append(a, entity.A("Drops", p.Drops))
	}
	if p.Missed > 0 {
		a = append(a, entity.A("Missed", entity.Int(p.Missed)))
	}
	return a
}

func millis(ns int64) entity.Value { return entity.Int(ns / int64(time.Millisecond)) }

func (b *Between) attrs() entity.Attrs {
	return append(b.figures(), entity.A("From", entity.Int(int64(b.From))), entity.A("To", entity.Int(int64(b.To))))
}

// figures are losses and delays with what they were taken from.
func (b *Between) figures() entity.Attrs {
	a := make(entity.Attrs, 0, 16)
	for _, x := range []struct {
		way string
		*Loss
	}{{"AB", &b.AB}, {"BA", &b.BA}} {
		a = append(a, entity.A("Lost"+x.way+"Packets", entity.Int(x.Packets)), entity.A("Lost"+x.way+"Bytes", entity.Int(x.Bytes)),
			entity.A("Loss"+x.way, entity.Float(x.Ratio())))
		if x.SurplusPackets > 0 || x.SurplusBytes > 0 {
			a = append(a, entity.A("Surplus"+x.way+"Packets", entity.Int(x.SurplusPackets)), entity.A("Surplus"+x.way+"Bytes", entity.Int(x.SurplusBytes)))
		}
	}
	clocks := false
	for _, x := range []struct {
		key string
		Delay
	}{{"RoundTrip", b.RoundTrip}, {"OneWayAB", b.OneWayAB}, {"OneWayBA", b.OneWayBA}} {
		if x.Known {
			a = append(a, entity.A(x.key, entity.Int(x.NS)))
			clocks = clocks || x.key != "RoundTrip"
		}
	}
	if clocks {
		a = append(a, entity.A("SameClock", entity.Bool(b.SameClock)))
	}
	return append(a, entity.A("Confidence", entity.String(b.Confidence.String())), entity.A("Evidence", entity.Strings(b.Evidence...)))
}
