package containerd

import (
	"context"
	"fmt"

	"github.com/containerd/containerd/api/services/containers/v1"
	"github.com/containerd/containerd/api/services/tasks/v1"
	"github.com/containerd/containerd/api/types/task"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/skein-net/skein/internal/entity"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// look asks what a container is now, and tells it.
func (f *session) look(ctx context.Context, k key) error {
	request, cancel := context.WithTimeout(within(ctx, k.namespace), f.cfg.Timeout)
	defer cancel()
	res, err := f.containers.Get(request, &containers.GetContainerRequest{ID: k.id})
	switch {
	case status.Code(err) == codes.NotFound:
		f.gone(k, "removed")
		return nil
	case err != nil:
		return fmt.Errorf("look at container %s: %w", k.id, err)
	}
	return f.tell(ctx, k, res.GetContainer())
}

// tell asks for the task of a container, which is what runs, and tells both.
func (f *session) tell(ctx context.Context, k key, c *containers.Container) error {
	process, err := f.task(ctx, k)
	if err != nil {
		return f.cannotLook(ctx, k, c, err)
	}
	m := convert(k, c, process)
	if !f.cfg.Stopped && !m.HasProcess() {
		f.gone(k, "has no process")
		return nil
	}
	f.set(k, f.mapper.Event(m))
	return nil
}

// task returns what runs in a container, nil when nothing does.
func (f *session) task(ctx context.Context, k key) (*task.Process, error) {
	request, cancel := context.WithTimeout(within(ctx, k.namespace), f.cfg.Timeout)
	defer cancel()
	res, err := f.tasks.Get(request, &tasks.GetRequest{ContainerID: k.id})
	if status.Code(err) == codes.NotFound {
		return nil, nil //nolint:nilnil // nothing runs
	}
	return res.GetProcess(), err
}

func (f *session) set(k key, ev entity.Event) {
	f.mu.Lock()
	f.last[k] = ev
	f.mu.Unlock()
	f.out.Set(ev)
}

func (f *session) gone(k key, why string) {
	f.mu.Lock()
	delete(f.last, k)
	f.mu.Unlock()
	f.out.Delete(f.mapper.Ref(k.scope(), k.id), why)
}

// cannotLook handles a container whose task cannot be asked for: the shim that
// runs it hangs, or ended badly. It is reported as it was last, and asked for again
// later. When containerd itself does not answer, the connection is broken.
func (f *session) cannotLook(ctx context.Context, k key, c *containers.Container, cause error) error {
	if status.Code(cause) == codes.Unavailable || ctx.Err() != nil {
		return fmt.Errorf("look at task of container %s: %w", k.id, cause)
	}
	f.mu.Lock()
	said := f.odd[k]
	f.odd[k] = true
	ev, known := f.last[k]
	f.mu.Unlock()
	if !said {
		f.log.Warnf("Cannot look at the task of container %s in namespace %s, trying again: %v", k.id, k.namespace, cause)
	}
	limit := "task: " + cause.Error()
	if known {
		ev.Attributes = ev.Attributes.With("Limitations", entity.List(model.Text(limit)))
	} else {
		m := convert(k, c, nil)
		m.Status = ""
		m.Limitations = []string{limit}
		ev = f.mapper.Event(m)
	}
	f.out.Set(ev)
	f.todo.AddAfter(oddRetry*f.cfg.Timeout, k)
	return nil
}

// oddRetry is after how many times the timeout a container is asked for again
// that could not be.
const oddRetry = 3
