// Package definitiontest holds a bucket in memory for tests. It must never be
// imported by the product.
package definitiontest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/skein-net/skein/topologyd/definition"
)

// KV is a [definition.KV] in memory. Its zero value is an empty bucket.
type KV struct {
	mu       sync.Mutex
	revision uint64
	entries  map[string]definition.Entry
	log      []definition.Entry
	news     chan struct{}
	broken   chan struct{}
	fail     error
}

// Fail makes all writes fail with err, nil: none.
func (k *KV) Fail(err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.fail = err
}

// Break ends all watches with an error.
func (k *KV) Break() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.init()
	close(k.broken)
	k.broken = make(chan struct{})
}

// Put stores a value whatever was there.
func (k *KV) Put(key string, value []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(definition.Entry{Key: key, Value: value})
}

// Remove removes a key.
func (k *KV) Remove(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.put(definition.Entry{Key: key, Deleted: true})
}

// Get returns the value of a key, nil when there is none.
func (k *KV) Get(key string) []byte {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.entries[key].Value
}

func (k *KV) init() {
	if k.entries == nil {
		k.entries = make(map[string]definition.Entry)
		k.news, k.broken = make(chan struct{}), make(chan struct{})
	}
}

func (k *KV) put(e definition.Entry) uint64 {
	k.init()
	k.revision++
	e.Revision = k.revision
	if e.Deleted {
		delete(k.entries, e.Key)
	} else {
		k.entries[e.Key] = e
	}
	k.log = append(k.log, e)
	close(k.news)
	k.news = make(chan struct{})
	return e.Revision
}

// Write implements [definition.KV].
func (k *KV) Write(_ context.Context, key string, value []byte, revision uint64) (uint64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return 0, k.fail
	}
	switch old := k.entries[key].Revision; {
	case revision == 0 && old != 0:
		return 0, fmt.Errorf("write %s: %w", key, definition.ErrExists)
	case old != revision:
		return 0, fmt.Errorf("write %s: %w", key, definition.ErrConflict)
	}
	return k.put(definition.Entry{Key: key, Value: value}), nil
}

// Delete implements [definition.KV].
func (k *KV) Delete(_ context.Context, key string, revision uint64) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.fail != nil {
		return k.fail
	}
	switch old := k.entries[key].Revision; {
	case old == 0:
		return fmt.Errorf("delete %s: %w", key, definition.ErrNotFound)
	case old != revision:
		return fmt.Errorf("delete %s: %w", key, definition.ErrConflict)
	}
	k.put(definition.Entry{Key: key, Deleted: true})
	return nil
}

// Watch implements [definition.KV].
func (k *KV) Watch(ctx context.Context, fn func(definition.Entry) error) error {
	k.mu.Lock()
	k.init()
	at, broken := len(k.log), k.broken
	entries := slices.Collect(maps.Values(k.entries))
	k.mu.Unlock()
	for _, e := range append(entries, definition.Entry{}) {
		if err := fn(e); err != nil {
			return err
		}
	}
	for {
		k.mu.Lock()
		todo, news := k.log[at:], k.news
		at = len(k.log)
		k.mu.Unlock()
		for _, e := range todo {
			if err := fn(e); err != nil {
				return err
			}
		}
		if len(todo) > 0 {
			continue
		}
		select {
		case <-news:
		case <-broken:
			return fmt.Errorf("watch: the connection is broken")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
