package containerd

import (
	"context"
	"net"
	"path/filepath"
	"sync"
	"testing"

	apievents "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/services/namespaces/v1"
	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types"
	"github.com/containerd/containerd/api/types/task"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// server is a fake of containerd: it says what it is told to.
type server struct {
	t      testing.TB
	socket string
	grpc   *grpc.Server

	mu      sync.Mutex
	all     map[key]*containers.Container
	tasks   map[key]*task.Process
	taskErr map[key]error
	streams map[chan *types.Envelope]bool
	asked   map[key]int
	// before, when set, is called before the containers are listed; old tells
	// that there is no listing one by one.
	before func()
	old    bool
}

func startServer(t testing.TB) *server {
	s := &server{
		t: t, socket: filepath.Join(t.TempDir(), "c.sock"), all: make(map[key]*containers.Container), tasks: make(map[key]*task.Process),
		taskErr: make(map[key]error), streams: make(map[chan *types.Envelope]bool), asked: make(map[key]int),
	}
	s.up()
	t.Cleanup(func() { s.grpc.Stop() })
	return s
}

func (s *server) up() {
	s.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(s.t.Context(), "unix", s.socket)
	if err != nil {
		s.t.Fatal(err)
	}
	s.grpc = grpc.NewServer()
	containers.RegisterContainersServer(s.grpc, containersServer{server: s})
	tasks.RegisterTasksServer(s.grpc, tasksServer{server: s})
	namespaces.RegisterNamespacesServer(s.grpc, namespacesServer{server: s})
	events.RegisterEventsServer(s.grpc, eventsServer{server: s})
	go func() { _ = s.grpc.Serve(l) }()
}

func (s *server) put(k key, config string, st *task.Status, pid uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all[k] = &containers.Container{ID: k.id, Image: "img", Spec: &anypb.Any{Value: []byte(config)}}
	delete(s.tasks, k)
	if st != nil {
		s.tasks[k] = &task.Process{ContainerID: k.id, ID: k.id, Pid: pid, Status: *st}
	}
}

func (s *server) remove(k key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, k)
	delete(s.tasks, k)
}

func (s *server) fail(k key, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taskErr[k] = err
}

func (s *server) questions(k key) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[k]
}

func (s *server) event(k key, topic string, m proto.Message) {
	value, err := proto.Marshal(m)
	if err != nil {
		s.t.Fatal(err)
	}
	s.say(&types.Envelope{Namespace: k.namespace, Topic: topic, Event: &anypb.Any{Value: value}})
}

func (s *server) started(k key) {
	s.event(k, "/tasks/start", &apievents.TaskStart{ContainerID: k.id, Pid: 7})
}

func (s *server) say(m *types.Envelope) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ch := range s.streams {
		ch <- m
	}
}

func (s *server) subscribed() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.streams)
}

func namespaceOf(ctx context.Context) string {
	md, _ := metadata.FromIncomingContext(ctx)
	if v := md.Get("containerd-namespace"); len(v) == 1 {
		return v[0]
	}
	return ""
}

type containersServer struct {
	containers.UnimplementedContainersServer
	*server
}

func (s containersServer) Get(ctx context.Context, r *containers.GetContainerRequest) (*containers.GetContainerResponse, error) {
	k := key{namespaceOf(ctx), r.GetID()}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked[k]++
	c, ok := s.all[k]
	if !ok {
		return nil, status.Error(codes.NotFound, "not found")
	}
	return &containers.GetContainerResponse{Container: c}, nil
}

func (s *server) inNamespace(ns string) (out []*containers.Container) {
	s.mu.Lock()
	for k, c := range s.all {
		if k.namespace == ns {
			out = append(out, c)
		}
	}
	before := s.before
	s.before = nil
	s.mu.Unlock()
	if before != nil {
		before()
	}
	return out
}

func (s containersServer) List(ctx context.Context, _ *containers.ListContainersRequest) (*containers.ListContainersResponse, error) {
	return &containers.ListContainersResponse{Containers: s.inNamespace(namespaceOf(ctx))}, nil
}

func (s containersServer) ListStream(_ *containers.ListContainersRequest, out containers.Containers_ListStreamServer) error {
	if s.old {
		return status.Error(codes.Unimplemented, "unknown method")
	}
	for _, c := range s.inNamespace(namespaceOf(out.Context())) {
		if err := out.Send(&containers.ListContainerMessage{Container: c}); err != nil {
			return err
		}
	}
	return nil
}

type tasksServer struct {
	tasks.UnimplementedTasksServer
	*server
}

func (s tasksServer) Get(ctx context.Context, r *tasks.GetRequest) (*tasks.GetResponse, error) {
	k := key{namespaceOf(ctx), r.GetContainerID()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.taskErr[k]; err != nil {
		return nil, err
	}
	p, ok := s.server.tasks[k]
	if !ok {
		return nil, status.Error(codes.NotFound, "not found")
	}
	return &tasks.GetResponse{Process: p}, nil
}

type namespacesServer struct {
	namespaces.UnimplementedNamespacesServer
	*server
}

func (s namespacesServer) List(context.Context, *namespaces.ListNamespacesRequest) (*namespaces.ListNamespacesResponse, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := map[string]bool{"default": true}
	for k := range s.all {
		names[k.namespace] = true
	}
	out := &namespaces.ListNamespacesResponse{}
	for name := range names {
		out.Namespaces = append(out.Namespaces, &namespaces.Namespace{Name: name})
	}
	return out, nil
}

type eventsServer struct {
	events.UnimplementedEventsServer
	*server
}

func (s eventsServer) Subscribe(_ *events.SubscribeRequest, out events.Events_SubscribeServer) error {
	ch := make(chan *types.Envelope, 10_000)
	s.mu.Lock()
	s.streams[ch] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.streams, ch)
	}()
	for {
		select {
		case m := <-ch:
			if err := out.Send(m); err != nil {
				return err
			}
		case <-out.Context().Done():
			return nil
		}
	}
}
