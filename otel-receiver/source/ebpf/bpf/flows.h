/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0 */
/* What the programs and the reader in Go agree on. Sizes and offsets here are
 * checked against those of layout.go by a test. */
#ifndef SKEIN_FLOWS_H
#define SKEIN_FLOWS_H

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_core_read.h>

#define inline_ static __attribute__((always_inline)) inline

/* How many bytes of the first packet of a flow are kept: with SMALL an element
 * of the map takes 256 bytes of the kernel's allocator, with LARGE 512. */
#define SMALL 128
#define LARGE 384
/* How many bytes of a packet go through the ring. */
#define RING_DATA 256

/* The parts of the kernel's structures that are read: where a device has no
 * link header, and to know whether a buffer is split before it is sent. */
struct net_device {
	__u64 features, hw_enc_features, vlan_features;
	unsigned int gso_max_size, gso_ipv4_max_size;
	__u16 gso_max_segs;
} __attribute__((preserve_access_index));

struct skb_shared_info {
	unsigned int gso_type;
} __attribute__((preserve_access_index));

struct sk_buff {
	unsigned char *head, *data;
	unsigned int end;
	struct net_device *dev;
	__u8 encapsulation : 1;
	__u16 network_header;
} __attribute__((preserve_access_index));

struct key {
	__u64 a, b;
};

/* A flow in one interval. The index of each pair is the direction: 1 when the
 * source of a packet is the higher one of the two ends, so that no packet has
 * to wait for another one to know which it is. Times but the first are in
 * steps of 1024 ns, cut to 32 bits. Only who made the entry writes from time
 * on. */
struct value {
	__u64 bytes[2];
	__u32 packets[2];
	__u32 first[2], last[2];
	__u64 time; /* of the sample, in ns since boot */
	__u32 wire; /* its length */
	__u16 len;  /* how much of it is in data */
	__u8 high;  /* its direction */
	__u8 out;   /* whether it was going out */
	__u8 data[];
};

/* Why a packet goes through the ring. */
enum why {
	WHY_FLAGS = 1, /* SYN */
	WHY_CLOSE,     /* FIN, RST */
	WHY_MESSAGE,   /* ICMP */
	WHY_OTHER,     /* what parse does not understand */
	WHY_FULL,      /* no room in the map */
};

struct event {
	struct key key; /* of no flow for WHY_OTHER */
	__u64 time;
	__u32 wire, rate;
	__u16 len, proto;
	__u8 out, why, type, high;
	__u32 packets, bytes; /* that the kernel makes of it, all together */
	__u8 data[RING_DATA];
};

/* What the reader tells the programs. */
struct control {
	__u64 heartbeat; /* of the owner, in ns since boot */
	__u32 active;    /* which map counts */
	__u32 rate[2];   /* one packet of how many, by map */
	__u32 zero;      /* always */
};

extern volatile struct control control;

/* What the programs tell the reader, per processor. */
struct stats {
	__u64 created[2]; /* entries, by map */
	__u64 events;
	__u64 map_full, ring_full;
	__u64 overflow, overflow_bytes;
	__u64 too_long; /* headers that do not fit in a sample */
};

#endif
