// Which packets the kernel drops, and why.
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

char _license[] SEC("license") = "Dual BSD/GPL";

// Packets looked at per processor and second. Of those beyond, one of EACH is
// looked at and stands for all of them.
const volatile __u64 limit = 20000;
#define EACH 64

// Reasons that are none for a packet to be lost: a bit for each.
#define REASONS 256
const volatile __u64 ignored[REASONS / 64] = {3};

// Which of the two maps is written to; the other one is read.
volatile __u32 active = 0;

struct key {
	__u8 src[16];
	__u8 dst[16];
	__u32 netns;
	__u32 reason;
	__u16 sport;
	__u16 dport;
	__u8 protocol;
	__u8 zero[3];
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__type(key, struct key);
	__type(value, __u64);
} drops0 SEC(".maps"), drops1 SEC(".maps");

// What became of the packets; the same order as in stats.go.
struct counts {
	__u64 seen;     // looked at
	__u64 skipped;  // stood for by others
	__u64 overflow; // no room in the map
	__u64 other;    // no IP, or not to be read
	__u64 second;   // when the limit began to count
	__u64 since;    // packets since then
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct counts);
} counts SEC(".maps");

struct ipv4 {
	__u8 ihl;
	__u8 tos;
	__be16 length;
	__be16 id;
	__be16 fragment;
	__u8 ttl;
	__u8 protocol;
	__u16 check;
	__u8 src[4];
	__u8 dst[4];
};

struct ipv6 {
	__u8 version;
	__u8 flow[3];
	__be16 length;
	__u8 next;
	__u8 hops;
	__u8 src[16];
	__u8 dst[16];
};

static __always_inline void mapped(__u8 *to, const __u8 *from)
{
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, from, 4);
}

// ports reads the ports, or the identifier of an echo.
static __always_inline void ports(struct key *k, const unsigned char *at)
{
	__be16 b[4];

	if (bpf_probe_read_kernel(b, sizeof(b), at))
		return;
	switch (k->protocol) {
	case IPPROTO_TCP:
	case IPPROTO_UDP:
	case IPPROTO_SCTP:
		k->sport = bpf_ntohs(b[0]);
		k->dport = bpf_ntohs(b[1]);
		break;
	case IPPROTO_ICMP:
		if (*(__u8 *)b == ICMP_ECHO || *(__u8 *)b == ICMP_ECHOREPLY)
			k->sport = k->dport = bpf_ntohs(b[2]);
		break;
	case IPPROTO_ICMPV6:
		if (*(__u8 *)b == ICMPV6_ECHO_REQUEST || *(__u8 *)b == ICMPV6_ECHO_REPLY)
			k->sport = k->dport = bpf_ntohs(b[2]);
	}
}

static __always_inline int read_ipv4(struct key *k, const unsigned char *at)
{
	struct ipv4 h;

	if (bpf_probe_read_kernel(&h, sizeof(h), at) || h.ihl >> 4 != 4)
		return -1;
	k->protocol = h.protocol;
	mapped(k->src, h.src);
	mapped(k->dst, h.dst);
	if (!(h.fragment & bpf_htons(0x1fff)))
		ports(k, at + (h.ihl & 15) * 4);
	return 0;
}

static __always_inline int read_ipv6(struct key *k, const unsigned char *at)
{
	struct ipv6 h;
	__u8 ext[8], next;
	int fragment = 0;

	if (bpf_probe_read_kernel(&h, sizeof(h), at) || h.version >> 4 != 6)
		return -1;
	__builtin_memcpy(k->src, h.src, 16);
	__builtin_memcpy(k->dst, h.dst, 16);
	next = h.next;
	at += sizeof(h);
#pragma unroll
	for (int i = 0; i < 4; i++) {
		// Hop-by-hop options, routing, fragment, destination options.
		if (next != 0 && next != 43 && next != 44 && next != 60)
			break;
		if (bpf_probe_read_kernel(ext, sizeof(ext), at))
			return -1;
		if (next == 44) {
			fragment = ext[2] | (ext[3] & 0xf8);
			at += 8;
		} else {
			at += 8 * (ext[1] + 1);
		}
		next = ext[0];
	}
	k->protocol = next;
	if (!fragment)
		ports(k, at);
	return 0;
}

// add counts in a map; a packet stands for n.
static __always_inline int add(void *map, const struct key *k, __u64 n)
{
	__u64 *have = bpf_map_lookup_elem(map, k);

	if (!have) {
		if (!bpf_map_update_elem(map, k, &n, BPF_NOEXIST))
			return 0;
		have = bpf_map_lookup_elem(map, k);
		if (!have)
			return -1;
	}
	__sync_fetch_and_add(have, n);
	return 0;
}

// TP_PROTO(struct sk_buff *skb, void *location, enum skb_drop_reason reason, ...)
SEC("raw_tp/kfree_skb")
int kfree_skb(__u64 *ctx)
{
	struct sk_buff *skb = (struct sk_buff *)ctx[0];
	struct key k = {};
	struct counts *c;
	struct net_device *dev;
	struct sock *sk;
	const unsigned char *at;
	__u32 zero = 0;
	__u64 now, n = 1;
	__be16 protocol;
	int bad;

	k.reason = ctx[2];
	if (k.reason < REASONS && ignored[(k.reason / 64) & 3] >> (k.reason % 64) & 1)
		return 0;
	c = bpf_map_lookup_elem(&counts, &zero);
	if (!c)
		return 0;
	// What is not IP, such as messages of netlink and unix sockets, costs no more.
	protocol = BPF_CORE_READ(skb, protocol);
	if (protocol != bpf_htons(ETH_P_IP) && protocol != bpf_htons(ETH_P_IPV6)) {
		c->other++;
		return 0;
	}
	now = bpf_ktime_get_ns();
	if (now - c->second > 1000000000) {
		c->second = now;
		c->since = 0;
	}
	if (++c->since > limit) {
		if (c->since % EACH) {
			c->skipped++;
			return 0;
		}
		n = EACH;
	}
	at = BPF_CORE_READ(skb, head);
	at += BPF_CORE_READ(skb, network_header);
	bad = protocol == bpf_htons(ETH_P_IP) ? read_ipv4(&k, at) : read_ipv6(&k, at);
	if (bad) {
		c->other++;
		return 0;
	}
	// In queues of sockets other things stand where the device does.
	sk = BPF_CORE_READ(skb, sk);
	if (sk) {
		k.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	} else {
		dev = BPF_CORE_READ(skb, dev);
		if (dev)
			k.netns = BPF_CORE_READ(dev, nd_net.net, ns.inum);
	}
	c->seen++;
	if (active)
		bad = add(&drops1, &k, n);
	else
		bad = add(&drops0, &k, n);
	if (bad)
		c->overflow += n;
	return 0;
}
