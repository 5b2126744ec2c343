package probe

import (
	"context"
	"time"

	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/mapping"
)

// peerKey is how a paired link knows the pair: its own index, and that of the
// other end in the other end's namespace. The other end has them swapped.
type peerKey struct{ index, parent int32 }

// peerKeyOf returns the key of a link whose other end is in another namespace.
func peerKeyOf(rec *rtnl.Link) (k peerKey, ok bool) {
	if rec == nil || !mapping.IsPeered(rec.Kind) || !rec.LinkNSID.Set || rec.Parent.Or(0) <= 0 {
		return peerKey{}, false
	}
	return peerKey{rec.Index, rec.Parent.Value}, true
}

// indexPeer keeps the index of paired links up to date with a new record.
func (p *Probe) indexPeer(l *link, old *rtnl.Link) {
	ok, had := peerKeyOf(old)
	nk, has := peerKeyOf(l.rec)
	if had == has && ok == nk {
		return
	}
	if had {
		p.dropPeer(ok, l)
	}
	if has {
		if p.peers[nk] == nil {
			p.peers[nk] = make(map[*link]struct{}, 1)
		}
		p.peers[nk][l] = struct{}{}
	}
}

func (p *Probe) unindexPeer(l *link) {
	if k, ok := peerKeyOf(l.rec); ok {
		p.dropPeer(k, l)
	}
}

func (p *Probe) dropPeer(k peerKey, l *link) {
	delete(p.peers[k], l)
	if len(p.peers[k]) == 0 {
		delete(p.peers, k)
	}
}

// indexNSID keeps the index of links that name another namespace.
func (sp *space) indexNSID(l *link, old *rtnl.Link) {
	if old != nil && old.LinkNSID == l.rec.LinkNSID {
		return
	}
	if old != nil {
		sp.dropNSID(l, old)
	}
	if id, ok := l.rec.LinkNSID.Get(); ok {
		if sp.byNSID[id] == nil {
			sp.byNSID[id] = make(map[*link]struct{}, 1)
		}
		sp.byNSID[id][l] = struct{}{}
	}
}

func (sp *space) unindexNSID(l *link) {
	if l.rec != nil {
		sp.dropNSID(l, l.rec)
	}
}

func (sp *space) dropNSID(l *link, rec *rtnl.Link) {
	if id, ok := rec.LinkNSID.Get(); ok {
		delete(sp.byNSID[id], l)
		if len(sp.byNSID[id]) == 0 {
			delete(sp.byNSID, id)
		}
	}
}

// touchNSID reports the links anew that refer to a namespace by its number.
func (sp *space) touchNSID(id int32, now time.Time) {
	for l := range sp.byNSID[id] {
		l.changed(0, now)
	}
}

// linkSpace returns the namespace that the link's other link is in, nil when
// that is not known.
func (l *link) linkSpace() *space {
	id, elsewhere := l.rec.LinkNSID.Get()
	if !elsewhere {
		return l.sp
	}
	return l.sp.nsids[id]
}

// resolveLink finds out which namespace a link means by its number, and wakes
// the other end where that does not know this one yet.
func (p *Probe) resolveLink(l *link, now time.Time) {
	id, elsewhere := l.rec.LinkNSID.Get()
	if elsewhere && id >= 0 && l.sp.nsids[id] == nil && p.mayResolve(l) {
		l.sp.work.wantNSID[id] = struct{}{}
	}
	if k, ok := peerKeyOf(l.rec); ok {
		for o := range p.peers[peerKey{k.parent, k.index}] {
			oid := o.rec.LinkNSID.Value
			if o.sp != l.sp && o.sp.nsids[oid] == nil {
				o.sp.work.wantNSID[oid] = struct{}{}
				o.sp.work.kick(now)
			}
		}
	}
	// The other end, when it is known, may not have been told that this one
	// moved: the kernel sends it nothing.
	if !mapping.IsPeered(l.rec.Kind) {
		return
	}
	if sp := l.linkSpace(); sp != nil {
		if o := sp.links[l.rec.Parent.Or(0)]; o != nil && o.rec != nil && !o.pointsTo(l) {
			sp.work.ask(o.index)
			sp.work.kick(now)
		}
	}
}

// pointsTo reports whether what is known of l agrees with that its other end
// is other.
func (l *link) pointsTo(other *link) bool {
	if l.rec.Parent.Or(0) != other.index {
		return false
	}
	id, elsewhere := l.rec.LinkNSID.Get()
	if elsewhere != (l.sp != other.sp) {
		return false
	}
	sp := l.sp.nsids[id]
	return !elsewhere || sp == nil || sp == other.sp
}

// mayResolve reports whether there is somebody to ask about the link: for a
// paired link its candidates, for others everybody.
func (p *Probe) mayResolve(l *link) bool {
	id := l.rec.LinkNSID.Value
	if k, ok := peerKeyOf(l.rec); ok {
		return len(p.peers[peerKey{k.parent, k.index}]) > 0
	}
	return l.sp.nsidTried[id] != p.gen
}

// askPeers asks again for the links that were on the other side of a link that
// is not there any more: it may have moved, of which they hear nothing.
func (p *Probe) askPeers(l *link) {
	if !mapping.IsPeered(l.rec.Kind) {
		return
	}
	sp := l.linkSpace()
	if sp == nil || sp.gone {
		return
	}
	if o := sp.links[l.rec.Parent.Or(0)]; o != nil && o.rec != nil {
		sp.work.ask(o.index)
		sp.work.kick(time.Now())
	}
}

// spaceAppeared asks again what numbers mean that meant none of the namespaces
// there were, now that one more has been listed. Paired links need no such
// question: the other end asks.
func (p *Probe) spaceAppeared(sp *space, now time.Time) {
	for o := range p.unresolved {
		for id, links := range o.byNSID {
			if o.nsids[id] != nil {
				continue
			}
			for l := range links {
				if !mapping.IsPeered(l.rec.Kind) && p.mayResolve(l) {
					o.work.wantNSID[id] = struct{}{}
					break
				}
			}
		}
		if o != sp {
			o.work.kick(now)
		}
	}
}

// applyNSID hears that a number was given or taken back.
func (sp *space) applyNSID(n *rtnl.NSID, del bool, now time.Time) {
	delete(sp.nsidTried, n.ID)
	if del {
		delete(sp.nsids, n.ID)
		sp.touchNSID(n.ID, now)
		return
	}
	if len(sp.byNSID[n.ID]) > 0 {
		sp.work.wantNSID[n.ID] = struct{}{}
	}
}

// candidates returns the namespaces that a number may mean: of paired links
// those where the other end may be, of others the root first and then all that
// have a link of that index.
func (sp *space) candidates(id int32) []*space {
	p := sp.p
	seen := map[*space]bool{sp: true}
	var out []*space
	add := func(o *space) {
		if !seen[o] && !o.gone && (o.conn != nil || o.path != "") {
			seen[o] = true
			out = append(out, o)
		}
	}
	for l := range sp.byNSID[id] {
		if k, ok := peerKeyOf(l.rec); ok {
			for o := range p.peers[peerKey{k.parent, k.index}] {
				add(o.sp)
			}
			continue
		}
		parent := mapping.Parent(l.rec)
		if p.root != nil && p.root.links[parent] != nil {
			add(p.root)
		}
		for _, o := range p.spaces {
			if len(out) < maxCandidates && o.links[parent] != nil {
				add(o)
			}
		}
	}
	return out
}

// maxCandidates bounds how many namespaces one is compared with at a time.
const maxCandidates = 256

// startNSIDs asks the kernel which of the candidates the numbers mean.
func (w *work) startNSIDs() {
	sp, conn, ids := w.sp, w.sp.conn, w.wantNSID
	w.wantNSID = make(map[int32]struct{})
	type question struct {
		target *space
		ctl    int
		path   string
	}
	asked := make(map[*space]bool)
	var questions []question
	for id := range ids {
		sp.nsidTried[id] = sp.p.gen
		for _, o := range sp.candidates(id) {
			if !asked[o] {
				asked[o] = true
				questions = append(questions, question{o, o.ctl, o.path})
			}
		}
	}
	w.start(func(ctx context.Context) func(time.Time) {
		found := make(map[int32]*space)
		for _, q := range questions {
			ns, err := openTarget(q.ctl, q.path, q.target.id)
			if err != nil {
				continue // it ended, or we may not
			}
			id, err := conn.NSID(ctx, ns.FD())
			_ = ns.Close() // only its descriptor was wanted
			if err == nil && id != rtnl.NoNSID {
				found[id] = q.target
			}
		}
		return func(now time.Time) {
			delete(sp.p.unresolved, sp)
			for id := range sp.byNSID {
				if found[id] == nil && sp.nsids[id] == nil {
					sp.p.unresolved[sp] = struct{}{}
				}
			}
			for id, target := range found {
				if !target.gone && sp.nsids[id] != target {
					sp.nsids[id] = target
					sp.touchNSID(id, now)
					for l := range sp.byNSID[id] {
						sp.p.resolveLink(l, now)
					}
				}
			}
		}
	})
}
