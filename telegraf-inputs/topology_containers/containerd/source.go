package containerd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/influxdata/telegraf"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/pending"
	"github.com/skein-net/skein/telegraf-inputs/topology_containers/socket"
)

// Config is what a [Source] can be told.
type Config struct {
	// Socket is the path of containerd's socket; "unix://" may precede it.
	Socket string
	// Stopped tells whether containers without a process are reported, too.
	Stopped bool
	// Timeout bounds each request.
	Timeout time.Duration
	// Workers is how many containers are asked for at a time.
	Workers int
	// Settle is after how long everything is looked at once more. containerd does
	// not say when a subscription has begun; what happens before is seen then.
	Settle time.Duration
}

// DefaultConfig returns the settings that the input ships with.
func DefaultConfig() Config {
	return Config{Stopped: true, Timeout: 10 * time.Second, Workers: 4, Settle: time.Second}
}

// Validate reports the first setting that cannot work.
func (c *Config) Validate() error {
	if err := socket.Validate(c.Socket); err != nil {
		return fmt.Errorf("containerd socket: %w", err)
	}
	if c.Timeout <= 0 || c.Workers < 1 || c.Settle <= 0 {
		return errors.New("want positive times and at least one worker")
	}
	return nil
}

// maxMessage is the longest answer, as containerd's own clients have it.
const maxMessage = 16 << 20

// Source watches one containerd. It implements feed.Source.
type Source struct {
	cfg    Config
	path   string
	mapper *model.Mapper
	log    telegraf.Logger

	mu sync.Mutex
	// last is what was told of each container, for when it cannot be asked for.
	last map[key]entity.Event
}

// key names a container within one containerd.
type key struct{ namespace, id string }

func (k key) scope() string { return "containerd/" + k.namespace }

// New returns a source. Nothing is connected to yet.
func New(cfg Config, mapper *model.Mapper, log telegraf.Logger) (*Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	return &Source{cfg: cfg, path: socket.Path(cfg.Socket), mapper: mapper, log: log, last: make(map[key]entity.Event)}, nil
}

// session is one connection.
type session struct {
	*Source
	containers containers.ContainersClient
	tasks      tasks.TasksClient
	namespaces namespaces.NamespacesClient
	events     events.EventsClient
	out        *feed.Sink
	todo       *pending.Queue[key]
	// odd are containers that cannot be asked for; each is logged once. Source.mu
	// guards it.
	odd map[key]bool
}

// Follow implements feed.Source.
func (s *Source) Follow(ctx context.Context, out *feed.Sink) error {
	check, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
	defer cancel()
	if err := socket.Check(check, s.path); err != nil {
		return err
	}
	conn, err := grpc.NewClient("unix://"+s.path, grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)), grpc.WithDisableServiceConfig())
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	defer conn.Close() //nolint:errcheck // nothing is left to be done
	f := &session{
		Source: s, out: out, todo: pending.New[key](), odd: make(map[key]bool),
		containers: containers.NewContainersClient(conn), tasks: tasks.NewTasksClient(conn),
		namespaces: namespaces.NewNamespacesClient(conn), events: events.NewEventsClient(conn),
	}
	// The subscription ends with this context, however this ends.
	ctx, cancel = context.WithCancel(ctx)
	defer cancel()
	stream, err := f.events.Subscribe(ctx, &events.SubscribeRequest{Filters: topics()})
	if err != nil {
		return fmt.Errorf("subscribe to events: %w", err)
	}
	return pending.All(ctx,
		func(ctx context.Context) error {
			defer context.AfterFunc(ctx, cancel)()
			return f.receive(stream)
		},
		func(ctx context.Context) error {
			if err := f.list(ctx); err != nil {
				return err
			}
			out.Listed()
			return pending.All(ctx,
				func(ctx context.Context) error { return f.todo.Run(ctx, s.cfg.Workers, f.look) },
				f.settle)
		},
	)
}

// list tells all containers.
func (f *session) list(ctx context.Context) error {
	all, err := f.all(ctx)
	if err != nil {
		return err
	}
	f.forget(all)
	next := make(chan found)
	work := []func(context.Context) error{func(ctx context.Context) error {
		defer close(next)
		for _, c := range all {
			select {
			case next <- c:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}}
	for range f.cfg.Workers {
		work = append(work, func(ctx context.Context) error {
			for c := range next {
				if err := f.tell(ctx, c.key, c.container); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return pending.All(ctx, work...)
}

// settle has everything looked at once more, when the subscription surely has
// begun.
func (f *session) settle(ctx context.Context) error {
	timer := time.NewTimer(f.cfg.Settle)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	all, err := f.all(ctx)
	if err != nil {
		return err
	}
	for _, c := range all {
		f.todo.Add(c.key)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.last {
		f.todo.Add(k)
	}
	return nil
}

// found is a container of a listing.
type found struct {
	key
	container *containers.Container
}

// all lists the containers of all namespaces.
func (f *session) all(ctx context.Context) ([]found, error) {
	ctx, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	spaces, err := f.namespaces.List(ctx, &namespaces.ListNamespacesRequest{})
	if err != nil {
		return nil, fmt.Errorf("list namespaces: %w", err)
	}
	var out []found
	for _, ns := range spaces.GetNamespaces() {
		cs, err := f.listIn(within(ctx, ns.GetName()))
		if err != nil {
			return nil, fmt.Errorf("list containers of namespace %s: %w", ns.GetName(), err)
		}
		for _, c := range cs {
			out = append(out, found{key{ns.GetName(), c.GetID()}, c})
		}
	}
	return out, nil
}

// listIn lists one by one, because all of a namespace may be more than a message
// holds; versions before 1.1 know only the latter.
func (f *session) listIn(ctx context.Context) ([]*containers.Container, error) {
	stream, err := f.containers.ListStream(ctx, &containers.ListContainersRequest{})
	if err != nil {
		return nil, err
	}
	var out []*containers.Container
	for {
		m, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return out, nil
		case status.Code(err) == codes.Unimplemented:
			all, err := f.containers.List(ctx, &containers.ListContainersRequest{})
			return all.GetContainers(), err
		case err != nil:
			return nil, err
		}
		out = append(out, m.GetContainer())
	}
}

// within has a request be about a namespace.
func within(ctx context.Context, namespace string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "containerd-namespace", namespace)
}

// forget drops what was told of containers that are no longer listed.
func (f *session) forget(listed []found) {
	keys := make(map[key]bool, len(listed))
	for _, c := range listed {
		keys[c.key] = true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for k := range f.last {
		if !keys[k] {
			delete(f.last, k)
		}
	}
}
