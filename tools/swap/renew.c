// SPDX-License-Identifier: GPL-2.0-only
/*
 * Makes the request that brings back what a message of a dump tells of.
 *
 * The kernel decides itself what NAT does to a connection and sets the bits of the status
 * that belong to it. So a connection with NAT is asked for without, its reply tuple being
 * the inverse of the original one, together with the mapping that led to the real one.
 */

#include <string.h>
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>

#include "table.h"

/* Set by the kernel alone, which refuses some of them in a request. */
#define OWN_STATUS	(IPS_EXPECTED | IPS_DYING | IPS_OFFLOAD | IPS_HW_OFFLOAD)

static void copy(struct nlmsghdr *nlh, const struct nlattr *attr)
{
	mnl_attr_put(nlh, attr->nla_type, mnl_attr_get_payload_len(attr),
		     mnl_attr_get_payload(attr));
}

static void copy_as(struct nlmsghdr *nlh, uint16_t type, const struct nlattr *attr)
{
	if (attr)
		mnl_attr_put(nlh, type, mnl_attr_get_payload_len(attr),
			     mnl_attr_get_payload(attr));
}

/* The part of the tuples that tells the connections of two hosts apart: the id of a query,
 * or the port of the source or the destination.
 */
static const struct nlattr *port(const struct nlattr *proto, bool source)
{
	const struct nlattr *id = inside(proto, CTA_PROTO_ICMP_ID);

	id = id ? : inside(proto, CTA_PROTO_ICMPV6_ID);

	return id ? : inside(proto, source ? CTA_PROTO_SRC_PORT : CTA_PROTO_DST_PORT);
}

/* CTA_TUPLE_REPLY as it would be without NAT */
static void put_inverse(struct nlmsghdr *nlh, const struct nlattr *orig,
			const struct nlattr *reply)
{
	const struct nlattr *ip = inside(orig, CTA_TUPLE_IP);
	const struct nlattr *proto = inside(orig, CTA_TUPLE_PROTO);
	struct nlattr *tuple = mnl_attr_nest_start(nlh, CTA_TUPLE_REPLY);
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTA_TUPLE_IP);
	const struct nlattr *attr;

	copy_as(nlh, CTA_IP_V4_SRC, inside(ip, CTA_IP_V4_DST));
	copy_as(nlh, CTA_IP_V4_DST, inside(ip, CTA_IP_V4_SRC));
	copy_as(nlh, CTA_IP_V6_SRC, inside(ip, CTA_IP_V6_DST));
	copy_as(nlh, CTA_IP_V6_DST, inside(ip, CTA_IP_V6_SRC));
	mnl_attr_nest_end(nlh, nest);

	nest = mnl_attr_nest_start(nlh, CTA_TUPLE_PROTO);
	mnl_attr_for_each_nested(attr, inside(reply, CTA_TUPLE_PROTO)) {
		uint16_t type = mnl_attr_get_type(attr);

		switch (type) {
		case CTA_PROTO_SRC_PORT:
			copy_as(nlh, type, inside(proto, CTA_PROTO_DST_PORT));
			break;
		case CTA_PROTO_DST_PORT:
			copy_as(nlh, type, inside(proto, CTA_PROTO_SRC_PORT));
			break;
		case CTA_PROTO_ICMP_ID:
		case CTA_PROTO_ICMPV6_ID:
			copy_as(nlh, type, inside(proto, type));
			break;
		default:	/* the protocol; types of queries, which NAT leaves alone */
			copy(nlh, attr);
		}
	}
	mnl_attr_nest_end(nlh, nest);

	attr = inside(reply, CTA_TUPLE_ZONE);
	if (attr)
		copy(nlh, attr);
	mnl_attr_nest_end(nlh, tuple);
}

/* Let NAT choose from one address, and one port unless that is NULL. */
static void put_nat(struct nlmsghdr *nlh, uint16_t type, const struct nlattr *v4,
		    const struct nlattr *v6, const struct nlattr *port)
{
	struct nlattr *nat = mnl_attr_nest_start(nlh, type), *nest;

	copy_as(nlh, CTA_NAT_V4_MINIP, v4);
	copy_as(nlh, CTA_NAT_V4_MAXIP, v4);
	copy_as(nlh, CTA_NAT_V6_MINIP, v6);
	copy_as(nlh, CTA_NAT_V6_MAXIP, v6);
	if (port) {
		nest = mnl_attr_nest_start(nlh, CTA_NAT_PROTO);
		copy_as(nlh, CTA_PROTONAT_PORT_MIN, port);
		copy_as(nlh, CTA_PROTONAT_PORT_MAX, port);
		mnl_attr_nest_end(nlh, nest);
	}
	mnl_attr_nest_end(nlh, nat);
}

static void put_translation(struct nlmsghdr *nlh, uint32_t status, const struct nlattr *orig,
			    const struct nlattr *reply)
{
	const struct nlattr *ip = inside(reply, CTA_TUPLE_IP);
	const struct nlattr *proto = inside(reply, CTA_TUPLE_PROTO);

	if (status & IPS_SRC_NAT)
		put_nat(nlh, CTA_NAT_SRC, inside(ip, CTA_IP_V4_DST), inside(ip, CTA_IP_V6_DST),
			port(proto, false));
	if (status & IPS_DST_NAT)
		put_nat(nlh, CTA_NAT_DST, inside(ip, CTA_IP_V4_SRC), inside(ip, CTA_IP_V6_SRC),
			port(proto, true));
	if (!(status & IPS_NAT_MASK) && status & IPS_NAT_DONE_MASK) {
		/* NAT has let it be, and is not to be asked again. */
		ip = inside(orig, CTA_TUPLE_IP);
		put_nat(nlh, CTA_NAT_SRC, inside(ip, CTA_IP_V4_SRC), inside(ip, CTA_IP_V6_SRC),
			NULL);
	}
}

/*
 * What a dump says of the flags has an empty mask: written back, it changes nothing. That an
 * ACK was seen is of no use without its number, which dumps do not tell.
 */
static void put_protoinfo(struct nlmsghdr *nlh, const struct nlattr *attr)
{
	const struct nlattr *tcp = inside(attr, CTA_PROTOINFO_TCP);
	struct nlattr *nest, *inner;

	if (!tcp) {
		copy(nlh, attr);
		return;
	}

	nest = mnl_attr_nest_start(nlh, CTA_PROTOINFO);
	inner = mnl_attr_nest_start(nlh, CTA_PROTOINFO_TCP);
	mnl_attr_for_each_nested(attr, tcp) {
		struct nf_ct_tcp_flags flags = { .mask = 0xff };
		uint16_t type = mnl_attr_get_type(attr);

		if (type == CTA_PROTOINFO_TCP_FLAGS_ORIGINAL ||
		    type == CTA_PROTOINFO_TCP_FLAGS_REPLY) {
			flags.flags = mnl_attr_get_u8(attr) & ~IP_CT_TCP_FLAG_MAXACK_SET;
			mnl_attr_put(nlh, type, sizeof(flags), &flags);
		} else {
			copy(nlh, attr);
		}
	}
	mnl_attr_nest_end(nlh, inner);
	mnl_attr_nest_end(nlh, nest);
}

/*
 * What a helper remembers besides is not told, but some have to know that they begin in
 * the middle of a connection: those look for CTA_HELP_INFO, whatever is in it.
 */
static void put_helper(struct nlmsghdr *nlh, const struct nlattr *attr)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, CTA_HELP);

	copy_as(nlh, CTA_HELP_NAME, inside(attr, CTA_HELP_NAME));
	mnl_attr_put(nlh, CTA_HELP_INFO, 0, NULL);
	mnl_attr_nest_end(nlh, nest);
}

static void renew_connection(struct nlmsghdr *nlh, const struct record *record)
{
	const struct nlattr *orig = attribute(record->nlh, CTA_TUPLE_ORIG);
	const struct nlattr *reply = attribute(record->nlh, CTA_TUPLE_REPLY);
	uint32_t status = status_of(record);
	const struct nlattr *attr;

	mnl_attr_for_each(attr, record->nlh, sizeof(struct nfgenmsg)) {
		switch (mnl_attr_get_type(attr)) {
		case CTA_TUPLE_REPLY:
			if (status & IPS_NAT_MASK)
				put_inverse(nlh, orig, reply);
			else
				copy(nlh, attr);
			break;
		case CTA_STATUS:
			mnl_attr_put_u32(nlh, CTA_STATUS, htonl(status & ~OWN_STATUS));
			break;
		case CTA_PROTOINFO:
			put_protoinfo(nlh, attr);
			break;
		case CTA_HELP:
			put_helper(nlh, attr);
			break;
		case CTA_TUPLE_MASTER:
			if (!record->orphan)
				copy(nlh, attr);
			break;
		case CTA_TUPLE_ORIG:
		case CTA_TIMEOUT:
		case CTA_MARK:
		case CTA_SEQ_ADJ_ORIG:
		case CTA_SEQ_ADJ_REPLY:
		case CTA_ZONE:
		case CTA_LABELS:
		case CTA_SYNPROXY:
			copy(nlh, attr);
		}
	}
	put_translation(nlh, status, orig, reply);
}

static void renew_other(struct nlmsghdr *nlh, const struct record *record)
{
	bool expectation = subsystem(record) == NFNL_SUBSYS_CTNETLINK_EXP;
	const struct nlattr *attr;
	uint16_t zone;

	mnl_attr_for_each(attr, record->nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) != (expectation ? CTA_EXPECT_ID : CTA_TIMEOUT_USE))
			copy(nlh, attr);
	}
	zone = expectation && record->master ? record->master->zone : 0;
	if (zone)
		mnl_attr_put_u16(nlh, CTA_EXPECT_ZONE, htons(zone));
}

static struct nlmsghdr *begin(char *buffer, const struct record *record, int type,
			      unsigned int flags, uint32_t seq)
{
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);

	nlh->nlmsg_type = subsystem(record) << 8 | type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nlh->nlmsg_seq = seq;
	memcpy(mnl_nlmsg_put_extra_header(nlh, sizeof(struct nfgenmsg)),
	       mnl_nlmsg_get_payload(record->nlh), sizeof(struct nfgenmsg));

	return nlh;
}

/* The request to make it; all kinds have 0 as the number of that. Returns the size. */
size_t renew(char *buffer, const struct record *record, uint32_t seq)
{
	struct nlmsghdr *nlh = begin(buffer, record, IPCTNL_MSG_CT_NEW,
				     NLM_F_CREATE | NLM_F_EXCL, seq);

	if (subsystem(record) == NFNL_SUBSYS_CTNETLINK)
		renew_connection(nlh, record);
	else
		renew_other(nlh, record);

	return MNL_ALIGN(nlh->nlmsg_len);
}

/* The request to delete whatever connection has @tuple, one of the two of @record. */
size_t removal(char *buffer, const struct record *record, const struct nlattr *tuple, uint32_t seq)
{
	struct nlmsghdr *nlh = begin(buffer, record, IPCTNL_MSG_CT_DELETE, 0, seq);
	const struct nlattr *zone = attribute(record->nlh, CTA_ZONE);

	copy(nlh, tuple);
	if (zone)
		copy(nlh, zone);

	return MNL_ALIGN(nlh->nlmsg_len);
}
