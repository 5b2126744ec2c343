package alerts

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// TestHostName: people read the name of a host, Alertmanager compares its ID.
func TestHostName(t *testing.T) {
	w := newWorld(t)
	w.rules("groups: [{name: g, rules: [{alert: Down, expr: \"G.V().Has('State', 'DOWN')\", annotations: {summary: '{{ .Name }} of {{ .HostName }}'}}]}]")
	w.submit(entity.Event{Ref: entity.HostRef("web-1"), Source: "host", Time: time.Now(), Interval: time.Hour,
		Attributes: entity.Attrs{entity.A("Name", entity.String("front")), entity.A("Type", entity.String("host"))}})
	w.link("eth0", "State", "DOWN")
	w.start()
	w.await("Down", "eth0 firing")
	w.eventually("it is told", func() bool { return len(w.people.of("Down")) > 0 })
	a := w.people.of("Down")[0]
	require.Equal(t, "web-1", a.Labels["host"])
	require.Equal(t, "eth0 of front", a.Annotations["summary"])
	require.Equal(t, "front", a.Annotations["host_name"])
}
