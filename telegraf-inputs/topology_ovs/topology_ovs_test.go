package topology_ovs //nolint:revive // see topology_ovs.go

import (
	"os"
	"reflect"
	"regexp"
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
	"github.com/skein-net/skein/telegraf-inputs/internal/feedtest"
	"github.com/skein-net/skein/telegraf-inputs/internal/input"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/openflow"
	"github.com/skein-net/skein/telegraf-inputs/topology_ovs/watch"
)

var _ telegraf.ServiceInput = (*TopologyOVS)(nil)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestInit(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*TopologyOVS)
		err    string
	}{
		{"defaults", func(*TopologyOVS) {}, ""},
		{"a path", func(p *TopologyOVS) { p.Servers = []string{"/run/ovs/db.sock"} }, ""},
		{"no server", func(p *TopologyOVS) { p.Servers = nil }, ""},
		{"loopback is this host", func(p *TopologyOVS) { p.Servers = []string{"tcp:127.0.0.1:6640", "tcp:[::1]:6640"} }, ""},
		{"remote without identity", func(p *TopologyOVS) { p.Servers = []string{"tcp:192.0.2.1:6640"} }, "set host_id"},
		{"remote", func(p *TopologyOVS) { p.Server = []Server{{Address: "tcp:192.0.2.1:6640", HostID: "h2"}} }, ""},
		{"unknown kind", func(p *TopologyOVS) { p.Servers = []string{"udp:1"} }, "want unix:PATH"},
		{"relative", func(p *TopologyOVS) { p.Servers = []string{"unix:db.sock"} }, "absolute path"},
		{"no port", func(p *TopologyOVS) { p.Servers = []string{"tcp:127.0.0.1"} }, "HOST:PORT"},
		{"twice", func(p *TopologyOVS) { p.Servers = []string{"/a", "unix:/a"} }, "configured twice"},
		{"ssl without TLS", func(p *TopologyOVS) { p.Servers = []string{"ssl:127.0.0.1:6640"} }, "tls_ca"},
		{"ssl", func(p *TopologyOVS) { p.Servers, p.InsecureSkipVerify = []string{"ssl:127.0.0.1:6640"}, true }, ""},
		{"TLS", func(p *TopologyOVS) { p.TLSCA = "/does/not/exist" }, "/does/not/exist"},
		{"namespace", func(p *TopologyOVS) { p.NetNS = "blue" }, "not an absolute path"},
		{"interval", func(p *TopologyOVS) { p.ReportInterval = 1 }, "report interval"},
		{"resync", func(p *TopologyOVS) { p.ResyncInterval = -1 }, "negative"},
		{"OpenFlow", func(p *TopologyOVS) { p.Enabled, p.CPU = true, 2 }, "openflow: cpu"},
		{"OpenFlow version", func(p *TopologyOVS) { p.Enabled, p.Version = true, "1.6" }, "openflow_version"},
		{"no OpenFlow", func(p *TopologyOVS) { p.CPU = 2 }, ""},
	} {
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

// TestNothingThere: a host without Open vSwitch hears nothing of it.
func TestNothingThere(t *testing.T) {
	p, log := New(), &testutil.CaptureLogger{}
	p.HostID, p.Log = "h1", log
	p.Servers = []string{t.TempDir() + "/db.sock"}
	p.Enabled = true
	w := feedtest.Run(t, p)
	w.Eventually(t, time.Minute, "the socket was looked for", func(feedtest.State) error {
		if p.feeds.Stats()[0].Breaks == 0 {
			return os.ErrNotExist
		}
		return nil
	})
	require.NoError(t, p.Gather(w.Accumulator()))
	for _, m := range log.Messages() {
		require.True(t, m.Level == testutil.LevelDebug || m.Level == testutil.LevelTrace, "%+v", m)
	}
	require.Error(t, New().Gather(w.Accumulator()), "before Start")
}

// TestSampleConfig parses the sample as it is and with every option switched
// on: what is shown as a default must be one.
func TestSampleConfig(t *testing.T) {
	var parsed struct {
		Inputs struct {
			Plugins []*TopologyOVS `toml:"topology_ovs"`
		} `toml:"inputs"`
	}
	require.NoError(t, toml.Unmarshal([]byte(sampleConfig), &parsed))
	require.Len(t, parsed.Inputs.Plugins, 1)

	on := regexp.MustCompile(`(?m)^(\s*)# (\s*[a-z_]+ = |\[)`).ReplaceAllString(sampleConfig, "$1$2")
	parsed.Inputs.Plugins = nil
	require.NoError(t, toml.Unmarshal([]byte(on), &parsed), on)
	got := parsed.Inputs.Plugins[0]

	want := New()
	want.NetNS, want.RunDir = "/proc/1/ns/net", "/var/run/openvswitch"
	want.TLSCA, want.TLSCert, want.TLSKey, want.ServerName = "/etc/telegraf/ca.pem", "/etc/telegraf/cert.pem", "/etc/telegraf/key.pem", "switch-1"
	want.Server = []Server{{Address: "ssl:192.0.2.10:6640", HostID: "4e0c53ad1f0c4d5a9b0b7f1f8a3d2c11"}}
	want.Server[0].TLSCA = "/etc/telegraf/ca.pem"
	// The parser keeps defaults only where it is given a plugin that has them.
	require.Equal(t, want, got)

	for _, typ := range []reflect.Type{reflect.TypeFor[TopologyOVS](), reflect.TypeFor[OpenFlow](), reflect.TypeFor[input.Common](), reflect.TypeFor[Server]()} {
		for i := range typ.NumField() {
			if tag := typ.Field(i).Tag.Get("toml"); tag != "" && tag != "-" {
				require.Contains(t, sampleConfig, tag, "option is not in sample.conf")
			}
		}
	}
}

// TestConfigured: Telegraf itself reads the options.
func TestConfigured(t *testing.T) {
	c := config.NewConfig()
	require.NoError(t, c.LoadConfigData([]byte(`
[[inputs.topology_ovs]]
  host_id = "h7"
  servers = ["/a/db.sock"]
  statistics = false
  openflow = true
  openflow_version = "1.3"
  openflow_max_bytes = "1MiB"
  insecure_skip_verify = true
  [[inputs.topology_ovs.server]]
    address = "ssl:192.0.2.1:6640"
    host_id = "h8"
    insecure_skip_verify = true
`), config.EmptySourcePath))
	require.Len(t, c.Inputs, 1)
	p, ok := c.Inputs[0].Input.(*TopologyOVS)
	require.True(t, ok)
	require.NoError(t, p.Init())
	require.Equal(t, "h7", p.HostID)
	require.False(t, p.Statistics)
	require.True(t, p.Enabled)
	require.EqualValues(t, 1<<20, p.MaxBytes)
	cfg, err := p.openFlowConfig("h7")
	require.NoError(t, err)
	require.Equal(t, openflow.V13, cfg.Version)
	require.Len(t, p.configs, 2)
	require.NotNil(t, p.configs[1].TLS)
	require.Equal(t, "h8", p.configs[1].HostID)
}

func TestReadmeHoldsSample(t *testing.T) {
	b, err := os.ReadFile("README.md")
	require.NoError(t, err)
	require.Contains(t, string(b), "```toml @sample.conf\n"+sampleConfig+"```")
	at := -1
	for _, section := range []string{"# Topology OVS Input Plugin", "⭐", "🏷️", "💻", "## Service Input", "## Global configuration options", "## Configuration", "## Metrics", "## Example Output"} {
		i := strings.Index(string(b), section)
		require.Greater(t, i, at, "section %s is missing or in the wrong place", section)
		at = i
	}
}

func TestSamples(t *testing.T) {
	id := entity.RowRef(entity.TypeOvsInterface, "d", "u").UUID()
	s := watch.Sample{Counters: map[string]int64{"rx_packets": 3, "rx_crc_err": 2, "rx_1_to_64_packets": 9}}
	s.Entity, s.Name, s.Type, s.Port, s.Bridge = id, "t0", "vxlan", "t0", "br0"

	var acc testutil.Accumulator
	addSample(&acc, "h", &s, time.Unix(1, 0))
	acc.AssertContainsTaggedFields(t, "topology_ovs_interface",
		map[string]any{"rx_packets": int64(3), "rx_crc_err": int64(2), "rx_1_to_64_packets": int64(9)},
		map[string]string{"entity": id.String(), "host_id": "h", "bridge": "br0", "port": "t0", "interface": "t0", "type": "vxlan"})
	acc.AssertContainsTaggedFields(t, "topology_interface",
		map[string]any{"rx_packets": int64(3), "rx_crc_errors": int64(2)},
		map[string]string{"entity": id.String(), "host_id": "h", "interface": "t0", "type": "vxlan"})

	s.Device = true // the kernel counts, and topology_host reads it
	acc.ClearMetrics()
	addSample(&acc, "h", &s, time.Unix(1, 0))
	require.Len(t, acc.Metrics, 1)
}
