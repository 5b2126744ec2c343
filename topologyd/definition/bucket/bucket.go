// Package bucket keeps definitions in a bucket of the event log, so that all
// replicas share them. It translates names and errors and does nothing else.
package bucket

import (
	"context"
	"errors"
	"fmt"

	"github.com/skein-net/skein/topologyd/definition"
	"github.com/skein-net/skein/topologyd/eventlog"
)

// Name is the bucket that holds definitions.
const Name = "definitions"

// KV is a [definition.KV] in a bucket.
type KV struct{ bucket *eventlog.Bucket }

// New returns a bucket as definitions need it.
func New(b *eventlog.Bucket) *KV { return &KV{b} }

// Write implements [definition.KV].
func (k *KV) Write(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if revision == 0 {
		made, err := k.bucket.Create(ctx, key, value)
		return made, translate(err, definition.ErrExists)
	}
	made, err := k.bucket.Update(ctx, key, value, revision)
	return made, translate(err, definition.ErrConflict)
}

// Delete implements [definition.KV].
func (k *KV) Delete(ctx context.Context, key string, revision uint64) error {
	return translate(k.bucket.Delete(ctx, key, revision), definition.ErrConflict)
}

// Watch implements [definition.KV].
func (k *KV) Watch(ctx context.Context, fn func(definition.Entry) error) error {
	return k.bucket.Watch(ctx, func(e eventlog.KV) error {
		return fn(definition.Entry{Key: e.Key, Value: e.Value, Revision: e.Revision, Deleted: e.Deleted})
	})
}

// translate wraps an error of the bucket in that of definitions.
func translate(err, conflict error) error {
	switch {
	case errors.Is(err, eventlog.ErrConflict):
		return fmt.Errorf("%w: %w", conflict, err)
	case errors.Is(err, eventlog.ErrNotFound):
		return fmt.Errorf("%w: %w", definition.ErrNotFound, err)
	}
	return err
}
