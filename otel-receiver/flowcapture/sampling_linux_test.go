package flowcapture

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/consumer/consumertest"
)

// TestSampledVeth: a capture that samples tells the rate, and counts that are
// near the truth in both directions.
func TestSampledVeth(t *testing.T) {
	const n, size, rate = 4000, 100, 8
	first, second := lab(t)
	cfg := liveConfig(first, "va")
	cfg.Captures[0].Sampling, cfg.Captures[0].CPU = rate, 4000
	sink := new(consumertest.LogsSink)
	r := start(t, cfg, nil, sink, nil, componenttest.NewNopHost())
	running(t, r, "va")
	exchange(t, first, second, n, size)
	eventually(t, "a report", time.Minute, func() bool { return len(records(t, sink)) > 0 })
	stop(t, r)
	got := records(t, sink)
	rec := got[len(got)-1]
	require.EqualValues(t, rate, rec.SamplingRate)
	// Five standard errors.
	most := 5 * math.Sqrt(n*(rate-1))
	require.InDelta(t, n, rec.Metric.ABPackets, most)
	require.InDelta(t, n, rec.Metric.BAPackets, most)
	require.Equal(t, rec.Metric.ABPackets*(42+size), rec.Metric.ABBytes)
	total := tapTotals(r)
	require.Zero(t, total.source.Dropped)
	require.EqualValues(t, rec.Metric.ABPackets+rec.Metric.BAPackets, total.source.Received*rate)
	require.Positive(t, total.source.CPU)
}
