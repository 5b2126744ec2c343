package report

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

func TestChangeIsSentAtOnceAndOnce(t *testing.T) {
	bubble(t, testConfig(), nil, func(t *testing.T, r *Reporter, p *pipeline) {
		begin := time.Now()
		r.Set(event(1, "eth0"))
		synctest.Wait()
		r.Set(event(1, "eth0"))
		synctest.Wait()
		require.Len(t, p.arrivals(), 1, "an unchanged state is not sent")
		r.Set(event(1, "eth1"))
		synctest.Wait()
		got := p.arrivals()
		require.Len(t, got, 2)
		require.Equal(t, "eth1", got[1].name)
		require.Equal(t, begin, got[1].at, "no time may pass before a change is sent")
		require.EqualValues(t, 2, r.stats.changesSent.Get())
	})
}

func TestEventCarriesIntervalAndSource(t *testing.T) {
	cfg := testConfig()
	cfg.Interval = 90 * time.Second
	var fields map[string]any
	decide := func(m telegraf.Metric) fate { fields = m.Fields(); return accept }
	bubble(t, cfg, decide, func(t *testing.T, r *Reporter, _ *pipeline) {
		r.Set(event(1, "eth0"))
		synctest.Wait()
		require.EqualValues(t, 90, fields[entity.KeyReportInterval])
		require.Equal(t, "test", fields[entity.KeySource])
		require.Equal(t, "interface", fields[entity.KeyEntityType])
	})
}

func TestReportsAreSpreadOverTheInterval(t *testing.T) {
	const n, parts = 4000, 20
	bubble(t, testConfig(), nil, func(t *testing.T, r *Reporter, p *pipeline) {
		begin := time.Now()
		for i := range n {
			r.Set(event(i, "x"))
		}
		synctest.Wait()
		require.Len(t, p.arrivals(), n)
		time.Sleep(r.cfg.Interval)
		synctest.Wait()
		all := p.arrivals()
		require.Len(t, all, 2*n, "each entity is reported once an interval")
		var count [parts]int
		for _, a := range all[n:] {
			part := int(a.at.Sub(begin) * parts / r.cfg.Interval)
			count[min(part, parts-1)]++
		}
		for part, got := range count {
			require.InDelta(t, n/parts, got, n/parts*0.35, "part %d of the interval: %v", part, count)
		}

		time.Sleep(3 * r.cfg.Interval)
		synctest.Wait()
		last := map[string]time.Time{}
		for _, a := range p.arrivals()[n:] {
			if at, ok := last[a.id]; ok {
				require.InDelta(t, r.cfg.Interval, a.at.Sub(at), float64(r.cfg.Interval/100))
			}
			last[a.id] = a.at
		}
		require.EqualValues(t, 4*n, r.stats.reportsSent.Get())
	})
}

func TestDeleteIsRepeatedTwiceThenForgotten(t *testing.T) {
	bubble(t, testConfig(), nil, func(t *testing.T, r *Reporter, p *pipeline) {
		r.Set(event(1, "eth0"))
		synctest.Wait()
		r.Delete(ref(1), "gone")
		r.Delete(ref(1), "gone")
		synctest.Wait()
		require.Len(t, p.arrivals(), 2)
		require.Zero(t, r.Len())
		time.Sleep(4 * r.cfg.Interval)
		synctest.Wait()
		got := p.arrivals()
		require.Len(t, got, 4)
		for _, a := range got[1:] {
			require.Equal(t, "entity_delete", a.measurement)
		}
		require.Empty(t, r.entries)
		require.EqualValues(t, 3, r.stats.deletesSent.Get())
	})
}

func TestEntityThatComesBackIsNotDeletedAgain(t *testing.T) {
	bubble(t, testConfig(), nil, func(t *testing.T, r *Reporter, p *pipeline) {
		r.Set(event(1, "eth0"))
		synctest.Wait()
		r.Delete(ref(1), "")
		synctest.Wait()
		r.Set(event(1, "eth0"))
		synctest.Wait()
		time.Sleep(3 * r.cfg.Interval)
		synctest.Wait()
		got := p.arrivals()
		require.Equal(t, "entity_delete", got[1].measurement)
		for _, a := range got[2:] {
			require.Equal(t, "entity_state", a.measurement)
		}
		require.Equal(t, 1, r.Len())
	})
}

func TestDeleteOfAnUnknownEntityIsSent(t *testing.T) {
	bubble(t, testConfig(), nil, func(t *testing.T, r *Reporter, p *pipeline) {
		r.Delete(ref(7), "gone")
		synctest.Wait()
		require.Len(t, p.arrivals(), 1)
	})
}

func TestRejectedIsSentAgainWithGrowingPause(t *testing.T) {
	failures := 3
	decide := func(telegraf.Metric) fate {
		if failures--; failures >= 0 {
			return reject
		}
		return accept
	}
	bubble(t, testConfig(), decide, func(t *testing.T, r *Reporter, p *pipeline) {
		// An entity whose turn is far away, so that only retries show.
		n := 0
		for slotOf(ref(n).UUID()) < wheelSlots/2 {
			n++
		}
		begin := time.Now()
		r.Set(event(n, "eth0"))
		time.Sleep(10 * time.Second)
		synctest.Wait()
		got := p.arrivals()
		require.Len(t, got, 4)
		for i, want := range []time.Duration{0, time.Second, 3 * time.Second, 7 * time.Second} {
			require.Equal(t, want, got[i].at.Sub(begin), "send %d", i)
		}
		require.EqualValues(t, 3, r.stats.rejected.Get())
		require.EqualValues(t, 3, r.stats.retriesSent.Get())
	})
}

func TestLaterStatesCoalesceWhileWaiting(t *testing.T) {
	cfg := testConfig()
	cfg.MaxUndelivered = 1
	bubble(t, cfg, func(telegraf.Metric) fate { return hold }, func(t *testing.T, r *Reporter, p *pipeline) {
		r.Set(event(1, "first"))
		synctest.Wait()
		for i := range 100 {
			r.Set(event(2, string(rune('a'+i%26))))
			r.Set(event(1, string(rune('a'+i%26))))
			synctest.Wait()
		}
		require.Len(t, p.arrivals(), 1)
		for p.release() > 0 {
			synctest.Wait()
		}
		got := p.arrivals()
		require.Len(t, got, 3, "one send for each entity that waited")
		require.Equal(t, "v", got[1].name)
		require.Equal(t, "v", got[2].name)
	})
}

func TestNoMoreThanMaxUndelivered(t *testing.T) {
	cfg := testConfig()
	cfg.MaxUndelivered, cfg.GroupSize = 100, 30
	bubble(t, cfg, func(telegraf.Metric) fate { return hold }, func(t *testing.T, r *Reporter, p *pipeline) {
		for i := range 1000 {
			r.Set(event(i, "x"))
		}
		synctest.Wait()
		for p.release() > 0 {
			synctest.Wait()
		}
		require.LessOrEqual(t, p.most, 100)
		require.Len(t, p.arrivals(), 1000)
	})
}

func TestChangeOvertakesPeriodicReports(t *testing.T) {
	cfg := testConfig()
	cfg.MaxUndelivered = 1
	what := accept
	bubble(t, cfg, func(telegraf.Metric) fate { return what }, func(t *testing.T, r *Reporter, p *pipeline) {
		for i := range 100 {
			r.Set(event(i, "x"))
		}
		synctest.Wait()
		p.mu.Lock()
		what = hold
		p.mu.Unlock()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		before := len(p.arrivals())
		r.Set(event(100, "new"))
		synctest.Wait()
		p.release()
		synctest.Wait()
		require.Equal(t, "new", p.arrivals()[before].name)
		p.mu.Lock()
		what = accept
		p.mu.Unlock()
		p.release()
	})
}

func TestUnansweredGroupIsGivenUpAndReportedAgain(t *testing.T) {
	cfg := testConfig()
	cfg.MaxUndelivered = 10
	n := 0
	decide := func(telegraf.Metric) fate {
		if n++; n > 1 && n <= 11 {
			return swallow
		}
		return accept
	}
	bubble(t, cfg, decide, func(t *testing.T, r *Reporter, p *pipeline) {
		r.Set(event(0, "x"))
		synctest.Wait()
		for i := 1; i <= 20; i++ {
			r.Set(event(i, "x"))
		}
		time.Sleep(3 * r.cfg.Interval)
		synctest.Wait()
		// A group counts as a whole, also if a part of it was answered.
		require.GreaterOrEqual(t, r.stats.ackTimeouts.Get(), int64(10))
		require.LessOrEqual(t, r.stats.ackTimeouts.Get(), int64(20))
		require.Len(t, p.state, 21, "all have arrived in the end")
	})
}

func TestPipelineThatNeverAnswers(t *testing.T) {
	cfg := testConfig()
	cfg.MaxUndelivered = 10
	bubble(t, cfg, func(telegraf.Metric) fate { return swallow }, func(t *testing.T, r *Reporter, p *pipeline) {
		for i := range 1000 {
			r.Set(event(i, "x"))
		}
		time.Sleep(cfg.AckTimeout + time.Second)
		synctest.Wait()
		require.GreaterOrEqual(t, len(p.arrivals()), 1000, "sent without confirmation after one timeout")
		// Far more groups than the accumulator was told of.
		for i := range 3 * answers {
			r.Set(event(0, time.Duration(i).String()))
			synctest.Wait()
		}
		require.True(t, r.flight.blind)
		require.LessOrEqual(t, r.flight.unanswered, answers)
	})
}

func TestLateAnswersDoNotOverflowTelegraf(t *testing.T) {
	cfg := testConfig()
	cfg.AckTimeout = time.Second
	what := accept
	bubble(t, cfg, func(telegraf.Metric) fate { return what }, func(t *testing.T, r *Reporter, p *pipeline) {
		r.Set(event(0, "first"))
		synctest.Wait()
		p.mu.Lock()
		what = hold
		p.mu.Unlock()
		for i := range 3 * answers {
			r.Set(event(0, time.Duration(i).String()))
			synctest.Wait()
			if i%1000 == 0 {
				time.Sleep(2 * time.Second)
			}
		}
		// Telegraf panics when there are more answers than it was told of.
		p.release()
		synctest.Wait()
		p.mu.Lock()
		what = accept
		p.mu.Unlock()
		r.Set(event(0, "last"))
		synctest.Wait()
		require.Equal(t, "last", p.state[ref(0).UUID().String()].name)
	})
}

func TestDroppedByAFilterCountsAsDelivered(t *testing.T) {
	bubble(t, testConfig(), func(telegraf.Metric) fate { return drop }, func(t *testing.T, r *Reporter, p *pipeline) {
		r.Set(event(1, "x"))
		time.Sleep(r.cfg.Interval / wheelSlots / 2)
		synctest.Wait()
		require.Len(t, p.arrivals(), 1)
		require.Zero(t, r.flight.metrics)
		require.Zero(t, r.stats.rejected.Get())
	})
}

func TestStopHandsOverWhatIsPending(t *testing.T) {
	cfg := testConfig()
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, nil)
		r := startReporter(t, cfg, p)
		for i := range 20_000 {
			r.Set(event(i, "x"))
		}
		r.Stop()
		p.close()
		require.Len(t, p.arrivals(), 20_000)
	})
}

func TestStopIsBoundedAndSaysNoDelete(t *testing.T) {
	cfg := testConfig()
	cfg.MaxUndelivered = 1
	synctest.Test(t, func(t *testing.T) {
		p := newPipeline(t, func(telegraf.Metric) fate { return hold })
		r := startReporter(t, cfg, p)
		r.Set(event(1, "x"))
		r.Set(event(2, "x"))
		synctest.Wait()
		begin := time.Now()
		r.Stop()
		require.Equal(t, cfg.StopTimeout, time.Since(begin))
		r.Set(event(3, "x"))
		r.Stop()
		p.close()
		for _, a := range p.arrivals() {
			require.Equal(t, "entity_state", a.measurement)
		}
	})
}

func TestInvalidEventsAreCountedNotSent(t *testing.T) {
	bubble(t, testConfig(), nil, func(t *testing.T, r *Reporter, p *pipeline) {
		r.Set(entity.Event{Ref: entity.Ref{Type: "interface"}})
		bad := event(1, "x")
		bad.Attributes = entity.Attrs{entity.A("Name", entity.String("\xff"))}
		r.Set(bad)
		r.Delete(entity.Ref{}, "")
		synctest.Wait()
		require.Empty(t, p.arrivals())
		require.EqualValues(t, 3, r.stats.invalid.Get())
	})
}

func TestConfigValidate(t *testing.T) {
	good := testConfig()
	require.NoError(t, good.Validate())
	for name, spoil := range map[string]func(*Config){
		"source":   func(c *Config) { c.Source = "" },
		"interval": func(c *Config) { c.Interval = time.Millisecond },
		"part":     func(c *Config) { c.Interval = 1500 * time.Millisecond },
		"max":      func(c *Config) { c.MaxUndelivered = 0 },
		"group":    func(c *Config) { c.GroupSize = 0 },
		"ack":      func(c *Config) { c.AckTimeout = 0 },
		"retry":    func(c *Config) { c.RetryMax = c.RetryMin - 1 },
	} {
		c := testConfig()
		spoil(&c)
		require.Error(t, c.Validate(), name)
		_, err := New(c, nil, nil)
		require.Error(t, err, name)
	}
}
