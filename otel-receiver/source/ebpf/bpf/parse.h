/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* Parsing: a packet's key. What the decoder in Go would make of a packet must
 * be the same for all packets of one key; what is not sure to be so gets none. */
#ifndef SKEIN_PARSE_H
#define SKEIN_PARSE_H

#include "flows.h"

/* Verdicts of parse. */
enum verdict {
	COUNT,   /* in the map */
	OPENS,   /* rather through the ring: WHY_FLAGS, WHY_CLOSE, WHY_MESSAGE */
	CLOSES,
	MESSAGE,
	UNKNOWN, /* through the ring only */
	SHORT,   /* a header is not in the linear part of the buffer */
};

#define ETH_IP4 bpf_htons(0x0800)
#define ETH_IP6 bpf_htons(0x86dd)
#define ETH_BRIDGED bpf_htons(0x6558)

enum {
	P_ICMP = 1,
	P_IPIP = 4,
	P_TCP = 6,
	P_UDP = 17,
	P_IP6 = 41,
	P_GRE = 47,
	P_ESP = 50,
	P_ICMP6 = 58,
	P_SCTP = 132,
};

/* What a UDP port carries, as in packet.Config. */
enum {
	T_NONE,
	T_VXLAN,
	T_GENEVE,
	T_OTHER, /* a tunnel that is not looked into */
	/* These are not of UDP. */
	T_GRE,
	T_IPIP,
};

#define PORTS 32

/* Set before the programs are loaded. nh are secrets. */
const volatile __u32 nh[64] = {};
const volatile __u64 some_ports[16] = {};
const volatile __u16 tunnel_ports[PORTS] = {};
const volatile __u8 tunnel_kinds[PORTS] = {};
const volatile __u8 raw_link = 0; /* packets begin with their IP header */
const volatile __u8 may_probe = 1; /* the kernel's structures may be read */
const volatile __u32 sample_len = SMALL;
const volatile __u8 has_filter = 0;

struct level {
	__u32 smac4, dmac4;
	__u16 smac2, dmac2;
	__u16 sport, dport;
	__u64 src[2], dst[2];
	__u32 tags[2]; /* of up to four VLANs, 16 bits each */
	__u32 misc;    /* protocol, version, number of tags, link header */
	__u32 tunnel[2];
};

/* What is known of a packet. Where parse is in it, too: its parts are functions
 * that the verifier looks at one by one, and once. */
struct parsed {
	struct key key;
	__u64 off, end; /* end is where what is looked at ends on the wire */
	__u32 net;      /* where the packet begins in the buffer */
	__u32 high;     /* its direction */
	__u16 flags;    /* map << 8 | out << 4 | why */
	__u16 type;
	__u8 proto, kind, pad[2];
};

/* Where parse is. */
struct cursor {
	void *data, *data_end;
	__u64 off, end;
	__u16 type;
	__u8 proto, kind;
};

/* Headers lie in the first bytes of a packet, so many at most. */
#define REACH 0x1ff

/* blur makes the verifier forget what it knows of an offset but for its bound:
 * the ways that lead here are all the same to it then. */
inline_ __u64 blur(__u64 off)
{
	return (off + control.zero) & REACH;
}

/* NEED makes sure that n bytes at the cursor can be read. */
#define NEED(c, n)                                              \
	do {                                                    \
		if ((c)->off + (n) > (c)->end)                  \
			return UNKNOWN;                         \
		if ((c)->data + (c)->off + (n) > (c)->data_end) \
			return SHORT;                           \
	} while (0)

#define AT(c, type, at) (*(type *)((c)->data + (c)->off + (at)))

inline_ int is_tag(__u16 type)
{
	return type == bpf_htons(0x8100) || type == bpf_htons(0x88a8) || type == bpf_htons(0x9100);
}

/* tag notes the nth VLAN tag, wherever the kernel has it. */
inline_ void tag(struct level *l, int n, __u16 tci)
{
	__u32 id = tci & 0xfff;

	if (n == 0)
		l->tags[0] = id;
	else if (n == 1)
		l->tags[0] |= id << 16;
	else
		l->tags[1] = id;
}

/* link_header parses an Ethernet header with up to two tags. tags is how many
 * there are already. */
inline_ int link_header(struct cursor *c, struct level *l, int tags)
{
	NEED(c, 14);
	l->dmac4 = AT(c, __u32, 0);
	l->dmac2 = AT(c, __u16, 4);
	l->smac4 = AT(c, __u32, 6);
	l->smac2 = AT(c, __u16, 10);
	c->type = AT(c, __u16, 12);
	c->off += 14;
	if (is_tag(c->type)) {
		NEED(c, 4);
		tag(l, tags++, bpf_ntohs(AT(c, __u16, 0)));
		c->type = AT(c, __u16, 2);
		c->off += 4;
		if (is_tag(c->type)) {
			NEED(c, 4);
			tag(l, tags++, bpf_ntohs(AT(c, __u16, 0)));
			c->type = AT(c, __u16, 2);
			c->off += 4;
			if (is_tag(c->type))
				return UNKNOWN;
		}
	}
	l->misc |= 1 << 15 | tags << 12;
	c->off = blur(c->off);
	return COUNT;
}

/* ip_header parses an IP header. What comes after its end is padding. */
inline_ int ip_header(struct cursor *c, struct level *l)
{
	__u64 end;

	if (c->type == ETH_IP4) {
		__u64 size;

		NEED(c, 20);
		size = (AT(c, __u8, 0) & 15) * 4;
		end = bpf_ntohs(AT(c, __u16, 2));
		end = end ? c->off + end : c->end;
		if (end > c->end)
			end = c->end;
		if (AT(c, __u8, 0) >> 4 != 4 || size < 20 || c->off + size > end)
			return UNKNOWN;
		if (AT(c, __u16, 6) & bpf_htons(0x3fff))
			return UNKNOWN;
		c->proto = AT(c, __u8, 9);
		l->src[0] = AT(c, __u32, 12);
		l->dst[0] = AT(c, __u32, 16);
		l->misc |= c->proto | 4 << 8;
		c->off = blur(c->off + size);
		c->end = end;
		return COUNT;
	}
	if (c->type != ETH_IP6)
		return UNKNOWN;
	NEED(c, 40);
	if (AT(c, __u8, 0) >> 4 != 6)
		return UNKNOWN;
	end = bpf_ntohs(AT(c, __u16, 4));
	if (!end) {
		if (c->end - c->off - 40 <= 0xffff)
			return UNKNOWN;
	} else if (c->off + 40 + end < c->end) {
		c->end = c->off + 40 + end;
	}
	c->proto = AT(c, __u8, 6);
	/* Two halves each: on arm64 and amd64 it need not be aligned. */
	l->src[0] = AT(c, __u64, 8);
	l->src[1] = AT(c, __u64, 16);
	l->dst[0] = AT(c, __u64, 24);
	l->dst[1] = AT(c, __u64, 32);
	l->misc |= c->proto | 6 << 8;
	c->off = blur(c->off + 40);
	return COUNT;
}

/* udp_kind tells what a port, in network order, carries. */
inline_ int udp_kind(__u16 net)
{
	__u16 port = bpf_ntohs(net);

	if (!(some_ports[port >> 6 & 15] >> (port & 63) & 1))
		return T_NONE;
	for (int i = 0; i < PORTS; i++)
		if (tunnel_ports[i] == port)
			return tunnel_kinds[i];
	return T_NONE;
}

/* transport parses what an IP header carries. With inner, no tunnels. */
inline_ int transport(struct cursor *c, struct level *l, int inner)
{
	switch (c->proto) {
	case P_TCP: {
		__u64 size;
		__u8 flags;

		NEED(c, 20);
		size = (AT(c, __u8, 12) >> 4) * 4;
		flags = AT(c, __u8, 13);
		if (size < 20 || c->off + size > c->end)
			return UNKNOWN;
		l->sport = AT(c, __u16, 0);
		l->dport = AT(c, __u16, 2);
		c->off += 20;
		if (flags & 7)
			return flags & 5 ? CLOSES : OPENS;
		return COUNT;
	}
	case P_UDP: {
		__u16 size;

		NEED(c, 8);
		size = bpf_ntohs(AT(c, __u16, 4));
		if (size && size < 8)
			return UNKNOWN;
		l->sport = AT(c, __u16, 0);
		l->dport = AT(c, __u16, 2);
		c->kind = udp_kind(l->dport);
		if (c->kind && (inner || (size && c->off + size < c->end)))
			return UNKNOWN;
		c->off += 8;
		return COUNT;
	}
	case P_SCTP:
		NEED(c, 12);
		l->sport = AT(c, __u16, 0);
		l->dport = AT(c, __u16, 2);
		c->off += 12;
		return COUNT;
	case P_ICMP:
	case P_ICMP6: {
		__u8 type;
		int six = c->proto == P_ICMP6;

		if (six != (c->type == ETH_IP6))
			return UNKNOWN;
		NEED(c, 8);
		type = AT(c, __u8, 0);
		if (six ? type == 128 || type == 129 : type == 0 || type == 8)
			l->sport = l->dport = AT(c, __u16, 4);
		c->off += 8;
		return MESSAGE;
	}
	case P_GRE:
		c->kind = T_GRE;
		return inner ? UNKNOWN : COUNT;
	case P_IPIP:
	case P_IP6:
		c->kind = T_IPIP;
		return inner ? UNKNOWN : COUNT;
	case P_ESP:
		return COUNT;
	}
	return UNKNOWN;
}

/* tunnel parses the header of a tunnel: what is next is in c->type. */
inline_ int tunnel_header(struct cursor *c, struct level *l)
{
	switch (c->kind) {
	case T_VXLAN:
		NEED(c, 8);
		if (!(AT(c, __u8, 0) & 8))
			return UNKNOWN;
		l->tunnel[0] = bpf_ntohl(AT(c, __u32, 4)) >> 8;
		c->type = ETH_BRIDGED;
		c->off += 8;
		break;
	case T_GENEVE: {
		__u64 size;

		NEED(c, 8);
		if (AT(c, __u8, 0) >> 6)
			return UNKNOWN;
		size = 8 + (AT(c, __u8, 0) & 0x3f) * 4;
		l->tunnel[0] = bpf_ntohl(AT(c, __u32, 4)) >> 8;
		c->type = AT(c, __u16, 2);
		if (c->off + size > c->end)
			return UNKNOWN;
		c->off += size;
		break;
	}
	case T_GRE: {
		__u16 flags;
		__u64 size = 4;

		NEED(c, 4);
		flags = bpf_ntohs(AT(c, __u16, 0));
		if (flags & 0x4007) /* routing, versions */
			return UNKNOWN;
		c->type = AT(c, __u16, 2);
		if (flags & 0x8000)
			size += 4;
		if (flags & 0x2000) {
			NEED(c, size + 4);
			l->tunnel[0] = AT(c, __u32, size);
			size += 4;
		}
		if (flags & 0x1000)
			size += 4;
		if (c->off + size > c->end)
			return UNKNOWN;
		c->off += size;
		break;
	}
	case T_IPIP:
		c->type = c->proto == P_IPIP ? ETH_IP4 : ETH_IP6;
		break;
	default:
		return UNKNOWN;
	}
	/* Where what is inside begins tells how much of a packet it is. */
	l->tunnel[1] = c->kind << 24 | (c->type & 0xffff) << 8 | 1;
	c->off = blur(c->off);
	return COUNT;
}

/* mixin adds two words to the hash: NH (Black et al., UMAC, 1999) with a second
 * lane by Toeplitz shift. Two different packets have the same key with a
 * probability of 2^-64 over the secrets, whoever made them. */
inline_ void mixin(struct key *k, __u32 a, __u32 b, int i)
{
	k->a += (__u64)(__u32)(a + nh[i]) * (__u32)(b + nh[i + 1]);
	k->b += (__u64)(__u32)(a + nh[i + 4]) * (__u32)(b + nh[i + 5]);
}

inline_ void hash(struct key *k, const struct level *l, int high, int i)
{
	__u32 smac4 = high ? l->dmac4 : l->smac4, dmac4 = high ? l->smac4 : l->dmac4;
	__u32 mac2 = high ? l->dmac2 | (__u32)l->smac2 << 16 : l->smac2 | (__u32)l->dmac2 << 16;
	__u32 ports = high ? l->dport | (__u32)l->sport << 16 : l->sport | (__u32)l->dport << 16;
	__u64 s0 = high ? l->dst[0] : l->src[0], d0 = high ? l->src[0] : l->dst[0];
	__u64 s1, d1;

	mixin(k, smac4, dmac4, i);
	mixin(k, mac2, l->tags[0], i + 2);
	mixin(k, ports, l->misc, i + 4);
	mixin(k, s0, d0, i + 6);
	if ((l->misc >> 8 & 15) == 6) {
		s1 = high ? l->dst[1] : l->src[1];
		d1 = high ? l->src[1] : l->dst[1];
		mixin(k, s0 >> 32, d0 >> 32, i + 8);
		mixin(k, s1, d1, i + 10);
		mixin(k, s1 >> 32, d1 >> 32, i + 12);
	}
	if (l->tags[1])
		mixin(k, l->tags[1], 0, i + 14);
}

/* Positions of words in the hash: 16 for each level, then the tunnel's. */
#define H_INNER 16
#define H_TUNNEL 32

inline_ int higher(const struct level *l, int ports)
{
	if (l->src[0] != l->dst[0])
		return l->src[0] > l->dst[0];
	if (l->src[1] != l->dst[1])
		return l->src[1] > l->dst[1];
	return ports && l->sport > l->dport;
}

/* parse finds the key of a packet, of its outer headers if it is one of a
 * tunnel: p->kind is not 0 then. */
__attribute__((noinline)) int parse(struct __sk_buff *skb, struct parsed *p)
{
	struct cursor c = {};
	struct level l = {};
	int v, tags = 0, tunnel;

	if (!p)
		return UNKNOWN;
	c.data = (void *)(long)skb->data;
	c.data_end = (void *)(long)skb->data_end;
	c.end = skb->len;
	if (raw_link) {
		c.off = blur(p->net);
		NEED(&c, 1);
		c.type = AT(&c, __u8, 0) >> 4 == 4 ? ETH_IP4 : ETH_IP6;
	} else {
		if (skb->vlan_present)
			tag(&l, tags++, skb->vlan_tci);
		v = link_header(&c, &l, tags);
		if (v != COUNT)
			return v;
	}
	v = ip_header(&c, &l);
	if (v != COUNT)
		return v;
	v = transport(&c, &l, 0);
	if (v >= UNKNOWN)
		return v;
	tunnel = c.kind != T_NONE;
	if (tunnel && c.end != skb->len)
		return UNKNOWN; /* padding behind what is inside */
	p->high = higher(&l, !tunnel);
	if (c.kind == T_VXLAN || c.kind == T_GENEVE)
		l.sport = l.dport; /* the source is a hash */
	p->key.a = p->key.b = 0;
	hash(&p->key, &l, p->high, 0);
	p->off = c.off;
	p->end = c.end;
	p->type = c.type;
	p->proto = c.proto;
	p->kind = c.kind;
	return v;
}

/* parse_inside goes on with what is in a tunnel. */
__attribute__((noinline)) int parse_inside(struct __sk_buff *skb, struct parsed *p)
{
	struct cursor c = {};
	struct level l = {};
	int v;

	if (!p)
		return UNKNOWN;
	c.data = (void *)(long)skb->data;
	c.data_end = (void *)(long)skb->data_end;
	c.off = p->off & REACH;
	c.end = p->end;
	c.kind = p->kind;
	c.proto = p->proto;
	v = tunnel_header(&c, &l);
	if (v != COUNT)
		return v;
	mixin(&p->key, l.tunnel[0], l.tunnel[1], H_TUNNEL);
	mixin(&p->key, c.off, 0, H_TUNNEL + 2);
	if (c.type == ETH_BRIDGED) {
		v = link_header(&c, &l, 0);
		if (v != COUNT)
			return v;
	}
	v = ip_header(&c, &l);
	if (v != COUNT)
		return v;
	c.kind = 0;
	v = transport(&c, &l, 1);
	if (v >= UNKNOWN)
		return v;
	p->off = c.off;
	hash(&p->key, &l, p->high, H_INNER);
	return v;
}

#endif
