package ingest

import (
	"fmt"
	"math"
	"time"

	"github.com/skein-net/skein/topologyd/auth/limit"
	"github.com/skein-net/skein/topologyd/engine"
)

// What a host may have written down in the long run is bounded, so that one of them
// cannot push what others said out of what is kept. What it says again, and does not
// change anything, is not counted: its things stay alive while it has to wait.

// shares are what senders that speak for some hosts alone have left.
type shares struct {
	// changes are in bytes, records are flow records and counters; nil: no bound.
	changes, records *limit.Limiter[limit.Client]
}

const (
	// shareTime is the time whose share may be used at once.
	shareTime = 10 * time.Minute
	// shareClients bounds the senders that are told apart.
	shareClients = 65536
	// maxShareWait is the longest time after which a sender is told to come again:
	// its things must not be taken for dead meanwhile.
	maxShareWait = 10 * time.Second
)

func newShares(cfg *Config) (s shares, err error) {
	bucket := func(rate int) (*limit.Limiter[limit.Client], error) {
		if rate == 0 {
			return nil, nil
		}
		burst := min(float64(rate)*shareTime.Seconds(), math.MaxInt32)
		return limit.New[limit.Client](limit.Config{Rate: float64(rate), Burst: int(burst), Clients: shareClients})
	}
	if s.changes, err = bucket(cfg.HostChanges); err != nil {
		return s, fmt.Errorf("bound the changes of a host: %w", err)
	}
	if s.records, err = bucket(cfg.HostRecords); err != nil {
		return s, fmt.Errorf("bound the records of a host: %w", err)
	}
	return s, nil
}

// shareError refuses a sender that has used up its share.
type shareError struct {
	reason, name, what, flag string
	wait                     time.Duration
}

func (e *shareError) Error() string {
	return fmt.Sprintf("%s reports more %s than its share; send again in %d s, or have --%s raised", e.name, e.what, e.seconds(), e.flag)
}

// seconds are those to wait.
func (e *shareError) seconds() int {
	return int(math.Ceil(min(e.wait, maxShareWait).Seconds()))
}

// client is what a sender is counted as. Hosts with one token have one share, which
// is as large as those of all hosts it speaks for.
func (c *claims) client() limit.Client { return limit.Client{Method: c.who.Method, Name: c.who.Name} }

// left tells whether the sender has something left of a share, or had when the
// request began to use of it.
func (c *claims) left(of *limit.Limiter[limit.Client], may *bool, e shareError) error {
	if !c.bound || of == nil || *may {
		return nil
	}
	if e.wait = of.EmptyAt(c.client(), c.in.now()); e.wait == 0 {
		*may = true
		return nil
	}
	e.name = c.who.Name
	return &e
}

// spend takes from a share what was used.
func (c *claims) spend(of *limit.Limiter[limit.Client], n int) {
	if c.bound && of != nil && n > 0 {
		of.SpendAt(c.client(), max(1, n/max(1, len(c.who.Hosts))), c.in.now())
	}
}

// mayChange tells whether the sender may change anything.
func (c *claims) mayChange() error {
	return c.left(c.in.shares.changes, &c.changes, shareError{reason: reasonChanges, what: "changes", flag: "host-change-rate"})
}

// sizeOf is what the sender is to be charged for events, if all change something.
func (c *claims) sizeOf(items []engine.Item) (n int) {
	if c.bound && c.in.shares.changes != nil {
		for i := range items {
			n += items[i].Event.Size()
		}
	}
	return n
}

// changed charges the sender for those of its events that changed something.
func (c *claims) changed(size, all int, s engine.Summary) {
	c.spend(c.in.shares.changes, int(int64(size)*int64(s.Changed)/int64(max(all, 1))))
}

// mayRecord tells whether the sender may have flow records and counters kept.
func (c *claims) mayRecord() error {
	return c.left(c.in.shares.records, &c.records, shareError{reason: reasonRecords, what: "flow records and counters", flag: "host-record-rate"})
}

// recorded charges the sender for them.
func (c *claims) recorded(n int) { c.spend(c.in.shares.records, n) }
