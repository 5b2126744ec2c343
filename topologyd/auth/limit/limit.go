// Package limit bounds how much each client may ask for: a bucket of tokens for
// each of a bounded number of clients.
//
// The package must never refuse a client for what another one does, short of
// forgetting it when there are more clients than it keeps.
package limit

import (
	"fmt"
	"math"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
	"golang.org/x/time/rate"
)

// Config says how much each client may.
type Config struct {
	// Rate is how many a second, Burst how many at once.
	Rate  float64
	Burst int
	// Clients is how many clients are kept at most. Beyond, the one that asked
	// longest ago is forgotten: it begins with a full bucket again. Each takes about
	// 200 bytes.
	Clients int
}

// DefaultConfig returns the defaults for requests.
func DefaultConfig() Config { return Config{Rate: 200, Burst: 1000, Clients: 65536} }

// Validate tells what is wrong.
func (c Config) Validate() error {
	switch {
	case !(c.Rate > 0) || math.IsInf(c.Rate, 0):
		return fmt.Errorf("rate %v is not a number above zero", c.Rate)
	case c.Burst < 1:
		return fmt.Errorf("burst %d is less than one", c.Burst)
	case c.Clients < 1:
		return fmt.Errorf("%d clients are less than one", c.Clients)
	}
	return nil
}

// Limiter holds the buckets of clients, which are told apart by a K: a [Client], or
// whatever else names one. Its methods may be called concurrently.
type Limiter[K comparable] struct {
	cfg Config

	mu      sync.Mutex
	buckets *simplelru.LRU[K, *rate.Limiter]
	evicted uint64
}

// New returns a limiter that knows no client yet.
func New[K comparable](cfg Config) (*Limiter[K], error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	l := &Limiter[K]{cfg: cfg}
	buckets, err := simplelru.NewLRU[K, *rate.Limiter](cfg.Clients, nil)
	if err != nil {
		return nil, fmt.Errorf("keep clients: %w", err)
	}
	l.buckets = buckets
	return l, nil
}

// Take takes one from the bucket of a client. Without one left it takes nothing and
// tells how long to wait for the next.
func (l *Limiter[K]) Take(client K) (ok bool, wait time.Duration) {
	return l.TakeAt(client, time.Now())
}

// TakeAt is [Limiter.Take] at a time, which must not go back.
func (l *Limiter[K]) TakeAt(client K, now time.Time) (ok bool, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(client)
	if b.AllowN(now, 1) {
		return true, 0
	}
	return false, l.missing(b, now)
}

// Spend takes so many from the bucket of a client, whether they are there or not:
// what is not there is missing until it has come again. More than [maxBursts] bursts
// are not taken at a time.
func (l *Limiter[K]) Spend(client K, n int) { l.SpendAt(client, n, time.Now()) }

// SpendAt is [Limiter.Spend] at a time, which must not go back.
func (l *Limiter[K]) SpendAt(client K, n int, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(client)
	for range maxBursts {
		k := min(n, l.cfg.Burst)
		if n -= k; k <= 0 || !b.ReserveN(now, k).OK() {
			return
		}
	}
}

// maxBursts is how many bursts may be spent at a time.
const maxBursts = 64

// bucket is that of a client, a full one when it is not known. The lock is held.
func (l *Limiter[K]) bucket(client K) *rate.Limiter {
	b, found := l.buckets.Get(client)
	if !found {
		b = rate.NewLimiter(rate.Limit(l.cfg.Rate), l.cfg.Burst)
		if l.buckets.Add(client, b) {
			l.evicted++
		}
	}
	return b
}

// Empty tells how long to wait until a client has one left, 0 when it has, or is
// not known. It takes nothing.
func (l *Limiter[K]) Empty(client K) time.Duration { return l.EmptyAt(client, time.Now()) }

// EmptyAt is [Limiter.Empty] at a time, which must not go back.
func (l *Limiter[K]) EmptyAt(client K, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	b, found := l.buckets.Peek(client)
	if !found {
		return 0
	}
	return l.missing(b, now)
}

// missing is how long a bucket takes until it holds one.
func (l *Limiter[K]) missing(b *rate.Limiter, now time.Time) time.Duration {
	left := b.TokensAt(now)
	if left >= 1 {
		return 0
	}
	seconds := (1 - left) / l.cfg.Rate
	if seconds > math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return max(time.Duration(seconds*float64(time.Second)), 1)
}

// Stats are the sizes of a limiter.
type Stats struct {
	// Clients are those that are kept, Forgotten how many were forgotten, since the
	// start, to make room for others.
	Clients   int
	Forgotten uint64
}

// Stats returns the sizes.
func (l *Limiter[K]) Stats() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	return Stats{Clients: l.buckets.Len(), Forgotten: l.evicted}
}

// Address is an address as far as it tells clients apart: of IPv6 the first 64 bits
// (RFC 4291, section 2.5.4: whoever has a network has all addresses in it), of an
// IPv4 address in IPv6 the IPv4 one, and no zone.
func Address(a netip.Addr) netip.Addr {
	a = a.Unmap().WithZone("")
	if !a.Is6() {
		return a
	}
	p, err := a.Prefix(64)
	if err != nil {
		return a // not reached: every IPv6 address has 64 bits
	}
	return p.Addr()
}

// Client tells those apart who ask: by who they are, else by where they ask from.
type Client struct {
	// Method and Name are those of an identity, "" when nobody knows who it is.
	Method, Name string
	// Address is [Address] of somebody unknown.
	Address netip.Addr
}
