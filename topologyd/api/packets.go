package api

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/skein-net/skein/topologyd/api/httpx"
	"github.com/skein-net/skein/topologyd/audit"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/orders"
	"github.com/skein-net/skein/topologyd/packets"
)

// Headers of an answer with packets, beside those of queries. Those of the end
// are trailers.
const (
	// HeaderMissing lists the hosts that gave no packets, by name. Of a query it has
	// also those that did not give all.
	HeaderMissing = "X-Skein-Missing-Hosts"
	// HeaderBroken lists those that gave some and then broke off.
	HeaderBroken = "X-Skein-Broken-Hosts"
	// HeaderPackets and HeaderLost count the packets that were sent, and those that
	// hosts could not keep until they were fetched.
	HeaderPackets = "X-Skein-Packets"
	HeaderLost    = "X-Skein-Lost"
	// HeaderEnd says in words why an answer ended early.
	HeaderEnd = "X-Skein-End"
)

// noPackets is what those are told who may not have packets.
const noPackets = "this daemon hands out no packets; start topologyd with --raw-packets, and allow it on the hosts with orders.raw_packets in the configuration of the collector"

// packetRoutes returns the endpoints of packets.
func (a *API) packetRoutes() []httpx.Route {
	return []httpx.Route{httpx.Get(pathCaptures+"/{id}/packets", a.capturePackets).For(auth.Payload)}
}

// capturePackets is GET /api/v1/captures/{id}/packets.
func (a *API) capturePackets(w http.ResponseWriter, r *http.Request) {
	if a.deps.Packets == nil {
		a.refusePackets(actor(r), r.PathValue("id"))
		a.packetsFailed(w, fail(http.StatusForbidden, httpx.CodeForbidden, noPackets))
		return
	}
	if !a.ordersOpen(w) {
		return
	}
	d, ok := a.capture(w, r)
	if !ok {
		return
	}
	format, media, f := packetFormat(r)
	if f == nil && a.deps.Captures.Status(d).State == orders.StateFollower {
		f = fail(http.StatusServiceUnavailable, httpx.CodeUnavailable, "another daemon of the cluster leads and has the hosts; ask that one")
		f.retry = 5
	}
	var q packets.Query
	if f == nil {
		q, f = a.packetQuery(r, d)
	}
	if f != nil {
		a.packetsFailed(w, f)
		return
	}
	ctx, cancel := context.WithCancel(audit.WithActor(r.Context(), actor(r)))
	defer cancel()
	defer context.AfterFunc(a.watchers.ctx, cancel)()
	answer, err := a.deps.Packets.Open(ctx, q)
	if err != nil {
		a.packetsFailed(w, packetFailure(err))
		return
	}
	defer answer.Close()
	a.sendPackets(w, format, media, answer)
}

// packetsFailed answers with an error and counts it.
func (a *API) packetsFailed(w http.ResponseWriter, f *failure) {
	a.packets.downloads.WithLabelValues(f.err.Code).Inc()
	refuse(w, f)
}

// refusePackets writes down that somebody was refused packets of a capture, "" for
// those of a query.
func (a *API) refusePackets(who audit.Actor, capture string) {
	if a.deps.Audit == nil {
		return
	}
	err := a.deps.Audit.Record(audit.Record{Action: audit.PacketsFetch, Outcome: audit.Refused, Actor: who,
		Capture: capture, Reason: "the daemon hands out no packets"})
	if err != nil {
		a.deps.Log.Error("a refusal is not in the audit log", "error", err)
	}
}

// sendPackets writes an answer as packets come.
func (a *API) sendPackets(w http.ResponseWriter, format packets.Format, media string, answer *packets.Answer) {
	s := &packetSink{w: w, c: http.NewResponseController(w), pause: a.cfg.StreamPause, head: func(h http.Header) {
		h.Set("Content-Type", media)
		h.Set("Content-Disposition", `attachment; filename="`+answer.Query.FileName(format)+`"`)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "no-store")
		h.Set("X-Accel-Buffering", "no") // for a reverse proxy on the way
		h.Set("Trailer", strings.Join([]string{HeaderLimit, HeaderError, HeaderEnd, HeaderPackets, HeaderLost, HeaderBroken}, ", "))
		if m := missingNames(answer.Missing(), nil); m != "" {
			h.Set(HeaderMissing, m)
		}
	}}
	before := answer.Missing()
	err := packets.Write(s, format, answer, "topologyd "+a.deps.Version)
	if s.begun { // also of a client who has left since, as all who follow do
		sum := answer.Summary()
		a.packets.packets.Add(float64(sum.Packets))
		a.packets.bytes.Add(float64(sum.Bytes))
	}
	if s.err != nil { // the client is gone, or too slow
		a.packets.downloads.WithLabelValues("gone").Inc()
		a.deps.Log.Debug("client did not take its packets", "request", answer.Request, "error", s.err)
		return
	}
	if err != nil && !s.begun {
		a.packetsFailed(w, packetFailure(err))
		return
	}
	if s.Flush() != nil {
		a.packets.downloads.WithLabelValues("gone").Inc()
		return
	}
	sum, h := answer.Summary(), w.Header()
	h.Set(HeaderPackets, strconv.FormatInt(sum.Packets, 10))
	h.Set(HeaderLost, strconv.FormatInt(sum.Lost, 10))
	if sum.Limit != "" {
		h.Set(HeaderLimit, sum.Limit)
	}
	if m := missingNames(sum.Missing, before); m != "" {
		h.Set(HeaderBroken, m)
	}
	result := "ok"
	if err != nil {
		f := packetFailure(err)
		result = f.err.Code
		h.Set(HeaderError, f.err.Code)
		h.Set(HeaderEnd, headerText(err.Error()))
	}
	a.packets.downloads.WithLabelValues(result).Inc()
}

// packetCounters are the metrics of packets.
type packetCounters struct {
	downloads      *prometheus.CounterVec // result
	packets, bytes prometheus.Counter
}

func newPacketCounters(service *packets.Service) (*packetCounters, []prometheus.Collector) {
	c := &packetCounters{
		downloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "topologyd_packet_downloads_total",
			Help: "Answers with packets by how they ended: ok, gone (the client), or the code of an error."}, []string{"result"}),
		packets: prometheus.NewCounter(prometheus.CounterOpts{Name: "topologyd_packets_sent_total", Help: "Packets that downloads handed out."}),
		bytes:   prometheus.NewCounter(prometheus.CounterOpts{Name: "topologyd_packets_sent_bytes_total", Help: "Bytes of packets that downloads handed out."}),
	}
	running := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "topologyd_packet_answers", Help: "Answers with packets that are being made."},
		func() float64 {
			if service == nil {
				return 0
			}
			return float64(service.InUse())
		})
	return c, []prometheus.Collector{c.downloads, c.packets, c.bytes, running}
}
