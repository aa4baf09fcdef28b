// SPDX-License-Identifier: GPL-2.0-only
/* TCP: the state and the timeouts as netlink attributes. */
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>
#include <net/netlink.h>
#include <net/tcp.h>

#include "tcp.h"

/* Where each CTA_TIMEOUT_TCP_* attribute, in seconds, is in a timeout policy, in jiffies. */
static const u8 timeout_slot[CTA_TIMEOUT_TCP_MAX + 1] = {
	[CTA_TIMEOUT_TCP_SYN_SENT]	= TCP_CONNTRACK_SYN_SENT,
	[CTA_TIMEOUT_TCP_SYN_RECV]	= TCP_CONNTRACK_SYN_RECV,
	[CTA_TIMEOUT_TCP_ESTABLISHED]	= TCP_CONNTRACK_ESTABLISHED,
	[CTA_TIMEOUT_TCP_FIN_WAIT]	= TCP_CONNTRACK_FIN_WAIT,
	[CTA_TIMEOUT_TCP_CLOSE_WAIT]	= TCP_CONNTRACK_CLOSE_WAIT,
	[CTA_TIMEOUT_TCP_LAST_ACK]	= TCP_CONNTRACK_LAST_ACK,
	[CTA_TIMEOUT_TCP_TIME_WAIT]	= TCP_CONNTRACK_TIME_WAIT,
	[CTA_TIMEOUT_TCP_CLOSE]		= TCP_CONNTRACK_CLOSE,
	[CTA_TIMEOUT_TCP_SYN_SENT2]	= TCP_CONNTRACK_SYN_SENT2,
	[CTA_TIMEOUT_TCP_RETRANS]	= TCP_CONNTRACK_RETRANS,
	[CTA_TIMEOUT_TCP_UNACK]		= TCP_CONNTRACK_UNACK,
};

const struct nla_policy ctng_tcp_timeout_policy[CTA_TIMEOUT_TCP_MAX + 1] = {
	[CTA_TIMEOUT_TCP_SYN_SENT]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_SYN_RECV]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_ESTABLISHED]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_FIN_WAIT]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_CLOSE_WAIT]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_LAST_ACK]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_TIME_WAIT]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_CLOSE]		= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_SYN_SENT2]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_RETRANS]	= { .type = NLA_U32 },
	[CTA_TIMEOUT_TCP_UNACK]		= { .type = NLA_U32 },
};

static const struct nla_policy protoinfo_policy[CTA_PROTOINFO_TCP_MAX + 1] = {
	[CTA_PROTOINFO_TCP_STATE]	    = NLA_POLICY_MAX(NLA_U8, TCP_CONNTRACK_MAX - 1),
	[CTA_PROTOINFO_TCP_WSCALE_ORIGINAL] = NLA_POLICY_MAX(NLA_U8, TCP_MAX_WSCALE),
	[CTA_PROTOINFO_TCP_WSCALE_REPLY]    = NLA_POLICY_MAX(NLA_U8, TCP_MAX_WSCALE),
	[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL]  = { .len = sizeof(struct nf_ct_tcp_flags) },
	[CTA_PROTOINFO_TCP_FLAGS_REPLY]	    = { .len = sizeof(struct nf_ct_tcp_flags) },
};

/* An attribute of a byte or two, in the room that it takes. */
struct small_attr {
	struct nlattr	attr;
	u8		value;
	u8		rest[3];
};

#define SMALL(type, size)	{ .attr = { .nla_len = NLA_HDRLEN + (size), .nla_type = (type) } }

/*
 * All that is told of a connection, written as a whole, since dumps do it a million times. The
 * flags' mask is 0: written back as read, they change nothing.
 */
struct protoinfo {
	struct nlattr		nest;
	struct small_attr	state;
	struct small_attr	scale[IP_CT_DIR_MAX];
	struct small_attr	flags[IP_CT_DIR_MAX];
};

static const struct protoinfo protoinfo = {
	.nest	= { .nla_type = NLA_F_NESTED | CTA_PROTOINFO_TCP },
	.state	= SMALL(CTA_PROTOINFO_TCP_STATE, sizeof(u8)),
	.scale	= {
		[IP_CT_DIR_ORIGINAL]	= SMALL(CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, sizeof(u8)),
		[IP_CT_DIR_REPLY]	= SMALL(CTA_PROTOINFO_TCP_WSCALE_REPLY, sizeof(u8)),
	},
	.flags	= {
		[IP_CT_DIR_ORIGINAL]	= SMALL(CTA_PROTOINFO_TCP_FLAGS_ORIGINAL,
						sizeof(struct nf_ct_tcp_flags)),
		[IP_CT_DIR_REPLY]	= SMALL(CTA_PROTOINFO_TCP_FLAGS_REPLY,
						sizeof(struct nf_ct_tcp_flags)),
	},
};

/**
 * ctng_tcp_to_nlattr() - put a connection's TCP state in a message
 * @skb: the message.
 * @nla: not used.
 * @ct: the connection.
 * @destroy: it is gone: only its last state is of interest.
 *
 * Context: BH off or process; takes ct->lock.
 * Return: 0, or -1 if @skb is full.
 */
int ctng_tcp_to_nlattr(struct sk_buff *skb, struct nlattr *nla,
		       struct nf_conn *ct, bool destroy)
{
	unsigned int size = destroy ? offsetof(struct protoinfo, scale) : sizeof(struct protoinfo);
	const struct ip_ct_tcp *tcp = &ct->proto.tcp;
	struct protoinfo info = protoinfo;
	enum ip_conntrack_dir dir;

	if (skb_tailroom(skb) < size)
		return -1;

	info.nest.nla_len = size;
	spin_lock_bh(&ct->lock);
	info.state.value = tcp->state;
	for (dir = IP_CT_DIR_ORIGINAL; dir < IP_CT_DIR_MAX; dir++) {
		info.scale[dir].value = tcp->seen[dir].td_scale;
		info.flags[dir].value = tcp->seen[dir].flags;
	}
	spin_unlock_bh(&ct->lock);
	skb_put_data(skb, &info, size);

	return 0;
}

static void set_flags(struct ip_ct_tcp_state *side, const struct nlattr *attr)
{
	const struct nf_ct_tcp_flags *set;

	if (!attr)
		return;
	set = nla_data(attr);
	side->flags = (side->flags & ~set->mask) | (set->flags & set->mask);
}

/**
 * ctng_tcp_from_nlattr() - set a connection's TCP state from a message
 * @attr: of CTA_PROTOINFO; without CTA_PROTOINFO_TCP nothing is changed.
 * @ct: the connection.
 *
 * Context: process; takes ct->lock.
 * Return: 0 or -errno.
 */
int ctng_tcp_from_nlattr(struct nlattr *attr[], struct nf_conn *ct)
{
	struct ip_ct_tcp *tcp = &ct->proto.tcp;
	struct nlattr *tb[CTA_PROTOINFO_TCP_MAX + 1];
	const struct nlattr *scale[IP_CT_DIR_MAX], *state;
	int err;

	if (!attr[CTA_PROTOINFO_TCP])
		return 0;

	err = nla_parse_nested_deprecated(tb, CTA_PROTOINFO_TCP_MAX,
					  attr[CTA_PROTOINFO_TCP],
					  protoinfo_policy, NULL);
	if (err < 0)
		return err;

	state = tb[CTA_PROTOINFO_TCP_STATE];
	scale[IP_CT_DIR_ORIGINAL] = tb[CTA_PROTOINFO_TCP_WSCALE_ORIGINAL];
	scale[IP_CT_DIR_REPLY] = tb[CTA_PROTOINFO_TCP_WSCALE_REPLY];

	spin_lock_bh(&ct->lock);
	if (state)
		WRITE_ONCE(tcp->state, nla_get_u8(state));
	set_flags(&tcp->seen[IP_CT_DIR_ORIGINAL], tb[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL]);
	set_flags(&tcp->seen[IP_CT_DIR_REPLY], tb[CTA_PROTOINFO_TCP_FLAGS_REPLY]);

	/* RFC 7323, 2.2: both scale or none does. */
	if (scale[IP_CT_DIR_ORIGINAL] && scale[IP_CT_DIR_REPLY] &&
	    tcp->seen[IP_CT_DIR_ORIGINAL].flags &
	    tcp->seen[IP_CT_DIR_REPLY].flags & IP_CT_TCP_FLAG_WINDOW_SCALE) {
		tcp->seen[IP_CT_DIR_ORIGINAL].td_scale =
			nla_get_u8(scale[IP_CT_DIR_ORIGINAL]);
		tcp->seen[IP_CT_DIR_REPLY].td_scale =
			nla_get_u8(scale[IP_CT_DIR_REPLY]);
	}
	spin_unlock_bh(&ct->lock);
	return 0;
}

/**
 * ctng_tcp_timeouts_from_nlattr() - fill a timeout policy from a message
 * @attr: CTA_TIMEOUT_TCP_*; what is absent is the namespace's.
 * @net: the namespace.
 * @data: the policy; NULL: the namespace's own timeouts.
 *
 * Context: process. Packets read the policy meanwhile, each value on its own.
 * Return: 0.
 */
int ctng_tcp_timeouts_from_nlattr(struct nlattr *attr[], struct net *net,
				  void *data)
{
	struct nf_tcp_net *tn = nf_tcp_pernet(net);
	unsigned int *timeouts = data ?: tn->timeouts;
	unsigned int i;

	for (i = 0; data && i < ARRAY_SIZE(tn->timeouts); i++)
		WRITE_ONCE(timeouts[i], READ_ONCE(tn->timeouts[i]));

	for (i = CTA_TIMEOUT_TCP_UNSPEC + 1; i <= CTA_TIMEOUT_TCP_MAX; i++)
		if (attr[i])
			WRITE_ONCE(timeouts[timeout_slot[i]],
				   ntohl(nla_get_be32(attr[i])) * HZ);

	WRITE_ONCE(timeouts[TCP_CONNTRACK_NONE],
		   timeouts[TCP_CONNTRACK_SYN_SENT]);
	return 0;
}

/**
 * ctng_tcp_timeouts_to_nlattr() - put a timeout policy in a message
 * @skb: the message.
 * @data: the policy.
 *
 * Context: any.
 * Return: 0, or -ENOSPC if @skb is full.
 */
int ctng_tcp_timeouts_to_nlattr(struct sk_buff *skb, const void *data)
{
	const unsigned int *timeouts = data;
	unsigned int i;

	for (i = CTA_TIMEOUT_TCP_UNSPEC + 1; i <= CTA_TIMEOUT_TCP_MAX; i++)
		if (nla_put_be32(skb, i,
				 htonl(READ_ONCE(timeouts[timeout_slot[i]]) / HZ)))
			return -ENOSPC;
	return 0;
}
