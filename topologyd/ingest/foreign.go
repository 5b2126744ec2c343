package ingest

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/flowrecord"
	"github.com/skein-net/skein/topologyd/engine"
)

// errForeign is wrapped by what refuses a sender who speaks of what is not its own.
var errForeign = errors.New("not yours to report")

// refuse says what the sender may not say.
func (c *claims) refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errForeign, fmt.Sprintf(format, args...))
}

// describe names an entity for a message.
func describe(ref *entity.Ref) string {
	b := append([]byte(nil), ref.Type...)
	for i, a := range ref.ID {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(append(append(append(b, ' '), a.Key...), '='), a.Value...)
	}
	const most = 200
	if len(b) > most {
		return "the entity " + strconv.QuoteToASCII(string(b[:most])) + "…"
	}
	return "the entity " + strconv.QuoteToASCII(string(b))
}

// flows keeps the flow records that the sender may send, in place, and tells why
// not of the first of the others.
func (c *claims) flows(batch []flowrecord.Record) (kept []flowrecord.Record, first error) {
	if !c.bound {
		return batch, nil
	}
	kept = batch[:0]
	for i := range batch {
		r := &batch[i]
		var err error
		switch {
		case r.HostID == "":
			err = c.refuse("flow %s has no host: the resource has no host.id", r.ID)
		case c.of(r.HostID) != own:
			err = c.refuse("flow %s is of the host %s", r.ID, quote([]byte(r.HostID)))
		case !c.tid(r.NodeTID):
			err = c.refuse("flow %s is of the interface %s of another host", r.ID, r.NodeTID)
		}
		if err == nil {
			if kept = kept[:len(kept)+1]; len(kept) <= i {
				kept[len(kept)-1] = *r
			}
		} else if first == nil {
			first = err
		}
	}
	return kept, first
}

// metrics keeps the counters of the sender's own nodes, in place. unknown are those
// of nodes that the graph has not got: they are passed over, as it is not known
// whose they will be. refused tells of each of the others by its place.
func (c *claims) metrics(ms []engine.Metric, refused func(i int, err error)) (kept []engine.Metric, unknown int) {
	kept = ms[:0]
	for i := range ms {
		switch is, known := c.node(ms[i].Node); {
		case !known:
			unknown++
		case is != own:
			refused(i, c.refuse("node %s is not of its host", ms[i].Node))
		default:
			kept = append(kept, ms[i])
		}
	}
	return kept, unknown
}

// foreignLog tells of refusals: of the first of a sender in a minute.
type foreignLog struct {
	mu   sync.Mutex
	told map[string]*refusals
}

// refusals are those of one sender.
type refusals struct {
	at     time.Time
	silent int // since then
}

const (
	foreignEvery = time.Minute
	// maxForeign bounds the senders that are told apart.
	maxForeign = 256
)

// next notes n refusals of a sender and tells whether to say so, and how many
// were not told of before.
func (l *foreignLog) next(name string, n int, now time.Time) (say bool, before int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.told == nil || l.told[name] == nil && len(l.told) >= maxForeign {
		l.told = make(map[string]*refusals)
	}
	r := l.told[name]
	if r == nil {
		r = &refusals{}
		l.told[name] = r
	}
	if now.Sub(r.at) < foreignEvery {
		r.silent += n
		return false, 0
	}
	before = r.silent
	r.at, r.silent = now, n-1
	return true, before
}

// foreign counts what was refused of a sender and says so, now and then.
func (in *Ingest) foreign(c *claims, protocol string, n int, first error) {
	in.n.reject(protocol, reasonForeign, n)
	if say, before := in.told.next(c.who.Name, n, in.now()); say {
		in.log.Warn("a sender spoke of what is not its own", "identity", c.who.Name, "method", c.who.Method, "hosts", shortList(c.who.Hosts),
			"what", first, "refused_before", before)
	}
}

// shortList names the first of several.
func shortList(all []string) string {
	const most = 5
	if len(all) <= most {
		return strings.Join(all, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(all[:most], ", "), len(all)-most)
}
