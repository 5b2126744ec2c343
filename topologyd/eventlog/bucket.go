package eventlog

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Errors of a [Bucket].
var (
	// ErrNotFound: there is no such key or object.
	ErrNotFound = errors.New("not found")
	// ErrConflict: the key has another revision, or is there although it must
	// not be.
	ErrConflict = errors.New("changed meanwhile")
)

// maxValue is the longest value of a bucket.
const maxValue = 1 << 20

// Bucket is a key-value store that all who use the log share. Keys are made of
// letters, digits and - _ / = . characters; a dot neither begins nor ends one.
// Its methods may be called concurrently and wait at most [Config.Timeout].
type Bucket struct {
	l      *Log
	kv     jetstream.KeyValue
	stream string
}

// KV is one key of a bucket at one revision.
type KV struct {
	Key   string
	Value []byte
	// Revision is a number that grows with every change of the bucket.
	Revision uint64
	// Time is when it was stored, on the clock of the server.
	Time time.Time
	// Deleted tells that the key is gone; there is no Value.
	Deleted bool
}

// Bucket opens a bucket, which is made when it is not there. It waits for the
// log until ctx ends, or for [Config.Timeout].
func (l *Log) Bucket(ctx context.Context, name string) (*Bucket, error) {
	ctx, cancel := context.WithTimeout(ctx, l.cfg.Timeout)
	defer cancel()
	full := l.cfg.prefix() + "_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
	if err := l.Ready(ctx); err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, err)
	}
	kv, err := l.js.KeyValue(ctx, full)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		kv, err = l.js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: full, History: 1, Storage: jetstream.FileStorage, Replicas: l.cfg.replicas(), MaxValueSize: maxValue,
		})
		if errors.Is(err, jetstream.ErrBucketExists) { // somebody was quicker
			kv, err = l.js.KeyValue(ctx, full)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open bucket %s: %w", name, l.explain(err))
	}
	return &Bucket{l: l, kv: kv, stream: "KV_" + full}, nil
}

// explain adds why there was no answer.
func (l *Log) explain(err error) error {
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, jetstream.ErrNoStreamResponse) {
		return fmt.Errorf("%w: %w", err, l.why())
	}
	return err
}

// wrap makes the errors of the store ours.
func (b *Bucket) wrap(what, key string, err error) error {
	if err == nil {
		return nil
	}
	var own error
	switch {
	case errors.Is(err, jetstream.ErrKeyExists), errors.Is(err, jetstream.ErrKeyRevisionMismatch):
		own = ErrConflict
	case errors.Is(err, jetstream.ErrKeyNotFound), errors.Is(err, jetstream.ErrKeyDeleted):
		own = ErrNotFound
	default:
		return fmt.Errorf("%s %s: %w", what, key, b.l.explain(err))
	}
	return fmt.Errorf("%s %s: %w: %w", what, key, own, err)
}

// Get returns the current value of a key; the error wraps [ErrNotFound] when
// there is none. In a cluster it may be answered by a server that is behind for
// a moment.
func (b *Bucket) Get(ctx context.Context, key string) (KV, error) {
	ctx, cancel := context.WithTimeout(ctx, b.l.cfg.Timeout)
	defer cancel()
	e, err := b.kv.Get(ctx, key)
	if err != nil {
		return KV{}, b.wrap("read", key, err)
	}
	return KV{Key: key, Value: e.Value(), Revision: e.Revision(), Time: e.Created()}, nil
}

// Put stores a value whatever was there, and returns its revision.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, b.l.cfg.Timeout)
	defer cancel()
	revision, err := b.kv.Put(ctx, key, value)
	return revision, b.wrap("write", key, err)
}

// Create stores a value for a key that is not there; the error wraps
// [ErrConflict] when it is.
func (b *Bucket) Create(ctx context.Context, key string, value []byte) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, b.l.cfg.Timeout)
	defer cancel()
	revision, err := b.kv.Create(ctx, key, value)
	return revision, b.wrap("create", key, err)
}

// Update stores a value in place of that with the revision given; the error
// wraps [ErrConflict] when there is another one, or none.
func (b *Bucket) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, b.l.cfg.Timeout)
	defer cancel()
	revision, err := b.kv.Update(ctx, key, value, revision)
	return revision, b.wrap("write", key, err)
}

// Delete removes a key. With a revision other than 0 the error wraps
// [ErrConflict] when the key has another one.
func (b *Bucket) Delete(ctx context.Context, key string, revision uint64) error {
	ctx, cancel := context.WithTimeout(ctx, b.l.cfg.Timeout)
	defer cancel()
	var opts []jetstream.KVDeleteOpt
	if revision != 0 {
		opts = append(opts, jetstream.LastRevision(revision))
	}
	return b.wrap("delete", key, b.kv.Delete(ctx, key, opts...))
}

// Watch calls fn for every key that there is, then once with the zero KV, then
// for every change, in order; changes that follow one another quickly may be
// told as one. It gets over lost connections and ends when ctx ends, fn fails,
// or the bucket is not the same any more.
func (b *Bucket) Watch(ctx context.Context, fn func(KV) error) error {
	w := watcher{b: b, fn: fn}
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		before := w.at
		err := b.l.consume(ctx, b.stream, w.config(), &reading{begin: w.begin, message: w.deliver})
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case w.failed != nil:
			return w.failed
		case errors.Is(err, jetstream.ErrStreamNotFound):
			return fmt.Errorf("watch bucket: %w", err)
		}
		if w.at != before {
			wait = 50 * time.Millisecond
		}
		b.l.log.Debug("watching a bucket was interrupted", "bucket", b.stream, "error", err)
		if !sleep(ctx, wait) {
			return ctx.Err()
		}
	}
}

// watcher is one Watch.
type watcher struct {
	b      *Bucket
	fn     func(KV) error
	at     uint64 // revision of the last change told
	told   bool   // that all was told which is there
	failed error  // of fn
}

func (w *watcher) config() jetstream.ConsumerConfig {
	c := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubject: w.subject(">")}
	if w.at > 0 { // deletions are kept as messages: nothing is missed
		c.DeliverPolicy, c.OptStartSeq = jetstream.DeliverByStartSequencePolicy, w.at+1
	}
	return c
}

func (w *watcher) subject(key string) string {
	return "$KV." + strings.TrimPrefix(w.b.stream, "KV_") + "." + key
}

func (w *watcher) begin(pending uint64) error {
	if pending == 0 {
		return w.complete()
	}
	return nil
}

func (w *watcher) complete() error {
	if w.told {
		return nil
	}
	w.told = true
	return w.call(KV{})
}

func (w *watcher) call(kv KV) error {
	if err := w.fn(kv); err != nil {
		w.failed = err
		return err
	}
	return nil
}

func (w *watcher) deliver(msg jetstream.Msg, meta *jetstream.MsgMetadata) error {
	kv := KV{
		Key: strings.TrimPrefix(msg.Subject(), w.subject("")), Value: msg.Data(),
		Revision: meta.Sequence.Stream, Time: meta.Timestamp,
	}
	if op := msg.Headers().Get("KV-Operation"); op != "" { // DEL or PURGE
		kv.Deleted, kv.Value = true, nil
	}
	if !kv.Deleted || w.told {
		if err := w.call(kv); err != nil {
			return err
		}
	}
	w.at = kv.Revision
	if meta.NumPending == 0 {
		return w.complete()
	}
	return nil
}
