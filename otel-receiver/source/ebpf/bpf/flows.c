// SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
/* Programs for both hooks of tc that count flows. They change no packet and
 * decide about none: what they return is always "go on". */
#include "parse.h"

char LICENSE[] SEC("license") = "GPL";

#define NEXT (-1) /* TCX_NEXT, TC_ACT_UNSPEC */

/* Sizes are set when the programs are loaded. An element of value type large is
 * never bigger than sizeof(struct value) + LARGE. */
#define FLOWS(name)                                              \
	struct {                                                 \
		__uint(type, BPF_MAP_TYPE_HASH);                 \
		__uint(max_entries, 65536);                      \
		__uint(map_flags, BPF_F_NO_PREALLOC);            \
		__uint(key_size, sizeof(struct key));            \
		__uint(value_size, sizeof(struct value) + LARGE); \
	} name SEC(".maps")

FLOWS(flows_0);
FLOWS(flows_1);

/* blank is the value of a new entry. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, sizeof(struct value) + LARGE);
} blank SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, 4);
	__uint(value_size, sizeof(struct stats));
} stats SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} ring SEC(".maps");

volatile struct control control SEC(".data.control") = {};

/* filter is replaced before the programs are loaded: what it returns is not 0
 * for packets that count. */
__attribute__((noinline)) int skein_filter(struct __sk_buff *skb)
{
	int all = 1;

	asm volatile("" : "+r"(all) : "r"(skb));
	return all;
}

inline_ struct stats *counters(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&stats, &zero);
}

/* within makes n at most max, for verifiers that know a number by comparisons
 * with it only; the compiler must not make one of two of them. n is more than 1. */
#define WITHIN(n, max)                             \
	do {                                       \
		asm volatile("" : "+r"(n));        \
		if (n > (max))                     \
			n = (max);                 \
		asm volatile("" : "+r"(n));        \
	} while (0)

/* copy_up_to copies the beginning of a packet, its VLAN tag in place. It returns
 * how much that is. max is a constant. */
inline_ __u32 copy_up_to(struct __sk_buff *skb, __u32 net, __u8 *to, const __u32 max)
{
	__u32 n = skb->len - net;

	if (!raw_link && skb->vlan_present) {
		if (n < 14 || bpf_skb_load_bytes(skb, 0, to, 12))
			return 0;
		/* vlan_proto is in network order, in the low half. */
		*(__u16 *)(to + 12) = (__u16)skb->vlan_proto;
		*(__u16 *)(to + 14) = bpf_htons((__u16)skb->vlan_tci);
		n -= 12;
		asm volatile("" : "+r"(n));
		if (n < 2)
			return 16;
		WITHIN(n, max - 16);
		return bpf_skb_load_bytes(skb, 12, to + 16, n) ? 16 : n + 16;
	}
	asm volatile("" : "+r"(n));
	if (n < 2)
		return 0;
	WITHIN(n, max);
	return bpf_skb_load_bytes(skb, net, to, n) ? 0 : n;
}

/* amount is how many packets a buffer is on the wire, and how long they are: all
 * of them together, and each but the last. */
struct amount {
	__u32 packets, wire, each;
};

/* event sends a packet through the ring. */
static __attribute__((noinline)) int event(struct __sk_buff *skb, struct parsed *p, __u64 now, const struct amount *m)
{
	struct event *e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	struct stats *st;
	__u64 flags = BPF_RB_NO_WAKEUP;

	if (!e) {
		st = counters();
		if (st)
			st->ring_full++;
		return 1;
	}
	e->key = p->key;
	e->time = now;
	e->wire = m->each;
	e->packets = m->packets;
	e->bytes = m->wire;
	e->rate = p->flags >> 8 ? control.rate[1] : control.rate[0];
	e->proto = skb->protocol;
	e->out = p->flags >> 4 & 1;
	e->why = p->flags & 15;
	e->high = p->high;
	e->type = skb->pkt_type;
	e->len = copy_up_to(skb, p->net, e->data, RING_DATA);
	/* The reader looks every 100 ms; it is woken when that may be too late. */
	if (bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA) > bpf_ringbuf_query(&ring, BPF_RB_RING_SIZE) / 2)
		flags = BPF_RB_FORCE_WAKEUP;
	bpf_ringbuf_submit(e, flags);
	return 0;
}

inline_ struct value *find(int slot, struct key *k)
{
	if (slot)
		return bpf_map_lookup_elem(&flows_1, k);
	return bpf_map_lookup_elem(&flows_0, k);
}

/* begin makes the entry of a flow. */
static __attribute__((noinline)) struct value *begin(struct __sk_buff *skb, struct parsed *p, __u64 now, __u32 wire)
{
	struct value *v;
	struct stats *st;
	__u32 zero = 0;
	int slot = p->flags >> 8;
	long err;
	void *nothing = bpf_map_lookup_elem(&blank, &zero);

	if (!nothing)
		return 0;
	if (slot)
		err = bpf_map_update_elem(&flows_1, &p->key, nothing, BPF_NOEXIST);
	else
		err = bpf_map_update_elem(&flows_0, &p->key, nothing, BPF_NOEXIST);
	v = find(slot, &p->key);
	if (err || !v)
		return v; /* another processor was first, or there is no room */
	v->time = now;
	v->wire = wire;
	v->high = p->high;
	v->out = p->flags >> 4 & 1;
	if (sample_len == LARGE)
		v->len = copy_up_to(skb, p->net, v->data, LARGE);
	else
		v->len = copy_up_to(skb, p->net, v->data, SMALL);
	st = counters();
	if (st) {
		if (slot)
			st->created[1]++;
		else
			st->created[0]++;
	}
	return v;
}

inline_ int count(struct __sk_buff *skb, struct parsed *p, __u64 now, const struct amount *m)
{
	struct value *v = find(p->flags >> 8, &p->key);
	__u32 at = now >> 10;

	if (!v) {
		v = begin(skb, p, now, m->each);
		if (!v)
			return 1;
	}
	if (p->high) {
		__sync_fetch_and_add(&v->packets[1], m->packets);
		__sync_fetch_and_add(&v->bytes[1], m->wire);
		if (!v->first[1])
			v->first[1] = at;
		v->last[1] = at;
	} else {
		__sync_fetch_and_add(&v->packets[0], m->packets);
		__sync_fetch_and_add(&v->bytes[0], m->wire);
		if (!v->first[0])
			v->first[0] = at;
		v->last[0] = at;
	}
	return 0;
}

/* slow does what is not done for most packets. */
static __attribute__((noinline)) int slow(struct __sk_buff *skb, struct parsed *p, __u64 now, const struct amount *m, int verdict)
{
	struct stats *st = counters();
	int why = verdict == OPENS ? WHY_FLAGS : verdict == CLOSES ? WHY_CLOSE : verdict == MESSAGE ? WHY_MESSAGE : verdict == COUNT ? WHY_FULL : WHY_OTHER;

	if (why == WHY_OTHER)
		p->key.a = p->key.b = 0;
	p->flags |= why;
	if (!event(skb, p, now, m)) {
		if (st)
			st->events++;
		return 0;
	}
	return 1;
}

/* NETIF_F_GSO_SHIFT: a type of GSO is the bit of a device's feature shifted by
 * as much (include/linux/netdev_features.h). */
#define GSO_SHIFT 16
/* SKB_GSO_DODGY: what a guest or a process sends. It is looked at again, and not
 * split where the device can do the rest (tcp_gso_segment, __udp_gso_segment). */
#define GSO_DODGY 2u

/* is_split tells whether the kernel splits a buffer before it sends it, because
 * the device cannot (netif_needs_gso, gso_features_check). */
static __attribute__((noinline)) int is_split(struct __sk_buff *skb)
{
	struct sk_buff *sk = (void *)skb;
	struct skb_shared_info *info;
	struct net_device *dev;
	unsigned char *head;
	unsigned int end, type, size;
	__u64 can, need;

	bpf_core_read(&head, sizeof(head), &sk->head);
	bpf_core_read(&end, sizeof(end), &sk->end);
	bpf_core_read(&dev, sizeof(dev), &sk->dev);
	size = BPF_CORE_READ(dev, gso_max_size);
	if (skb->protocol != ETH_IP6 && bpf_core_field_exists(dev->gso_ipv4_max_size))
		size = BPF_CORE_READ(dev, gso_ipv4_max_size);
	if (skb->len >= size || skb->gso_segs > BPF_CORE_READ(dev, gso_max_segs))
		return 1;
	info = (void *)(head + end);
	bpf_core_read(&type, sizeof(type), &info->gso_type);
	can = BPF_CORE_READ(dev, features);
	if (BPF_CORE_READ_BITFIELD_PROBED(sk, encapsulation))
		can &= BPF_CORE_READ(dev, hw_enc_features);
	if (skb->vlan_present || is_tag(skb->protocol))
		can &= BPF_CORE_READ(dev, vlan_features);
	need = (__u64)(type & ~GSO_DODGY) << GSO_SHIFT;
	return (can & need) != need;
}

/* measure tells how many packets a buffer is, and how long. What goes out is
 * seen before it is split; the kernel has worked out what that makes of it
 * (qdisc_pkt_len_init, net/core/dev.c). */
inline_ void measure(struct __sk_buff *skb, struct parsed *p, struct amount *m, int out)
{
	__u32 tag = !raw_link && skb->vlan_present ? 4 : 0, segments, total;

	m->packets = 1;
	m->wire = m->each = skb->len - p->net + tag;
	if (!out || !may_probe || !skb->gso_size)
		return;
	segments = skb->gso_segs;
	total = skb->wire_len;
	if (segments < 2 || segments > 0xffff || total < skb->len || !is_split(skb))
		return;
	m->packets = segments;
	m->each = (total - skb->len) / (segments - 1) + skb->gso_size - p->net + tag;
	m->wire = total + segments * (tag - p->net);
	/* Not all are of one length (GSO_BY_FRAGS). */
	if ((__u64)m->each * (segments - 1) >= m->wire)
		m->each = m->wire / segments;
}

inline_ int look(struct __sk_buff *skb, struct parsed *p, int out, int filtered)
{
	struct stats *st;
	__u32 slot = control.active & 1, rate = slot ? control.rate[1] : control.rate[0];
	struct amount m;
	__u64 now;
	int v;

	if (filtered) {
		if (rate > 1 && bpf_get_prandom_u32() % rate)
			return NEXT;
		if (has_filter && !skein_filter(skb))
			return NEXT;
	}
	p->flags = slot << 8 | out << 4;
	if (raw_link) {
		struct sk_buff *sk = (void *)skb;
		unsigned char *head, *data;

		bpf_core_read(&head, sizeof(head), &sk->head);
		bpf_core_read(&data, sizeof(data), &sk->data);
		p->net = head + BPF_CORE_READ(sk, network_header) - data;
		if (p->net > 255)
			p->net = 0;
	}
	measure(skb, p, &m, out);
	v = parse(skb, p);
	if (v == COUNT && p->kind)
		v = parse_inside(skb, p);
	if (v == SHORT) {
		bpf_skb_pull_data(skb, skb->len < 256 ? skb->len : 256);
		v = parse(skb, p);
		if (v == COUNT && p->kind)
			v = parse_inside(skb, p);
	}
	now = bpf_ktime_get_boot_ns();
	if (v < UNKNOWN && p->off - p->net + (!raw_link && skb->vlan_present ? 4 : 0) > sample_len) {
		st = counters();
		if (st)
			st->too_long++;
		v = UNKNOWN;
	}
	if (v == COUNT && !count(skb, p, now, &m))
		return NEXT;
	if (!slow(skb, p, now, &m, v))
		return NEXT;
	if (v != COUNT && v < UNKNOWN && !count(skb, p, now, &m))
		return NEXT;
	st = counters();
	if (st) {
		st->overflow += m.packets;
		st->overflow_bytes += m.wire;
	}
	return NEXT;
}

SEC("tc")
int skein_in(struct __sk_buff *skb)
{
	struct parsed p = {};

	return look(skb, &p, 0, 1);
}

SEC("tc")
int skein_out(struct __sk_buff *skb)
{
	struct parsed p = {};

	return look(skb, &p, 1, 1);
}

/* skein_test counts a made packet, whatever the filter says of it, and tells the
 * key. It is attached nowhere. */
SEC("tc")
int skein_test(struct __sk_buff *skb)
{
	struct parsed p = {};

	look(skb, &p, 0, 0);
	skb->cb[0] = p.key.a;
	skb->cb[1] = p.key.a >> 32;
	skb->cb[2] = p.key.b;
	skb->cb[3] = p.key.b >> 32;
	return NEXT;
}
