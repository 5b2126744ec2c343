package containerd

import (
	"fmt"
	"strings"

	apievents "github.com/containerd/containerd/api/events"
	"github.com/containerd/containerd/api/services/events/v1"
	"github.com/containerd/containerd/api/types"
	"google.golang.org/protobuf/proto"
)

// topics are the events to subscribe to, in the filters' notation of containerd
// (filters/filter.go). Processes besides the first one of a container are not of
// interest, nor are images and snapshots.
func topics() []string {
	return []string{
		`topic~="^/containers/(create|update|delete)$"`,
		`topic~="^/tasks/(create|start|exit|delete|paused|resumed)$"`,
	}
}

// receive has containers looked at that events name, until the stream ends.
func (f *session) receive(stream events.Events_SubscribeClient) error {
	for {
		m, err := stream.Recv()
		if err != nil {
			return fmt.Errorf("read events: %w", err)
		}
		id, err := concerns(m)
		switch {
		case err != nil:
			// Events without content are lost events.
			f.out.Lost(1)
			return fmt.Errorf("read event %s: %w", m.GetTopic(), err)
		case id != "":
			f.todo.Add(key{m.GetNamespace(), id})
		}
	}
}

// concerns returns the ID of the container that an event is about, "" when it
// is about none.
func concerns(m *types.Envelope) (string, error) {
	value := m.GetEvent().GetValue()
	if strings.HasPrefix(m.GetTopic(), "/containers/") {
		// The ID is the first field of all three.
		var ev apievents.ContainerDelete
		err := proto.Unmarshal(value, &ev)
		return ev.GetID(), err
	}
	if m.GetTopic() == "/tasks/exit" {
		var ev apievents.TaskExit
		if err := proto.Unmarshal(value, &ev); err != nil || ev.GetID() != ev.GetContainerID() {
			return "", err // one that was executed in the container
		}
		return ev.GetContainerID(), nil
	}
	// The container's ID is the first field of all others.
	var ev apievents.TaskPaused
	err := proto.Unmarshal(value, &ev)
	return ev.GetContainerID(), err
}
