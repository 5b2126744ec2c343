package ebpf

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"

	"github.com/skein-net/skein/internal/netns"
)

// attachment is how programs are attached to an interface.
type attachment interface {
	// kind is "tcx" or "clsact".
	kind() string
	// check returns an error that wraps ErrGone when packets do not come by any
	// more.
	check() error
	close()
}

// attach attaches to both hooks, or to the one for packets that come in when the
// interface is the loopback, which shows each packet twice. It goes before what
// others attached: they may keep packets from those that come later.
func attach(ns *netns.NS, cfg Config, p *programs, index int, loopback bool) (attachment, error) {
	if !cfg.classic {
		a, err := attachTCX(ns, p, index, loopback)
		if !errors.Is(err, ebpf.ErrNotSupported) {
			return a, err
		}
	}
	return attachClassic(ns, cfg, p, index, loopback)
}

type tcx struct {
	links []link.Link
	index int
}

func attachTCX(ns *netns.NS, p *programs, index int, loopback bool) (attachment, error) {
	t := &tcx{index: index}
	err := ns.Do(func() error {
		for _, way := range ways(p, loopback) {
			l, err := link.AttachTCX(link.TCXOptions{Interface: index, Program: way.program, Attach: way.tcx, Anchor: link.Head()})
			if err != nil {
				return fmt.Errorf("attach to %s: %w", way.name, err)
			}
			t.links = append(t.links, l)
		}
		return nil
	})
	if err != nil {
		t.close()
		return nil, err
	}
	return t, nil
}

// way is a hook and its program.
type way struct {
	name    string
	program *ebpf.Program
	tcx     ebpf.AttachType
	parent  uint32
}

func ways(p *programs, loopback bool) []way {
	all := []way{
		{"ingress", p.in, ebpf.AttachTCXIngress, parentIngress},
		{"egress", p.out, ebpf.AttachTCXEgress, parentEgress},
	}
	if loopback {
		return all[:1]
	}
	return all
}

func (t *tcx) kind() string { return "tcx" }

func (t *tcx) check() error {
	for _, l := range t.links {
		info, err := l.Info()
		if err != nil {
			return fmt.Errorf("ask about link: %w", err)
		}
		// The link of an interface that is no more has index 0.
		if x := info.TCX(); x == nil || int(x.Ifindex) != t.index {
			return ErrGone
		}
	}
	return nil
}

func (t *tcx) close() {
	for _, l := range t.links {
		_ = l.Close()
	}
	t.links = nil
}
