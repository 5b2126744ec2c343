package input_test

import (
	"os"
	"strings"
	"testing"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/testutil"
	"github.com/influxdata/toml"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/telegraf-inputs/internal/feed"
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/internal/input"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var _ telegraf.ServiceInput = (*TopologyLeases)(nil)

// TestGuide: what docs/writing-an-input.md shows is what is tested here.
func TestGuide(t *testing.T) {
	guide, err := os.ReadFile("../../../docs/writing-an-input.md")
	require.NoError(t, err)
	code, err := os.ReadFile("example_test.go")
	require.NoError(t, err)
	for _, part := range []string{"example", "test"} {
		_, text, ok := strings.Cut(string(code), "// begin "+part+"\n")
		require.True(t, ok)
		text, _, ok = strings.Cut(text, "// end "+part+"\n")
		require.True(t, ok)
		require.Contains(t, string(guide), strings.TrimSpace(text), "docs/writing-an-input.md shows another %s; copy it from example_test.go", part)
	}
}

// TestEmbedded: the settings are those of the plugin that embeds them.
func TestEmbedded(t *testing.T) {
	p := &TopologyLeases{Common: input.DefaultCommon(), Log: testutil.Logger{}}
	require.NoError(t, toml.Unmarshal([]byte("host_id = \"x\"\nreport_interval = \"7s\"\ndir = \"/d\"\n"), p))
	require.NoError(t, p.Init())
	require.Equal(t, "x", p.HostID)
	cfg := p.Feed("topology_leases", "leases", "/d")
	require.Equal(t, map[string]string{"input": "topology_leases", "host_id": "x"}, cfg.Report.Tags)
	require.EqualValues(t, 7e9, cfg.Report.Interval)
	for _, bad := range []func(*input.Common){
		func(c *input.Common) { c.ReportInterval = 1 },
		func(c *input.Common) { c.MaxUndelivered = 0 },
	} {
		c := input.DefaultCommon()
		bad(&c)
		require.Error(t, c.Check())
	}
	require.NoError(t, p.Resolve())
	require.NotEmpty(t, p.HostName)
}

func TestFeeds(t *testing.T) {
	w := feedtest.New(t)
	var f input.Feeds
	f.Stop() // before anything
	c := input.DefaultCommon()
	require.Error(t, f.Add(feed.Config{}, &leases{}, w.Accumulator(), testutil.Logger{}))
	require.NoError(t, f.Add(c.Feed("p", "a", "0"), &leases{dir: t.TempDir()}, w.Accumulator(), testutil.Logger{}))
	f.Stop() // a plugin that could not be started
	require.Empty(t, f.Stats())
	require.NoError(t, f.Add(c.Feed("p", "a", "1"), &leases{dir: t.TempDir()}, w.Accumulator(), testutil.Logger{}))
	require.NoError(t, f.Add(c.Feed("p", "b", "2"), &leases{dir: t.TempDir()}, w.Accumulator(), testutil.Logger{}))
	f.Start(t.Context())
	require.Len(t, f.Stats(), 2)
	f.Stop()
	require.Empty(t, f.Stats())
}
