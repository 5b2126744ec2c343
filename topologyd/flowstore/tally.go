package flowstore

import (
	"math"
	"net/netip"
	"strings"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
)

// place says where flows were seen, service what they are.
type place struct {
	host, iface, capture string
	node                 entity.UUID
}

type service struct {
	app, network, transport, layers string
	port                            uint16
}

// combination is what a tally keeps sums for; place and service are numbers of
// its lists.
type combination struct {
	place, service uint32
	a, b           netip.Addr
}

// sums are what reports of one combination add up to.
type sums struct{ abPackets, abBytes, baPackets, baBytes, reports int64 }

// maxTallyText bounds the text of the lists of a tally, in bytes.
const maxTallyText = 1 << 20

// tally sums up the reports of one minute. It is for one goroutine at a time.
type tally struct {
	// first and last are the times of the first and the last row in it.
	first, last int64

	places       []place
	services     []service
	placeOf      map[place]uint32
	serviceOf    map[service]uint32
	combinations []combination
	sums         []sums
	index        map[combination]uint32
	text         int
}

func newTally() *tally {
	return &tally{first: math.MaxInt64, last: math.MinInt64, placeOf: make(map[place]uint32),
		serviceOf: make(map[service]uint32), index: make(map[combination]uint32)}
}

// add adds a report with the time of its row. It keeps nothing of the report.
func (t *tally) add(r *flowrecord.Record, when int64) {
	t.first, t.last = min(t.first, when), max(t.last, when)
	k := combination{place: t.place(r), service: t.service(r), a: r.NetworkA, b: r.NetworkB}
	i, ok := t.index[k]
	if !ok {
		i = uint32(len(t.combinations)) //nolint:gosec // bounded
		t.index[k] = i
		t.combinations, t.sums = append(t.combinations, k), append(t.sums, sums{})
	}
	s, u := &t.sums[i], &r.Update
	s.abPackets = saturatingAdd(s.abPackets, u.ABPackets)
	s.abBytes = saturatingAdd(s.abBytes, u.ABBytes)
	s.baPackets = saturatingAdd(s.baPackets, u.BAPackets)
	s.baBytes = saturatingAdd(s.baBytes, u.BABytes)
	s.reports++
}

func (t *tally) place(r *flowrecord.Record) uint32 {
	p := place{r.HostID, r.Interface, r.CaptureID, r.NodeTID}
	if i, ok := t.placeOf[p]; ok {
		return i
	}
	p = place{strings.Clone(p.host), strings.Clone(p.iface), strings.Clone(p.capture), p.node}
	t.text += len(p.host) + len(p.iface) + len(p.capture)
	i := uint32(len(t.places)) //nolint:gosec // bounded
	t.placeOf[p] = i
	t.places = append(t.places, p)
	return i
}

func (t *tally) service(r *flowrecord.Record) uint32 {
	s := service{r.Application, r.NetworkProtocol, r.TransportProtocol, r.LayersPath, r.TransportB}
	if i, ok := t.serviceOf[s]; ok {
		return i
	}
	s = service{strings.Clone(s.app), strings.Clone(s.network), strings.Clone(s.transport), strings.Clone(s.layers), s.port}
	t.text += len(s.app) + len(s.network) + len(s.transport) + len(s.layers)
	i := uint32(len(t.services)) //nolint:gosec // bounded
	t.serviceOf[s] = i
	t.services = append(t.services, s)
	return i
}

// snapshot returns a tally to read while this one goes on: lists only grow,
// sums are copied.
func (t *tally) snapshot() *tally {
	return &tally{first: t.first, last: t.last, places: t.places, services: t.services,
		combinations: t.combinations, sums: append([]sums(nil), t.sums...)}
}
