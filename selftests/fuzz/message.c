// SPDX-License-Identifier: GPL-2.0-only
/* Makes messages that may be accepted, and spoils them. */

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <sys/socket.h>

#include "fuzz.h"

static __u64 state;

/* splitmix64: any seed is good */
__u32 rnd(void)
{
	__u64 z = state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return (z ^ z >> 31) >> 32;
}

void seed_rnd(__u64 seed)
{
	state = seed;
}

static __u64 odd_number(void)
{
	static const __u64 odd[] = {
		0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff,
		0x80000000, 0xfffffffe, 0xffffffff, 0x7fffffffffffffff, 0xffffffffffffffff,
	};

	if (one_in(3))
		return below(40);
	if (one_in(3))
		return (__u64)rnd() << 32 | rnd();
	return odd[below(ARRAY_SIZE(odd))];
}

static void put(struct message *m, const void *data, unsigned int len)
{
	if (m->len + len + 8 > MAX_MESSAGE)
		return;
	memcpy(m->data + m->len, data, len);
	m->len += len;
	while (m->len % 4)
		m->data[m->len++] = 0;
}

static struct nlattr *attr_at(struct message *m, unsigned int at)
{
	return (struct nlattr *)(m->data + at);
}

/* Begin an attribute; returns its place, for close_attr() and for those inside. */
static int open_attr(struct message *m, __u16 type, int parent)
{
	struct nlattr head = { .nla_type = type };
	int n = m->n_places;

	if (n == MAX_ATTRS)
		return n - 1;
	m->place[m->n_places++] = (struct place) { m->len, parent };
	put(m, &head, sizeof(head));
	return n;
}

static void close_attr(struct message *m, int n, unsigned int len)
{
	attr_at(m, m->place[n].at)->nla_len = len + NLA_HDRLEN;
}

static void put_attr(struct message *m, int parent, __u16 type, const void *data,
		     unsigned int len)
{
	int n = open_attr(m, type, parent);

	put(m, data, len);
	close_attr(m, n, len);
}

static void put_number(struct message *m, int parent, __u16 type, unsigned int size,
		       __u64 value)
{
	__u8 bytes[8];
	unsigned int i;

	for (i = 0; i < size; i++)
		bytes[i] = value >> 8 * (size - 1 - i);
	put_attr(m, parent, type, bytes, size);
}

static void put_address(struct message *m, int parent, __u16 type, bool six, __u8 host)
{
	/* those of the test's network, and some that lie in it */
	__u8 v4[4] = { 10, 0, 1 + host % 2, 1 + host / 2 % 4 };
	__u8 v6[16] = { 0xfd, 0, 0, 1 + host % 2, [15] = 1 + host / 2 % 4 };

	if (six)
		put_attr(m, parent, type, v6, sizeof(v6));
	else
		put_attr(m, parent, type, v4, sizeof(v4));
}

static void put_ports(struct message *m, int parent, const struct flow *f, unsigned int dir)
{
	bool icmp = f->proto == IPPROTO_ICMP;

	put_number(m, parent, CTA_PROTO_NUM, 1, f->proto);
	switch (f->proto) {
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		put_number(m, parent, icmp ? CTA_PROTO_ICMP_TYPE : CTA_PROTO_ICMPV6_TYPE, 1,
			   icmp ? (dir ? 0 : 8) : 128 + dir);
		put_number(m, parent, icmp ? CTA_PROTO_ICMP_CODE : CTA_PROTO_ICMPV6_CODE, 1, 0);
		put_number(m, parent, icmp ? CTA_PROTO_ICMP_ID : CTA_PROTO_ICMPV6_ID, 2,
			   f->port[0]);
		break;
	default:
		put_number(m, parent, CTA_PROTO_SRC_PORT, 2, f->port[dir]);
		put_number(m, parent, CTA_PROTO_DST_PORT, 2, f->port[!dir]);
	}
}

static void put_tuple(struct message *m, int parent, __u16 type, const struct flow *f,
		      unsigned int dir)
{
	int whole = open_attr(m, type | NLA_F_NESTED, parent), part;
	unsigned int start = m->len, inner;

	part = open_attr(m, CTA_TUPLE_IP | NLA_F_NESTED, whole);
	inner = m->len;
	put_address(m, part, f->six ? CTA_IP_V6_SRC : CTA_IP_V4_SRC, f->six, f->host[dir]);
	put_address(m, part, f->six ? CTA_IP_V6_DST : CTA_IP_V4_DST, f->six, f->host[!dir]);
	close_attr(m, part, m->len - inner);

	part = open_attr(m, CTA_TUPLE_PROTO | NLA_F_NESTED, whole);
	inner = m->len;
	put_ports(m, part, f, dir);
	close_attr(m, part, m->len - inner);
	if (f->zone && one_in(4))
		put_number(m, whole, CTA_TUPLE_ZONE, 2, f->zone);
	close_attr(m, whole, m->len - start);
}

static void put_nest(struct message *m, int parent, const struct nest *nest, __u64 always,
		     unsigned int seldom);

static void put_any(struct message *m, int parent, const struct attr *a)
{
	static const __u8 sizes[] = { 1, 2, 4, 8, 4 };
	__u64 value = one_in(4) ? odd_number() : a->value ? a->value + one_in(4) : below(8);
	__u8 raw[256];
	const char *name;
	unsigned int i;
	int n;

	switch (a->kind) {
	case K_IP4:
	case K_IP6:
		put_address(m, parent, a->type, a->kind == K_IP6, rnd());
		break;
	case K_STRING:
		for (i = 0; a->names[i + 1] && one_in(2); i++)
			;
		name = a->names[i];
		put_attr(m, parent, a->type, name, strlen(name) + 1);
		break;
	case K_RAW:
		for (i = 0; i < a->size; i++)
			raw[i] = one_in(2) ? rnd() : 0;
		put_attr(m, parent, a->type, raw, a->size);
		break;
	case K_TUPLE:
		if (!one_in(16)) {
			put_tuple(m, parent, a->type, &m->flow, a->value);
			break;
		}
		fallthrough;
	case K_NEST:
		n = open_attr(m, a->type | NLA_F_NESTED, parent);
		i = m->len;
		put_nest(m, n, a->nest, one_in(4) ? 0 : ~0ull, 3);
		close_attr(m, n, m->len - i);
		break;
	case K_HOST32:
		value = htonl(value);
		fallthrough;
	default:
		put_number(m, parent, a->type, sizes[a->kind], value);
	}
}

/* Attributes of a nest: those in 'always', of the others one of 'seldom'. */
static void put_nest(struct message *m, int parent, const struct nest *nest, __u64 always,
		     unsigned int seldom)
{
	const struct attr *a;
	bool four = !m->flow.six;

	for (a = nest->attr; a < nest->attr + nest->n; a++) {
		/* addresses of both families in one nest are nearly always refused */
		if ((a->kind == K_IP4 && !four) || (a->kind == K_IP6 && four))
			continue;
		if (always >> a->type & 1 || one_in(seldom))
			put_any(m, parent, a);
	}
}

static void choose_flow(struct flow *f)
{
	static const __u8 protos[] = {
		IPPROTO_TCP, IPPROTO_TCP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDP, IPPROTO_ICMP,
		IPPROTO_GRE, IPPROTO_DCCP, IPPROTO_SCTP, IPPROTO_UDPLITE, IPPROTO_ESP,
	};

	f->six = one_in(3);
	f->proto = protos[below(ARRAY_SIZE(protos))];
	if (f->proto == IPPROTO_ICMP && f->six)
		f->proto = IPPROTO_ICMPV6;
	f->host[0] = below(2);
	f->host[1] = below(2);
	f->port[0] = 1000 + below(4);
	f->port[1] = one_in(2) ? 21 : 1 + below(4);
	f->zone = one_in(8) ? below(3) : 0;
}

void make_message(struct message *m, const struct request *request, __u32 number)
{
	struct nlmsghdr *head = (struct nlmsghdr *)m->data;
	struct nfgenmsg *gen = NLMSG_DATA(head);

	choose_flow(&m->flow);
	m->n_places = 0;
	m->len = NLMSG_HDRLEN + sizeof(*gen);
	head->nlmsg_type = request->type;
	head->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | request->flags;
	head->nlmsg_seq = number;
	head->nlmsg_pid = 0;
	*gen = (struct nfgenmsg) { .nfgen_family = m->flow.six ? AF_INET6 : AF_INET };
	if (request->body)
		put_nest(m, NO_PARENT, request->body, request->always, 8);
	head->nlmsg_len = m->len;
}

/* Replace bytes; the lengths of what they lie in follow. */
static void splice(struct message *m, unsigned int at, unsigned int old, const void *with,
		   unsigned int len, int parent)
{
	int delta = len - old;
	unsigned int i;

	if (m->len + len > MAX_MESSAGE || at + old > m->len)
		return;
	memmove(m->data + at + len, m->data + at + old, m->len - at - old);
	if (len)
		memcpy(m->data + at, with, len);
	m->len += delta;
	for (; parent != NO_PARENT; parent = m->place[parent].parent)
		attr_at(m, m->place[parent].at)->nla_len += delta;
	/* No offset inside of what was replaced is of use any more: they go to the end of it. */
	for (i = 0; i < m->n_places; i++)
		if (m->place[i].at >= at + old)
			m->place[i].at += delta;
		else if (m->place[i].at > at || (m->place[i].at == at && old))
			m->place[i].at = 0;
}

static unsigned int whole_length(struct message *m, unsigned int at)
{
	unsigned int len = NLA_ALIGN(attr_at(m, at)->nla_len);

	return at + len > m->len ? (m->len - at) & ~3 : len;
}

static void change_payload(struct message *m, unsigned int at, unsigned int len)
{
	__u64 value = odd_number();
	unsigned int i;

	for (i = NLA_HDRLEN; i < len; i++)
		m->data[at + i] = one_in(2) ? value >> 8 * (len - 1 - i) % 64 : rnd();
}

static void spoil_attr(struct message *m)
{
	struct place p = m->place[below(m->n_places)], other = m->place[below(m->n_places)];
	unsigned int len, n;
	struct nlattr *a = attr_at(m, p.at);
	__u8 copy[MAX_MESSAGE];

	/* gone with another one */
	if (!p.at || !other.at || p.at + NLA_HDRLEN > m->len || other.at + NLA_HDRLEN > m->len)
		return;
	len = whole_length(m, p.at);
	if (len < NLA_HDRLEN)
		return;
	memset(copy, rnd(), 4096);
	switch (below(11)) {
	case 0:
		a->nla_len = odd_number();
		break;
	case 1:
		a->nla_len += below(16) - 8;
		break;
	case 2:
		a->nla_type = (a->nla_type & ~NLA_TYPE_MASK) | below(32);
		break;
	case 3:
		a->nla_type ^= one_in(2) ? NLA_F_NESTED : 1 << below(16);
		break;
	case 4:
	case 5:
		change_payload(m, p.at, len);
		break;
	case 6:
		splice(m, p.at, len, NULL, 0, p.parent);
		break;
	case 7:		/* twice, or in the place of another one */
		memcpy(copy, a, len);
		splice(m, other.at, one_in(2) ? whole_length(m, other.at) : 0, copy, len,
		       other.parent);
		break;
	case 8:		/* longer */
		n = one_in(8) ? below(4096) : below(64);
		a->nla_len += n;
		splice(m, p.at + len, 0, copy, NLA_ALIGN(n), p.parent);
		break;
	case 9:		/* shorter */
		n = below(len - NLA_HDRLEN + 1);
		a->nla_len = NLA_HDRLEN + n;
		n = NLA_HDRLEN + NLA_ALIGN(n);
		splice(m, p.at + n, len - n, NULL, 0, p.parent);
		break;
	case 10:	/* deeper */
		for (n = 1 + (one_in(8) ? below(60) : below(3)); n; n--) {
			struct nlattr nest = {
				.nla_len = len + NLA_HDRLEN, .nla_type = a->nla_type | NLA_F_NESTED
			};

			splice(m, p.at, 0, &nest, sizeof(nest), p.parent);
			a = attr_at(m, p.at);
			len += NLA_HDRLEN;
		}
		break;
	}
}

static void spoil_head(struct message *m)
{
	struct nlmsghdr *head = (struct nlmsghdr *)m->data;
	struct nfgenmsg *gen = NLMSG_DATA(head);

	switch (below(7)) {
	case 0:
		gen->nfgen_family = one_in(2) ? below(12) : rnd();
		break;
	case 1:
		gen->version = rnd();
		break;
	case 2:
		gen->res_id = rnd();
		break;
	case 3:
		head->nlmsg_flags ^= 1 << below(12);
		break;
	case 4:
		head->nlmsg_type = (head->nlmsg_type & 0xff00) | below(10);
		break;
	case 5:		/* to another subsystem on connections */
		head->nlmsg_type &= 0xff;
		head->nlmsg_type |= requests[below(n_requests)].type & 0xff00;
		break;
	case 6:
		m->len = NLMSG_HDRLEN + below(m->len - NLMSG_HDRLEN + 1);
		m->n_places = 0;
		break;
	}
}

static void spoil_bytes(struct message *m)
{
	unsigned int n, at;

	for (n = 1 + below(8); n && m->len > NLMSG_HDRLEN; n--) {
		at = NLMSG_HDRLEN + below(m->len - NLMSG_HDRLEN);
		m->data[at] = one_in(2) ? rnd() : m->data[at] ^ 1u << below(8);
	}
}

void spoil_message(struct message *m)
{
	unsigned int times = one_in(4) ? 1 + below(6) : 1;

	while (times--) {
		if (one_in(6))
			spoil_head(m);
		else if (one_in(8))
			spoil_bytes(m);
		else if (m->n_places)
			spoil_attr(m);
	}
	((struct nlmsghdr *)m->data)->nlmsg_len = m->len;
}
