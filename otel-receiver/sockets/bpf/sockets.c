// Who opens, has and closes the sockets of TCP and UDP.
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

char _license[] SEC("license") = "Dual BSD/GPL";

// Kinds of events; the same numbers are in event.go.
enum kind {
	KIND_CONNECTED = 1, // by the owner, with or without success
	KIND_ACCEPTED = 2,  // the owner is not known yet
	KIND_LISTENING = 3, // by the owner
	KIND_OWNED = 4,     // the owner closes or shuts down
	KIND_CLOSED = 5,    // there is no owner any more
	KIND_RELEASED = 6,  // the owner closes, UDP
};

struct owner {
	__u64 cgroup;
	__u32 pid;
	char exe[32];
	char comm[16];
};

struct event {
	__u64 cgroup;
	__u32 pid;
	__u32 netns;
	__u8 kind;
	__u8 protocol;
	__u16 lport;
	__u16 rport;
	__u16 zero;
	__u8 local[16];
	__u8 remote[16];
	char exe[32];
	char comm[16];
};

// Sockets that are connecting or were connected by a process that is known.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 16384);
	__type(key, __u64);
	__type(value, struct owner);
} owners SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 1 << 20);
} events SEC(".maps");

// How many events found no room.
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

// current says which process runs. The name of the executable is not there any
// more when a process ends and takes its sockets with it.
static __always_inline void current(struct owner *o)
{
	struct task_struct *task = (struct task_struct *)bpf_get_current_task();
	const unsigned char *name;

	o->pid = BPF_CORE_READ(task, tgid);
	o->cgroup = bpf_get_current_cgroup_id();
	name = BPF_CORE_READ(task, mm, exe_file, f_path.dentry, d_name.name);
	if (name)
		bpf_probe_read_kernel_str(o->exe, sizeof(o->exe), name);
	BPF_CORE_READ_STR_INTO(&o->comm, task, group_leader, comm);
}

static __always_inline void count_lost(void)
{
	__u32 zero = 0;
	__u64 *n = bpf_map_lookup_elem(&lost, &zero);

	if (n)
		*n += 1;
}

static __always_inline void mapped(__u8 *to, __be32 addr)
{
	__builtin_memset(to, 0, 10);
	to[10] = 0xff;
	to[11] = 0xff;
	__builtin_memcpy(to + 12, &addr, 4);
}

// tell reports something about a socket. Half of the buffer is filled before the
// reader is woken, who also looks of his own accord.
static __always_inline void tell(struct sock *sk, __u8 kind, __u8 protocol, const struct owner *o)
{
	struct event *e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	__u16 family;

	if (!e) {
		count_lost();
		return;
	}
	__builtin_memset(e, 0, sizeof(*e));
	e->kind = kind;
	e->protocol = protocol;
	e->netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	e->lport = bpf_ntohs(BPF_CORE_READ((struct inet_sock *)sk, inet_sport));
	e->rport = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	family = BPF_CORE_READ(sk, __sk_common.skc_family);
	if (family == AF_INET6 && bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	} else {
		mapped(e->local, BPF_CORE_READ(sk, __sk_common.skc_rcv_saddr));
		mapped(e->remote, BPF_CORE_READ(sk, __sk_common.skc_daddr));
	}
	if (o) {
		e->pid = o->pid;
		e->cgroup = o->cgroup;
		__builtin_memcpy(e->exe, o->exe, sizeof(e->exe));
		__builtin_memcpy(e->comm, o->comm, sizeof(e->comm));
	}
	bpf_ringbuf_submit(e, bpf_ringbuf_query(&events, BPF_RB_AVAIL_DATA) > (1 << 18) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP);
}

// TP_PROTO(const struct sock *sk, const int oldstate, const int newstate)
SEC("raw_tp/inet_sock_set_state")
int set_state(__u64 *ctx)
{
	struct sock *sk = (struct sock *)ctx[0];
	int from = ctx[1], to = ctx[2];
	__u64 key = ctx[0];
	struct owner self = {};
	struct owner *o;

	if (BPF_CORE_READ(sk, sk_protocol) != IPPROTO_TCP)
		return 0;
	switch (to) {
	case TCP_SYN_SENT:
		// In connect(2): the port may not be chosen yet.
		current(&self);
		bpf_map_update_elem(&owners, &key, &self, BPF_ANY);
		return 0;
	case TCP_LISTEN:
		current(&self);
		tell(sk, KIND_LISTENING, IPPROTO_TCP, &self);
		return 0;
	case TCP_ESTABLISHED:
		o = bpf_map_lookup_elem(&owners, &key);
		tell(sk, o ? KIND_CONNECTED : KIND_ACCEPTED, IPPROTO_TCP, o);
		return 0;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
		// In close(2) or shutdown(2), or at the end of the process.
		if (bpf_map_lookup_elem(&owners, &key))
			return 0;
		current(&self);
		tell(sk, KIND_OWNED, IPPROTO_TCP, &self);
		return 0;
	case TCP_CLOSE:
		o = bpf_map_lookup_elem(&owners, &key);
		if (from == TCP_SYN_SENT && o)
			tell(sk, KIND_CONNECTED, IPPROTO_TCP, o);
		tell(sk, KIND_CLOSED, IPPROTO_TCP, 0);
		if (o)
			bpf_map_delete_elem(&owners, &key);
	}
	return 0;
}

// The context of this kind of program is the socket itself.
SEC("cgroup/sock_release")
int sock_release(void *ctx)
{
	struct sock *sk = ctx;
	struct owner self = {};

	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_UDP &&
	    BPF_CORE_READ((struct inet_sock *)sk, inet_sport)) {
		current(&self);
		tell(sk, KIND_RELEASED, IPPROTO_UDP, &self);
	}
	return 1;
}
