package ingest

import (
	"context"
	"hash/maphash"
	"slices"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/topologyd/auth"
	"github.com/skein-net/skein/topologyd/graph"
)

// This file is what a sender may say: everything, or what is of its own hosts
// (docs/security.md, "Hosts"). Whom an entity belongs to is told by its identity,
// never by an attribute, which its source chooses.

// Graph tells what is known. [engine.Engine] is one.
type Graph interface {
	View() *graph.View
}

// claims are those of the sender of one request.
type claims struct {
	in  *Ingest
	who *auth.Identity
	// bound tells that it speaks for its hosts alone.
	bound bool
	// salt tells the fingerprints of those who speak for other hosts apart.
	salt uint64
	// hosts are those of who, when there are more than fewHosts.
	hosts map[string]struct{}
	// tids remembers of the interfaces of flows whether they may be spoken of.
	tids map[entity.UUID]bool
	// changes and records tell that the request may use of the shares: one that
	// began to be taken is taken as a whole, or it would never come to an end.
	changes, records bool
}

// claimsOf returns the claims of who sends a request.
func (in *Ingest) claimsOf(ctx context.Context) claims {
	c := claims{in: in, who: auth.From(ctx)}
	if c.bound = !c.who.SpeaksForAll(); !c.bound {
		return c
	}
	many := len(c.who.Hosts) > fewHosts
	if last := in.many.Load(); many && last != nil && last.who == c.who {
		return *last
	}
	c.salt = 1 // of somebody without hosts
	for _, h := range c.who.Hosts {
		c.salt += maphash.String(in.seed, h) // in whatever order
	}
	c.salt *= 0x9e3779b97f4a7c15
	if many {
		c.hosts = make(map[string]struct{}, len(c.who.Hosts))
		if slices.Contains(c.who.Roles, auth.Host) {
			for _, h := range c.who.Hosts {
				c.hosts[h] = struct{}{}
			}
		}
		of := c
		in.many.Store(&of)
	}
	return c
}

// fewHosts is up to how many hosts of a sender are looked at one by one. Of those
// with more, relays, the last one's claims are kept, without what a request
// remembers.
const fewHosts = 16

// speaksFor is that of who sends.
func (c *claims) speaksFor(host string) bool {
	if c.hosts == nil {
		return c.who.SpeaksFor(host)
	}
	_, ok := c.hosts[host]
	return ok
}

// fingerprint is that of a line for this sender: what one host said is not
// confirmed by another, who has to have it decoded and is refused then.
func (c *claims) fingerprint(content []byte) uint64 {
	return max(1, c.in.fingerprint(content)^c.salt)
}

// owner says whose something is, as a sender sees it.
type owner uint8

const (
	nobodys owner = iota
	own
	foreign
)

// of judges a host by its host.id; "" is nobody's.
func (c *claims) of(host string) owner {
	switch {
	case host == "":
		return nobodys
	case c.speaksFor(host):
		return own
	}
	return foreign
}

// owns tells whose an entity is. A container that names no host is that of the
// host which has it now.
func (c *claims) owns(ref *entity.Ref) owner {
	host, ok := ref.Host()
	if !ok {
		return foreign
	}
	if host != "" || ref.Type != entity.TypeContainer || c.in.graph == nil {
		return c.of(host)
	}
	v := c.in.graph.View()
	slot := v.SlotByID(ref.UUID())
	if slot < 0 {
		return nobodys
	}
	is := nobodys
	for edge, parent := range v.InSlots(slot) {
		if v.RelationType(edge) != entity.Ownership {
			continue
		}
		switch c.of(v.NodeHost(parent)) {
		case own:
			return own
		case foreign:
			is = foreign
		}
	}
	return is
}

// event tells why the sender may not say this, nil when it may.
func (c *claims) event(e *entity.Event) error {
	if !c.bound {
		return nil
	}
	is := c.owns(&e.Ref)
	switch {
	case is == own:
	case is == foreign:
		return c.refuse("%s is of another host", describe(&e.Ref))
	case e.Type == entity.TypeContainer && e.ID.Get(entity.IDContainer) != "":
		// Nobody has it: it is new, or has no process.
		if err := c.passing(e); err != nil {
			return err
		}
	case e.Type == entity.TypeJoin || e.Type == entity.TypeRule || e.Type == entity.TypeFabric:
		return c.refuse("%s is what users define in the daemon", describe(&e.Ref))
	case c.of(entity.SourceHost(e.Source)) != own:
		return c.refuse("%s is no host's, and source %s is not its own; name the source NAME/HOST.ID, or send with an identity that speaks for all hosts",
			describe(&e.Ref), quote([]byte(e.Source)))
	}
	if err := c.attributes(e); err != nil {
		return err
	}
	for i := range e.Relationships {
		r := &e.Relationships[i]
		switch r.Type {
		case entity.RelPartOf, entity.RelFunctionOf, entity.Ownership, entity.VF:
			// Who is below whom decides about names and whose a container is.
			if c.owns(&r.Target) == foreign {
				return c.refuse("relationship %d: %s %s, which is of another host", i, r.Type, describe(&r.Target))
			}
		}
	}
	return nil
}

// Bounds of what is said of a container that may be another's tomorrow.
const (
	maxContainerInterval = time.Hour
	maxContainerAhead    = time.Hour
)

// passing refuses to have something for good that several hosts may say: never to
// expire, or by a time that nobody else's reports come after.
func (c *claims) passing(e *entity.Event) error {
	switch {
	case e.Kind == entity.State && (e.Interval == 0 || e.Interval > maxContainerInterval):
		return c.refuse("%s names no host, and so has to be reported again within %v", describe(&e.Ref), maxContainerInterval)
	case e.Time.Sub(c.in.now()) > maxContainerAhead:
		return c.refuse("%s names no host, and its report is of %s, which is to come; set the clock", describe(&e.Ref), e.Time.UTC().Format(time.RFC3339))
	}
	return nil
}

// ahead tells of a line that says nothing new whether it is so far ahead that it has
// to be looked at all the same: it would move the time of what it confirms.
func (c *claims) ahead(at, now int64) bool {
	return c.bound && at-now > int64(maxContainerAhead)
}

// keyRowHost is where a row of OVSDB says which host it is of: the joins that are
// built in go by it.
const keyRowHost = "Ovs.HostID"

// attributes looks at those by which an entity would be taken for another host's.
func (c *claims) attributes(e *entity.Event) error {
	var wrong error
	e.Attributes.Lookup(keyRowHost, func(v entity.Value) bool {
		list := []entity.Value{v}
		if v.Kind() == entity.KindList {
			list = v.List()
		}
		for _, v := range list {
			if v.Kind() != entity.KindString || c.of(v.Str()) != own {
				wrong = c.refuse("%s says that it is of the host %s", keyRowHost, quote([]byte(v.Text())))
				break
			}
		}
		return wrong == nil
	})
	if wrong != nil {
		return wrong
	}
	if e.Kind == entity.State && e.Type == entity.TypeHost && c.in.graph != nil {
		return c.name(e)
	}
	return nil
}

// name refuses a host the name of another: the interfaces of both would have the
// same TIDs, and the flows of one would be seen at the other. A host that has the
// name already keeps it.
func (c *claims) name(e *entity.Event) error {
	name := e.Attributes.Get(entity.KeyName)
	if name.Kind() != entity.KindString {
		return nil
	}
	v := c.in.graph.View()
	if slot := v.SlotByID(e.Ref.UUID()); slot >= 0 && v.NodeAttr(slot, entity.KeyName).Equal(name) {
		return nil
	}
	slots, count := v.SlotsWith(entity.KeyName, name)
	if count <= 0 {
		return nil
	}
	for slot := range slots {
		if v.NodeAttr(slot, entity.KeyType).Str() == entity.TypeHost && c.of(v.NodeHost(slot)) == foreign {
			return c.refuse("the name %s is that of the host %s, which is in the graph; give each host a name of its own",
				quote([]byte(name.Str())), quote([]byte(v.NodeHost(slot))))
		}
	}
	return nil
}

// node tells whose a node is that is known by its ID alone; known is false for
// one that the graph has not got.
func (c *claims) node(id entity.UUID) (is owner, known bool) {
	if c.in.graph == nil {
		return nobodys, false
	}
	host, known := c.in.owners.host(id, c.in.graph)
	return c.of(host), known
}

// tid tells whether flows may be of an interface: it is one of the sender's own, or
// is not known, as one that has gone.
func (c *claims) tid(tid entity.UUID) bool {
	if tid.IsZero() || c.in.graph == nil {
		return true
	}
	ok, looked := c.tids[tid]
	if looked {
		return ok
	}
	ok = c.lookTID(tid)
	if c.tids == nil {
		c.tids = make(map[entity.UUID]bool)
	}
	if len(c.tids) < maxTIDs {
		c.tids[tid] = ok
	}
	return ok
}

// lookTID is tid for one that is not remembered.
func (c *claims) lookTID(tid entity.UUID) bool {
	v := c.in.graph.View()
	slots, count := v.SlotsWith(entity.KeyTID, entity.String(tid.String()))
	if count <= 0 {
		return true
	}
	for slot := range slots {
		if c.of(v.NodeHost(slot)) == own {
			return true
		}
	}
	return false
}

// maxTIDs bounds how many interfaces a request remembers, maxOwners how many nodes
// are remembered with their hosts.
const (
	maxTIDs   = 4096
	maxOwners = 1 << 18
)

// owners remember of nodes which hosts they are of. That follows from the identity,
// of which the ID is a hash: it never changes.
type owners struct {
	mu   sync.RWMutex
	byID map[entity.UUID]string
}

// host returns the host of a node, "" for nobody's.
func (o *owners) host(id entity.UUID, g Graph) (host string, known bool) {
	o.mu.RLock()
	host, known = o.byID[id]
	o.mu.RUnlock()
	if known {
		return host, true
	}
	v := g.View()
	slot := v.SlotByID(id)
	if slot < 0 {
		return "", false
	}
	state := v.NodeStateAt(slot)
	ref := state.Ref
	for i := range state.Members {
		if state.Members[i].Ref.UUID() == id {
			ref = state.Members[i].Ref
		}
	}
	host, _ = ref.Host()
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.byID == nil || len(o.byID) >= maxOwners {
		o.byID = make(map[entity.UUID]string)
	}
	o.byID[id] = host
	return host, true
}
