package alerts

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/skein-net/skein/internal/entity"
)

// TestTryMany tries rules on more things than a trial looks at closely.
func TestTryMany(t *testing.T) {
	w := newWorld(t)
	w.start()
	const things = trialThings + 500
	events := make([]entity.Event, things)
	for i := range events {
		name := fmt.Sprint("eth", i)
		events[i] = entity.Event{Ref: entity.InterfaceRef("web-1", "1", name), Source: "netlink", Time: time.Now(), Interval: time.Hour,
			Attributes: entity.Attrs{entity.A("Name", entity.String(name)), entity.A("Type", entity.String("device"))}}
	}
	w.submit(events...)

	notes := make(map[string]string)
	for i := range 20 { // of all things that would be 1.9 GB
		notes[fmt.Sprint("a", i)] = strings.Repeat(`{{ printf "%900s" .Name }}`, 70)
	}
	s := &Spec{Alert: "Wide", Expr: "G.V().Has('Type', 'device')", Limit: 1200, Annotations: notes}
	trial, err := w.Try(t.Context(), s)
	require.NoError(t, err)
	require.Equal(t, things, trial.Found)
	require.True(t, trial.More)
	require.Len(t, trial.Alerts, trialAlerts)
	require.Len(t, trial.Alerts[0].Annotations["a0"], 63000)
	require.Equal(t, []string{"300 things are not alerted, since the rule may have 1200 alerts; narrow the query, or raise limit"}, trial.Problems)

	over, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = w.Try(over, s)
	require.ErrorIs(t, err, context.Canceled)

	s.Annotations = map[string]string{"a": `{{ index .Members 5 }}`}
	trial, err = w.Try(t.Context(), s)
	require.NoError(t, err)
	require.Len(t, trial.Problems, 2)

	for expr, alerts := range map[string]int{"G.V().Has('Type', 'device')": 0, "G.V().Has('Type', 'none')": 1} {
		trial, err = w.Try(t.Context(), &Spec{Alert: "None", Expr: expr, Absent: true})
		require.NoError(t, err)
		require.Len(t, trial.Alerts, alerts)
	}
}
