package flowcapture

import (
	"time"

	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
)

// Config is what users write under the receiver's name.
type Config struct {
	// Host says whose interfaces these are.
	Host HostConfig `mapstructure:"host"`
	// Captures say what is watched. At least one, unless there are orders.
	Captures []CaptureConfig `mapstructure:"captures"`
	// Orders have captures begin and end as topologyd says.
	Orders OrdersConfig `mapstructure:"orders"`
	// Sockets says whether records tell which processes have the sockets of flows.
	Sockets SocketsConfig `mapstructure:"sockets"`
	// Drops says whether records tell what the kernel dropped of flows.
	Drops DropsConfig `mapstructure:"drops"`
	// UpdateInterval is how often a flow that goes on is reported, and the metrics
	// are.
	UpdateInterval time.Duration `mapstructure:"update_interval"`
	// IdleTimeout is how long a flow without packets is kept before it is reported
	// as ended.
	IdleTimeout time.Duration `mapstructure:"idle_timeout"`
	// Applications name ports, beyond the well-known ones.
	Applications []ApplicationConfig `mapstructure:"applications"`
	// Queue holds flow records on their way to the pipeline.
	Queue QueueConfig `mapstructure:"queue"`
	// Metrics says what the metrics network.flow.bytes and network.flow.packets
	// tell apart.
	Metrics MetricsConfig `mapstructure:"metrics"`

	// prevent unkeyed literals
	_ struct{}
}

// HostConfig is the identity of the host, which must be the one that the
// topology of the host is reported with (Telegraf's input topology_host), so
// that flows are found on their interfaces.
type HostConfig struct {
	// ID is the host.id; by default /etc/machine-id, else the name.
	ID string `mapstructure:"id"`
	// Name is the host.name; by default the hostname.
	Name string `mapstructure:"name"`
	// NetNSDirs are the directories of named namespaces, the preferred one first;
	// by default /run/netns and Docker's.
	NetNSDirs []string `mapstructure:"netns_dirs"`
	// RootNetNS is the path of the namespace whose interfaces are the host's own;
	// by default that of the collector.
	RootNetNS string `mapstructure:"root_netns"`

	_ struct{}
}

// OrdersConfig says where captures are ordered. Without endpoints, nobody orders
// any.
type OrdersConfig struct {
	// Endpoints are the addresses of topologyd's replicas, for example
	// http://127.0.0.1:4280, which are tried in turn.
	Endpoints []string `mapstructure:"endpoints"`
	// TokenFile holds the token that the host proves itself with.
	TokenFile string `mapstructure:"token_file"`
	// TLS is for endpoints with https.
	TLS OrdersTLSConfig `mapstructure:"tls"`
	// Storage is the file that the last orders are kept in; "" keeps none.
	Storage string `mapstructure:"storage"`
	// RawPackets allows packets to be kept and fetched.
	RawPackets bool `mapstructure:"raw_packets"`
	// MaxCaptures bounds the captures that are followed, MaxMemory their memory
	// together.
	MaxCaptures int  `mapstructure:"max_captures"`
	MaxMemory   Size `mapstructure:"max_memory"`

	_ struct{}
}

// OrdersTLSConfig says how endpoints prove who they are, and the host who it is.
type OrdersTLSConfig struct {
	// CAFile has the certificates of authorities; by default the system's.
	CAFile string `mapstructure:"ca_file"`
	// CertFile and KeyFile are the host's own.
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
	// InsecureSkipVerify takes any certificate.
	InsecureSkipVerify bool `mapstructure:"insecure_skip_verify"`

	_ struct{}
}

// SocketsConfig is for the processes of flows.
type SocketsConfig struct {
	// Enabled turns it on.
	Enabled bool `mapstructure:"enabled"`

	_ struct{}
}

// DropsConfig is for what the kernel dropped.
type DropsConfig struct {
	// Enabled turns it on.
	Enabled bool `mapstructure:"enabled"`

	_ struct{}
}

// Types of captures.
const (
	typeAFPacket   = "afpacket"
	typeEBPF       = "ebpf"
	typePcapFile   = "pcapfile"
	typePcapSocket = "pcapsocket"
)

// DefaultRoute among the interfaces is the one that leads to the default route.
const DefaultRoute = "default-route"

// CaptureConfig is one capture: one source, or one for each interface.
type CaptureConfig struct {
	// Name is the capture's name in records and telemetry, unique in the receiver;
	// by default that of the interface, the file or the address.
	Name string `mapstructure:"name"`
	// Type is afpacket or ebpf (interfaces, Linux only), pcapfile or pcapsocket.
	Type string `mapstructure:"type"`

	// Interfaces are names, patterns such as veth*, or default-route.
	Interfaces []string `mapstructure:"interfaces"`
	// NetNS is the network namespace of the interfaces: the name of one below
	// /run/netns, or a path; by default that of the collector.
	NetNS string `mapstructure:"netns"`
	// Filter chooses packets, in the language of pcap-filter(7).
	Filter string `mapstructure:"filter"`
	// Workers are how many threads share the work on one interface; of a
	// pcapsocket, how many streams it takes at a time.
	Workers int `mapstructure:"workers"`
	// SnapLen is how many bytes of each packet are looked at. 0 is 256 on
	// interfaces, 1600 when there are layers to decode, and everything that a file
	// or a stream has.
	SnapLen int `mapstructure:"snaplen"`
	// RingSize is the memory that each worker shares with the kernel, in MiB.
	RingSize int `mapstructure:"ring_size"`
	// Promiscuous has the interface take what is not addressed to it.
	Promiscuous bool `mapstructure:"promiscuous"`
	// MaxInterfaces bounds how many interfaces the patterns may match: each costs
	// a ring and a table.
	MaxInterfaces int `mapstructure:"max_interfaces"`

	// KeyMode is what makes two packets one flow: with l2 also the link layer
	// (MAC addresses and tags), with l3 only what is above.
	KeyMode string `mapstructure:"key_mode"`
	// Layers are protocols whose messages are decoded: dns, dhcpv4, vrrp.
	Layers []string `mapstructure:"layers"`
	// Defrag has fragments counted with the flow that they belong to.
	Defrag bool `mapstructure:"defrag"`
	// Flows is how many flows the table of an interface holds; its memory is
	// allocated at the start.
	Flows int `mapstructure:"flows"`
	// Sampling counts one packet of so many, 0 and 1 all of them. With a CPU budget
	// it is the least rate.
	Sampling int `mapstructure:"sampling"`
	// CPU is the budget of an interface in thousandths of a core, 0 none. Above it,
	// the capture samples.
	CPU int `mapstructure:"cpu"`
	// Memory is the budget of an interface, rings and tables together; 0 is none.
	// What does not fit into it gets smaller.
	Memory Size `mapstructure:"memory"`

	// File is the capture file of type pcapfile.
	File string `mapstructure:"file"`
	// Listen is the address on which type pcapsocket takes streams.
	Listen string `mapstructure:"listen"`
	// Timestamps of a file or a stream: keep those of the packets, or move them to
	// now, with the same spacing.
	Timestamps string `mapstructure:"timestamps"`

	_ struct{}
}

// ApplicationConfig names a port.
type ApplicationConfig struct {
	// Port is the port of the server.
	Port uint16 `mapstructure:"port"`
	// Transport is tcp, udp or sctp.
	Transport string `mapstructure:"transport"`
	// Name is the application's name as records have it.
	Name string `mapstructure:"name"`

	_ struct{}
}

// QueueConfig bounds what waits for the pipeline.
type QueueConfig struct {
	// Size is how many flow records may wait.
	Size int `mapstructure:"size"`
	// Batch is how many flow records are sent together at most.
	Batch int `mapstructure:"batch"`
	// Delay is how long a flow record waits for others at most.
	Delay time.Duration `mapstructure:"delay"`

	_ struct{}
}

// Names of metrics.
const (
	namesSkein = "skein"
	namesOBI   = "obi"
)

// MetricsConfig shapes the metrics.
type MetricsConfig struct {
	// Names are skein (network.flow.bytes, source.address) or obi
	// (obi.network.flow.bytes, src.address), as OpenTelemetry's eBPF
	// instrumentation has them.
	Names string `mapstructure:"names"`
	// Attributes are what series are told apart by, in the names of skein.
	Attributes []string `mapstructure:"attributes"`
	// MaxSeries bounds the series of a capture; what comes after goes into one
	// more, whose attributes are all "other".
	MaxSeries int `mapstructure:"max_series"`
	// Expiry is how long a series without traffic is kept.
	Expiry time.Duration `mapstructure:"expiry"`
	// Inner counts the flows inside of tunnels, too: their bytes are then counted
	// once more with those of the tunnel.
	Inner bool `mapstructure:"inner"`

	_ struct{}
}

// DefaultConfig returns the defaults, without captures.
func DefaultConfig() *Config {
	return &Config{
		UpdateInterval: 10 * time.Second,
		IdleTimeout:    2 * time.Minute,
		Orders:         OrdersConfig{MaxCaptures: 64, MaxMemory: 512 << 20},
		Queue:          QueueConfig{Size: 32_768, Batch: 1000, Delay: 200 * time.Millisecond},
		Metrics: MetricsConfig{
			Names:      namesSkein,
			Attributes: []string{"network.transport", "network.protocol.name"},
			MaxSeries:  1000,
			Expiry:     10 * time.Minute,
		},
	}
}

// DefaultCapture returns the defaults of each capture.
func DefaultCapture() CaptureConfig {
	return CaptureConfig{
		Type:          typeAFPacket,
		Workers:       1,
		RingSize:      16,
		MaxInterfaces: 16,
		KeyMode:       keyL2,
		Defrag:        true,
		Flows:         65_536,
		Listen:        "127.0.0.1:8100",
		Timestamps:    timestampsKeep,
	}
}

func createDefaultConfig() component.Config { return DefaultConfig() }

// Unmarshal implements [confmap.Unmarshaler]: each element of the list begins
// with the defaults.
func (c *CaptureConfig) Unmarshal(conf *confmap.Conf) error {
	*c = DefaultCapture()
	return conf.Unmarshal(c)
}
