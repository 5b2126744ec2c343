package eventlog

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Blobs are large objects that all who use the log share, such as the
// snapshots from which a new replica starts. The methods may be called
// concurrently and take as long as ctx lets them.
type Blobs struct {
	l     *Log
	mu    sync.Mutex
	store jetstream.ObjectStore
}

// Blob describes one object.
type Blob struct {
	Name string
	Size int64
	Time time.Time
}

// chunk is the size of the messages that an object is made of; only a few are
// in flight at a time (see connect).
const chunk = 512 << 10

// Blobs returns the objects of the log.
func (l *Log) Blobs() *Blobs { return &Blobs{l: l} }

// open opens the store, which is made when it is not there.
func (b *Blobs) open(ctx context.Context) (jetstream.ObjectStore, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.store != nil {
		return b.store, nil
	}
	if err := b.l.Ready(ctx); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, b.l.cfg.Timeout)
	defer cancel()
	name := b.l.cfg.prefix() + "_BLOBS"
	store, err := b.l.js.ObjectStore(ctx, name)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		store, err = b.l.js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{
			Bucket: name, Storage: jetstream.FileStorage, Replicas: b.l.cfg.replicas(),
		})
		if errors.Is(err, jetstream.ErrBucketExists) {
			store, err = b.l.js.ObjectStore(ctx, name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("open object store: %w", b.l.explain(err))
	}
	b.store = store
	return store, nil
}

// Put stores an object in place of what had the name. Until all of it is
// stored the one before stays.
func (b *Blobs) Put(ctx context.Context, name string, r io.Reader) error {
	store, err := b.open(ctx)
	if err != nil {
		return err
	}
	meta := jetstream.ObjectMeta{Name: name, Opts: &jetstream.ObjectMetaOptions{ChunkSize: chunk}}
	if _, err := store.Put(ctx, meta, r); err != nil {
		return fmt.Errorf("store object %s: %w", name, b.l.explain(err))
	}
	return nil
}

// Get reads an object; the error wraps [ErrNotFound] when there is none. What
// is read is complete and as it was stored when the reader ends with io.EOF.
func (b *Blobs) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	store, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	r, err := store.Get(ctx, name)
	if err != nil {
		return nil, b.wrap("read", name, err)
	}
	return r, nil
}

// List tells what there is, in no order.
func (b *Blobs) List(ctx context.Context) ([]Blob, error) {
	store, err := b.open(ctx)
	if err != nil {
		return nil, err
	}
	infos, err := store.List(ctx)
	if errors.Is(err, jetstream.ErrNoObjectsFound) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list objects: %w", b.l.explain(err))
	}
	var out []Blob
	for _, i := range infos {
		out = append(out, Blob{Name: i.Name, Size: int64(i.Size), Time: i.ModTime})
	}
	return out, nil
}

// Delete removes an object; one that is not there is no error.
func (b *Blobs) Delete(ctx context.Context, name string) error {
	store, err := b.open(ctx)
	if err != nil {
		return err
	}
	if err := store.Delete(ctx, name); !errors.Is(err, jetstream.ErrObjectNotFound) {
		return b.wrap("delete", name, err)
	}
	return nil
}

func (b *Blobs) wrap(what, name string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, jetstream.ErrObjectNotFound):
		return fmt.Errorf("%s object %s: %w: %w", what, name, ErrNotFound, err)
	}
	return fmt.Errorf("%s object %s: %w", what, name, b.l.explain(err))
}
