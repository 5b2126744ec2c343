package topology_host //nolint:revive // see topology_host.go

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/testutil"
	"github.com/influxdata/toml"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/skein-net/skein/internal/entity"
	"github.com/skein-net/skein/internal/netns/netnstest"
	"github.com/skein-net/skein/telegraf-inputs/internal/rtnl"
	"github.com/skein-net/skein/telegraf-inputs/topology_host/probe"
)

var _ telegraf.ServiceInput = (*TopologyHost)(nil)

func TestInit(t *testing.T) {
	tests := []struct {
		name   string
		change func(*TopologyHost)
		err    string
	}{
		{"defaults", func(*TopologyHost) {}, ""},
		{"unknown part", func(p *TopologyHost) { p.Exclude = []string{"cheese"} }, `unknown part "cheese"`},
		{"short interval", func(p *TopologyHost) { p.ReportInterval = 1 }, "report interval"},
		{"no scan interval", func(p *TopologyHost) { p.ScanInterval = 0 }, "process scans"},
		{"no entries", func(p *TopologyHost) { p.MaxEntries = 0 }, "entries per table"},
		{"negative buffer", func(p *TopologyHost) { p.ReceiveBuffer = -1 }, "receive buffer"},
		{"no undelivered", func(p *TopologyHost) { p.MaxUndelivered = 0 }, "max_undelivered"},
		{"relative metadata file", func(p *TopologyHost) { p.MetadataFiles = []MetadataFile{{Path: "a.json", Name: "A"}} }, "not absolute"},
		{"metadata format", func(p *TopologyHost) {
			p.MetadataFiles = []MetadataFile{{Path: "/a", Name: "A", Format: "xml"}}
		}, `unknown format "xml"`},
		{"absent namespace is found at start only", func(p *TopologyHost) { p.RootNetNS = "/does/not/exist" }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := New()
			p.Log = testutil.Logger{}
			tt.change(p)
			if err := p.Init(); tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tt.err)
			}
		})
	}
}

func TestParts(t *testing.T) {
	p := New()
	p.Exclude = []string{"routes", "ethtool", "counters"}
	require.NoError(t, p.Init())
	require.False(t, p.probeConfig.Routes)
	require.False(t, p.probeConfig.Ethtool)
	require.False(t, p.probeConfig.Features, "features come by ethtool")
	require.False(t, p.counters)
	require.True(t, p.probeConfig.Neighbors)
	require.True(t, p.probeConfig.FDB)
}

// TestSampleConfig parses the sample as it is and with every option switched
// on: what is shown as a default must be one.
func TestSampleConfig(t *testing.T) {
	var parsed struct {
		Inputs struct {
			TopologyHost []*TopologyHost `toml:"topology_host"`
		} `toml:"inputs"`
	}
	require.NoError(t, toml.Unmarshal([]byte(sampleConfig), &parsed))
	require.Len(t, parsed.Inputs.TopologyHost, 1)

	option := regexp.MustCompile(`(?m)^(\s*)# (\s*[a-z_]+ = |\[)`)
	on := option.ReplaceAllString(sampleConfig, "$1$2")
	parsed.Inputs.TopologyHost = nil
	require.NoError(t, toml.Unmarshal([]byte(on), &parsed), on)
	got := parsed.Inputs.TopologyHost[0]
	require.NoError(t, got.Init())

	want := New()
	want.Metadata = map[string]string{"rack": "b12"}
	want.MetadataFiles = []MetadataFile{{Path: "/etc/site.yaml", Format: "yaml", Name: "Rack", Selector: "site.rack"}}
	want.Exclude = []string{}
	require.NoError(t, want.Init())
	require.Equal(t, want, got)

	// Every option is shown.
	typ := reflect.TypeFor[TopologyHost]()
	for i := range typ.NumField() {
		if tag := typ.Field(i).Tag.Get("toml"); tag != "" && tag != "-" {
			require.Contains(t, sampleConfig, tag, "option is not in sample.conf")
		}
	}
}

func TestReadmeHoldsSample(t *testing.T) {
	b, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(b), "```toml @sample.conf\n"+sampleConfig+"```")
	at := -1
	for _, section := range []string{"# Topology Host Input Plugin", "⭐", "🏷️", "💻", "## Service Input", "## Global configuration options", "## Configuration", "## Metrics", "## Example Output"} {
		i := strings.Index(string(b), section)
		require.Greater(t, i, at, "section %s is missing or in the wrong place", section)
		at = i
	}
}

func TestCounters(t *testing.T) {
	var acc testutil.Accumulator
	id := entity.InterfaceRef("h", "1", "2").UUID()
	stats := &rtnl.Stats{}
	v := reflect.ValueOf(stats).Elem()
	for i := range v.NumField() {
		v.Field(i).SetUint(uint64(i + 1))
	}
	stats.TxBytes = 1 << 63
	addCounters(&acc, "h", "name", &probe.Sample{Entity: id, NetNS: "blue", Name: "eth0", Type: "veth", Stats: stats}, time.Unix(1, 0))
	addCounters(&acc, "h", "name", &probe.Sample{Entity: id, Name: "eth0", Type: "veth", Stats: stats}, time.Unix(1, 0))

	require.Len(t, acc.Metrics, 2)
	m := acc.Metrics[0]
	require.Equal(t, "topology_interface", m.Measurement)
	require.Equal(t, map[string]string{
		"entity": id.String(), "host_id": "h", "host": "name", "netns": "blue", "interface": "eth0", "type": "veth",
	}, m.Tags)
	require.NotContains(t, acc.Metrics[1].Tags, "netns")
	require.Len(t, m.Fields, len(entity.InterfaceCounters()))
	// Field names follow the names of the structure.
	for i := range v.NumField() {
		name := strings.ToLower(regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(v.Type().Field(i).Name, "${1}_$2"))
		if name == "rx_otherhost_dropped" {
			continue
		}
		want := int64(min(v.Field(i).Uint(), 1<<63-1))
		require.Equal(t, want, m.Fields[name], name)
	}
}

func TestGatherBeforeStart(t *testing.T) {
	p := New()
	require.Error(t, p.Gather(&testutil.Accumulator{}))
	p.Stop() // does nothing
}

func TestStartFails(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	p := New()
	p.Log = testutil.Logger{}
	p.RootNetNS = "/does/not/exist"
	require.NoError(t, p.Init())
	require.Error(t, p.Start(&testutil.Accumulator{}))
	p.Stop()
}

// TestPlugin runs the whole plugin over a namespace of its own.
func TestPlugin(t *testing.T) {
	name := netnstest.Add(t)
	if out, err := exec.Command("ip", "-n", name, "link", "add", "skv0", "type", "veth", "peer", "name", "skv1").CombinedOutput(); err != nil {
		t.Skipf("cannot make a veth pair: %v: %s", err, bytes.TrimSpace(out))
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())

	p := New()
	p.Log = testutil.Logger{}
	p.HostID, p.HostName = "plugin-test", "plugin"
	p.RootNetNS = netnstest.Path(name)
	p.NetNSDirs, p.ProcessNamespaces = nil, false
	p.ReportInterval = config.Duration(time.Minute)
	require.NoError(t, p.Init())
	var acc testutil.Accumulator
	require.NoError(t, p.Start(&acc))
	defer p.Stop()

	// The host, lo and both ends of the pair.
	require.Eventually(t, func() bool { return acc.NMetrics() >= 4 }, 20*time.Second, 5*time.Millisecond)
	states := 0
	for _, m := range acc.GetTelegrafMetrics() {
		if m.Name() == "entity_state" {
			states++
		}
	}
	require.GreaterOrEqual(t, states, 4)

	acc.ClearMetrics()
	require.NoError(t, p.Gather(&acc))
	names := map[string]bool{}
	for _, m := range acc.GetTelegrafMetrics() {
		if m.Name() == "topology_interface" {
			iface, _ := m.GetTag("interface")
			names[iface] = true
		}
	}
	require.Equal(t, map[string]bool{"lo": true, "skv0": true, "skv1": true}, names)
}

// TestMetadataFile changes a file below a running plugin.
func TestMetadataFile(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("needs Linux")
	}
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	path := filepath.Join(t.TempDir(), "site.yaml")
	write := func(text string) {
		t.Helper()
		require.NoError(t, os.WriteFile(path+".new", []byte(text), 0o600))
		require.NoError(t, os.Rename(path+".new", path))
	}
	write("site: {rack: b1}")

	p := New()
	p.Log = testutil.Logger{}
	p.HostID, p.HostName = "file-test", "file"
	p.NetNSDirs, p.ProcessNamespaces = nil, false
	p.Exclude = parts()
	p.MetadataFiles = []MetadataFile{{Path: path, Name: "Rack", Selector: "site.rack"}}
	require.NoError(t, p.Init())
	var acc testutil.Accumulator
	require.NoError(t, p.Start(&acc))
	defer p.Stop()

	// hosts are the values of Config in the reports of the host so far.
	hosts := func() []any {
		var out []any
		for _, m := range acc.GetTelegrafMetrics() {
			if typ, _ := m.GetTag("entity_type"); m.Name() == "entity_state" && typ == entity.TypeHost {
				v, _ := m.GetField("Config:json")
				out = append(out, v)
			}
		}
		return out
	}
	last := func(want any) func() bool {
		return func() bool {
			h := hosts()
			return len(h) > 0 && h[len(h)-1] == want
		}
	}
	require.Eventually(t, last(`{"Rack":"b1"}`), 20*time.Second, 5*time.Millisecond)
	require.Equal(t, `{"Rack":"b1"}`, hosts()[0], "the first report is complete")
	write("site: {rack: [b1, b2]}")
	require.Eventually(t, last(`{"Rack":["b1","b2"]}`), 20*time.Second, 5*time.Millisecond)
	write("site: {")
	require.Eventually(t, func() bool { return p.files.Stats().Errors == 1 }, 20*time.Second, 5*time.Millisecond)
	require.True(t, last(`{"Rack":["b1","b2"]}`)(), "a broken file changes nothing")
	require.NoError(t, os.Remove(path))
	require.Eventually(t, last(nil), 20*time.Second, 5*time.Millisecond)
	require.NoError(t, p.Gather(&acc))
	require.EqualValues(t, 1, p.stats.fileErrors.Get())
}
