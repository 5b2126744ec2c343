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

/* event sends a packet through the ring. */
static __attribute__((noinline)) int event(struct __sk_buff *skb, struct parsed *p, __u64 now, __u32 wire)
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
	e->wire = wire;
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

inline_ int count(struct __sk_buff *skb, struct parsed *p, __u64 now, __u32 wire)
{
	struct value *v = find(p->flags >> 8, &p->key);
	__u32 at = now >> 10;

	if (!v) {
		v = begin(skb, p, now, wire);
		if (!v)
			return 1;
	}
	if (p->high) {
		__sync_fetch_and_add(&v->packets[1], 1);
		__sync_fetch_and_add(&v->bytes[1], wire);
		if (!v->first[1])
			v->first[1] = at;
		v->last[1] = at;
	} else {
		__sync_fetch_and_add(&v->packets[0], 1);
		__sync_fetch_and_add(&v->bytes[0], wire);
		if (!v->first[0])
			v->first[0] = at;
		v->last[0] = at;
	}
	return 0;
}

/* slow does what is not done for most packets. */
static __attribute__((noinline)) int slow(struct __sk_buff *skb, struct parsed *p, __u64 now, __u32 wire, int verdict)
{
	struct stats *st = counters();
	int why = verdict == OPENS ? WHY_FLAGS : verdict == CLOSES ? WHY_CLOSE : verdict == MESSAGE ? WHY_MESSAGE : verdict == COUNT ? WHY_FULL : WHY_OTHER;

	if (why == WHY_OTHER)
		p->key.a = p->key.b = 0;
	p->flags |= why;
	if (!event(skb, p, now, wire)) {
		if (st)
			st->events++;
		return 0;
	}
	return 1;
}

inline_ int look(struct __sk_buff *skb, struct parsed *p, int out, int filtered)
{
	struct stats *st;
	__u32 slot = control.active & 1, rate = slot ? control.rate[1] : control.rate[0], wire;
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
	wire = skb->len - p->net;
	if (!raw_link && skb->vlan_present)
		wire += 4;
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
	if (v < UNKNOWN && p->off - p->net + (wire - (skb->len - p->net)) > sample_len) {
		st = counters();
		if (st)
			st->too_long++;
		v = UNKNOWN;
	}
	if (v == COUNT && !count(skb, p, now, wire))
		return NEXT;
	if (!slow(skb, p, now, wire, v))
		return NEXT;
	if (v != COUNT && v < UNKNOWN && !count(skb, p, now, wire))
		return NEXT;
	st = counters();
	if (st) {
		st->overflow++;
		st->overflow_bytes += wire;
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
