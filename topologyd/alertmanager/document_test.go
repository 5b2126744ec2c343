package alertmanager

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
)

// TestDocument checks that docs/alerts.md shows files that can be used, and speaks
// of every metric.
func TestDocument(t *testing.T) {
	b, err := os.ReadFile("../../docs/alerts.md")
	require.NoError(t, err)
	shown := 0
	for _, block := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllStringSubmatch(string(b), -1) {
		if !strings.Contains(block[1], "\nalertmanagers:") {
			continue
		}
		shown++
		f, err := Parse("/etc/skein/alertmanagers.yml", []byte(block[1]))
		require.NoError(t, err)
		require.Len(t, f.Alertmanagers, 3)
	}
	require.Equal(t, 1, shown)

	n, err := newCounters(prometheus.NewRegistry(), &Config{})
	require.NoError(t, err)
	ch := make(chan *prometheus.Desc, 100)
	for _, c := range []prometheus.Collector{n.sent, n.requests, n.dropped, n.queued, n.up, n.capacity, n.failed, n.over} {
		c.Describe(ch)
	}
	close(ch)
	for d := range ch {
		name := regexp.MustCompile(`"topologyd_notifications_(\w+)"`).FindStringSubmatch(d.String())[1]
		require.Contains(t, string(b), "_"+name)
	}
}
