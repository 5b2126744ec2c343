package gremlin

import (
	"net"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// flowRow gives the cells of a flow. The ends are address and port, of what has
// no address the Ethernet address.
func flowRow(f *flowrecord.Record) []string {
	n := func(i int64) string { return strconv.FormatInt(i, 10) }
	m := &f.Metric
	return []string{
		f.Application, flowEnd(f.NetworkA, f.TransportA, f.LinkA), flowEnd(f.NetworkB, f.TransportB, f.LinkB),
		n(m.ABPackets), n(m.ABBytes), n(m.BAPackets), n(m.BABytes),
		time.Unix(0, m.Last).UTC().Format("2006-01-02T15:04:05.000Z"), f.Interface, f.ID.String(),
	}
}

func flowEnd(addr netip.Addr, port uint16, mac flowrecord.MAC) string {
	switch {
	case !addr.IsValid():
		return mac.String()
	case port == 0:
		return addr.String()
	}
	return net.JoinHostPort(addr.String(), strconv.Itoa(int(port)))
}

// counterKeys are the keys of the metrics of a result: Start and Last, then the
// others in order.
func (r *Result) counterKeys() []string {
	var keys []string
	see := func(m entity.Attrs) {
		for _, a := range m {
			if i, ok := slices.BinarySearch(keys, a.Key); !ok && a.Key != keyStart && a.Key != keyLast {
				keys = slices.Insert(keys, i, a.Key)
			}
		}
	}
	see(r.number.Map())
	for _, g := range r.groups {
		for _, m := range g.metrics {
			see(m)
		}
	}
	return append([]string{keyStart, keyLast}, keys...)
}

func metricRow(m entity.Attrs, keys []string) []string {
	row := make([]string, len(keys))
	for i, k := range keys {
		if v := m.Get(k); !v.IsZero() {
			row[i] = v.Text()
		}
	}
	return row
}
