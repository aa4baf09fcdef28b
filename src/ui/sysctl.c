// SPDX-License-Identifier: GPL-2.0-only
/* The sysctls net.netfilter.nf_conntrack_* and net.nf_conntrack_max, as a table. */

#include <linux/limits.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/sysctl.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_hooks_lwtunnel.h>

#include "compat.h"

#include "../net.h"
#include "ui.h"

/* What a sysctl takes and shows. */
enum kind {
	SECONDS,	/* kept in jiffies */
	SWITCH,		/* 0 or 1 */
	BYTE,		/* 0 to 255 */
	TRISTATE,	/* 0 to 2 */
	COUNT,		/* read only */
	LIMIT,		/* the whole host's, no less than 0 */
	LIMIT_FROM_1,	/* the whole host's, no less than 1 */
	BUCKETS,	/* the whole host's, resizes the tables */
	OWN_LIMIT,	/* a namespace's own, no more than the host's */
	THRESHOLD,	/* a number of connections, or CTNG_FOLLOW */
	LWTUNNEL,	/* the whole host's, kept by the core of netfilter */
};

/**
 * struct knob - a sysctl
 * @name: its file name.
 * @kind: how to read and write it.
 * @data: the variable. One of the first namespace stands for each namespace's
 *	own in the same place; any other is the whole host's, and only the first
 *	namespace can write it.
 * @own: the variable is in struct ctng_net, @offset bytes from its start.
 * @offset: see there.
 * @byte: the same for those of a byte.
 * @uint: the same for the others.
 */
struct knob {
	const char	*name;
	enum kind	kind;
	bool		own;
	size_t		offset;
	union {
		void		*data;
		u8		*byte;
		unsigned int	*uint;
	};
};

static int buckets_handler(CTNG_CTL_TABLE *table, int write, void *buffer,
			   size_t *lenp, loff_t *ppos)
{
	unsigned int slots = write ? 0 : READ_ONCE(nf_conntrack_htable_size);
	struct ctl_table copy = *table;
	int err;

	copy.data = &slots;
	copy.extra1 = SYSCTL_ONE;
	err = proc_dointvec_minmax(&copy, write, buffer, lenp, ppos);

	/* A write that holds no number is none. */
	if (!err && write && slots)
		err = ctng_size_set(slots);

	return err;
}

/* Reads or writes @value, between @min and INT_MAX, as sysctls do. */
static int int_handler(const struct ctl_table *table, int *value, int *min, int write,
		       void *buffer, size_t *lenp, loff_t *ppos)
{
	struct ctl_table copy = *table;

	copy.data = value;
	copy.extra1 = min;
	copy.extra2 = NULL;

	return proc_dointvec_minmax(&copy, write, buffer, lenp, ppos);
}

static int host_limit_handler(CTNG_CTL_TABLE *table, int write, void *buffer,
			      size_t *lenp, loff_t *ppos)
{
	int err = proc_dointvec_minmax(table, write, buffer, lenp, ppos);

	if (!err && write)
		ctng_size_limit_changed();

	return err;
}

/*
 * Shows the limit in force. A namespace may set itself one below the host's; 0
 * gives that back.
 */
static int own_limit_handler(CTNG_CTL_TABLE *table, int write, void *buffer,
			     size_t *lenp, loff_t *ppos)
{
	struct ctng_net *cnet = container_of(table->data, struct ctng_net, limits.max);
	unsigned int host = READ_ONCE(nf_conntrack_max);
	int limit = ctng_limit(cnet);
	int err;

	err = int_handler(table, &limit, SYSCTL_ZERO, write, buffer, lenp, ppos);
	if (err || !write)
		return err;
	if (host && limit > host)
		return -EINVAL;
	WRITE_ONCE(cnet->limits.max, limit);
	ctng_limits_changed(cnet);

	return 0;
}

/* A start that is not before the end, and neither of them off, makes no sense. */
static bool thresholds_sane(unsigned int start, unsigned int end)
{
	return !start || !end || start < end;
}

static int threshold_handler(CTNG_CTL_TABLE *table, int write, void *buffer,
			     size_t *lenp, loff_t *ppos)
{
	static DEFINE_MUTEX(thresholds_mutex); /* one changes at a time */
	static const int follow = CTNG_FOLLOW;
	struct ctng_net *cnet = table->extra2;
	bool is_start = table->data == &cnet->limits.start;
	int *threshold = table->data, value, old, err;

	value = is_start ? ctng_adaptive_start(cnet) : ctng_adaptive_end(cnet);
	err = int_handler(table, &value, (int *)&follow, write, buffer, lenp, ppos);
	if (err || !write)
		return err;

	mutex_lock(&thresholds_mutex);
	old = READ_ONCE(*threshold);
	WRITE_ONCE(*threshold, value);
	if (!thresholds_sane(ctng_adaptive_start(cnet), ctng_adaptive_end(cnet))) {
		WRITE_ONCE(*threshold, old);
		err = -EINVAL;
	}
	mutex_unlock(&thresholds_mutex);
	if (!err)
		ctng_limits_changed(cnet);

	return err;
}

static const struct ctl_table kinds[] = {
	[SECONDS] = {
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_jiffies,
	},
	[SWITCH] = {
		.maxlen		= sizeof(u8),
		.mode		= 0644,
		.proc_handler	= proc_dou8vec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_ONE,
	},
	[BYTE] = {
		.maxlen		= sizeof(u8),
		.mode		= 0644,
		.proc_handler	= proc_dou8vec_minmax,
	},
	[TRISTATE] = {
		.maxlen		= sizeof(u8),
		.mode		= 0644,
		.proc_handler	= proc_dou8vec_minmax,
		.extra1		= SYSCTL_ZERO,
		.extra2		= SYSCTL_TWO,
	},
	[COUNT] = {
		.maxlen		= sizeof(int),
		.mode		= 0444,
		.proc_handler	= proc_dointvec,
	},
	[LIMIT] = {
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= host_limit_handler,
		.extra1		= SYSCTL_ZERO,
	},
	[LIMIT_FROM_1] = {
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= proc_dointvec_minmax,
		.extra1		= SYSCTL_ONE,
	},
	[BUCKETS] = {
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= buckets_handler,
	},
	[OWN_LIMIT] = {
		.maxlen		= sizeof(unsigned int),
		.mode		= 0644,
		.proc_handler	= own_limit_handler,
	},
	[THRESHOLD] = {
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= threshold_handler,
	},
#if defined(CONFIG_LWTUNNEL) && !defined(CTNG_HAVE_LWTUNNEL_SYSCTL)
	[LWTUNNEL] = {
		.maxlen		= sizeof(int),
		.mode		= 0644,
		.proc_handler	= nf_hooks_lwtunnel_sysctl_handler,
	},
#endif
};

#define CT(_name, _kind, _member)					\
	{ .name = "nf_conntrack_" _name, .kind = (_kind), .byte = &init_net.ct._member }
#define OWN(_name, _kind, _member)					\
	{ .name = "nf_conntrack_" _name, .kind = (_kind),		\
	  .own = true, .offset = offsetof(struct ctng_net, _member) }
#define TIMEOUT(_name, _member)						\
	{ .name = (_name), .kind = SECONDS, .uint = &init_net.ct.nf_ct_proto._member }
#define TCP_TIMEOUT(_name, _state)					\
	TIMEOUT("nf_conntrack_tcp_timeout_" _name, tcp.timeouts[TCP_CONNTRACK_##_state])
#define SCTP_TIMEOUT(_name, _state)					\
	TIMEOUT("nf_conntrack_sctp_timeout_" _name, sctp.timeouts[SCTP_CONNTRACK_##_state])
#define DCCP_TIMEOUT(_name, _state)					\
	TIMEOUT("nf_conntrack_dccp_timeout_" _name, dccp.dccp_timeout[CT_DCCP_##_state])

/* What nf_conntrack_max is in all namespaces but the first. */
static const struct knob own_max = OWN("max", OWN_LIMIT, limits.max);

#define KNOB_MAX	0

static const struct knob knobs[] = {
	{ .name = "nf_conntrack_max", .kind = LIMIT, .uint = &nf_conntrack_max },
	{ .name = "nf_conntrack_buckets", .kind = BUCKETS, .uint = &nf_conntrack_htable_size },
	{ .name = "nf_conntrack_expect_max", .kind = LIMIT_FROM_1, .uint = &nf_ct_expect_max },
	OWN("count", COUNT, abi.count),
#if defined(CONFIG_LWTUNNEL) && !defined(CTNG_HAVE_LWTUNNEL_SYSCTL)
	{ .name = "nf_hooks_lwtunnel", .kind = LWTUNNEL },
#endif

	OWN("adaptive_start", THRESHOLD, limits.start),
	OWN("adaptive_end", THRESHOLD, limits.end),
	OWN("adaptive_floor", SECONDS, limits.floor),
	OWN("evict_established", SWITCH, limits.evict_assured),

	CT("acct", SWITCH, sysctl_acct),
	CT("checksum", SWITCH, sysctl_checksum),
	CT("events", TRISTATE, sysctl_events),
	CT("log_invalid", BYTE, sysctl_log_invalid),
	CT("timestamp", SWITCH, sysctl_tstamp),

	CT("tcp_be_liberal", SWITCH, nf_ct_proto.tcp.tcp_be_liberal),
	CT("tcp_ignore_invalid_rst", SWITCH, nf_ct_proto.tcp.tcp_ignore_invalid_rst),
	CT("tcp_loose", SWITCH, nf_ct_proto.tcp.tcp_loose),
	CT("tcp_max_retrans", BYTE, nf_ct_proto.tcp.tcp_max_retrans),
	TCP_TIMEOUT("syn_sent", SYN_SENT),
	TCP_TIMEOUT("syn_recv", SYN_RECV),
	TCP_TIMEOUT("established", ESTABLISHED),
	TCP_TIMEOUT("fin_wait", FIN_WAIT),
	TCP_TIMEOUT("close_wait", CLOSE_WAIT),
	TCP_TIMEOUT("last_ack", LAST_ACK),
	TCP_TIMEOUT("time_wait", TIME_WAIT),
	TCP_TIMEOUT("close", CLOSE),
	TCP_TIMEOUT("max_retrans", RETRANS),
	TCP_TIMEOUT("unacknowledged", UNACK),

	TIMEOUT("nf_conntrack_udp_timeout", udp.timeouts[UDP_CT_UNREPLIED]),
	TIMEOUT("nf_conntrack_udp_timeout_stream", udp.timeouts[UDP_CT_REPLIED]),
	TIMEOUT("nf_conntrack_icmp_timeout", icmp.timeout),
	TIMEOUT("nf_conntrack_icmpv6_timeout", icmpv6.timeout),
	TIMEOUT("nf_conntrack_gre_timeout", gre.timeouts[GRE_CT_UNREPLIED]),
	TIMEOUT("nf_conntrack_gre_timeout_stream", gre.timeouts[GRE_CT_REPLIED]),
	TIMEOUT("nf_conntrack_generic_timeout", generic.timeout),

	SCTP_TIMEOUT("closed", CLOSED),
	SCTP_TIMEOUT("cookie_wait", COOKIE_WAIT),
	SCTP_TIMEOUT("cookie_echoed", COOKIE_ECHOED),
	SCTP_TIMEOUT("established", ESTABLISHED),
	SCTP_TIMEOUT("shutdown_sent", SHUTDOWN_SENT),
	SCTP_TIMEOUT("shutdown_recd", SHUTDOWN_RECD),
	SCTP_TIMEOUT("shutdown_ack_sent", SHUTDOWN_ACK_SENT),
	SCTP_TIMEOUT("heartbeat_sent", HEARTBEAT_SENT),

	CT("dccp_loose", SWITCH, nf_ct_proto.dccp.dccp_loose),
	DCCP_TIMEOUT("request", REQUEST),
	DCCP_TIMEOUT("respond", RESPOND),
	DCCP_TIMEOUT("partopen", PARTOPEN),
	DCCP_TIMEOUT("open", OPEN),
	DCCP_TIMEOUT("closereq", CLOSEREQ),
	DCCP_TIMEOUT("closing", CLOSING),
	DCCP_TIMEOUT("timewait", TIMEWAIT),

#if IS_ENABLED(CONFIG_NF_FLOW_TABLE)
	TIMEOUT("nf_flowtable_tcp_timeout", tcp.offload_timeout),
	TIMEOUT("nf_flowtable_udp_timeout", udp.offload_timeout),
#endif
};

static void knob_fill(struct ctl_table *entry, const struct knob *knob, struct net *net)
{
	const void *first = &init_net;

	*entry = kinds[knob->kind];
	entry->procname = knob->name;

	if (knob->own) {
		entry->data = (void *)ctng_pernet(net) + knob->offset;
		if (knob->kind == THRESHOLD)
			entry->extra2 = ctng_pernet(net);
	} else if (knob->data >= first && knob->data < first + sizeof(init_net)) {
		entry->data = (void *)net + (knob->data - first);
	} else if (knob->data) {
		entry->data = knob->data;
		if (!net_eq(net, &init_net))
			entry->mode &= ~0222;
	}
}

/**
 * ctng_sysctl_init_net() - make the sysctls of a namespace
 * @net: the namespace, whose settings have their defaults.
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int __net_init ctng_sysctl_init_net(struct net *net)
{
	struct ctl_table_header *header;
	struct ctl_table *table;
	unsigned int i;

	/* One more: the older kernels end a table with an empty entry. */
	table = kcalloc(ARRAY_SIZE(knobs) + 1, sizeof(*table), GFP_KERNEL);
	if (!table)
		return -ENOMEM;

	for (i = 0; i < ARRAY_SIZE(knobs); i++)
		knob_fill(&table[i], net_eq(net, &init_net) || i != KNOB_MAX ?
				     &knobs[i] : &own_max, net);

	header = register_net_sysctl_sz(net, "net/netfilter", table, ARRAY_SIZE(knobs));
	if (!header) {
		kfree(table);
		return -ENOMEM;
	}
	ctng_pernet(net)->abi.sysctl_header = header;

	return 0;
}

/**
 * ctng_sysctl_exit_net() - remove the sysctls of a namespace
 * @net: the namespace.
 *
 * Context: process, may sleep; waits for reads and writes under way.
 */
void __net_exit ctng_sysctl_exit_net(struct net *net)
{
	struct ctl_table_header *header = ctng_pernet(net)->abi.sysctl_header;
	const struct ctl_table *table = header->ctl_table_arg;

	unregister_net_sysctl_table(header);
	kfree(table);
}

/* net.nf_conntrack_max, the old name, which only the first namespace has. */
static struct ctl_table old_table[2];
static struct ctl_table_header *old_header;

/**
 * ctng_sysctl_init() - make the sysctl that only the first namespace has
 *
 * Context: process, may sleep.
 * Return: 0 or -ENOMEM.
 */
int __init ctng_sysctl_init(void)
{
	knob_fill(&old_table[0], &knobs[KNOB_MAX], &init_net);
	old_header = register_net_sysctl_sz(&init_net, "net", old_table, 1);

	return old_header ? 0 : -ENOMEM;
}

/**
 * ctng_sysctl_exit() - undo ctng_sysctl_init()
 *
 * Context: process, may sleep.
 */
void ctng_sysctl_exit(void)
{
	unregister_net_sysctl_table(old_header);
}
