package flowcapture

import (
	"context"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/receiver"

	"github.com/skein-net/skein/otel-receiver/flowcapture/internal/metadata"
)

// NewFactory returns the factory of the receiver. The logs and the metrics
// pipelines that use one configuration share one capture.
func NewFactory() receiver.Factory {
	s := &shared{receivers: make(map[*Config]*flowReceiver)}
	return receiver.NewFactory(
		metadata.Type,
		createDefaultConfig,
		receiver.WithLogs(s.createLogs, metadata.LogsStability),
		receiver.WithMetrics(s.createMetrics, metadata.MetricsStability),
	)
}

// shared holds the receivers that were made and not shut down yet.
type shared struct {
	mu        sync.Mutex
	receivers map[*Config]*flowReceiver
}

func (s *shared) createLogs(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Logs) (receiver.Logs, error) {
	r, err := s.get(set, cfg)
	if err != nil {
		return nil, err
	}
	r.logs = next
	return r, nil
}

func (s *shared) createMetrics(_ context.Context, set receiver.Settings, cfg component.Config, next consumer.Metrics) (receiver.Metrics, error) {
	r, err := s.get(set, cfg)
	if err != nil {
		return nil, err
	}
	r.metrics = next
	return r, nil
}

func (s *shared) get(set receiver.Settings, cfg component.Config) (*flowReceiver, error) {
	c := cfg.(*Config)
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.receivers[c]; r != nil {
		return r, nil
	}
	r, err := newReceiver(c, set)
	if err != nil {
		return nil, err
	}
	r.forget = func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.receivers, c)
	}
	s.receivers[c] = r
	return r, nil
}
