package flowcapture

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"github.com/skein-net/skein/internal/order"
	"github.com/skein-net/skein/internal/version"
	"github.com/skein-net/skein/otel-receiver/orders"
	"github.com/skein-net/skein/otel-receiver/rawpackets"
	"github.com/skein-net/skein/otel-receiver/source/ebpf"
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
	// It takes a moment and loads programs: not before somebody wants to know.
	features := sync.OnceValue(ebpf.Probe)
	can := func(typ string) error { return canCapture(typ, features) }
	set.types = can
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
		HostID: r.host.ID, HostName: r.host.Name, Version: version.String(), RawPackets: limits.RawPackets,
	})
	cfg.Describe = func(h *order.Hello) { h.Types, h.Problems = captureTypes(can), r.problems(features()) }
	s, err := orders.New(cfg, deps)
	if err != nil {
		return err
	}
	r.orders, r.session = set, s
	return nil
}

// captureTypes are the types of captures that the host can do, the preferred one
// first.
func captureTypes(can func(string) error) (out []string) {
	for _, t := range []string{order.TypeAFPacket, order.TypeEBPF} {
		if can(t) == nil {
			out = append(out, t)
		}
	}
	return out
}

// canCapture says why the host cannot do captures of a type, or nil.
func canCapture(typ string, features func() ebpf.Features) error {
	if runtime.GOOS != "linux" {
		return fmt.Errorf("interfaces can be captured on Linux only, not on %s", runtime.GOOS)
	}
	if typ != typeEBPF {
		return nil
	}
	f := features()
	if f.Usable {
		return nil
	}
	for _, p := range f.Problems() {
		if p.Feature == ebpf.FeatureEBPF {
			return fmt.Errorf("the host cannot do type ebpf: %s; use type afpacket", p.Error)
		}
	}
	return errors.New("the host cannot do type ebpf; use type afpacket")
}

// problems are the features that the host lacks.
func (r *flowReceiver) problems(f ebpf.Features) []order.Problem {
	out := f.Problems()
	for _, a := range r.aids {
		out = append(out, a.Problems()...)
	}
	return out
}
