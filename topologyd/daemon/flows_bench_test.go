package daemon

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	flowlog "github.com/skein-net/skein/internal/flowrecord/otlplog"
)

// BenchmarkFlowRecords sends reports of TCP flows by OTLP over HTTP, 1,000 in a
// request, 4 of each flow, from two senders, into the flow store on the disk.
func BenchmarkFlowRecords(b *testing.B) {
	url := benchDaemon(b)
	r := rand.New(rand.NewPCG(1, 1))
	var batch []flowrecord.Record
	for range 250 {
		batch = append(batch, conversation(r, entity.UUID{1}, "HTTPS", 4)...)
	}
	first, err := plogotlp.NewExportRequestFromLogs(flowlog.Encode(batch)).MarshalProto()
	if err != nil {
		b.Fatal(err)
	}
	// Each request has other flows: the beginning of their IDs is changed.
	var places []int
	for i := 0; i < len(batch); i += 4 {
		id := []byte(batch[i].ID.String())
		for at := 0; ; {
			k := bytes.Index(first[at:], id)
			if k < 0 {
				break
			}
			places = append(places, at+k)
			at += k + len(id)
		}
	}
	if len(places) != len(batch) {
		b.Fatalf("%d places", len(places))
	}
	var n atomic.Uint32
	b.SetBytes(int64(len(first)))
	b.ReportAllocs()
	b.SetParallelism(1)
	b.ResetTimer()
	before := cpuTime(b)
	b.RunParallel(func(pb *testing.PB) {
		body := bytes.Clone(first)
		for pb.Next() {
			mark := fmt.Appendf(nil, "%08x", n.Add(1))
			for _, at := range places {
				copy(body[at:], mark)
			}
			resp, err := http.Post(url+"/v1/logs", "application/x-protobuf", bytes.NewReader(body))
			if err != nil {
				b.Error(err)
				return
			}
			answer, _ := io.ReadAll(resp.Body)
			resp.Body.Close() //nolint:errcheck,gosec // read
			if resp.StatusCode != http.StatusOK {
				b.Errorf("%d %s", resp.StatusCode, answer)
				return
			}
		}
	})
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric((cpuTime(b)-before).Seconds()*1e6/(1000*float64(b.N)), "cpu-s/M")
}

// cpuTime is what the process has used, the senders included.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
