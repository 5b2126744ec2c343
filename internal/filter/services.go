package filter

import "strings"

// transports is a set of the protocols that have ports.
type transports uint8

const (
	onTCP transports = 1 << iota
	onUDP
	onSCTP
)

// service gives the port of a service and the protocols that it is registered
// for (IANA, "Service Name and Transport Protocol Port Number Registry"; where
// operating systems' lists leave a protocol out that no implementation uses, as
// those do). The list is part of the language: a filter that names a service
// means the same on every host.
func service(name string) (port uint32, on transports, ok bool) {
	for line := range strings.Lines(serviceList) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		for _, n := range fields[1:] {
			if n == name {
				return parseService(fields[0])
			}
		}
	}
	return 0, 0, false
}

// parseService reads "53/tu": t is TCP, u UDP, s SCTP.
func parseService(s string) (port uint32, on transports, ok bool) {
	digits, letters, _ := strings.Cut(s, "/")
	for _, c := range digits {
		port = port*10 + uint32(c-'0')
	}
	for _, c := range letters {
		switch c {
		case 't':
			on |= onTCP
		case 'u':
			on |= onUDP
		case 's':
			on |= onSCTP
		}
	}
	return port, on, true
}

const serviceList = `
7/tu echo
9/tu discard
13/tu daytime
19/tu chargen
20/t ftp-data
21/t ftp
22/t ssh
23/t telnet
25/t smtp mail
37/tu time
43/t whois
49/tu tacacs
53/tu domain
67/u bootps
68/u bootpc
69/u tftp
70/t gopher
79/t finger
80/t http www
88/tu kerberos
110/t pop3
111/tu sunrpc
113/t auth ident
119/t nntp
123/u ntp
135/t epmap
137/u netbios-ns
138/u netbios-dgm
139/t netbios-ssn
143/t imap imap2
161/tu snmp
162/tu snmp-trap snmptrap
177/u xdmcp
179/t bgp
319/u ptp-event
320/u ptp-general
389/tu ldap
427/tu svrloc
443/tu https
445/t microsoft-ds
464/tu kpasswd
465/t submissions smtps
500/u isakmp
512/t exec
513/t login
514/t shell
514/u syslog
515/t printer
520/u route
546/u dhcpv6-client
547/u dhcpv6-server
548/t afpovertcp
554/tu rtsp
587/t submission
623/u asf-rmcp
631/t ipp
636/tu ldaps
646/tu ldp
853/tu domain-s
873/t rsync
989/t ftps-data
990/t ftps
992/t telnets
993/t imaps
995/t pop3s
1080/t socks
1194/tu openvpn
1433/t ms-sql-s
1434/u ms-sql-m
1701/u l2tp l2f
1812/tu radius
1813/tu radius-acct
2049/tu nfs
3205/tu isns
3260/t iscsi-target
3306/t mysql
3389/t ms-wbt-server
3784/u bfd-control
3785/u bfd-echo
4369/t epmd
4500/u ipsec-nat-t
4739/tus ipfix
4789/u vxlan
5060/tu sip
5061/tu sip-tls
5222/t xmpp-client
5269/t xmpp-server
5353/u mdns
5355/tu llmnr
5432/t postgresql postgres
5671/t amqps
5672/ts amqp
6000/t x11
6081/u geneve
6343/tu sflow
6379/t redis
6443/t sun-sr-https
6635/u mpls-udp
6636/u mpls-udp-dtls
6653/t openflow
6640/t ovsdb
6696/u babel
6697/t ircs-u
8080/t http-alt
8140/t puppet
9418/t git
10050/t zabbix-agent
10051/t zabbix-trapper
10809/t nbd
`
