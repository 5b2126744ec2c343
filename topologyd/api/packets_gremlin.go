package api

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/skein-net/skein/internal/filter"
	"github.com/skein-net/skein/internal/pcapwrite"
	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/gremlin"
	"github.com/skein-net/skein/topologyd/packets"
)

// compileBPF is [gremlin.CompileBPF].
func compileBPF(expr string, link uint16) (func(data []byte, wire int) bool, error) {
	f, err := filter.Compile(expr, filter.Options{Link: filter.Link(link)})
	if err != nil {
		return nil, err
	}
	return f.Matches, nil
}

// packetFormat returns the format of files with packets that is asked for, "" for
// another one.
func (q *asked) packetFormat() packets.Format {
	switch q.media {
	case pcapwrite.TypePcap:
		return packets.Pcap
	case pcapwrite.TypePcapNG:
		return packets.PcapNG
	}
	return ""
}

// wantsPackets refuses files of packets of what gives none.
func (q *asked) wantsPackets() *failure {
	if f := q.packetFormat(); f != "" && (q.Explain || q.query.Kind() != gremlin.KindPackets) {
		return fail(http.StatusNotAcceptable, httpx.CodeUnsupported,
			"the query does not give packets, and %s has nothing else; end it with RawPackets(), or ask for json", f)
	}
	return nil
}

// forPackets readies a request whose query may ask for packets: they are handed
// out to nobody who is not known, and who gave none is noted.
func (q *asked) forPackets(r *http.Request) *http.Request {
	if !q.query.AsksFlows() {
		return r
	}
	q.absent = new(packets.Absent)
	return r.WithContext(packets.WithAbsent(audit.WithActor(r.Context(), actor(r)), q.absent))
}

// packetsRefused writes down that a query failed because this daemon hands out no
// packets.
func (a *API) packetsRefused(ctx context.Context, err error) {
	var e *gremlin.EvalError
	if a.deps.Packets == nil && errors.As(err, &e) && e.Step == "RawPackets" {
		a.refusePackets(audit.ActorOf(ctx), "")
	}
}

// packetsOfQueryFailed says whose an error of the packets of a query is, nil when
// err is about something else.
func packetsOfQueryFailed(err error) *failure {
	for _, known := range []error{packets.ErrForbidden, packets.ErrAway, packets.ErrBusy, packets.ErrTooMany, packets.ErrAudit} {
		if errors.Is(err, known) {
			return packetFailure(err)
		}
	}
	return nil
}

// attach names the file, and the hosts whose packets are not in it.
func (q *asked) attach(h http.Header) {
	if m := missingNames(q.absent.Hosts(), nil); m != "" {
		h.Set(HeaderMissing, m)
	}
	if f := q.packetFormat(); f != "" {
		h.Set("Content-Disposition", `attachment; filename="packets.`+string(f)+`"`)
		h.Set("X-Content-Type-Options", "nosniff")
	}
}

// writeQueryPackets writes the packets of a result as a file.
func (a *API) writeQueryPackets(w io.Writer, q *asked, result *gremlin.Result) error {
	err := packets.WriteRaw(w, q.packetFormat(), result.Packets(), "topologyd "+a.deps.Version, a.now())
	if errors.Is(err, packets.ErrMixed) {
		return packetFailure(err)
	}
	return err
}
