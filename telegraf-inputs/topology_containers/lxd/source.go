package lxd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/coder/websocket"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// Source follows the instances of one daemon. It speaks as container.SourceLXD.
type Source struct {
	cfg    Config
	mapper *container.Mapper
	// unread counts events that could not be parsed.
	unread atomic.Int64
}

// New returns a source; a mapper is how it knows the host.
func New(cfg Config, mapper *container.Mapper) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("configure LXD: %w", err)
	}
	return &Source{cfg: cfg, mapper: mapper}, nil
}

// Unread returns how many events could not be parsed so far. It may be called at
// any time.
func (s *Source) Unread() int64 { return s.unread.Load() }

// maxQueued is how many events may wait while instances are asked for; after
// more everything is listed again.
const maxQueued = 4096

// Follow implements feed.Source.
func (s *Source) Follow(ctx context.Context, out *feed.Sink) error {
	if err := s.present(); err != nil {
		return feed.Absent(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	c := newClient(&s.cfg)
	defer c.close()
	if err := c.hello(ctx); err != nil {
		if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ECONNREFUSED) {
			err = feed.Absent(err)
		}
		return err
	}
	// Events first: what happens while the list is made must not be missed.
	conn, err := c.events(ctx)
	if err != nil {
		return err
	}
	events, ended := make(chan event, maxQueued), make(chan error, 1)
	go func() { ended <- s.read(ctx, conn, events, out) }()
	err = s.follow(ctx, c, out, events, ended)
	// The end of the context ends the reader and closes the connection.
	cancel()
	_ = conn.CloseNow()
	for range events { //nolint:revive // until the reader closes it
	}
	return err
}

// present reports whether somebody set the daemon up.
func (s *Source) present() error {
	info, err := os.Stat(s.cfg.Socket)
	if err != nil {
		return err
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is not a socket", s.cfg.Socket)
	}
	if _, err := os.Stat(filepath.Join(filepath.Dir(s.cfg.Socket), "server.crt")); err != nil {
		return fmt.Errorf("the daemon was never set up: %w", err)
	}
	return nil
}

// read is the goroutine that takes events, until the connection ends. It closes
// events.
func (s *Source) read(ctx context.Context, conn *websocket.Conn, events chan<- event, out *feed.Sink) error {
	defer close(events)
	for {
		_, b, err := conn.Read(ctx)
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		ev, ok, err := parseEvent(b)
		if err != nil {
			s.unread.Add(1)
			continue
		}
		if !ok {
			continue
		}
		select {
		case events <- ev:
		default:
			out.Lost(1)
			return errors.New("more events than can be followed")
		}
	}
}

// follow lists, and then asks for what events tell of.
func (s *Source) follow(ctx context.Context, c *client, out *feed.Sink, events <-chan event, ended <-chan error) error {
	w := &world{s: s, c: c, out: out, known: make(map[key]entity.Ref), again: make(map[key]time.Time)}
	if err := w.list(ctx); err != nil {
		return err
	}
	out.Listed()
	relist := time.NewTicker(s.cfg.Relist)
	defer relist.Stop()
	settle := time.NewTimer(time.Hour)
	defer settle.Stop()
	for {
		if next := w.next(); next.IsZero() {
			settle.Stop()
		} else {
			settle.Reset(max(0, time.Until(next)))
		}
		var err error
		select {
		case <-ctx.Done():
			return ctx.Err()
		case ev, ok := <-events:
			if !ok {
				return <-ended
			}
			err = w.events(ctx, ev, events)
		case <-relist.C:
			err = w.list(ctx)
		case <-settle.C:
			err = w.settle(ctx, time.Now())
		}
		if err != nil {
			return err
		}
	}
}
