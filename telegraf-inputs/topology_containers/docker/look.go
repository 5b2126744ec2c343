package docker

import (
	"context"
	"fmt"
	"maps"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/client"

	"github.com/skein-net/skein/internal/entity"
	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// look asks what a container is now, and tells it.
func (f *session) look(ctx context.Context, id string) error {
	request, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	res, err := f.cli.ContainerInspect(request, id, client.ContainerInspectOptions{})
	switch {
	case cerrdefs.IsNotFound(err):
		f.gone(id, "removed")
		return nil
	case err != nil:
		return f.cannotLook(ctx, id, err)
	}
	f.tell(&res.Container)
	return nil
}

func (f *session) tell(res *container.InspectResponse) {
	c := convert(res, f.source)
	if !f.cfg.Stopped && !c.HasProcess() {
		f.gone(res.ID, "has no process")
		return
	}
	if res.HostsPath != "" {
		// Without the right to read it, or in a container, there is none.
		if h, err := model.ReadHosts(res.HostsPath, c.Hostname); err == nil {
			c.Hosts = h
		}
	}
	ev := f.mapper.Event(c)
	f.mu.Lock()
	f.last[res.ID] = ev
	f.mu.Unlock()
	f.out.Set(ev)
}

func (f *session) gone(id, why string) {
	f.mu.Lock()
	delete(f.last, id)
	f.mu.Unlock()
	f.out.Delete(f.mapper.Ref(f.source, id), why)
}

// forget drops what was told of containers that are no longer listed.
func (f *session) forget(listed []container.Summary) {
	ids := make(map[string]bool, len(listed))
	for i := range listed {
		ids[listed[i].ID] = true
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	maps.DeleteFunc(f.last, func(id string, _ entity.Event) bool { return !ids[id] })
}

// cannotLook finds out why a container cannot be asked for. Podman has other
// answers than "not found" for one that is being removed. One that is listed
// nevertheless is reported as it was last, and asked for again later; if there is
// no listing either, the engine does not answer.
func (f *session) cannotLook(ctx context.Context, id string, cause error) error {
	request, cancel := context.WithTimeout(ctx, f.cfg.Timeout)
	defer cancel()
	found, err := f.cli.ContainerList(request, client.ContainerListOptions{All: true, Filters: make(client.Filters).Add("id", id)})
	switch {
	case err != nil || ctx.Err() != nil:
		return fmt.Errorf("look at container %.12s: %w", id, cause)
	case len(found.Items) == 0:
		f.gone(id, "removed")
		return nil
	}
	f.mu.Lock()
	said := f.odd[id]
	f.odd[id] = true
	ev, known := f.last[id]
	f.mu.Unlock()
	if !said {
		f.log.Warnf("Cannot look at container %.12s of %s, trying again: %v", id, f.source, cause)
	}
	limit := "inspect: " + cause.Error()
	if known {
		ev.Attributes = ev.Attributes.With("Limitations", entity.List(model.Text(limit)))
	} else {
		ev = f.mapper.Event(&model.Container{Source: f.source, ID: id, Scope: f.source, Limitations: []string{limit}})
	}
	f.out.Set(ev)
	f.todo.AddAfter(oddRetry*f.cfg.Timeout, id)
	return nil
}

// oddRetry is after how many times the timeout a container is asked for again
// that could not be.
const oddRetry = 3
