package flowcapture

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/confmap/confmaptest"

	"github.com/skein-net/skein/otel-receiver/flowcapture/internal/metadata"
)

func load(t *testing.T, name string) *Config {
	t.Helper()
	conf, err := confmaptest.LoadConf(filepath.Join("testdata", "config.yaml"))
	require.NoError(t, err)
	sub, err := conf.Sub(component.NewIDWithName(metadata.Type, name).String())
	require.NoError(t, err)
	cfg := NewFactory().CreateDefaultConfig().(*Config)
	require.NoError(t, sub.Unmarshal(cfg))
	require.NoError(t, confmap.Validate(cfg))
	return cfg
}

func TestLoadDefaults(t *testing.T) {
	cfg, want := load(t, ""), DefaultConfig()
	c := DefaultCapture()
	c.Interfaces = []string{DefaultRoute}
	want.Captures = []CaptureConfig{c}
	require.Equal(t, want, cfg)
	require.Equal(t, "default-route", cfg.Captures[0].name())
}

func TestLoadAll(t *testing.T) {
	lan, file, socket, eth1 := DefaultCapture(), DefaultCapture(), DefaultCapture(), DefaultCapture()
	lan.Name, lan.Interfaces, lan.NetNS, lan.Filter = "lan", []string{"eth0", "veth*"}, "blue", "not port 22"
	lan.Workers, lan.SnapLen, lan.RingSize, lan.Promiscuous, lan.MaxInterfaces = 2, 128, 8, true, 4
	lan.KeyMode, lan.Layers, lan.Defrag, lan.Flows = "l3", []string{"dns", "dhcpv4", "vrrp"}, false, 4096
	file.Type, file.File, file.Timestamps = "pcapfile", "/tmp/x.pcap", "now"
	socket.Type, socket.Listen = "pcapsocket", "127.0.0.1:9000"
	eth1.Interfaces, eth1.Type, eth1.Sampling, eth1.CPU, eth1.Memory = []string{"eth1"}, "ebpf", 4, 100, 32<<20
	cfg := load(t, "all")
	require.Equal(t, &Config{
		Host:     HostConfig{ID: "3f1cfe9e", Name: "lab"},
		Captures: []CaptureConfig{lan, file, socket, eth1},
		Orders: OrdersConfig{
			Endpoints: []string{"https://one:4280", "https://two:4280"}, TokenFile: "/etc/skein/token",
			TLS:     OrdersTLSConfig{CAFile: "/etc/skein/ca.pem", CertFile: "/etc/skein/cert.pem", KeyFile: "/etc/skein/key.pem", InsecureSkipVerify: true},
			Storage: "/var/lib/skein/orders.json", RawPackets: true, MaxCaptures: 8, MaxMemory: 128 << 20,
		},
		Sockets:        SocketsConfig{Enabled: true},
		Drops:          DropsConfig{Enabled: true},
		UpdateInterval: 5 * time.Second,
		IdleTimeout:    30 * time.Second,
		Applications:   []ApplicationConfig{{Port: 8123, Transport: "tcp", Name: "CLICKHOUSE"}},
		Queue:          QueueConfig{Size: 1000, Batch: 100, Delay: 50 * time.Millisecond},
		Metrics: MetricsConfig{
			Names: "obi", Attributes: []string{"source.address", "destination.address"}, MaxSeries: 10, Expiry: time.Minute, Inner: true,
		},
	}, cfg)
	var names []string
	for i := range cfg.Captures {
		names = append(names, cfg.Captures[i].name())
	}
	require.Equal(t, []string{"lan", "x.pcap", "127.0.0.1:9000", "eth1"}, names)
	require.Equal(t, "/run/netns/blue", lan.netnsPath())
	require.Equal(t, "eth0,veth*@blue", (&CaptureConfig{Interfaces: lan.Interfaces, NetNS: "/run/netns/blue"}).name())
}

// TestValidate: every mistake is told with where it is and what is wanted.
func TestValidate(t *testing.T) {
	for want, change := range map[string]func(*Config){
		"captures: there is none; add one":                                      func(c *Config) { c.Captures = nil },
		"update_interval: 1ms is not between 100ms and 1h0m0s":                  func(c *Config) { c.UpdateInterval = time.Millisecond },
		"idle_timeout: 0s is not between":                                       func(c *Config) { c.IdleTimeout = 0 },
		"host: id and name have 128 bytes at most":                              func(c *Config) { c.Host.ID = strings.Repeat("x", 129) },
		`captures[0]: type: "xdp" is none of afpacket, ebpf, pcapfile`:          func(c *Config) { c.Captures[0].Type = "xdp" },
		`captures[0]: interfaces: type afpacket needs at least one`:             func(c *Config) { c.Captures[0].Interfaces = nil },
		`captures[0]: interfaces: "a/b" is no name`:                             func(c *Config) { c.Captures[0].Interfaces = []string{"a/b"} },
		`captures[0]: interfaces: "" is no name`:                                func(c *Config) { c.Captures[0].Interfaces = []string{""} },
		`captures[0]: interfaces: "[" is no pattern`:                            func(c *Config) { c.Captures[0].Interfaces = []string{"["} },
		`more than the 15 bytes`:                                                func(c *Config) { c.Captures[0].Interfaces = []string{"a123456789012345"} },
		`captures[0]: netns: "a/b" is neither a name nor an absolute`:           func(c *Config) { c.Captures[0].NetNS = "a/b" },
		"captures[0]: workers: 0 is not between 1 and 64":                       func(c *Config) { c.Captures[0].Workers = 0 },
		"captures[0]: snaplen: 1 is not between":                                func(c *Config) { c.Captures[0].SnapLen = 1 },
		"captures[0]: ring_size: 0 is not between":                              func(c *Config) { c.Captures[0].RingSize = 0 },
		"captures[0]: flows: 1 is not between 64 and":                           func(c *Config) { c.Captures[0].Flows = 1 },
		"captures[0]: max_interfaces: 0 is not between":                         func(c *Config) { c.Captures[0].MaxInterfaces = 0 },
		`captures[0]: key_mode: "L2" is none of l2, l3`:                         func(c *Config) { c.Captures[0].KeyMode = "L2" },
		`captures[0]: layers: "http" is none of dns, dhcpv4, vrrp`:              func(c *Config) { c.Captures[0].Layers = []string{"http"} },
		`captures[0]: timestamps: "x" is none of keep, now`:                     func(c *Config) { c.Captures[0].Timestamps = "x" },
		"captures[0]: name: 129 bytes, want 128 at most":                        func(c *Config) { c.Captures[0].Name = strings.Repeat("x", 129) },
		"captures[0]: file: type pcapfile needs the path":                       func(c *Config) { c.Captures[0] = DefaultCapture(); c.Captures[0].Type = "pcapfile" },
		"captures[0]: interfaces: only captures of type afpacket and ebpf have": func(c *Config) { c.Captures[0].Type, c.Captures[0].File = "pcapfile", "x" },
		"captures[0]: listen: address x: missing port in address; want":         func(c *Config) { c.Captures[0].Type, c.Captures[0].Listen = "pcapsocket", "x" },
		"workers: captures of type pcapfile have one; remove it": func(c *Config) {
			c.Captures[0] = DefaultCapture()
			c.Captures[0].Type, c.Captures[0].File, c.Captures[0].Workers = "pcapfile", "x", 2
		},
		`captures[1]: its name is "eth0" as that of captures[0]; give them different names`: func(c *Config) {
			c.Captures = append(c.Captures, c.Captures[0])
		},
		"captures[0]: sampling: only captures of type afpacket and ebpf": func(c *Config) {
			c.Captures[0] = DefaultCapture()
			c.Captures[0].Type, c.Captures[0].File, c.Captures[0].Sampling = "pcapfile", "x", 2
		},
		"captures[0]: sampling -1 is out of bounds":                                func(c *Config) { c.Captures[0].Sampling = -1 },
		"captures[0]: memory 5 is out of bounds":                                   func(c *Config) { c.Captures[0].Memory = 5 },
		"captures[0]: cpu 5000 is out of bounds":                                   func(c *Config) { c.Captures[0].CPU = 5000 },
		"captures[0]: layers need every packet":                                    func(c *Config) { c.Captures[0].Type, c.Captures[0].Layers = "ebpf", []string{"dns"} },
		"orders: max_captures: 0 is not between 1 and 4096":                        func(c *Config) { c.Orders.MaxCaptures = 0 },
		"orders: max_memory: 1KiB is not between 1MiB and 1024GiB":                 func(c *Config) { c.Orders.MaxMemory = 1024 },
		`orders: storage: "x" is no absolute path`:                                 func(c *Config) { c.Orders.Storage = "x" },
		"orders: endpoints: there is none; add one":                                func(c *Config) { c.Orders.RawPackets = true },
		`orders: endpoints: "x" is no address of topologyd`:                        func(c *Config) { c.Orders.Endpoints = []string{"x"} },
		"orders: tls: cert_file and key_file go together":                          func(c *Config) { c.Orders.Endpoints, c.Orders.TLS.KeyFile = []string{"http://x"}, "y" },
		"captures[0]: filter: filter, column 9: ":                                  func(c *Config) { c.Captures[0].Filter = "tcp and nonsense" },
		"applications[0]: port: want 1 to 65535":                                   func(c *Config) { c.Applications = []ApplicationConfig{{Name: "x", Transport: "tcp"}} },
		"applications[0]: name: want 1 to 64":                                      func(c *Config) { c.Applications = []ApplicationConfig{{Port: 1, Transport: "tcp"}} },
		`applications[0]: transport: "icmp" is`:                                    func(c *Config) { c.Applications = []ApplicationConfig{{Port: 1, Name: "x", Transport: "icmp"}} },
		"queue: size: 0 is not between":                                            func(c *Config) { c.Queue.Size = 0 },
		"queue: batch: 0 is not between":                                           func(c *Config) { c.Queue.Batch = 0 },
		"queue: delay: 0s is not between":                                          func(c *Config) { c.Queue.Delay = 0 },
		"queue: size 10 is less than one batch of 1000; raise size or lower batch": func(c *Config) { c.Queue.Size = 10 },
		`metrics: names: "x" is none of skein, obi`:                                func(c *Config) { c.Metrics.Names = "x" },
		"metrics: max_series: 0 is not between":                                    func(c *Config) { c.Metrics.MaxSeries = 0 },
		"metrics: expiry: 0s is not between":                                       func(c *Config) { c.Metrics.Expiry = 0 },
		`metrics: attributes: "x" is none of network.interface.name,`:              func(c *Config) { c.Metrics.Attributes = []string{"x"} },
		`metrics: attributes: "network.type" is there twice`:                       func(c *Config) { c.Metrics.Attributes = []string{"network.type", "network.type"} },
	} {
		t.Run(want, func(t *testing.T) {
			cfg := DefaultConfig()
			c := DefaultCapture()
			c.Interfaces = []string{"eth0"}
			cfg.Captures = []CaptureConfig{c}
			require.NoError(t, confmap.Validate(cfg))
			change(cfg)
			require.ErrorContains(t, confmap.Validate(cfg), want)
		})
	}
}

// TestValidateTellsAll: several mistakes are told at once.
func TestValidateTellsAll(t *testing.T) {
	cfg := DefaultConfig()
	cfg.UpdateInterval = 0
	cfg.Queue.Delay = 0
	err := cfg.Validate()
	for _, want := range []string{"captures:", "update_interval:", "queue:"} {
		require.ErrorContains(t, err, want)
	}
}

// TestOrdersAlone: with orders there need not be captures.
func TestOrdersAlone(t *testing.T) {
	cfg := load(t, "orders")
	require.Empty(t, cfg.Captures)
	require.Equal(t, []string{"http://127.0.0.1:4280"}, cfg.Orders.Endpoints)
	require.Equal(t, Size(64<<20), cfg.Orders.MaxMemory, "a number of bytes")
	require.Equal(t, 64, cfg.Orders.MaxCaptures)
}

func TestSize(t *testing.T) {
	for text, want := range map[string]Size{"0": 0, "1": 1, "1024": 1 << 10, " 3 KiB ": 3 << 10, "512MiB": 512 << 20, "2GiB": 2 << 30, "1536KiB": 1536 << 10} {
		var got, again Size
		require.NoError(t, got.UnmarshalText([]byte(text)))
		require.Equal(t, want, got)
		require.NoError(t, again.UnmarshalText([]byte(got.String())))
		require.Equal(t, got, again)
	}
	for _, text := range []string{"", "x", "-1", "1.5GiB", "1MB", "MiB", "9223372036854775808", "9007199254740992GiB"} {
		var s Size
		require.Error(t, s.UnmarshalText([]byte(text)), text)
	}
}
