package daemon

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/entity/lineproto"
	"github.com/skein-net/skein/topologyd/config"
)

// benchDaemon runs a daemon as it is shipped: every write synced.
func benchDaemon(b *testing.B) string {
	b.Helper()
	cfg := config.DefaultConfig()
	cfg.Listen, cfg.OTLPListen, cfg.DataDir = "127.0.0.1:0", "127.0.0.1:0", b.TempDir()
	d, err := New(cfg, slog.New(slog.DiscardHandler), nil)
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := d.Stop(ctx); err != nil {
			b.Error(err)
		}
	})
	return "http://" + d.HTTPAddr().String()
}

func benchSend(b *testing.B, url string, body []byte) {
	b.Helper()
	resp, err := http.Post(url+"/api/v2/write", "text/plain", bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	answer, _ := io.ReadAll(resp.Body)
	resp.Body.Close() //nolint:errcheck,gosec // read
	if resp.StatusCode != http.StatusNoContent {
		b.Fatalf("%d %s", resp.StatusCode, answer)
	}
}

// veths is a batch of n interfaces, as one request of Telegraf holds it.
func veths(first, n int, at time.Time) []byte {
	var body []byte
	for i := first; i < first+n; i++ {
		e := entity.Event{
			Ref: entity.InterfaceRef("h", "1", fmt.Sprint(i)), Source: "netlink", Time: at, Interval: time.Minute,
			Attributes: entity.Attrs{
				entity.A("Name", entity.String(fmt.Sprintf("veth%d", i))), entity.A("Type", entity.String("veth")),
				entity.A("MAC", entity.String(fmt.Sprintf("02:00:%02x:%02x:%02x:01", i>>16&255, i>>8&255, i&255))),
				entity.A("MTU", entity.Int(1500)), entity.A("State", entity.String("UP")), entity.A("IfIndex", entity.Int(int64(i))),
				entity.A("IPV4", entity.Strings(fmt.Sprintf("10.%d.%d.%d/24", i>>16&255, i>>8&255, i&255))),
			}.Normalize(),
			Relationships: []entity.Relationship{{Type: entity.RelPartOf, Target: entity.HostRef("h")}},
		}
		body = lineproto.AppendEvent(body, &e)
	}
	return body
}

const benchBatch = 5000

// BenchmarkWriteNew sends interfaces that the graph does not know: decoded,
// logged with fsync, applied.
func BenchmarkWriteNew(b *testing.B) {
	url := benchDaemon(b)
	at, n := time.Now(), 0
	for b.Loop() {
		b.StopTimer()
		body := veths(n, benchBatch, at)
		n += benchBatch
		b.StartTimer()
		benchSend(b, url, body)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkWriteUnchanged sends the same state again and again.
func BenchmarkWriteUnchanged(b *testing.B) {
	url := benchDaemon(b)
	at, n := time.Now(), 0
	benchSend(b, url, veths(0, benchBatch, at))
	for b.Loop() {
		b.StopTimer()
		at = at.Add(time.Second)
		body := veths(0, benchBatch, at)
		n += benchBatch
		b.StartTimer()
		benchSend(b, url, body)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
}

func BenchmarkQuery(b *testing.B) {
	for _, nodes := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			u := benchDaemon(b)
			for i := 0; i < nodes; i += benchBatch {
				benchSend(b, u, veths(i, benchBatch, time.Now()))
			}
			for name, q := range map[string]string{
				"HasName":      "G.V().Has('Name','veth4711')",
				"CountVeths":   "G.V().Has('Type','veth').Count()",
				"OutOfVeths":   "G.V().Has('Type','veth').Out().Count()",
				"ThousandJSON": "G.V().Limit(1000)",
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						resp, err := http.Get(u + "/api/v1/query?gremlin=" + url.QueryEscape(q))
						if err != nil {
							b.Fatal(err)
						}
						if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != 200 {
							b.Fatal(resp.Status, err)
						}
						resp.Body.Close() //nolint:errcheck,gosec // read
					}
				})
			}
		})
	}
}
