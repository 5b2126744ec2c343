package definition

import "context"

// KV is the bucket that definitions live in. Keys are lower-case letters,
// digits, hyphens and one dot. Its methods may be called concurrently.
type KV interface {
	// Write stores a value and returns its revision. revision is that of the
	// value it replaces, 0 when there must be none. The error wraps [ErrConflict],
	// or [ErrExists] for revision 0, when that is not so.
	Write(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Delete removes the value of a revision. The error wraps [ErrConflict] when
	// there is another one, [ErrNotFound] when there is none.
	Delete(ctx context.Context, key string, revision uint64) error
	// Watch calls fn for every key that there is, then once with the zero Entry,
	// then for every change, in order. It returns when ctx ends, fn fails or the
	// bucket cannot be followed any more.
	Watch(ctx context.Context, fn func(Entry) error) error
}

// Entry is one key of a bucket at one revision.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
	// Deleted tells that the key is gone; there is no Value.
	Deleted bool
}
