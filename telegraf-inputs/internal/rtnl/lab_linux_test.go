package rtnl

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/skein-net/skein/internal/netns/netnstest"
)

// lab is a pair of network namespaces that only the test has. Commands run in
// the first; the second takes the far ends of veth pairs.
type lab struct {
	t        testing.TB
	fd       int    // of the first namespace
	far      string // path of the second
	farFD    int
	commands chan func()
	// refused are the commands that this kernel or this ip cannot do.
	refused []string
}

// newLab makes the namespaces, or skips the test with the reason.
func newLab(t testing.TB) *lab {
	t.Helper()
	netnstest.Need(t)
	l := &lab{t: t, commands: make(chan func())}
	ready := make(chan error)
	done := make(chan struct{})
	go l.thread(ready, done)
	if err := <-ready; err != nil {
		t.Skip("needs the right to make network namespaces: ", err)
	}
	t.Cleanup(func() {
		close(l.commands)
		<-done
		_ = unix.Close(l.fd)
		_ = unix.Close(l.farFD)
	})
	l.must("ip link set lo up")
	return l
}

// thread owns the operating system's thread that is in the namespace. Child
// processes inherit the namespace of the thread that starts them. The thread
// ends with the goroutine.
func (l *lab) thread(ready chan<- error, done chan<- struct{}) {
	runtime.LockOSThread()
	defer close(done)
	open := func() (int, error) {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return -1, err
		}
		return unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	}
	var err error
	if l.farFD, err = open(); err == nil {
		l.far = fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), l.farFD)
		l.fd, err = open()
	}
	ready <- err
	if err != nil {
		return
	}
	for f := range l.commands {
		f()
	}
}

// output runs a command in the lab and returns what it prints.
func (l *lab) output(stdin, command string) ([]byte, error) {
	args := strings.Fields(strings.ReplaceAll(command, "FAR", l.far))
	var out []byte
	var err error
	finished := make(chan struct{})
	l.commands <- func() {
		defer close(finished)
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
		defer cancel()
		cmd := exec.CommandContext(ctx, args[0], args[1:]...)
		cmd.Stdin = strings.NewReader(stdin)
		var stderr strings.Builder
		cmd.Stderr = &stderr
		if out, err = cmd.Output(); err != nil {
			err = fmt.Errorf("%s: %w: %s", command, err, strings.TrimSpace(stderr.String()))
		}
	}
	<-finished
	return out, err
}

// must runs a command that every kernel can do.
func (l *lab) must(command string) {
	l.t.Helper()
	if _, err := l.output("", command); err != nil {
		l.t.Fatal(err)
	}
}

// try runs commands, one a line, of which some may be refused.
func (l *lab) try(commands string) {
	for line := range strings.Lines(commands) {
		if line = strings.TrimSpace(line); line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if _, err := l.output("", line); err != nil {
			l.refused = append(l.refused, err.Error())
		}
	}
}

// dial opens a Conn in the lab.
func (l *lab) dial(groups Group) *Conn {
	l.t.Helper()
	c, err := Dial(Options{NetNS: l.fd, Groups: groups})
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { _ = c.Close() })
	return c
}

// labModules are those that nothing loads by itself.
const labModules = `
modprobe -a -q 8021q bonding fou fou6 mpls_router mpls_iptunnel seg6 ip_gre ip6_gre tun psample netdevsim
sysctl -qw net.mpls.platform_labels=1000
`

// labSimulated makes a device with SR-IOV functions by netdevsim, where that
// module is loaded.
func (l *lab) labSimulated(c *Conn) {
	const bus = "/sys/bus/netdevsim/"
	done := make(chan error, 1)
	l.commands <- func() {
		err := os.WriteFile(bus+"new_device", []byte("71 1"), 0o200)
		if err == nil {
			err = os.WriteFile(bus+"devices/netdevsim71/sriov_numvfs", []byte("2"), 0o200)
		}
		done <- err
	}
	if err := <-done; err != nil {
		l.refused = append(l.refused, "netdevsim: "+err.Error())
		return
	}
	l.t.Cleanup(func() { _ = os.WriteFile(bus+"del_device", []byte("71"), 0o200) })
	links, err := c.Links(context.Background())
	if err != nil {
		l.t.Fatal(err)
	}
	for _, k := range links {
		if k.ParentDev == "netdevsim71" && len(k.VFs) > 0 {
			l.try(strings.ReplaceAll(`
ip link set PF vf 0 mac 02:00:00:00:03:01 vlan 7 qos 3
ip link set PF vf 0 spoofchk on trust on state enable
ip link set PF vf 1 vlan 8 proto 802.1ad
ip link set PF vf 1 min_tx_rate 10 max_tx_rate 100
ip link set PF vf 1 query_rss on state disable`, "PF", k.Name))
		}
	}
}

// labBase is what the kinds below are put on: an Ethernet device of any kind that
// the kernel has.
const labBase = `
ip link add va type veth peer name vb
ip link set va up
ip link set vb up
ip link add vc type veth peer name vd
ip link add ve type veth peer name vf
ip link set ve netns FAR
ip link add vg type veth peer name vh
ip link add vi type veth peer name vj
ip link set va mtu 1400 alias upstream txqueuelen 77 group 5
ip link property add dev va altname uplink-zero altname uplink-one
ip addr add 10.9.0.1/24 dev va
ip addr add fd09::1/64 dev va nodad
`

// labKinds makes one or more links of every kind there is.
const labKinds = `
ip link add br0 type bridge stp_state 1 priority 4096 ageing_time 20000 mcast_snooping 1
ip link add br1 type bridge vlan_filtering 1 vlan_protocol 802.1ad vlan_default_pvid 7
ip link add br2 type bridge group_fwd_mask 8 mcast_querier 1 nf_call_iptables 1
ip link set vc master br0
ip link set vd master br1
ip link set vc type bridge_slave hairpin on guard on cost 55 isolated on
ip link set br0 up
ip link set vc up
ip link set vd up
ip link add ifb9 type ifb
ip link add dm0 type dummy
ip link add dm1 type dummy
ip link add dm2 type dummy
ip link add dm3 type dummy
ip link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4 ad_select bandwidth
ip link add bond1 type bond mode active-backup arp_interval 100 arp_ip_target 10.9.0.7,10.9.0.8 primary_reselect better
ip link add bond2 type bond mode balance-tlb tlb_dynamic_lb 0
ip link set dm0 master bond0
ip link set dm1 master bond0
ip link set dm2 master bond1
ip link set bond0 up
ip link set bond1 type bond primary dm2 active_slave dm2
ip link add link va name va.100 type vlan id 100 gvrp on loose_binding on ingress-qos-map 1:2 egress-qos-map 3:4
ip link add link va name va.200 type vlan protocol 802.1ad id 200
ip link add link va.200 name va.200.5 type vlan id 5 reorder_hdr off
ip link add vx0 type vxlan id 42 remote 10.9.0.2 local 10.9.0.1 dev va dstport 4789 ttl 5 tos 4 nolearning ageing 120 maxaddress 1000 srcport 1000 2000 l2miss l3miss rsc proxy
ip link add vx1 type vxlan id 43 group 239.1.1.1 dev va dstport 8472 udpcsum df set
ip link add vx2 type vxlan id 44 group ff05::44 dev va dstport 4790 udp6zerocsumtx udp6zerocsumrx flowlabel 0x123
ip link add vx3 type vxlan external dstport 4791 gbp
ip link add vx4 type vxlan external dstport 4792 gpe
ip link add vx5 type vxlan id 45 remote fd09::2 local fd09::1 dstport 4793 ttl inherit
ip link add link vg name mv0 type macvlan mode bridge
ip link add link vg name mv1 type macvlan mode private nodst
ip link add link vh name mv2 type macvlan mode source
ip link set link vh dev mv2 type macvlan macaddr add 02:00:00:00:00:01
ip link set link vh dev mv2 type macvlan macaddr add 02:00:00:00:00:02
ip link add link vg name mt0 type macvtap mode vepa
ip link add link vi name iv0 type ipvlan mode l2
ip link add link vi name iv1 type ipvlan mode l2 private
ip link add link vj name iv2 type ipvlan mode l3s vepa
ip link add link vb name it0 type ipvtap mode l3
ip tuntap add name tun9 mode tun user 1234
ip tuntap add name tap9 mode tap group 4321 multi_queue vnet_hdr
ip link add vrf0 type vrf table 1000
ip link set dm3 master vrf0
ip link add gre9 type gre remote 10.9.0.2 local 10.9.0.1 ikey 5 okey 6 icsum ocsum iseq oseq ttl 64 tos 0x10
ip link add gre8 type gre local 10.9.0.1 remote 10.9.0.3 nopmtudisc ignore-df dev va
ip link add gre7 type gre external
ip link add gt0 type gretap remote 10.9.0.2 local 10.9.0.1 key 77 encap fou encap-sport auto encap-dport 5555
ip link add es1 type erspan seq key 30 local 10.9.0.1 remote 10.9.0.2 erspan_ver 1 erspan 123
ip link add es2 type erspan seq key 31 local 10.9.0.1 remote 10.9.0.2 erspan_ver 2 erspan_dir egress erspan_hwid 7
ip link add g60 type ip6gre remote fd09::2 local fd09::1 key 9 hoplimit 33 encaplimit 4 tclass 0x1c flowlabel 0x2f
ip link add g61 type ip6gre remote fd09::3 local fd09::1 encaplimit none tclass inherit flowlabel inherit
ip link add gt6 type ip6gretap remote fd09::2 local fd09::1
ip link add es6 type ip6erspan seq key 32 local fd09::1 remote fd09::2 erspan_ver 1 erspan 124
ip link add ipip9 type ipip remote 10.9.0.2 local 10.9.0.1 ttl 9
ip link add ipip8 type ipip remote 10.9.0.4 local 10.9.0.1 mode any encap gue encap-sport 1111 encap-dport 2222 encap-csum encap-remcsum
ip link add sit9 type sit remote 10.9.0.2 local 10.9.0.1
ip link add sit8 type sit local 10.9.0.1 6rd-prefix 2001:db8::/32
ip link add sit7 type sit local 10.9.0.9 isatap
ip link add t6 type ip6tnl remote fd09::2 local fd09::1 mode ip6ip6 hoplimit 12
ip link add t7 type ip6tnl remote fd09::3 local fd09::1 mode any encaplimit none fwmark inherit
ip link add t8 type ip6tnl remote fd09::4 local fd09::1 mode ipip6 fwmark 0x12 dev va
ip link add vti9 type vti remote 10.9.0.2 local 10.9.0.1 ikey 1 okey 2
ip link add vti8 type vti6 remote fd09::2 local fd09::1 key 3
ip link add xf0 type xfrm dev va if_id 77
ip link add xf1 type xfrm external
ip link add gn0 type geneve id 99 remote 10.9.0.2 ttl 3 dstport 6082 df inherit
ip link add gn1 type geneve id 98 remote fd09::2 udp6zerocsumrx
ip link add gn2 type geneve external dstport 6083
ip link add bu0 type bareudp dstport 6635 ethertype mpls_uc srcportmin 40000
ip link add bu1 type bareudp dstport 6636 ethertype ipv4 multiproto
ip link add gtp0 type gtp role sgsn hsize 64
ip link add wg9 type wireguard
ip link add nlm0 type nlmon
ip link add link vf name ms0 type macsec port 11 encrypt on send_sci on replay on window 32 cipher gcm-aes-256
ip link add link vf name ms1 type macsec sci 0102030405060708 validate check protect off
ip link add vcan0 type vcan
ip link add vxc0 type vxcan peer name vxc1
ip link add vsm0 type vsockmon
ip link add team0 type team
ip link add hsr0 type hsr slave1 vi slave2 vj supervision 45 version 1
ip link add nk0 type netkit mode l2 blackhole peer name nk1
ip link add bat0 type batadv
ip link add amt0 type amt mode gateway local 10.9.0.1 discovery 10.9.0.2 dev va
`

// labState adds addresses, routes, rules, neighbours and nexthops.
const labState = `
ip addr add 10.9.1.1 peer 10.9.1.2/32 dev va label va:ptp
ip addr add 10.9.0.9/24 brd + dev va
ip addr add 10.9.2.1/24 dev vc scope link valid_lft 3000 preferred_lft 2000
ip addr add 10.9.3.1/24 dev br0 noprefixroute
ip addr add fd09::5/64 dev va nodad noprefixroute
ip addr add fd09::6 peer fd09::7/128 dev va nodad
ip addr add fd09::8/64 dev va nodad home valid_lft 4000 preferred_lft 0
ip addr add 10.9.5.1/24 dev vb
ip route add 10.20.0.0/16 via 10.9.0.2 metric 50 proto static
ip route add 10.21.0.0/16 via 10.9.0.2 mtu lock 1300 advmss 1200 hoplimit 9 rtt 100ms initcwnd 12 congctl cubic
ip route add 10.22.0.0/16 nexthop via 10.9.0.2 weight 2 nexthop via 10.9.5.2 weight 5
ip route add blackhole 10.23.0.0/16
ip route add unreachable 10.24.0.0/16 metric 9
ip route add prohibit 10.25.0.0/16
ip route add throw 10.26.0.0/16 table 77
ip route add 10.27.0.0/16 via 10.9.0.2 table 100 proto bird src 10.9.0.1 tos 0x10 realms 5
ip route add 10.28.0.0/16 dev va scope link proto 99
ip route add 10.29.0.0/16 via inet6 fd09::2 dev va
ip route add 10.30.0.1/32 via 10.99.0.1 dev va onlink
ip route add 10.31.0.0/16 encap ip id 30001 dst 10.9.0.2 ttl 5 tos 8 dev va
ip route add 10.32.0.0/16 encap mpls 100/200/300 ttl 7 via 10.9.0.2
ip route add default via 10.9.0.2 metric 500
ip -6 route add 2001:db8:1::/48 via fd09::2 metric 77 pref high
ip -6 route add 2001:db8:2::/48 nexthop via fd09::2 dev va weight 3 nexthop via fd09::3 dev va
ip -6 route add 2001:db8:3::/48 encap seg6 mode encap segs fd00::a,fd00::b,fd00::c dev va
ip -6 route add 2001:db8:4::/48 encap seg6 mode inline segs fd00::d dev va
ip -6 route add 2001:db8:5::/128 encap seg6local action End.X nh6 fd09::2 dev va
ip -6 route add 2001:db8:6::/48 from fd09::/64 via fd09::2
ip -6 route add unreachable 2001:db8:7::/48 metric 1024
ip -6 route add 2001:db8:8::/48 encap ip6 id 7 dst fd09::9 hoplimit 3 dev va
ip -6 route add 2001:db8:9::/48 via fd09::2 expires 4000
ip -6 route add default via fd09::2 metric 600
ip -f mpls route add 100 as 200/300 via inet 10.9.0.2
ip -f mpls route add 101 via inet6 fd09::2 dev va
ip nexthop add id 1 via 10.9.0.2 dev va
ip nexthop add id 2 via 10.9.5.2 dev vb proto static
ip nexthop add id 3 blackhole
ip nexthop add id 4 via fd09::2 dev va onlink
ip nexthop add id 10 group 1,3/2,250
ip nexthop add id 11 group 1,10 type resilient buckets 32 idle_timer 60 unbalanced_timer 300
ip nexthop add id 20 via 10.9.0.50 fdb
ip nexthop add id 21 group 20 fdb
ip nexthop add id 30 encap mpls 44 via 10.9.0.2 dev va
ip route add 10.40.0.0/16 nhid 10
ip -6 route add 2001:db8:a::/48 nhid 4
ip rule add pref 100 from 10.20.0.0/16 to 10.21.0.0/16 table 100
ip rule add pref 101 iif va oif vb fwmark 0x10/0xff table 200
ip rule add pref 102 not from 10.1.1.1 lookup main suppress_prefixlength 0
ip rule add pref 103 uidrange 1000-2000 ipproto tcp sport 80 dport 1000-2000 table 300
ip rule add pref 104 blackhole
ip rule add pref 105 from all goto 32766
ip rule add pref 106 unreachable
ip rule add pref 107 prohibit
ip rule add pref 108 tun_id 55 table 301 protocol bgp
ip rule add pref 109 suppress_ifgroup 5 table 302
ip rule add pref 110 tos 0x10 table 303
ip rule add pref 111 from all l3mdev
ip -6 rule add pref 120 from fd09::/64 table 304
ip neigh add 10.9.0.2 lladdr 02:00:00:00:01:02 dev va nud permanent
ip neigh add 10.9.0.3 lladdr 02:00:00:00:01:03 dev va nud reachable
ip neigh add 10.9.0.4 lladdr 02:00:00:00:01:04 dev va nud stale extern_learn
ip neigh add 10.9.0.5 dev va nud failed
ip neigh add fd09::2 lladdr 02:00:00:00:01:06 dev va router nud permanent
ip neigh add proxy 10.9.0.77 dev va
bridge fdb add 02:00:00:00:02:01 dev vc master static
bridge vlan add dev vd vid 7
bridge fdb add 02:00:00:00:02:02 dev vd master vlan 7 static
bridge fdb add 02:00:00:00:02:03 dev vx0 dst 10.9.0.33 port 4700 vni 66 via va
bridge fdb append 00:00:00:00:00:00 dev vx0 dst 10.9.0.34
bridge fdb add 02:00:00:00:02:04 dev vc master sticky static
bridge fdb add 02:00:00:00:02:05 dev vx5 dst fd09::33
bridge fdb add 02:00:00:00:02:06 dev vx0 nhid 21
bridge fdb add 02:00:00:00:02:07 dev vx3 dst 10.9.0.35 src_vni 1000 self
bridge fdb add 02:00:00:00:02:08 dev br1 self local
`
