package docker

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/moby/moby/api/types/events"
	"github.com/moby/moby/client"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	model "github.com/skein-net/skein/telegraf-inputs/topology_containers/container"
)

// noTraces keeps the client from tracing.
func noTraces() trace.TracerProvider { return noop.NewTracerProvider() }

// events has containers looked at that events name, until the stream ends.
// subscribed is closed once the engine has answered.
func (f *session) events(ctx context.Context, since time.Time, subscribed chan<- struct{}) error {
	stream := f.cli.Events(ctx, client.EventsListOptions{
		Since: strconv.FormatInt(since.Unix(), 10),
		Filters: make(client.Filters).
			Add("type", string(events.ContainerEventType), string(events.NetworkEventType)),
	})
	close(subscribed)
	for {
		select {
		case m := <-stream.Messages:
			if id := concerns(&m, f.source); id != "" {
				f.todo.Add(id)
			}
		case err := <-stream.Err:
			if err == nil {
				err = errors.New("the stream ended")
			}
			return fmt.Errorf("read events: %w", err)
		}
	}
}

// concerns returns the ID of the container that an event changes, "" when it
// changes none.
func concerns(m *events.Message, source string) string {
	switch m.Type {
	case events.ContainerEventType:
		if changes(m.Action) {
			return m.Actor.ID
		}
	case events.NetworkEventType:
		if m.Action != events.ActionConnect && m.Action != events.ActionDisconnect {
			return ""
		}
		if id := m.Actor.Attributes["container"]; id != "" {
			return id
		}
		if source == model.SourcePodman { // its actor is the container
			return m.Actor.ID
		}
	}
	return ""
}

// changes reports whether an action changes what is reported of a container.
// Commands that run in it, and looks into it, do not.
func changes(a events.Action) bool {
	name, _, _ := strings.Cut(string(a), ":")
	switch events.Action(name) {
	case events.ActionExecCreate, events.ActionExecStart, events.ActionExecDie, events.ActionExecDetach,
		events.ActionAttach, events.ActionDetach, events.ActionResize, events.ActionTop, events.ActionCopy,
		events.ActionArchivePath, events.ActionExtractToDir, events.ActionExport, events.ActionCommit,
		events.ActionPrune, "exec", "exec_died", "sync":
		return false
	}
	return true
}
