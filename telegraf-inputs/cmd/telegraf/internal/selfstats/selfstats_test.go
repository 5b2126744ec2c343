package selfstats

import (
	"testing"

	"github.com/influxdata/telegraf/selfstat"
	"github.com/influxdata/telegraf/testutil"
	"github.com/stretchr/testify/require"
)

func TestGatherSumsInstances(t *testing.T) {
	for id, n := range map[string]int64{"a": 3, "b": 4} {
		s := selfstat.Register("selfstats_test", "things", map[string]string{"input": "x", "_id": id})
		s.Set(n)
		t.Cleanup(s.Unregister)
	}
	var acc testutil.Accumulator
	require.NoError(t, (&Internal{CollectMemstats: true}).Gather(&acc))
	require.True(t, acc.HasMeasurement("internal_memstats"))
	v, ok := acc.Int64Field("internal_selfstats_test", "things")
	require.True(t, ok)
	require.EqualValues(t, 7, v)
	require.False(t, acc.HasTag("internal_selfstats_test", "_id"))
}

func TestGatherPerInstance(t *testing.T) {
	for id, n := range map[string]int64{"a": 3, "b": 4} {
		s := selfstat.Register("selfstats_test", "things", map[string]string{"input": "y", "_id": id})
		s.Set(n)
		t.Cleanup(s.Unregister)
	}
	var acc testutil.Accumulator
	require.NoError(t, (&Internal{PerInstance: true}).Gather(&acc))
	require.False(t, acc.HasMeasurement("internal_memstats"))
	n := 0
	for _, m := range acc.GetTelegrafMetrics() {
		if m.Name() == "internal_selfstats_test" {
			n++
		}
	}
	require.Equal(t, 2, n)
}

func TestSampleConfigNamesThePlugin(t *testing.T) {
	require.Contains(t, (&Internal{}).SampleConfig(), "[[inputs.internal]]")
}
