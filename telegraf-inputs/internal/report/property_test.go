package report

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"
)

// TestAnyLossEndsInTheTruth drives random changes through a pipeline that
// rejects, drops and swallows at random. Once it is quiet and the pipeline
// works again, the receiver must know what the reporter knows: all of what
// there is after one interval, and nothing else once it has expired what is no
// longer reported, as every receiver does after three.
func TestAnyLossEndsInTheTruth(t *testing.T) {
	for seed := range uint64(30) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) { anyLoss(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

func anyLoss(t *testing.T, rng *rand.Rand) {
	cfg := testConfig()
	cfg.Interval = 10 * time.Second
	cfg.AckTimeout = 3 * time.Second
	cfg.RetryMin, cfg.RetryMax = 100*time.Millisecond, 5*time.Second
	cfg.MaxUndelivered = 1 + rng.IntN(50)
	cfg.GroupSize = 1 + rng.IntN(20)
	broken := true
	loss := rng.Float64()
	fates := rand.New(rand.NewPCG(rng.Uint64(), 2))
	decide := func(telegraf.Metric) fate {
		if !broken || fates.Float64() > loss {
			return accept
		}
		return []fate{reject, drop, swallow}[fates.IntN(3)]
	}
	bubble(t, cfg, decide, func(t *testing.T, r *Reporter, p *pipeline) {
		truth := map[string]string{}
		for range 2000 {
			n := rng.IntN(60)
			id := ref(n).UUID().String()
			switch rng.IntN(10) {
			case 0, 1, 2:
				r.Delete(ref(n), "test")
				delete(truth, id)
			case 3:
				time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
			default:
				name := strconv.Itoa(rng.IntN(5))
				r.Set(event(n, name))
				truth[id] = name
			}
		}
		synctest.Wait()
		p.mu.Lock()
		broken = false
		p.mu.Unlock()
		// The pause after rejections, one interval, and a timeout in between.
		time.Sleep(cfg.RetryMax + cfg.Interval + cfg.AckTimeout + 2*time.Second)
		synctest.Wait()
		for id, name := range truth {
			require.Equal(t, name, p.received(0)[id])
		}
		time.Sleep((expiry - 1) * cfg.Interval)
		synctest.Wait()
		require.Equal(t, truth, p.received(expiry*cfg.Interval))
		require.Equal(t, len(truth), r.Len())
	})
}

// received is what a receiver knows: the name of each entity, without those of
// which it heard nothing for longer than expire (0: for ever).
func (p *pipeline) received(expire time.Duration) map[string]string {
	p.mu.Lock()
	defer p.mu.Unlock()
	names := map[string]string{}
	for id, a := range p.state {
		if a.measurement == "entity_state" && (expire == 0 || time.Since(a.at) <= expire) {
			names[id] = a.name
		}
	}
	return names
}
