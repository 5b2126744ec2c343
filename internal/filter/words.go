package filter

// isProtocol reports whether a keyword stands for a protocol.
func isProtocol(word string) bool {
	switch word {
	case "ether", "ip", "ip6", "arp", "rarp", "tcp", "udp", "sctp", "icmp", "icmp6", "igmp", "igrp", "pim", "vrrp", "carp",
		"ah", "esp", "atalk", "aarp", "decnet", "lat", "sca", "moprc", "mopdl", "iso", "clnp", "esis", "isis",
		"l1", "l2", "iih", "lsp", "snp", "csnp", "psnp", "stp", "ipx", "netbeui", "radio":
		return true
	}
	return false
}

// isUnsupported reports whether a keyword is for link types that this package
// does not know: Wi-Fi, ATM, SS7 and the log of the packet filter of BSD.
func isUnsupported(word string) bool {
	switch word {
	case "type", "subtype", "direction", "dir", "addr1", "addr2", "addr3", "addr4", "address1", "address2", "address3",
		"address4", "ra", "ta", "vpi", "vci", "lane", "oam", "oamf4", "oamf4ec", "oamf4sc", "oamf4e", "oamf4s", "metac", "bcc", "sc",
		"ilmic", "connectmsg", "metaconnect", "fisu", "lssu", "lsu", "msu", "hfisu", "hlssu", "hmsu", "sio", "opc", "dpc", "sls",
		"hsio", "hopc", "hdpc", "hsls", "ifname", "on", "rset", "ruleset", "rnr", "srnr", "reason", "action", "rulenum", "subrulenum":
		return true
	}
	return false
}

// isKeyword reports whether a word may not be the name of a host, port or
// protocol unless a backslash stands before it.
func isKeyword(word string) bool {
	switch word {
	case "src", "dst", "host", "net", "mask", "port", "portrange", "proto", "protochain", "gateway", "and", "or", "not",
		"broadcast", "multicast", "less", "greater", "byte", "inbound", "outbound", "ifindex", "vlan", "mpls", "pppoed", "pppoes",
		"geneve", "llc", "len":
		return true
	}
	return synonym(word) != word || isProtocol(word) || isUnsupported(word)
}

// synonym gives the one spelling of a keyword that the parser knows.
func synonym(word string) string {
	switch word {
	case "link", "fddi", "tr", "wlan", "ppp", "slip":
		return "ether"
	case "length":
		return "len"
	case "netmask":
		return "mask"
	case "es-is":
		return "esis"
	case "is-is":
		return "isis"
	}
	return word
}

// constant gives the named numbers of arithmetic: offsets and values of fields
// of ICMP (RFC 792, RFC 950, RFC 1256), ICMPv6 (IANA, "ICMPv6 type numbers") and
// TCP (RFC 9293, RFC 3168).
func constant(word string) (k uint32, ok bool) {
	switch word {
	case "icmptype", "icmp6type", "icmp-echoreply":
		return 0, true
	case "icmpcode", "icmp6code", "icmp6-destinationunreach", "tcp-fin":
		return 1, true
	case "icmp6-packettoobig", "tcp-syn":
		return 2, true
	case "icmp-unreach", "icmp6-timeexceeded":
		return 3, true
	case "icmp-sourcequench", "icmp6-parameterproblem", "tcp-rst":
		return 4, true
	case "icmp-redirect":
		return 5, true
	case "icmp-echo", "tcp-push":
		return 8, true
	case "icmp-routeradvert":
		return 9, true
	case "icmp-routersolicit":
		return 10, true
	case "icmp-timxceed":
		return 11, true
	case "icmp-paramprob":
		return 12, true
	case "tcpflags", "icmp-tstamp":
		return 13, true
	case "icmp-tstampreply":
		return 14, true
	case "icmp-ireq":
		return 15, true
	case "icmp-ireqreply", "tcp-ack":
		return 16, true
	case "icmp-maskreq":
		return 17, true
	case "icmp-maskreply":
		return 18, true
	case "tcp-urg":
		return 32, true
	case "tcp-ece":
		return 64, true
	case "icmp6-echo", "tcp-cwr":
		return 128, true
	case "icmp6-echoreply":
		return 129, true
	case "icmp6-multicastlistenerquery":
		return 130, true
	case "icmp6-multicastlistenerreportv1":
		return 131, true
	case "icmp6-multicastlistenerdone":
		return 132, true
	case "icmp6-routersolicit":
		return 133, true
	case "icmp6-routeradvert":
		return 134, true
	case "icmp6-neighborsolicit":
		return 135, true
	case "icmp6-neighboradvert":
		return 136, true
	case "icmp6-redirect":
		return 137, true
	case "icmp6-routerrenum":
		return 138, true
	case "icmp6-nodeinformationquery":
		return 139, true
	case "icmp6-nodeinformationresponse":
		return 140, true
	case "icmp6-ineighbordiscoverysolicit":
		return 141, true
	case "icmp6-ineighbordiscoveryadvert":
		return 142, true
	case "icmp6-multicastlistenerreportv2":
		return 143, true
	case "icmp6-homeagentdiscoveryrequest":
		return 144, true
	case "icmp6-homeagentdiscoveryreply":
		return 145, true
	case "icmp6-mobileprefixsolicit":
		return 146, true
	case "icmp6-mobileprefixadvert":
		return 147, true
	case "icmp6-certpathsolicit":
		return 148, true
	case "icmp6-certpathadvert":
		return 149, true
	case "icmp6-multicastrouteradvert":
		return 151, true
	case "icmp6-multicastroutersolicit":
		return 152, true
	case "icmp6-multicastrouterterm":
		return 153, true
	}
	return 0, false
}
