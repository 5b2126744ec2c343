package iptest

// setup makes links of one kind in the namespaces $A and $B. Each runs in a
// shell of its own with -e, after the one named base; a kernel that has not
// got the kind makes it fail, and the kind is then left out.
type setup struct {
	kind   string
	script string
	// slow links need what only a guest's kernel has, so that the attempt is
	// not made elsewhere (it would load modules into this machine's kernel).
	guest bool
}

// The kernel tells nobody when settings of a link change that is down
// (netdev_state_change), so that links are set up before they are changed.

// base is what the other scripts need: veth pairs to stand on.
const base = `
ip -n $A link set lo up; ip -n $B link set lo up
for i in 0 1 2 3 4 5 6 7 8 9; do
	ip -n $A link add base$i type veth peer name peer$i
	ip -n $A link set base$i up; ip -n $A link set peer$i up
done
ip -n $A address add 10.1.0.1/24 dev base0
ip -n $A address add fd00:1::1/64 dev base0 nodad
`

var setups = []setup{
	{kind: "veth", script: `
ip -n $A link add ve0 type veth peer name ve1 netns $B
ip -n $A link add ve2 numtxqueues 4 numrxqueues 3 type veth peer name ve3 netns $B address 02:00:00:00:01:03 mtu 1400
ip -n $A link set ve0 up; ip -n $B link set ve1 up`},
	{kind: "bridge", script: `
ip -n $A link add br0 type bridge forward_delay 200 priority 4096 ageing_time 20000 mcast_snooping 0
ip -n $A link add br1 type bridge stp_state 1; ip -n $A link set br1 up
ip -n $A link add brp0 type veth peer name brp1; ip -n $A link add brp2 address 02:00:00:00:00:02 type veth peer name brp3 # the lowest address becomes that of the bridge
ip -n $A link set brp0 master br0; ip -n $A link set brp2 master br0
ip -n $A link set brp0 type bridge_slave cost 5 priority 3 isolated on
ip -n $A link set brp2 type bridge_slave learning off flood off guard on
for i in br0 brp0 brp1 brp2 brp3; do ip -n $A link set $i up; done`},
	{kind: "macvlan", script: `
ip -n $A link add mv0 link base1 type macvlan mode bridge
ip -n $A link add mv1 link base1 type macvlan mode source
ip -n $A link set mv1 up; ip -n $A link set mv1 type macvlan macaddr add 00:11:22:33:44:55
ip -n $A link add mv2 link base1 netns $B type macvlan mode private`},
	{kind: "macvtap", script: `ip -n $A link add mvt0 link base2 type macvtap mode vepa`},
	{kind: "vxlan", script: `
ip -n $A link add vx0 type vxlan id 100 local 10.1.0.1 group 239.1.1.1 dev base0 dstport 4789 ttl 5 tos 8 srcport 1000 2000 gbp
ip -n $A link add vx1 type vxlan external dstport 4790
ip -n $A link add vx2 type vxlan id 102 local fd00:1::1 remote fd00:1::9 dstport 4791 nolearning proxy rsc l2miss l3miss udp6zerocsumtx ageing 100 maxaddress 50
ip -n $A link set vx0 up`},
	{kind: "tun", script: `
ip -n $A tuntap add tun0 mode tun user 54321 group 54322 pi
ip -n $A tuntap add tap0 mode tap multi_queue vnet_hdr
ip -n $A link set tun0 up; ip -n $A link set tap0 up # what tuntap sets comes without an event
`},
	{kind: "ifb", script: `ip -n $A link add ifb7 type ifb`},

	{guest: true, kind: "dummy", script: `
ip -n $A link add du0 type dummy; ip -n $A link set du0 up; ip -n $A address add 10.9.0.1/32 dev du0`},
	{guest: true, kind: "vlan", script: `
ip -n $A link add vlan10 link base0 type vlan id 10 reorder_hdr on egress-qos-map 1:2 ingress-qos-map 3:4
ip -n $A link add vlan20 link base0 type vlan id 20 protocol 802.1ad gvrp on loose_binding on
ip -n $A link add vlan30 link base0 netns $B type vlan id 30
ip -n $A link set vlan10 up`},
	{guest: true, kind: "bond", script: `
ip -n $A link add bond0 type bond mode 802.3ad miimon 100 lacp_rate fast xmit_hash_policy layer3+4
for i in 0 1; do ip -n $A link add bs$i type dummy; ip -n $A link set bs$i master bond0; done
ip -n $A link set bond0 up
ip -n $A link add bond1 type bond mode active-backup arp_interval 600000 arp_ip_target 10.1.0.9,10.1.0.10 arp_validate all
ip -n $A link add bs2 type dummy; ip -n $A link set bs2 master bond1; ip -n $A link set bond1 up
ip -n $A link add bond2 type bond mode active-backup miimon 50
ip -n $A link add bs3 type dummy; ip -n $A link set bs3 master bond2; ip -n $A link set bond2 up
ip -n $A link set bond2 type bond primary bs3`},
	{guest: true, kind: "team", script: `
ip -n $A link add team0 type team; ip -n $A link add ts0 type dummy; ip -n $A link set ts0 master team0`},
	{guest: true, kind: "vrf", script: `
ip -n $A link add vrf0 type vrf table 100; ip -n $A link add vs0 type dummy; ip -n $A link set vs0 master vrf0
ip -n $A link set vrf0 up; ip -n $A link set vs0 up; ip -n $A address add 10.8.0.1/24 dev vs0`},
	{guest: true, kind: "ipvlan", script: `
ip -n $A link add iv0 link base3 type ipvlan mode l3 bridge
ip -n $A link add iv1 link base3 type ipvlan mode l3`},
	{guest: true, kind: "ipvtap", script: `ip -n $A link add ivt0 link base4 type ipvtap mode l2 private`},
	{guest: true, kind: "gre", script: `
ip -n $A link add gre1 type gre local 10.1.0.1 remote 10.1.0.2 key 7 ttl 64 tos 4 csum seq
ip -n $A link add gre2 type gre local 10.1.0.1 remote 10.1.0.20 ikey 1 okey 10.2.3.4 nopmtudisc dev base0 fwmark 5
ip -n $A link set gre1 up; ip -n $A address add 192.168.7.1 peer 192.168.7.2/32 dev gre1`},
	{guest: true, kind: "gretap", script: `
modprobe fou
ip -n $A link add gret1 type gretap local 10.1.0.1 remote 10.1.0.3 dev base0 encap fou encap-sport auto encap-dport 5555 encap-csum
ip -n $A link add gret2 type gretap external`},
	{guest: true, kind: "erspan", script: `
ip -n $A link add ers1 type erspan local 10.1.0.1 remote 10.1.0.4 seq key 5 erspan_ver 1 erspan 123
ip -n $A link add ers2 type erspan local 10.1.0.1 remote 10.1.0.5 seq key 6 erspan_ver 2 erspan_dir egress erspan_hwid 7`},
	{guest: true, kind: "ip6gre", script: `
ip -n $A link add g6 type ip6gre local fd00:1::1 remote fd00:1::2 key 9 encaplimit 4 hoplimit 63 tclass 0x10 flowlabel 0x12345
ip -n $A link add g61 type ip6gre local fd00:1::1 remote fd00:1::22 tclass inherit flowlabel inherit encaplimit none`},
	{guest: true, kind: "ip6gretap", script: `ip -n $A link add g6t type ip6gretap local fd00:1::1 remote fd00:1::3`},
	{guest: true, kind: "ip6erspan", script: `
ip -n $A link add ers6 type ip6erspan local fd00:1::1 remote fd00:1::4 seq key 5 erspan_ver 1 erspan 12`},
	{guest: true, kind: "ipip", script: `
ip -n $A link add ipip1 type ipip local 10.1.0.1 remote 10.1.0.6 ttl 32
ip -n $A link add ipip2 type ipip local 10.1.0.1 remote 10.1.0.66 mode mplsip`},
	{guest: true, kind: "sit", script: `
ip -n $A link add sit1 type sit local 10.1.0.1 remote 10.1.0.7 mode any 6rd-prefix 2001:db8::/32
ip -n $A link add sit2 type sit local 10.1.0.1 remote any isatap`},
	{guest: true, kind: "ip6tnl", script: `
ip -n $A link add ip6t1 type ip6tnl local fd00:1::1 remote fd00:1::5 mode any encaplimit none
ip -n $A link add ip6t2 type ip6tnl local fd00:1::1 remote fd00:1::55 mode ipip6 dscp inherit`},
	{guest: true, kind: "vti", script: `ip -n $A link add vti1 type vti local 10.1.0.1 remote 10.1.0.8 key 11`},
	{guest: true, kind: "vti6", script: `
ip -n $A link add vti61 type vti6 local fd00:1::1 remote fd00:1::6 ikey 12 okey 13`},
	{guest: true, kind: "xfrm", script: `ip -n $A link add xfrm1 type xfrm dev base0 if_id 42`},
	{guest: true, kind: "geneve", script: `
ip -n $A link add gnv0 type geneve id 200 remote 10.1.0.10 ttl 9 tos 4 dstport 6082 df set
ip -n $A link add gnv1 type geneve external
ip -n $A link add gnv2 type geneve id 201 remote fd00:1::44 ttl inherit dstport 6083`},
	{guest: true, kind: "gtp", script: `ip -n $A link add gtp0 type gtp role sgsn`},
	{guest: true, kind: "wireguard", script: `ip -n $A link add wg0 type wireguard`},
	{guest: true, kind: "nlmon", script: `ip -n $A link add nl0 type nlmon`},
	{guest: true, kind: "macsec", script: `
ip -n $A link add macsec0 link base5 type macsec port 1 encrypt on cipher gcm-aes-256
ip -n $A link add macsec1 link base5 type macsec port 2 encrypt off replay on window 10 validate check`},
	{guest: true, kind: "vcan", script: `ip -n $A link add vcan0 type vcan`},
	{guest: true, kind: "vxcan", script: `ip -n $A link add vxc0 type vxcan peer name vxc1 netns $B`},
	{guest: true, kind: "vsockmon", script: `ip -n $A link add vsm0 type vsockmon`},
	{guest: true, kind: "batadv", script: `ip -n $A link add bat0 type batadv`},
	{guest: true, kind: "bareudp", script: `
modprobe bareudp
ip -n $A link add bu0 type bareudp dstport 6635 ethertype mpls_uc`},
	{guest: true, kind: "openvswitch", script: `
modprobe openvswitch
ip netns exec $A ovs-dpctl add-dp dp0 2>/dev/null
ip netns exec $A ovs-dpctl add-if dp0 int0,type=internal 2>/dev/null
ip -n $A link add ovp0 type dummy; ip netns exec $A ovs-dpctl add-if dp0 ovp0 2>/dev/null`},
	// Functions of netdevsim have no link kind; they count by their own name.
	{guest: true, kind: kindSRIOV, script: `
modprobe netdevsim
ip netns exec $A sh -c 'echo "1 2" >/sys/bus/netdevsim/new_device'
echo 2 >/sys/bus/netdevsim/devices/netdevsim1/sriov_numvfs
pf=$(ls /sys/bus/netdevsim/devices/netdevsim1/net 2>/dev/null | head -n1); pf=${pf:-$(ip -n $A -o link | sed -n 's/^[0-9]*: \(eth[0-9]*\):.*/\1/p' | head -n1)}
ip -n $A link set $pf name pf0
ip -n $A link set pf0 vf 0 mac 02:00:00:00:09:00 vlan 7 qos 2
ip -n $A link set pf0 vf 1 mac 02:00:00:00:09:01 state enable trust on spoofchk on max_tx_rate 100 min_tx_rate 10`},
}

// kindSRIOV stands for a physical function with virtual ones.
const kindSRIOV = "netdevsim"

// tablesScript fills the tables of a namespace: addresses, routes, rules, nexthop
// objects, neighbours and FDB entries.
const tablesScript = `
ip -n $A link set base0 alias 'an alias'; ip -n $A link property add dev base0 altname other0
ip -n $A nexthop add id 1 via 10.1.0.50 dev base0
ip -n $A nexthop add id 2 via 10.1.0.51 dev base0 protocol bird
ip -n $A nexthop add id 10 group 1,3/2,5
ip -n $A nexthop add id 11 group 1/2 type resilient buckets 8
ip -n $A nexthop add id 3 blackhole
ip -n $A nexthop add id 4 dev base0
ip -n $A nexthop add id 5 via fd00:1::50 dev base0
ip -n $A nexthop add id 20 via 10.1.0.60 fdb
ip -n $A route add default via 10.1.0.50
ip -n $A route add 10.2.0.0/24 via 10.1.0.50
ip -n $A route add 10.3.0.0/24 nhid 10
ip -n $A route add 10.4.0.0/24 nexthop via 10.1.0.51 weight 2 nexthop via 10.1.0.52 dev base0
ip -n $A route add 10.5.0.0/24 via 10.1.0.50 table 200 metric 5 mtu 1400 proto bird src 10.1.0.1
ip -n $A route add 10.5.1.1 dev base0 table 70000 scope link advmss 1000 hoplimit 9
ip -n $A route add blackhole 10.6.0.0/24
ip -n $A route add unreachable 10.7.0.0/24 metric 9
ip -n $A route add prohibit 10.8.4.0/24
ip -n $A route add throw 10.9.9.0/24 table 200
ip -n $A route add 10.10.0.0/24 via inet6 fe80::1 dev base0
ip -n $A route add 10.13.0.0/24 tos 0x10 via 10.1.0.50
ip -n $A route add fd00:2::/64 via fd00:1::50 dev base0 metric 77
ip -n $A route add fd00:3::/64 nexthop via fd00:1::51 dev base0 nexthop via fd00:1::52 dev base0 weight 3
ip -n $A route add fd00:6::/64 nhid 5
ip -n $A route add blackhole fd00:7::/64
ip -n $A route add fd00:8::/64 from fd00:1::/64 via fd00:1::50 dev base0 || true # needs CONFIG_IPV6_SUBTREES
ip -n $A rule add from 10.1.0.0/24 iif base0 lookup 200 priority 1000
ip -n $A rule add fwmark 0x1/0xff lookup 100 pref 1001
ip -n $A rule add to 10.99.0.0/16 ipproto tcp dport 80-90 uidrange 0-1000 blackhole pref 1002
ip -n $A rule add not from 10.98.0.0/16 tos 8 table 200 suppress_prefixlength 0 pref 1004
ip -n $A rule add from all goto 32766 pref 1005
ip -n $A -6 rule add from fd00:1::/64 oif base0 table 300 pref 1003
ip -n $A neigh add 10.1.0.50 lladdr 02:00:00:00:00:50 dev base0 nud permanent
ip -n $A neigh add fd00:1::50 lladdr 02:00:00:00:00:51 dev base0 nud permanent router
ip -n $A neigh add 10.1.0.52 lladdr 02:00:00:00:00:52 dev base0 nud noarp
bridge -n $A fdb add 02:00:00:00:00:99 dev brp0 master static
bridge -n $A fdb add 02:00:00:00:00:96 dev brp0 master dynamic
bridge -n $A fdb add 02:00:00:00:00:98 dev vx0 dst 10.1.0.44 vni 7 port 8472
bridge -n $A fdb append 00:00:00:00:00:00 dev vx0 dst 10.1.0.45
`

// tablesGuest are entries that need what only the guest's kernel has.
const tablesGuest = `
modprobe mpls_router; modprobe mpls_iptunnel
ip -n $A route add 10.11.0.0/24 encap mpls 100/200 via 10.1.0.50
ip -n $A route add fd00:4::/64 encap seg6 mode encap segs fd00:9::1,fd00:9::2 dev base0
ip netns exec $A sysctl -qw net.mpls.platform_labels=1000
ip netns exec $A sysctl -qw net.mpls.conf.base0.input=1
ip -n $A -f mpls route add 300 as 400 via inet 10.1.0.50 dev base0
ip -n $A -f mpls route add 301 dev lo
ip -n $A link set br0 type bridge vlan_filtering 1
bridge -n $A vlan add vid 5 dev brp0 pvid untagged
bridge -n $A fdb add 02:00:00:00:00:95 dev brp0 master static vlan 5
`
