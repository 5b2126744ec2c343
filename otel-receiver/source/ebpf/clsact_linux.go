package ebpf

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/cilium/ebpf"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns"
)

const (
	parentIngress = netlink.HANDLE_MIN_INGRESS
	parentEgress  = netlink.HANDLE_MIN_EGRESS

	// filterName is the name of our classifiers.
	filterName = "skein_flows"
	// firstPriority is that of our classifier where there is no other: what the
	// kernel itself would choose.
	firstPriority = 0xc000
)

// classifiers are programs attached as such to the queueing discipline clsact,
// which is how it was done before Linux 6.6. Unlike links of tcx they stay when
// their owner dies; the next capture on the interface removes them.
type classifiers struct {
	nl      *netlink.Handle
	index   int
	stale   time.Duration
	filters []*netlink.BpfFilter
	ids     []int
	// made is set when the discipline is there because of us.
	made  bool
	qdisc netlink.Qdisc
}

func attachClassic(ns *netns.NS, cfg Config, p *programs, index int, loopback bool) (_ attachment, err error) {
	c := &classifiers{index: index, stale: cfg.stale}
	if err := ns.Do(func() error { c.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE); return err }); err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	defer func() {
		if err != nil {
			c.close()
		}
	}()
	if _, err := c.nl.LinkByIndex(index); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoInterface, err)
	}
	c.qdisc = &netlink.Clsact{QdiscAttrs: netlink.QdiscAttrs{
		LinkIndex: index, Handle: netlink.MakeHandle(0xffff, 0), Parent: netlink.HANDLE_CLSACT,
	}}
	switch err := c.nl.QdiscAdd(c.qdisc); {
	case err == nil:
		c.made = true
	case !errors.Is(err, unix.EEXIST):
		return nil, fmt.Errorf("add clsact to interface %d: %w", index, err)
	}
	for _, way := range ways(p, loopback) {
		if err := c.add(way); err != nil {
			return nil, fmt.Errorf("attach to %s: %w", way.name, err)
		}
	}
	return c, nil
}

// add puts a classifier before all others of a hook.
func (c *classifiers) add(w way) error {
	others, err := c.list(w.parent)
	if err != nil {
		return err
	}
	priority, ours := uint16(firstPriority), len(others) > 0
	for _, f := range others {
		b, ok := f.(*netlink.BpfFilter)
		if ok && abandoned(b, c.stale) {
			_ = c.nl.FilterDel(f) // somebody else may be quicker
			continue
		}
		ours = ours && ok && isOurs(b)
		if p := f.Attrs().Priority; p != 0 && p <= priority {
			priority = max(p-1, 1)
		}
	}
	// The discipline was made by a capture whose turn it is not to remove it.
	c.made = c.made || ours
	f := &netlink.BpfFilter{
		FilterAttrs: netlink.FilterAttrs{LinkIndex: c.index, Parent: w.parent, Priority: priority, Protocol: unix.ETH_P_ALL},
		Fd:          w.program.FD(), Name: filterName, DirectAction: true,
	}
	if err := c.nl.FilterAdd(f); err != nil {
		return fmt.Errorf("add classifier: %w", err)
	}
	info, err := w.program.Info()
	if err != nil {
		return fmt.Errorf("ask about program: %w", err)
	}
	id, _ := info.ID()
	// The kernel chose the handle.
	now, err := c.list(w.parent)
	if err != nil {
		return err
	}
	for _, g := range now {
		if b, ok := g.(*netlink.BpfFilter); ok && b.Id == int(id) {
			c.filters, c.ids = append(c.filters, b), append(c.ids, b.Id)
			return nil
		}
	}
	return errors.New("the classifier is not there after it was added")
}

func (c *classifiers) list(parent uint32) ([]netlink.Filter, error) {
	fs, err := c.nl.FilterList(&netlink.GenericLink{LinkAttrs: netlink.LinkAttrs{Index: c.index}}, parent)
	if err != nil {
		return nil, fmt.Errorf("list classifiers: %w", err)
	}
	return fs, nil
}

// isOurs reports whether a classifier is one of a capture, of whichever process.
// The kernel appends the program's name.
func isOurs(f *netlink.BpfFilter) bool { return strings.HasPrefix(f.Name, filterName) }

// abandoned reports whether a classifier is one of a capture that is no more: no
// process has shown for so long that its map of control has an owner. Where the
// kernel does not let us look (CAP_SYS_ADMIN) it is taken to have one.
func abandoned(f *netlink.BpfFilter, stale time.Duration) bool {
	if !isOurs(f) {
		return false
	}
	p, err := ebpf.NewProgramFromID(ebpf.ProgramID(f.Id))
	if err != nil {
		return false
	}
	defer p.Close()
	info, err := p.Info()
	if err != nil {
		return false
	}
	ids, _ := info.MapIDs()
	for _, id := range ids {
		if beat, ok := heartbeatOf(id); ok {
			return boot()-beat > stale
		}
	}
	return false
}

// heartbeatOf reads the heartbeat out of a map, if it is one of control.
func heartbeatOf(id ebpf.MapID) (time.Duration, bool) {
	m, err := ebpf.NewMapFromID(id)
	if err != nil {
		return 0, false
	}
	defer m.Close()
	info, err := m.Info()
	// The kernel keeps 15 bytes of a name.
	if err != nil || m.ValueSize() != controlSize || info.Name == "" || !strings.HasPrefix(controlMap, info.Name) {
		return 0, false
	}
	var c control
	if err := m.Lookup(uint32(0), &c); err != nil {
		return 0, false
	}
	return time.Duration(c.Heartbeat), true
}

func (c *classifiers) kind() string { return "clsact" }

func (c *classifiers) check() error {
	if _, err := c.nl.LinkByIndex(c.index); err != nil {
		var none netlink.LinkNotFoundError
		if errors.As(err, &none) {
			return ErrGone
		}
		return fmt.Errorf("look for interface %d: %w", c.index, err)
	}
	for i, f := range c.filters {
		there, err := c.list(f.Parent)
		if err != nil {
			return err
		}
		found := false
		for _, g := range there {
			b, ok := g.(*netlink.BpfFilter)
			found = found || ok && b.Id == c.ids[i]
		}
		if !found {
			return fmt.Errorf("%w: its classifier was removed", ErrGone)
		}
	}
	return nil
}

// close removes our classifiers, and the discipline if nobody else has one and it
// was made for captures.
func (c *classifiers) close() {
	if c.nl == nil {
		return
	}
	for _, f := range c.filters {
		// Not there any more is as well.
		_ = c.nl.FilterDel(f)
	}
	if c.made {
		in, err := c.list(parentIngress)
		out, err2 := c.list(parentEgress)
		if err == nil && err2 == nil && len(in)+len(out) == 0 {
			_ = c.nl.QdiscDel(c.qdisc)
		}
	}
	c.nl.Close()
	c.nl, c.filters = nil, nil
}
