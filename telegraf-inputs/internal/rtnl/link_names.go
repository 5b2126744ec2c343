package rtnl

import "strconv"

// ARPHRD_* numbers that the code tells apart (linux/if_arp.h).
const (
	arphrdTunnel  = 768
	arphrdTunnel6 = 769
	arphrdSit     = 776
	arphrdIPGRE   = 778
	arphrdIP6GRE  = 823
)

// IFF_* flags that callers ask for (linux/if.h).
const (
	FlagUp       uint32 = 1 << 0
	FlagLoopback uint32 = 1 << 3
	FlagRunning  uint32 = 1 << 6
	FlagPromisc  uint32 = 1 << 8
	FlagMaster   uint32 = 1 << 10
	FlagSlave    uint32 = 1 << 11
	FlagLowerUp  uint32 = 1 << 16
)

var linkFlags = []bit{
	{1 << 3, "LOOPBACK"}, {1 << 1, "BROADCAST"}, {1 << 4, "POINTOPOINT"}, {1 << 12, "MULTICAST"},
	{1 << 7, "NOARP"}, {1 << 9, "ALLMULTI"}, {1 << 8, "PROMISC"}, {1 << 10, "MASTER"}, {1 << 11, "SLAVE"},
	{1 << 2, "DEBUG"}, {1 << 15, "DYNAMIC"}, {1 << 14, "AUTOMEDIA"}, {1 << 13, "PORTSEL"},
	{1 << 5, "NOTRAILERS"}, {1 << 0, "UP"}, {1 << 16, "LOWER_UP"}, {1 << 17, "DORMANT"}, {1 << 18, "ECHO"},
}

// FlagNames returns the names of the flags as `ip link` prints them: RUNNING is
// not among them, a link that is up without it has NO-CARRIER instead.
func (l *Link) FlagNames() []string {
	names := bitNames(l.Flags&^FlagRunning, linkFlags)
	if l.Flags&FlagUp != 0 && l.Flags&FlagRunning == 0 {
		names = append([]string{"NO-CARRIER"}, names...)
	}
	return names
}

// EncapType returns the name of the link's ARPHRD type as `ip` prints it
// (link_type): ether, loopback, gre, none …; the number in brackets where it
// has none.
func (l *Link) EncapType() string {
	if n, ok := arphrdNames[l.Type]; ok {
		return n
	}
	return "[" + strconv.Itoa(int(l.Type)) + "]"
}

// State returns "UP" or "DOWN": what the administrator set.
func (l *Link) State() string {
	if l.Flags&FlagUp != 0 {
		return "UP"
	}
	return "DOWN"
}

var arphrdNames = map[uint16]string{
	0: "netrom", 1: "ether", 2: "eether", 3: "ax25", 4: "pronet", 5: "chaos", 6: "ieee802", 7: "arcnet",
	8: "atalk", 15: "dlci", 19: "atm", 23: "metricom", 24: "ieee1394", 32: "infiniband",
	256: "slip", 257: "cslip", 258: "slip6", 259: "cslip6", 260: "rsrvd", 264: "adapt", 270: "rose",
	271: "x25", 272: "hwx25", 280: "can", 512: "ppp", 513: "hdlc", 516: "lapb", 517: "ddcmp", 518: "rawhdlc",
	768: "ipip", 769: "tunnel6", 770: "frad", 771: "skip", 772: "loopback", 773: "ltalk", 774: "fddi",
	775: "bif", 776: "sit", 777: "ip/ddp", 778: "gre", 779: "pimreg", 780: "hippi", 781: "ash",
	782: "econet", 783: "irda", 784: "fcpp", 785: "fcal", 786: "fcpl", 787: "fcfb0", 788: "fcfb1",
	789: "fcfb2", 790: "fcfb3", 791: "fcfb4", 792: "fcfb5", 793: "fcfb6", 794: "fcfb7", 795: "fcfb8",
	796: "fcfb9", 797: "fcfb10", 798: "fcfb11", 799: "fcfb12", 800: "tr", 801: "ieee802.11",
	802: "ieee802.11/prism", 803: "ieee802.11/radiotap", 804: "ieee802.15.4", 805: "ieee802.15.4/monitor",
	820: "phonet", 821: "phonet_pipe", 822: "caif", 823: "gre6", 824: "netlink", 825: "6lowpan",
	0xfffe: "none", 0xffff: "void",
}
