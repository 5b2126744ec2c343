package iptest

// step changes something; both sides must agree again after it.
type step struct{ name, script string }

// steps go on from base, the setups of this machine's kernel and tables.
var steps = []step{
	{"rename", `
ip -n $A link set base8 down; ip -n $A link set base8 name renamed8; ip -n $A link set renamed8 up
ip -n $A link set br0 down; ip -n $A link set br0 name bridge0; ip -n $A link set bridge0 up
ip -n $A link set ve0 down; ip -n $A link set ve0 name 'odd.name_0'; ip -n $A link set odd.name_0 up`},
	{"MAC, MTU, queue, group", `
ip -n $A link set base7 address 02:00:00:00:07:07
ip -n $A link set base6 mtu 1300
ip -n $A link set base6 txqueuelen 77 group 5 alias 'new alias'
ip -n $B link set ve1 address 02:00:00:00:01:01`},
	{"down and up", `
ip -n $A link set base6 down; ip -n $A link set peer5 down; ip -n $A link set base4 down; ip -n $A link set base4 up
ip -n $A link set base6 promisc on`},
	{"flags of a peer in another namespace", `ip -n $B link set ve1 down`},
	{"addresses come and go", `
ip -n $A address add 10.1.0.2/24 dev base0; ip -n $A address add 10.20.0.1/16 dev base6 label base6:x
ip -n $A address add 10.21.0.1 peer 10.21.0.2/32 dev base6
ip -n $A address add fd00:20::1/64 dev base7 nodad
ip -n $A address del 10.1.0.2/24 dev base0
ip -n $B address add 10.30.0.1/24 dev ve1`},
	{"routes change", `
ip -n $A route del 10.2.0.0/24
ip -n $A route replace 10.4.0.0/24 via 10.1.0.53
ip -n $A route change 10.5.0.0/24 via 10.1.0.51 table 200 metric 5 proto bird
ip -n $A route del blackhole 10.6.0.0/24
ip -n $A route append fd00:2::/64 via fd00:1::60 dev base0 metric 77
ip -n $A route add 10.41.0.0/24 dev base7 scope link
ip -n $A route flush table 70000
ip -n $A -6 route del fd00:3::/64`},
	{"rules and nexthop objects change", `
ip -n $A rule del pref 1001; ip -n $A rule add from 10.97.0.0/16 table 97 pref 1010
ip -n $A -6 rule del pref 1003
ip -n $A nexthop replace id 2 via 10.1.0.55 dev base0
ip -n $A nexthop del id 4; ip -n $A nexthop del id 11; ip -n $A nexthop add id 12 group 1`},
	{"a nexthop object goes with its routes", `ip -n $A nexthop del id 10`},
	{"neighbours and FDB entries change", `
ip -n $A neigh del 10.1.0.52 dev base0
ip -n $A neigh replace 10.1.0.50 lladdr 02:00:00:00:00:5a dev base0 nud permanent
ip -n $A neigh add 10.1.0.70 lladdr 02:00:00:00:00:70 dev base0 nud stale
bridge -n $A fdb del 02:00:00:00:00:99 dev brp0 master
bridge -n $A fdb add 02:00:00:00:00:94 dev brp2 master static
bridge -n $A fdb del 02:00:00:00:00:98 dev vx0 dst 10.1.0.44 vni 7 port 8472`},
	{"a port leaves its bridge, another comes", `
ip -n $A link set brp2 nomaster; ip -n $A link set base9 master bridge0
ip -n $A link set brp0 type bridge_slave isolated off cost 9`},
	{"settings of a bridge and a VXLAN change", `
ip -n $A link set bridge0 type bridge ageing_time 40000 stp_state 1
ip -n $A link set vx0 type vxlan ttl 7`},
	{"an interface moves to another namespace", `
ip -n $A link set base7 netns $B; ip -n $A link set mv0 netns $B; ip -n $A link set tap0 netns $B`},
	{"it moves on under another name and back", `
ip -n $B link set base7 netns $C name moved7; ip -n $C link set moved7 up
ip -n $B link set tap0 netns $A`},
	{"a peer in another namespace moves", `ip -n $B link set ve1 netns $C; ip -n $C link set ve1 up`},
	{"a VXLAN moves away from the device below it", `ip -n $A link set vx0 netns $C; ip -n $C link set vx0 up`},
	{"links are deleted", `
ip -n $A link del renamed8; ip -n $A link del vx1; ip -n $A link del bridge0; ip -n $A link del tun0
ip -n $A link del mv1; ip -n $A link del ifb7`},
	{"deleted and made again under the same name", `
ip -n $A link del vx2; ip -n $A link add vx2 type vxlan id 99 remote 10.1.0.99 dstport 4789
ip -n $A link add br0 type bridge; ip -n $A link set base9 master br0; ip -n $A link set br0 up`},
	{"flags, addresses and routes go with the link", `ip -n $A link set base0 down`},
	{"and come back", `ip -n $A link set base0 up; ip -n $A route add default via 10.1.0.50`},
	{"a namespace comes with everything in one go", `
ip netns add $D
ip -n $D link set lo up; ip -n $D link add x0 type veth peer name x1 netns $A
ip -n $D address add 10.77.0.1/24 dev x0; ip -n $D link set x0 up; ip -n $A link set x1 up
ip -n $D link add br9 type bridge; ip -n $D link set x0 master br9`},
}
