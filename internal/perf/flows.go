package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/internal/flowrecord/otlplog"
	"github.com/skein-net/skein/internal/perf/table"
	"github.com/skein-net/skein/topologyd/client"
)

// What the reports are like: an hour of hosts whose flows last for minutes, are
// reported every 10 s, and go between addresses of which few are very busy.
const (
	flowHosts    = 50
	flowClients  = 5000
	flowServers  = 500
	flowSpan     = time.Hour
	flowEvery    = 10 * time.Second
	flowReports  = 12 // of each flow
	flowBatch    = 1000
	flowSenders  = 2
	flowAttempts = 5
)

// traffic makes the reports of flows in the order in which they come.
type traffic struct {
	rng            *rand.Rand
	client, server *rand.Zipf
	live           []flowrecord.Record
	next           int
	now            int64
	step           int64
	n              uint64
}

// newTraffic makes reports that end now.
func newTraffic(reports int) *traffic {
	rng := rand.New(rand.NewPCG(1, 2))
	live := max(100, reports/int(flowSpan/flowEvery))
	return &traffic{
		rng: rng, client: rand.NewZipf(rng, 1.2, 10, flowClients-1), server: rand.NewZipf(rng, 1.2, 3, flowServers-1),
		live: make([]flowrecord.Record, live),
		now:  time.Now().Add(-flowSpan).UnixNano(), step: int64(flowSpan) / int64(reports),
	}
}

// report makes the next report of one of the live flows, of a new one when that
// has lived long enough.
func (g *traffic) report() flowrecord.Record {
	r := &g.live[g.next]
	g.next = (g.next + 1) % len(g.live)
	g.now += g.step
	if r.Metric.Start == 0 || r.Finished() {
		g.begin(r)
	}
	packets := int64(1 + g.rng.ExpFloat64()*20)
	r.Update = flowrecord.Metric{
		ABPackets: packets, ABBytes: packets * 90, BAPackets: packets * 2, BABytes: packets * 2400,
		Start: max(r.Metric.Start, g.now-int64(flowEvery)), Last: g.now,
	}
	r.Metric.ABPackets += r.Update.ABPackets
	r.Metric.ABBytes += r.Update.ABBytes
	r.Metric.BAPackets += r.Update.BAPackets
	r.Metric.BABytes += r.Update.BABytes
	r.Metric.Last = g.now
	if g.rng.IntN(flowReports) == 0 {
		r.Finish, r.TCP = flowrecord.FinishTCPFin, &flowrecord.TCP{State: "CLOSED"}
	}
	return *r
}

func (g *traffic) begin(r *flowrecord.Record) {
	g.n++
	a, b := g.client.Uint64(), g.server.Uint64()
	host := int(a) % flowHosts
	*r = flowrecord.Record{
		TrackingID: flowrecord.Tracking(g.n * 0x9e3779b97f4a7c15), L3TrackingID: flowrecord.Tracking(g.n * 0xbf58476d1ce4e5b9),
		HostID: fmt.Sprint("host-", host), Interface: "eth0", CaptureID: "eth0", LayersPath: "Ethernet/IPv4/TCP",
		LinkProtocol: "ETHERNET", LinkA: flowrecord.MAC{2, 0, 0, 0, byte(a >> 8), byte(a)}, LinkB: flowrecord.MAC{2, 0, 1, 0, byte(b >> 8), byte(b)},
		NetworkProtocol: "IPV4", NetworkA: netip.AddrFrom4([4]byte{10, 1, byte(a >> 8), byte(a)}), NetworkB: netip.AddrFrom4([4]byte{10, 2, byte(b >> 8), byte(b)}),
		TransportProtocol: "TCP", TransportA: uint16(30000 + g.rng.IntN(30000)), TransportB: 443, Application: "HTTPS",
		Metric: flowrecord.Metric{Start: g.now, RTT: 200_000}, TCP: &flowrecord.TCP{State: "ESTABLISHED"},
	}
	if b%3 == 0 {
		r.TransportB, r.Application = 80, "HTTP"
	}
	binary.BigEndian.PutUint64(r.ID[:], g.n)
	r.ID[8] = 0x80
	r.NodeTID = entity.TID(entity.HostTID(r.HostID), "eth0", "device")
}

// measureFlows stores reports of flows and asks for the top talkers.
func measureFlows(ctx context.Context, t *table.Table, bin string, reports int) error {
	d, err := newDaemon(ctx, bin)
	if err != nil {
		return err
	}
	defer d.remove()
	before := d.cpu()
	took, err := d.store(ctx, reports)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%.1f M flow reports", float64(reports)/1e6)
	t.Add("flow reports stored a second, over HTTP, "+what, "100,000", "%.0f, with what makes and sends them on the same cores",
		float64(reports)/took.Seconds())
	if err := settled(ctx); err != nil {
		return err
	}
	t.Add("processor time of topologyd a million reports, merges included, "+what, "", "%.1f s", (d.cpu()-before).Seconds()/float64(reports)*1e6)
	size, err := d.size("flows")
	if err != nil {
		return err
	}
	t.Add("disk a flow report, "+what, "", "%d B", size/int64(reports))
	rss, err := d.rss()
	if err != nil {
		return err
	}
	t.Add("resident memory with "+what+" stored", "", "%d MiB", rss>>20)
	for _, q := range []client.TopQuery{
		{By: "source"}, {By: "pair"}, {By: "application"}, {By: "host"},
	} {
		q.From, q.Limit = "-2h", 10
		if err := d.top(ctx, t, q, "the whole hour, "+what); err != nil {
			return err
		}
		q.From = "-5m"
		if err := d.top(ctx, t, q, "5 minutes of it"); err != nil {
			return err
		}
	}
	for _, q := range []string{
		"G.Flows().Count()",
		"G.Flows().Has('Network','10.2.0.0').Sort(DESC,'Metric.BABytes').Limit(10)",
		"G.Context('-30m', 60).Flows('Network.A','10.1.0.7').Limit(100)",
	} {
		if err := d.timed(ctx, t, "`"+q+"`, "+what, func() error { _, err := d.ask(ctx, q); return err }); err != nil {
			return err
		}
	}
	return nil
}

func (d *daemon) top(ctx context.Context, t *table.Table, q client.TopQuery, what string) error {
	return d.timed(ctx, t, fmt.Sprintf("top talkers by %s, %s", q.By, what), func() error {
		_, err := d.TopFlows(ctx, q)
		return err
	})
}

// timed asks a few times.
func (d *daemon) timed(ctx context.Context, t *table.Table, what string, ask func() error) error {
	best, worst := time.Duration(math.MaxInt64), time.Duration(0)
	for range flowAttempts {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		begin := time.Now()
		if err := ask(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		took := time.Since(begin)
		best, worst = min(best, took), max(worst, took)
	}
	goal := ""
	if len(what) > 3 && what[:3] == "top" {
		goal = "500 ms"
	}
	t.Add(what+fmt.Sprintf(", best · worst of %d", flowAttempts), goal, "%d · %d ms", best.Milliseconds(), worst.Milliseconds())
	return nil
}

// store sends reports by several connections, as collectors do.
func (d *daemon) store(ctx context.Context, reports int) (took time.Duration, err error) {
	bodies := make(chan []byte, 16)
	var wait sync.WaitGroup
	var once sync.Once
	fail := func(e error) { once.Do(func() { err = e }) }
	begin := time.Now()
	for range flowSenders {
		wait.Go(func() {
			for b := range bodies {
				if e := d.export(ctx, b); e != nil {
					fail(e)
				}
			}
		})
	}
	g, enc := newTraffic(reports), otlplog.NewEncoder()
	batch := make([]flowrecord.Record, 0, flowBatch)
	for n := 0; n < reports && ctx.Err() == nil; n += flowBatch {
		batch = batch[:0]
		for range flowBatch {
			batch = append(batch, g.report())
		}
		b, e := enc.Request(batch)
		if e != nil {
			fail(e)
			break
		}
		bodies <- b
	}
	close(bodies)
	wait.Wait()
	return time.Since(begin), err
}

// export sends one request, again when it is told to come back.
func (d *daemon) export(ctx context.Context, body []byte) error {
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, d.url+"/v1/logs", bytes.NewReader(body))
		if err != nil {
			return fmt.Errorf("make request: %w", err)
		}
		req.Header.Set("Content-Type", "application/x-protobuf")
		resp, err := d.web.Do(req)
		if err != nil {
			return fmt.Errorf("send flow reports: %w", err)
		}
		text, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		switch {
		case err != nil:
			return fmt.Errorf("read answer: %w", err)
		case resp.StatusCode == http.StatusTooManyRequests:
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		case resp.StatusCode >= 300:
			return fmt.Errorf("send flow reports: %s: %.300s", resp.Status, text)
		}
		return nil
	}
}

// settled waits for one flush of the store, and the merges after it.
func settled(ctx context.Context) error {
	select {
	case <-time.After(15 * time.Second):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
