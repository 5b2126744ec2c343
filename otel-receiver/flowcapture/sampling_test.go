package flowcapture

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/skein-net/skein/internal/proctest"
	"github.com/skein-net/skein/otel-receiver/source"
)

// plain is a source that cannot sample.
type plain struct{}

func (plain) Run(context.Context, []source.Worker) error { return nil }
func (plain) Stats() source.Stats                        { return source.Stats{} }

// sampling is one that can, and uses as much as it is told.
type sampling struct {
	plain
	rate atomic.Uint32
	full int64 // ns of processor time a second, without sampling
	from time.Time
}

func (s *sampling) SetSampling(n uint32) error { s.rate.Store(n); return nil }

func (s *sampling) Stats() source.Stats {
	// What was used grows ever slower the more it samples; the model is coarse, but
	// above the budget until the rate is high enough.
	n := int64(max(s.rate.Load(), 1))
	return source.Stats{CPU: time.Duration(int64(time.Since(s.from)) * s.full / n / int64(time.Second))}
}

func TestStartBudget(t *testing.T) {
	for _, tc := range []struct {
		name  string
		src   source.Source
		least uint32
		cpu   int
		rate  int64
		warn  int
	}{
		{"nothing asked", plain{}, 0, 0, 1, 0},
		{"all packets asked", plain{}, 1, 0, 1, 0},
		{"cannot", plain{}, 2, 0, 1, 1},
		{"cannot keep a budget", plain{}, 0, 50, 1, 1},
		{"nothing asked of one that can", &sampling{from: time.Now()}, 0, 0, 1, 0},
		{"a rate", &sampling{from: time.Now()}, 7, 0, 7, 0},
		{"a budget", &sampling{from: time.Now(), full: int64(time.Second)}, 1, 400, 4, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			core, logs := observer.New(zap.WarnLevel)
			var rate atomic.Int64
			stop := startBudget(t.Context(), tc.src, tc.least, tc.cpu, zap.New(core), &rate)
			proctest.Eventually(t, time.Minute, "the rate is in force", func() error {
				if got := rate.Load(); got != tc.rate {
					return errors.New("not yet")
				}
				return nil
			})
			stop()
			stop()
			if s, ok := tc.src.(*sampling); ok && int64(max(s.rate.Load(), 1)) != tc.rate {
				t.Errorf("the source has rate %d", s.rate.Load())
			}
			if logs.Len() != tc.warn {
				t.Errorf("%d warnings: %v", logs.Len(), logs.All())
			}
		})
	}
}
