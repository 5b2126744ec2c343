package docker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/moby/moby/client"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/pending"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/socket"
)

// Config is what a [Source] can be told.
type Config struct {
	// Socket is the path of the engine's socket; "unix://" may precede it.
	Socket string
	// Source is who is expected to answer: docker or podman.
	Source string
	// Others are sockets that are watched besides as another engine's: where one
	// of them is the same file, this one is left alone.
	Others []string
	// RunRoot is where the engine's containers have directories, see
	// [PodmanRunRoot]. The socket is left alone until there is one, because
	// connecting may start the engine. Empty: it is not.
	RunRoot string
	// Stopped tells whether containers without a process are reported, too.
	Stopped bool
	// Timeout bounds each request.
	Timeout time.Duration
	// Workers is how many containers are asked for at a time.
	Workers int
}

// DefaultConfig returns the settings that the input ships with.
func DefaultConfig() Config {
	return Config{Source: model.SourceDocker, Stopped: true, Timeout: 10 * time.Second, Workers: 4}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	if err := socket.Validate(c.Socket); err != nil {
		return fmt.Errorf("%s socket: %w", c.Source, err)
	}
	switch {
	case c.Source != model.SourceDocker && c.Source != model.SourcePodman:
		return fmt.Errorf("engine %q: want docker or podman", c.Source)
	case c.Timeout <= 0 || c.Workers < 1:
		return errors.New("want a positive timeout and at least one worker")
	}
	return nil
}

// Source watches one engine. It implements feed.Source.
type Source struct {
	cfg    Config
	path   string
	mapper *model.Mapper
	log    telegraf.Logger
	// used tells that there was a container. It is Follow's alone.
	used bool

	mu sync.Mutex
	// last is what was told of each container, for when it cannot be asked for.
	last map[string]entity.Event
}

// New returns a source. Nothing is connected to yet.
func New(cfg Config, mapper *model.Mapper, log telegraf.Logger) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{cfg: cfg, path: socket.Path(cfg.Socket), mapper: mapper, log: log, last: make(map[string]entity.Event)}, nil
}

// session is one connection to the engine.
type session struct {
	*Source
	cli *client.Client
	out *feed.Sink
	// source is who really answers.
	source string
	todo   *pending.Queue[string]
	// odd are containers that cannot be asked for; each is logged once. Source.mu
	// guards it.
	odd map[string]bool
}

// Follow implements feed.Source.
func (s *Source) Follow(ctx context.Context, out *feed.Sink) error {
	if !s.used && s.cfg.RunRoot != "" && !hasContainers(s.cfg.RunRoot) {
		return feed.Absent(fmt.Errorf("no container in %s", s.cfg.RunRoot))
	}
	s.used = true
	check, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := socket.Check(check, s.path, s.cfg.Others...); err != nil {
		return err
	}
	cli, err := client.New(client.WithHost("unix://"+s.path), client.WithTraceProvider(noTraces()))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	defer cli.Close() //nolint:errcheck // closes idle connections
	f := &session{Source: s, cli: cli, out: out, todo: pending.New[string](), odd: make(map[string]bool)}
	since := time.Now()
	if err := f.hello(ctx); err != nil {
		return err
	}
	subscribed := make(chan struct{})
	return pending.All(ctx,
		func(ctx context.Context) error { return f.events(ctx, since, subscribed) },
		func(ctx context.Context) error {
			if err := f.list(ctx, subscribed); err != nil {
				return err
			}
			out.Listed()
			return f.todo.Run(ctx, s.cfg.Workers, f.look)
		},
	)
}

// hello finds out who answers.
func (f *session) hello(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	v, err := f.cli.ServerVersion(ctx, client.ServerVersionOptions{})
	if err != nil {
		return fmt.Errorf("ask for version: %w", err)
	}
	f.source = model.SourceDocker
	for _, c := range v.Components {
		if strings.Contains(strings.ToLower(c.Name), model.SourcePodman) {
			f.source = model.SourcePodman
		}
	}
	f.log.Debugf("%s %s answers at %s, API %s", f.source, v.Version, f.path, f.cli.ClientVersion())
	return nil
}

// subscribeWait is how long to wait for the events to begin; a subscription that
// is not confirmed by then still holds the events of the time since.
const subscribeWait = time.Second

// list tells all containers.
func (f *session) list(ctx context.Context, subscribed <-chan struct{}) error {
	timer := time.NewTimer(subscribeWait)
	defer timer.Stop()
	select {
	case <-subscribed:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	request, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	all, err := f.cli.ContainerList(request, client.ContainerListOptions{All: f.cfg.Stopped})
	if err != nil {
		return fmt.Errorf("list containers: %w", err)
	}
	f.forget(all.Items)
	ids := make(chan string)
	work := make([]func(context.Context) error, 0, f.cfg.Workers+1)
	work = append(work, func(ctx context.Context) error {
		defer close(ids)
		for _, c := range all.Items {
			select {
			case ids <- c.ID:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	for range f.cfg.Workers {
		work = append(work, func(ctx context.Context) error {
			for id := range ids {
				if err := f.look(ctx, id); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return pending.All(ctx, work...)
}
