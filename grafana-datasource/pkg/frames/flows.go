package frames

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/grafana/grafana-plugin-sdk-go/data"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/client"
)

// flowColumns are the columns of a list of flows, which never change, so that
// streams can add rows to them.
type flowColumns struct {
	last, start                                              []*time.Time
	application, protocol, a, b, capture, intf, host, hostID []string
	aPort, bPort                                             []*int64
	abBytes, baBytes, abPackets, baPackets                   []int64
	rtt                                                      []*int64
	layers, finished, tracking, id, node                     []string
}

func (c *flowColumns) add(f *client.Flow, hosts Hosts) {
	c.last, c.start = append(c.last, milli(f.Last)), append(c.start, milli(f.Start))
	a, b := f.Network.A, f.Network.B
	if a == "" && b == "" {
		a, b = f.Link.A, f.Link.B
	}
	protocol := f.Transport.Protocol
	if protocol == "" {
		protocol = f.LayersPath[strings.LastIndexByte(f.LayersPath, '/')+1:]
	}
	c.application, c.protocol = append(c.application, f.Application), append(c.protocol, protocol)
	c.a, c.b = append(c.a, a), append(c.b, b)
	c.aPort, c.bPort = append(c.aPort, port(f, f.Transport.A)), append(c.bPort, port(f, f.Transport.B))
	c.abBytes, c.baBytes = append(c.abBytes, f.Metric.ABBytes), append(c.baBytes, f.Metric.BABytes)
	c.abPackets, c.baPackets = append(c.abPackets, f.Metric.ABPackets), append(c.baPackets, f.Metric.BAPackets)
	c.rtt = append(c.rtt, positive(f.Metric.RTT))
	c.intf, c.capture, c.host = append(c.intf, f.Interface), append(c.capture, f.CaptureID), append(c.host, hosts.name(f.Host))
	c.hostID = append(c.hostID, f.Host)
	c.layers, c.finished = append(c.layers, f.LayersPath), append(c.finished, f.FinishType)
	c.tracking, c.id, c.node = append(c.tracking, f.TrackingID), append(c.id, f.UUID.String()), append(c.node, f.NodeTID.String())
}

// port is a port of a flow that has ports.
func port(f *client.Flow, n int) *int64 {
	if f.Transport.Protocol == "" {
		return nil
	}
	v := int64(n)
	return &v
}

func positive(n int64) *int64 {
	if n <= 0 {
		return nil
	}
	return &n
}

func milli(ms int64) *time.Time {
	if ms == 0 {
		return nil
	}
	return stamp(time.UnixMilli(ms))
}

func (c *flowColumns) frame() *data.Frame {
	unit := func(f *data.Field, unit string) *data.Field { return f.SetConfig(&data.FieldConfig{Unit: unit}) }
	return data.NewFrame("flows",
		data.NewField("Last", nil, c.last), data.NewField("Start", nil, c.start),
		data.NewField("Application", nil, c.application), data.NewField("Protocol", nil, c.protocol),
		data.NewField("A", nil, c.a), data.NewField("A port", nil, c.aPort), data.NewField("B", nil, c.b), data.NewField("B port", nil, c.bPort),
		unit(data.NewField("AB bytes", nil, c.abBytes), "decbytes"), unit(data.NewField("BA bytes", nil, c.baBytes), "decbytes"),
		data.NewField("AB packets", nil, c.abPackets), data.NewField("BA packets", nil, c.baPackets), unit(data.NewField("RTT", nil, c.rtt), "ns"),
		data.NewField("Interface", nil, c.intf), data.NewField("Capture", nil, c.capture), data.NewField("Host", nil, c.host),
		data.NewField("Layers", nil, c.layers), data.NewField("Finished", nil, c.finished),
		data.NewField("Tracking", nil, c.tracking), data.NewField("ID", nil, c.id), data.NewField("Node", nil, c.node), data.NewField("HostID", nil, c.hostID),
	)
}

// FlowList makes a table of flows; maxRows 0 is no limit.
func FlowList(l *client.FlowList, hosts Hosts, maxRows int) *data.Frame {
	n := len(l.Flows)
	if maxRows > 0 {
		n = min(n, maxRows)
	}
	c := &flowColumns{}
	for i := range l.Flows[:n] {
		c.add(&l.Flows[i], hosts)
	}
	f := table(c.frame())
	leftOut(f, n, len(l.Flows), "flows")
	if l.More {
		more(f, n, "flows")
	}
	return f
}

// FlowReports makes a frame of reports for a stream: as of [FlowList] and, in
// the first row, how many were lost before it.
func FlowReports(flows []client.Flow, hosts Hosts, lost int64) *data.Frame {
	c := &flowColumns{}
	for i := range flows {
		c.add(&flows[i], hosts)
	}
	f := c.frame()
	f.Fields = append(f.Fields, lostField(len(flows), lost))
	return f
}

// lostField tells in its first row how many rows were left out.
func lostField(n int, lost int64) *data.Field {
	v := make([]int64, n)
	if n > 0 {
		v[0] = lost
	}
	return data.NewField("lost", nil, v)
}

// metricUnit is the unit of a metric of flows and its name for people.
func metricUnit(metric string) (unit, name string) {
	switch metric {
	case "", "bytes":
		return "decbytes", "Bytes"
	case "ab_bytes":
		return "decbytes", "AB bytes"
	case "ba_bytes":
		return "decbytes", "BA bytes"
	case "packets":
		return "short", "Packets"
	case "ab_packets":
		return "short", "AB packets"
	case "ba_packets":
		return "short", "BA packets"
	case "flows":
		return "short", "Flows"
	}
	return "short", metric
}

// FlowTop makes a table of top talkers, one column for each field and one for
// the sum; alert rules take it, too. Hosts are named, and HostID has their IDs.
func FlowTop(t *client.FlowTop, hosts Hosts) *data.Frame {
	f := data.NewFrame("top")
	column := func(name, key string, hosts Hosts) {
		v := make([]string, len(t.Rows))
		for i := range t.Rows {
			v[i] = hosts.key(t.Rows[i].Key, key)
		}
		f.Fields = append(f.Fields, data.NewField(name, nil, v))
	}
	for _, k := range t.By {
		column(k, k, hosts)
	}
	if slices.Contains(t.By, keyHost) {
		column("HostID", keyHost, nil)
	}
	v := make([]int64, len(t.Rows))
	for i := range t.Rows {
		v[i] = t.Rows[i].Value
	}
	unit, name := metricUnit(t.Metric)
	f.Fields = append(f.Fields, data.NewField(name, nil, v).SetConfig(&data.FieldConfig{Unit: unit}))
	f.Meta = &data.FrameMeta{Type: data.FrameTypeNumericLong, TypeVersion: data.FrameTypeVersion{0, 1}, PreferredVisualization: data.VisTypeTable}
	return f
}

// keyHost is the field of flows that holds a host.id.
const keyHost = "Host"

// key is the value of a field of top talkers, of a host its name.
func (h Hosts) key(key entity.Attrs, k string) string {
	v := keyText(key, k)
	if k == keyHost {
		return h.name(v)
	}
	return v
}

// keyText is the value of a field of top talkers.
func keyText(key entity.Attrs, k string) string {
	v := key.Get(k)
	if v.IsZero() {
		// A key may have its fields inside maps.
		key.Lookup(k, func(found entity.Value) bool { v = found; return false })
	}
	if v.IsZero() {
		return ""
	}
	return clip(v.Text(), maxCell)
}

// Sankey makes links of top talkers: from the value of each field to that of the
// next. It fails when there are less than two fields. What is both a source and
// a target stands twice, as a circle cannot be drawn.
func Sankey(t *client.FlowTop, hosts Hosts) (*data.Frame, error) {
	if len(t.By) < 2 {
		return nil, fmt.Errorf("a Sankey needs two fields to go from one to the other: set by to pair, or to two fields such as host,application")
	}
	type link struct{ source, target string }
	sums := map[link]int64{}
	var order []link
	levels := make([]map[string]string, len(t.By)) // the name of each value at each level
	used := map[string]bool{}
	for level, k := range t.By {
		levels[level] = map[string]string{}
		for i := range t.Rows {
			value := hosts.key(t.Rows[i].Key, k)
			if value == "" {
				value = "none"
			}
			name := value
			for n := 2; used[name] && levels[level][value] == ""; n++ {
				name = value + " (" + strconv.Itoa(n) + ")"
			}
			if levels[level][value] == "" {
				levels[level][value] = name
				used[name] = true
			}
		}
	}
	for i := range t.Rows {
		for level := 1; level < len(t.By); level++ {
			name := func(l int) string {
				v := hosts.key(t.Rows[i].Key, t.By[l])
				if v == "" {
					v = "none"
				}
				return levels[l][v]
			}
			l := link{name(level - 1), name(level)}
			if _, known := sums[l]; !known {
				order = append(order, l)
			}
			sums[l] += t.Rows[i].Value
		}
	}
	source, target, value := make([]string, len(order)), make([]string, len(order)), make([]int64, len(order))
	for i, l := range order {
		source[i], target[i], value[i] = l.source, l.target, sums[l]
	}
	unit, _ := metricUnit(t.Metric)
	return table(data.NewFrame("sankey", data.NewField("source", nil, source), data.NewField("target", nil, target),
		data.NewField("value", nil, value).SetConfig(&data.FieldConfig{Unit: unit}))), nil
}
