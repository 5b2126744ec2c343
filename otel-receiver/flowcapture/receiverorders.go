package flowcapture

import (
	"context"
	"fmt"
	"runtime"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/version"
	"github.com/skein-net/skein/otel-receiver/orders"
	"github.com/skein-net/skein/otel-receiver/rawpackets"
)

// buildOrders makes what follows orders, if there is anybody who gives them.
func (r *flowReceiver) buildOrders(hard context.Context) error {
	limits := r.cfg.Orders
	if !limits.set() {
		return nil
	}
	g, err := r.newGround(r.host)
	if err != nil {
		return fmt.Errorf("orders: %w", err)
	}
	// How captures by order do is told to topologyd; for the Collector, they are
	// none of its configuration and cannot make it unhealthy.
	quiet := newStatus(r.set.Logger)
	set := newOrderSet(limits, g, r.set.Logger, r.now)
	set.types = canCapture
	set.make = func(o *order.Capture, cc CaptureConfig) (*capture, error) {
		return r.newCapture(hard, cc, quiet, keepCount(o))
	}
	set.release = func(c *capture) {
		if c.series != nil {
			r.series.put(c.name)
		}
	}
	deps := orders.Deps{Captures: set, Status: r.status.setOrders, Log: newSlog(r.set.Logger), Now: r.now}
	if limits.RawPackets {
		raw := rawpackets.DefaultRegistryConfig()
		raw.MaxBytes = int64(limits.MaxMemory)
		r.raw = rawpackets.NewRegistry(raw)
		set.store = func(o *order.Capture) (packetStore, error) {
			return r.raw.Open(o.ID, rawpackets.Config{Bytes: rawMemory(o)})
		}
		deps.Packets = r.raw
	}
	cfg := limits.session(order.Hello{
		HostID: r.host.ID, HostName: r.host.Name, Version: version.String(), Types: captureTypes(), RawPackets: limits.RawPackets,
	})
	cfg.Problems = r.problems
	s, err := orders.New(cfg, deps)
	if err != nil {
		return err
	}
	r.orders, r.session = set, s
	return nil
}

// captureTypes are the types of captures that the host can do, the preferred one
// first.
func captureTypes() (out []string) {
	for _, t := range []string{order.TypeAFPacket, order.TypeEBPF} {
		if canCapture(t) == nil {
			out = append(out, t)
		}
	}
	return out
}

// canCapture says why the host cannot do captures of a type, or nil.
func canCapture(typ string) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("interfaces can be captured on Linux only, not on %s", runtime.GOOS)
	}
	return nil
}

// problems are the features that the host lacks.
func (r *flowReceiver) problems() (out []order.Problem) {
	for _, a := range r.aids {
		out = append(out, a.Problems()...)
	}
	return out
}
