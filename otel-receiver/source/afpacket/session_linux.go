package afpacket

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
	"github.com/skein-net/skein/otel-receiver/source"
)

// errDown is returned when an interface must be up first.
var errDown = errors.New("the interface is down")

// nsCheck is how often it is looked whether the namespace still has its name.
const nsCheck = time.Second

// session captures from the interface as it is now, until ctx ends (nil) or the
// interface is gone. It calls opened once the rings are live.
func (s *Source) session(ctx context.Context, workers []source.Worker, opened func()) error {
	var ns *netns.NS
	var err error
	if s.cfg.NetNS == "" {
		ns, err = netns.Current()
	} else {
		ns, err = netns.Open(s.cfg.NetNS)
	}
	if err != nil {
		if errors.Is(err, netns.ErrNotNetNS) || errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("%w: %w", ErrNoInterface, err)
		}
		return err
	}
	defer ns.Close()
	var rings []*ring
	defer func() {
		s.finish(rings)
		for _, r := range rings {
			r.close()
		}
	}()
	if err := s.open(ns, len(workers), &rings); err != nil {
		return err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return fmt.Errorf("make event to wake workers: %w", err)
	}
	defer unix.Close(wake)
	if n := s.opened.Add(1); n > 1 {
		s.cfg.Log.Info("capture goes on", "interface", s.cfg.Interface, "netns", s.cfg.NetNS, "opened", n)
	}
	opened()

	named := func() error { return nil }
	if s.cfg.NetNS != "" {
		named = func() error {
			if id, err := netns.Stat(s.cfg.NetNS); err != nil || id != ns.ID() {
				return fmt.Errorf("%w: %s is no longer the network namespace %s", ErrGone, s.cfg.NetNS, ns.ID())
			}
			return nil
		}
	}
	return source.Each(ctx, len(workers), func(ctx context.Context, i int) error {
		written := make(chan struct{})
		stop := context.AfterFunc(ctx, func() {
			defer close(written)
			_, _ = unix.Write(wake, []byte{1, 1, 1, 1, 1, 1, 1, 1})
		})
		defer func() {
			if !stop() {
				<-written // before the event is closed
			}
		}()
		r := rings[i]
		r.wake = wake
		if i == 0 {
			r.named = named
		}
		return r.run(ctx, workers[i])
	})
}

// open opens a socket with a ring for each worker and lets them share the
// interface's frames. It appends to rings also when it fails.
func (s *Source) open(ns *netns.NS, n int, rings *[]*ring) error {
	var filter []bpf.RawInstruction
	group, index := noGroup, 0
	for i := range n {
		var so *socket
		if err := ns.Do(func() (err error) { so, err = openSocket(s.cfg); return err }); err != nil {
			return err
		}
		r := &ring{fd: so.fd, index: so.index, cfg: s.cfg, link: so.link, count: &s.count}
		*rings = append(*rings, r)
		if s.cfg.IfIndex != 0 && s.opened.Load() == 0 && so.index != s.cfg.IfIndex {
			return fmt.Errorf("%w: %s has index %d, not %d", ErrNoInterface, s.cfg.Interface, so.index, s.cfg.IfIndex)
		}
		if i > 0 && so.index != index {
			return fmt.Errorf("%w: it was replaced while it was opened", ErrGone)
		}
		index = so.index
		if i == 0 {
			prog, err := so.filter(s.cfg)
			if err != nil {
				return err
			}
			filter = prog
		}
		if err := so.bind(s.cfg, r); err != nil {
			return err
		}
		if n > 1 {
			var err error
			if group, err = so.join(group); err != nil {
				return err
			}
		}
	}
	return s.begin(*rings, filter)
}
