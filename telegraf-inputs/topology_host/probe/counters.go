package probe

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
)

// Sample is the counters of one interface at one moment.
type Sample struct {
	Entity entity.UUID
	// NetNS is the name of the namespace, empty for the root one.
	NetNS string
	// Name and Type are the interface's.
	Name, Type string
	Stats      *rtnl.Stats
}

// HostID and HostName return the identity and name of the host, also where
// they were found and not configured. They are fixed once Start has returned.
func (p *Probe) HostID() string { return p.cfg.HostID }

// HostName is explained at [Probe.HostID].
func (p *Probe) HostName() string { return p.cfg.HostName }

// Counters reads the counters of all interfaces and calls yield for each, in
// order of namespace and index. Namespaces that end meanwhile are left out.
//
// What it reads also shows changes of which the kernel sent no event, for
// example of the alias of a link that is down: the model catches up with them.
func (p *Probe) Counters(ctx context.Context, yield func(Sample)) error {
	type where struct {
		sp   *space
		conn *rtnl.Conn
		ns   mapping.NetNS
		name string
	}
	answer := make(chan []where, 1)
	if !p.post(func() {
		var all []where
		for _, sp := range p.spaces {
			if sp.conn != nil {
				w := where{sp: sp, conn: sp.conn, ns: sp.ns}
				if !sp.root {
					w.name = sp.name
				}
				all = append(all, w)
			}
		}
		answer <- all
	}) {
		return errors.New("read counters: the probe has stopped")
	}
	var all []where
	select {
	case all = <-answer:
	case <-p.quit:
		return errors.New("read counters: the probe has stopped")
	case <-ctx.Done():
		return fmt.Errorf("read counters: %w", ctx.Err())
	}
	slices.SortFunc(all, func(a, b where) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.ns.Inode, b.ns.Inode))
	})
	var errs []error
	for _, w := range all {
		links, err := w.conn.Links(ctx)
		switch {
		case errors.Is(err, rtnl.ErrClosed):
			continue
		case err != nil && !errors.Is(err, rtnl.ErrInterrupted):
			if ctx.Err() != nil {
				return fmt.Errorf("read counters: %w", ctx.Err())
			}
			errs = append(errs, fmt.Errorf("read counters of namespace %q: %w", w.name, err))
			continue
		}
		p.post(func() { w.sp.verify(links) })
		for i := range links {
			l := &links[i]
			if l.Stats == nil {
				continue
			}
			yield(Sample{
				Entity: w.ns.Interface(l.Index).UUID(),
				NetNS:  w.name,
				Name:   l.Name,
				Type:   mapping.Type(l),
				Stats:  l.Stats,
			})
		}
	}
	return errors.Join(errs...)
}

// verify asks for the links that a listing shows differently from the model.
// The listing itself may be older than the model.
func (sp *space) verify(links []rtnl.Link) {
	if sp.gone || !sp.synced {
		return
	}
	for i := range links {
		if l := sp.links[links[i].Index]; l == nil || l.rec == nil || !sameSilent(l.rec, &links[i]) {
			sp.work.ask(links[i].Index)
		}
	}
	sp.work.kick(time.Now())
}

// sameSilent compares what may change without an event.
func sameSilent(a, b *rtnl.Link) bool {
	return a.Name == b.Name && a.Alias == b.Alias && a.Flags == b.Flags && a.MTU == b.MTU && a.MAC == b.MAC &&
		a.TxQueueLen == b.TxQueueLen && a.Group == b.Group && a.Qdisc == b.Qdisc && a.Master == b.Master &&
		a.Parent == b.Parent && a.LinkNSID == b.LinkNSID && a.OperState == b.OperState && a.XDP == b.XDP &&
		a.NumVF == b.NumVF && a.ProtoDown == b.ProtoDown && a.AddrGenMode == b.AddrGenMode &&
		slices.Equal(a.AltNames, b.AltNames) && a.Info.Equal(b.Info) && a.SlaveInfo.Equal(b.SlaveInfo) &&
		slices.Equal(a.VFs, b.VFs)
}
