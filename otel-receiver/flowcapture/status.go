package flowcapture

import (
	"fmt"
	"sync"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componentstatus"
	"go.uber.org/zap"
)

// status tells the Collector whether all captures run: a recoverable error when
// one begins to fail, OK when none does any more.
type status struct {
	log *zap.Logger

	mu      sync.Mutex
	hosts   []component.Host
	failing map[[2]string]string
}

func newStatus(log *zap.Logger) *status {
	return &status{log: log, failing: make(map[[2]string]string)}
}

// addHost has one more pipeline told.
func (s *status) addHost(h component.Host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts = append(s.hosts, h)
}

// set notes how a capture is on an interface; nil is well. It logs changes only.
func (s *status) set(capture, iface string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := [2]string{capture, iface}
	before, was := s.failing[key]
	fields := []zap.Field{zap.String("capture", capture)}
	if iface != "" {
		fields = append(fields, zap.String("interface", iface))
	}
	switch {
	case err == nil && was:
		delete(s.failing, key)
		s.log.Info("The capture fails no more", fields...)
		if len(s.failing) == 0 {
			s.report(componentstatus.NewEvent(componentstatus.StatusOK))
		}
	case err != nil && (!was || before != err.Error()):
		s.failing[key] = err.Error()
		s.log.Warn("The capture does not run and will be tried again", append(fields, zap.Error(err))...)
		s.report(componentstatus.NewRecoverableErrorEvent(fmt.Errorf("capture %s: %w", capture, err)))
	}
}

// ordersKey is that of the session, which no capture has.
func ordersKey() [2]string { return [2]string{"\x00orders"} }

// setOrders notes whether there is a session with topologyd. Who tells it logs it
// itself.
func (s *status) setOrders(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, was := s.failing[ordersKey()]
	switch {
	case err != nil:
		s.failing[ordersKey()] = err.Error()
		s.report(componentstatus.NewRecoverableErrorEvent(fmt.Errorf("orders: %w", err)))
	case was:
		delete(s.failing, ordersKey())
		if len(s.failing) == 0 {
			s.report(componentstatus.NewEvent(componentstatus.StatusOK))
		}
	}
}

func (s *status) report(e *componentstatus.Event) {
	for _, h := range s.hosts {
		componentstatus.ReportStatus(h, e)
	}
}
