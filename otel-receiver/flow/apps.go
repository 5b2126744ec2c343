package flow

import (
	"fmt"
	"time"

	"github.com/skein-net/skein/otel-receiver/packet"
)

// AppPort names the application behind a port.
type AppPort struct {
	// Port is the port, Proto packet.LayerTCP, LayerUDP or LayerSCTP.
	Port  uint16
	Proto packet.Layer
	// Name is the application.
	Name string
	// Idle is how long nothing must come for such a flow to end, 0 for the
	// table's default.
	Idle time.Duration
}

// maxApps bounds the entries of a port table.
const maxApps = 4096

func (a *AppPort) validate() error {
	switch {
	case a.Proto != packet.LayerTCP && a.Proto != packet.LayerUDP && a.Proto != packet.LayerSCTP:
		return fmt.Errorf("application %q: want TCP, UDP or SCTP", a.Name)
	case a.Name == "" || len(a.Name) > 64:
		return fmt.Errorf("application of port %d: want a name of 1 to 64 bytes", a.Port)
	case a.Idle < 0:
		return fmt.Errorf("application %q: idle time %s: want none below 0", a.Name, a.Idle)
	}
	return nil
}

// DefaultApps returns the applications that are named by default, by the ports
// that IANA or custom assign to them.
func DefaultApps() []AppPort {
	var apps []AppPort
	add := func(proto packet.Layer, name string, ports ...uint16) {
		for _, p := range ports {
			apps = append(apps, AppPort{Port: p, Proto: proto, Name: name})
		}
	}
	const tcp, udp = packet.LayerTCP, packet.LayerUDP
	add(tcp, "FTP", 20, 21)
	add(tcp, "SSH", 22)
	add(tcp, "TELNET", 23)
	add(tcp, "SMTP", 25, 465, 587)
	add(tcp, "DNS", 53)
	add(tcp, "DNS-over-TLS", 853)
	add(tcp, "HTTP", 80, 8000, 8080)
	add(tcp, "KERBEROS", 88)
	add(tcp, "POP3", 110, 995)
	add(tcp, "RPC", 111)
	add(tcp, "IMAP", 143, 993)
	add(tcp, "BGP", 179)
	add(tcp, "LDAP", 389, 636)
	add(tcp, "HTTPS", 443, 8443)
	add(tcp, "SMB", 445)
	add(tcp, "RSYNC", 873)
	add(tcp, "MSSQL", 1433)
	add(tcp, "ORACLE", 1521)
	add(tcp, "MQTT", 1883, 8883)
	add(tcp, "NFS", 2049)
	add(tcp, "ZOOKEEPER", 2181)
	add(tcp, "ETCD", 2379, 2380)
	add(tcp, "ISCSI", 3260)
	add(tcp, "MYSQL", 3306)
	add(tcp, "RDP", 3389)
	add(tcp, "NATS", 4222)
	add(tcp, "OTLP", 4317, 4318)
	add(tcp, "POSTGRESQL", 5432)
	add(tcp, "AMQP", 5671, 5672)
	add(tcp, "VNC", 5900)
	add(tcp, "REDIS", 6379)
	add(tcp, "KUBERNETES", 6443)
	add(tcp, "OVSDB", 6640, 6641, 6642)
	add(tcp, "OPENFLOW", 6653)
	add(tcp, "CEPH", 3300, 6789)
	add(tcp, "CASSANDRA", 9042)
	add(tcp, "KAFKA", 9092)
	add(tcp, "PROMETHEUS", 9090)
	add(tcp, "ELASTICSEARCH", 9200)
	add(tcp, "KUBELET", 10250)
	add(tcp, "MEMCACHED", 11211)
	add(tcp, "MONGODB", 27017)

	add(udp, "TFTP", 69)
	add(udp, "KERBEROS", 88)
	add(udp, "RPC", 111)
	add(udp, "NTP", 123)
	add(udp, "NETBIOS", 137, 138)
	add(udp, "SNMP", 161, 162)
	add(udp, "QUIC", 443)
	add(udp, "IKE", 500, 4500)
	add(udp, "SYSLOG", 514)
	add(udp, "RIP", 520)
	add(udp, "DHCPv6", 546, 547)
	add(udp, "RADIUS", 1812, 1813)
	add(udp, "SSDP", 1900)
	add(udp, "NFS", 2049)
	add(udp, "NETFLOW", 2055, 4739)
	add(udp, "STUN", 3478)
	add(udp, "BFD", 3784, 4784)
	add(udp, "SIP", 5060)
	add(udp, "MDNS", 5353)
	add(udp, "SFLOW", 6343)
	add(udp, "MEMCACHED", 11211)
	add(udp, "WIREGUARD", 51820)
	add(udp, "DNS", 53)
	return apps
}

// app is one application of a table.
type app struct {
	name  string
	class uint8
}

// apps finds applications by port: one array a protocol, filled once.
type apps struct {
	list []app
	// byPort holds indexes of list by port, 0 for none, for TCP, UDP and SCTP.
	byPort [3][]uint16
}

func protoIndex(l packet.Layer) int {
	switch l {
	case packet.LayerTCP:
		return 0
	case packet.LayerUDP:
		return 1
	default:
		return 2
	}
}

// newApps keeps the last entry of a port. classOf turns an idle time into a
// class.
func newApps(ports []AppPort, classOf func(time.Duration) uint8) apps {
	a := apps{list: make([]app, 1, len(ports)+1)}
	for i := range ports {
		p := &ports[i]
		if p.validate() != nil || len(a.list) > maxApps {
			continue
		}
		table := &a.byPort[protoIndex(p.Proto)]
		if *table == nil {
			*table = make([]uint16, 1<<16)
		}
		(*table)[p.Port] = uint16(len(a.list))
		a.list = append(a.list, app{name: p.Name, class: classOf(p.Idle)})
	}
	return a
}

// find returns the application of a flow: that of the port its first packet
// went to, or else that of the port it came from; 0 when there is none.
func (a *apps) find(proto packet.Layer, src, dst uint16) uint16 {
	table := a.byPort[protoIndex(proto)]
	if table == nil {
		return 0
	}
	if n := table[dst]; n != 0 {
		return n
	}
	return table[src]
}
