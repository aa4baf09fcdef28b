// SPDX-License-Identifier: GPL-2.0-only
/*
 * Is everything back? Two dumps are compared message by message and attribute by attribute,
 * but for what cannot be set (counters, ids, times) and what is the kernel's own affair.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <linux/netfilter/nf_conntrack_tcp.h>

#include "table.h"

#define MOST_ATTRIBUTES	64
/* The kernel rounds what is left of a timeout to seconds. */
#define SLACK		2
/* Bits that tell what the kernel has done about NAT, or with whose help */
#define INNER_STATUS	(IPS_NAT_DONE_MASK | IPS_HELPER | IPS_OFFLOAD | IPS_HW_OFFLOAD)

static int by_type(const void *a, const void *b)
{
	return (int)mnl_attr_get_type(*(const struct nlattr *const *)a) -
	       mnl_attr_get_type(*(const struct nlattr *const *)b);
}

static size_t put(char *to, const void *from, size_t size)
{
	memcpy(to, from, size);

	return size;
}

/* The attributes in order, so that two that mean the same are the same. */
static size_t in_form(char *to, const struct nlattr **list, size_t n)
{
	const struct nlattr *inner[MOST_ATTRIBUTES], *attr;
	size_t i, count, size = 0;

	qsort(list, n, sizeof(*list), by_type);
	for (i = 0; i < n; i++) {
		uint16_t length = mnl_attr_get_payload_len(list[i]);
		uint16_t type = mnl_attr_get_type(list[i]);

		size += put(to + size, &type, sizeof(type));
		size += put(to + size, &length, sizeof(length));
		if (!(list[i]->nla_type & NLA_F_NESTED)) {
			size += put(to + size, mnl_attr_get_payload(list[i]), length);
			continue;
		}
		count = 0;
		mnl_attr_for_each_nested(attr, list[i]) {
			if (count < MOST_ATTRIBUTES)
				inner[count++] = attr;
		}
		size += in_form(to + size, inner, count);
	}

	return size;
}

/* Whatever the kernel made on a request has room for the SYN proxy, and tells of that. */
static bool proxied(const struct nlattr *synproxy)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, synproxy) {
		if (mnl_attr_get_u32(attr))
			return true;
	}

	return false;
}

static bool looked_at(const struct record *record, const struct nlattr *attr)
{
	uint16_t type = mnl_attr_get_type(attr);

	if (subsystem(record) == NFNL_SUBSYS_CTNETLINK_EXP)
		return type != CTA_EXPECT_ID && type != CTA_EXPECT_TIMEOUT;

	switch (type) {
	case CTA_TUPLE_ORIG:
	case CTA_TUPLE_REPLY:
	case CTA_MARK:
	case CTA_SEQ_ADJ_ORIG:
	case CTA_SEQ_ADJ_REPLY:
	case CTA_ZONE:
	case CTA_LABELS:
		return true;
	case CTA_SYNPROXY:
		return proxied(attr);
	case CTA_TUPLE_MASTER:
		return !record->orphan;
	default:
		return false;
	}
}

static size_t form(char *to, const struct record *record)
{
	const struct nlattr *list[MOST_ATTRIBUTES], *attr;
	size_t n = 0;

	mnl_attr_for_each(attr, record->nlh, sizeof(struct nfgenmsg)) {
		if (n < MOST_ATTRIBUTES && looked_at(record, attr))
			list[n++] = attr;
	}
	return in_form(to, list, n);
}

/* The helper's name and what TCP keeps, as text */
static void protocol_state(char *to, const struct record *record)
{
	const struct nlattr *helper = inside(attribute(record->nlh, CTA_HELP), CTA_HELP_NAME);
	const struct nlattr *tcp = inside(attribute(record->nlh, CTA_PROTOINFO), CTA_PROTOINFO_TCP);
	size_t size = sprintf(to, "%s", helper ? mnl_attr_get_str(helper) : "");
	uint16_t type;

	for (type = CTA_PROTOINFO_TCP_STATE; type <= CTA_PROTOINFO_TCP_FLAGS_REPLY; type++) {
		const struct nlattr *attr = inside(tcp, type);
		uint8_t value = attr ? mnl_attr_get_u8(attr) : 0;

		if (type >= CTA_PROTOINFO_TCP_FLAGS_ORIGINAL)
			value &= ~IP_CT_TCP_FLAG_MAXACK_SET;
		size += sprintf(to + size, " %02x", value);
	}
}

/*
 * What is not as it was, or NULL. Packets over the loopback device may have gone on: they
 * add to a status and to a timeout.
 */
static const char *difference(const struct record *old, const struct record *new,
			      unsigned int elapsed)
{
	static char a[MESSAGE_ROOM], b[MESSAGE_ROOM];
	size_t size = form(a, old);
	uint32_t want, got;

	if (size != form(b, new) || memcmp(a, b, size))
		return "has other attributes";
	if (timeout_of(new) + elapsed + SLACK < timeout_of(old))
		return "has less time left";
	if (subsystem(old) == NFNL_SUBSYS_CTNETLINK_EXP)
		return NULL;

	protocol_state(a, old);
	protocol_state(b, new);
	if (strcmp(a, b))
		return "has another helper or state of its protocol";
	want = status_of(old) & ~INNER_STATUS;
	got = status_of(new) & ~INNER_STATUS;
	if (old->orphan)
		want &= ~IPS_EXPECTED;
	if ((got & want) != want || (got ^ want) & ~(IPS_SEEN_REPLY | IPS_ASSURED))
		return "has another status";

	return NULL;
}

static void print_address(const struct nlattr *ip, uint16_t v4, uint16_t v6)
{
	const struct nlattr *attr = inside(ip, v4) ? : inside(ip, v6);
	char text[INET6_ADDRSTRLEN];

	if (attr && inet_ntop(inside(ip, v4) ? AF_INET : AF_INET6, mnl_attr_get_payload(attr),
			      text, sizeof(text)))
		fprintf(stderr, " %s", text);
}

static void complain(const struct record *record, const char *what)
{
	bool expectation = subsystem(record) == NFNL_SUBSYS_CTNETLINK_EXP;
	const struct nlattr *tuple = attribute(record->nlh, expectation ? CTA_EXPECT_TUPLE :
					       CTA_TUPLE_ORIG);
	const struct nlattr *proto = inside(tuple, CTA_TUPLE_PROTO), *attr;
	uint16_t type;

	fprintf(stderr, "%s of", expectation ? "The expectation" : "The connection");
	print_address(inside(tuple, CTA_TUPLE_IP), CTA_IP_V4_SRC, CTA_IP_V6_SRC);
	print_address(inside(tuple, CTA_TUPLE_IP), CTA_IP_V4_DST, CTA_IP_V6_DST);
	attr = inside(proto, CTA_PROTO_NUM);
	fprintf(stderr, " protocol %u", attr ? mnl_attr_get_u8(attr) : 0);
	for (type = CTA_PROTO_SRC_PORT; type <= CTA_PROTO_DST_PORT; type++) {
		attr = inside(proto, type);
		if (attr)
			fprintf(stderr, " %u", ntohs(mnl_attr_get_u16(attr)));
	}
	fprintf(stderr, " %s\n", what);
}

/* There are few expectations, and no two of them are the same. */
static const struct record *find_expectation(const struct store *store, const struct record *like,
					     unsigned int elapsed)
{
	const struct record *record = store->record;

	for (; record < store->record + store->records; record++) {
		if (subsystem(record) == subsystem(like) && !difference(like, record, elapsed))
			return record;
	}

	return NULL;
}

/* Returns how many are missing or not as they were; what has expired meanwhile is excused. */
int compare(const struct store *old, const struct store *new, unsigned int elapsed)
{
	const struct record *record = old->record, *found;
	const char *what;
	int wrong = 0, expired = 0;

	for (; record < old->record + old->records; record++) {
		bool connection = subsystem(record) == NFNL_SUBSYS_CTNETLINK;

		found = connection ? store_find(new, record->zone,
						attribute(record->nlh, CTA_TUPLE_ORIG)) :
				     find_expectation(new, record, elapsed);
		what = found ? difference(record, found, elapsed) : "is missing";
		if (!what)
			continue;
		if (timeout_of(record) <= elapsed + SLACK || (!connection && record->orphan))
			expired++;
		else if (wrong++ < 10)
			complain(record, what);
	}
	printf("%zu connections, %zu expectations, %d expired meanwhile, %d wrong\n",
	       old->connections, old->records - old->connections, expired, wrong);

	return wrong;
}
