// SPDX-License-Identifier: GPL-2.0-only
/*
 * Counts the connections by something that they have in common. A dump is counted message
 * by message: what stays in memory is a row for each source, port or whatever there is.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <libmnl/libmnl.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_dccp.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_sctp.h>
#include <libnetfilter_conntrack/libnetfilter_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "cttop.h"

const char *const by_names[BY_MAX] = {
	"source", "destination", "port", "protocol", "state", "zone",
};

const char *const order_names[ORDER_MAX] = {
	"count", "unreplied", "assured", "growth", "name",
};

static const char *const tcp_states[] = {
	"NONE", "SYN_SENT", "SYN_RECV", "ESTABLISHED", "FIN_WAIT", "CLOSE_WAIT", "LAST_ACK",
	"TIME_WAIT", "CLOSE", "SYN_SENT2",
};

static const char *const sctp_states[] = {
	"NONE", "CLOSED", "COOKIE_WAIT", "COOKIE_ECHOED", "ESTABLISHED", "SHUTDOWN_SENT",
	"SHUTDOWN_RECD", "SHUTDOWN_ACK_SENT", "HEARTBEAT_SENT",
};

static const char *const dccp_states[] = {
	"NONE", "REQUEST", "RESPOND", "PARTOPEN", "OPEN", "CLOSEREQ", "CLOSING", "TIMEWAIT",
};

/**
 * struct census - rows by label
 * @rows: all of them; each is in @tree, too, as its number.
 * @n: how many.
 * @room: for how many.
 * @tree: of rows, by label, see tsearch().
 * @by: what was counted by.
 * @matched: connections counted.
 */
struct census {
	struct row	**rows;
	size_t		n;
	size_t		room;
	void		*tree;
	enum by		by;
	unsigned int	matched;
};

/* What a dump's messages need. */
struct dump {
	struct census		*census;
	const struct filter	*filter;
	bool			failed;
};

static int by_label(const void *a, const void *b)
{
	return strcmp(((const struct row *)a)->label, ((const struct row *)b)->label);
}

static void do_nothing(void *row)
{
	(void)row;
}

static void forget_rows(struct census *census)
{
	size_t i;

	tdestroy(census->tree, do_nothing);
	for (i = 0; i < census->n; i++)
		free(census->rows[i]);
	census->tree = NULL;
	census->n = 0;
}

/**
 * census_new() - make an empty one
 *
 * Return: the census, or NULL without memory.
 */
struct census *census_new(void)
{
	return calloc(1, sizeof(struct census));
}

/**
 * census_free() - forget a census
 * @census: the census, or NULL.
 */
void census_free(struct census *census)
{
	if (!census)
		return;
	forget_rows(census);
	free(census->rows);
	free(census);
}

/* The row of a label, made if there is none; NULL without memory. */
static struct row *row_of(struct census *census, const char *label)
{
	struct row key, *row, **grown, **found;
	size_t room;

	snprintf(key.label, sizeof(key.label), "%s", label);
	found = tfind(&key, &census->tree, by_label);
	if (found)
		return *found;

	if (census->n == census->room) {
		room = census->room ? 2 * census->room : 256;
		grown = reallocarray(census->rows, room, sizeof(*grown));
		if (!grown)
			return NULL;
		census->rows = grown;
		census->room = room;
	}
	row = calloc(1, sizeof(*row));
	if (!row)
		return NULL;
	memcpy(row->label, key.label, sizeof(row->label));
	if (!tsearch(row, &census->tree, by_label)) {
		free(row);
		return NULL;
	}

	return census->rows[census->n++] = row;
}

static void label_of(const struct flow *flow, enum by by, char *label, size_t len)
{
	char buf[8];

	switch (by) {
	case BY_SOURCE:
		inet_ntop(flow->family, &flow->src, label, len);
		return;
	case BY_DESTINATION:
		inet_ntop(flow->family, &flow->dst, label, len);
		return;
	case BY_PORT:
		if (flow->dport)
			snprintf(label, len, "%s/%u",
				 protocol_name(flow->proto, buf, sizeof(buf)), flow->dport);
		else
			snprintf(label, len, "%s",
				 protocol_name(flow->proto, buf, sizeof(buf)));
		return;
	case BY_PROTOCOL:
		snprintf(label, len, "%s", protocol_name(flow->proto, buf, sizeof(buf)));
		return;
	case BY_STATE:
		snprintf(label, len, "%s %s", protocol_name(flow->proto, buf, sizeof(buf)),
			 flow->state);
		return;
	default:
		snprintf(label, len, "%u", flow->zone);
	}
}

static const char *state_name(const struct nf_conntrack *ct, enum nf_conntrack_attr attr,
			      const char *const names[], size_t n)
{
	uint8_t state;

	if (!nfct_attr_is_set(ct, attr))
		return NULL;
	state = nfct_get_attr_u8(ct, attr);

	return state < n ? names[state] : NULL;
}

static void flow_state(struct flow *flow, const struct nf_conntrack *ct)
{
	uint32_t status = nfct_get_attr_u32(ct, ATTR_STATUS);
	const char *name = NULL;

	flow->unreplied = !(status & IPS_SEEN_REPLY);
	flow->assured = status & IPS_ASSURED;
	if (flow->proto == IPPROTO_TCP)
		name = state_name(ct, ATTR_TCP_STATE, tcp_states, COUNT(tcp_states));
	else if (flow->proto == IPPROTO_SCTP)
		name = state_name(ct, ATTR_SCTP_STATE, sctp_states, COUNT(sctp_states));
	else if (flow->proto == IPPROTO_DCCP)
		name = state_name(ct, ATTR_DCCP_STATE, dccp_states, COUNT(dccp_states));
	if (!name)
		name = flow->unreplied ? "UNREPLIED" : flow->assured ? "ASSURED" : "REPLIED";
	snprintf(flow->state, sizeof(flow->state), "%s", name);
}

static void flow_read(struct flow *flow, const struct nf_conntrack *ct)
{
	memset(flow, 0, sizeof(*flow));
	flow->family = nfct_get_attr_u8(ct, ATTR_ORIG_L3PROTO);
	flow->proto = nfct_get_attr_u8(ct, ATTR_ORIG_L4PROTO);
	if (flow->family == AF_INET6) {
		memcpy(&flow->src.v6, nfct_get_attr(ct, ATTR_ORIG_IPV6_SRC), 16);
		memcpy(&flow->dst.v6, nfct_get_attr(ct, ATTR_ORIG_IPV6_DST), 16);
	} else {
		flow->src.v4.s_addr = nfct_get_attr_u32(ct, ATTR_ORIG_IPV4_SRC);
		flow->dst.v4.s_addr = nfct_get_attr_u32(ct, ATTR_ORIG_IPV4_DST);
	}
	if (nfct_attr_is_set(ct, ATTR_ORIG_PORT_DST))
		flow->dport = ntohs(nfct_get_attr_u16(ct, ATTR_ORIG_PORT_DST));
	if (nfct_attr_is_set(ct, ATTR_ORIG_ZONE))
		flow->zone = nfct_get_attr_u16(ct, ATTR_ORIG_ZONE);
	else if (nfct_attr_is_set(ct, ATTR_ZONE))
		flow->zone = nfct_get_attr_u16(ct, ATTR_ZONE);
	flow_state(flow, ct);
}

static int count_message(const struct nlmsghdr *nlh, void *data)
{
	struct dump *dump = data;
	struct nf_conntrack *ct;
	char label[LABEL_LEN];
	struct flow flow;
	struct row *row;

	if (NFNL_SUBSYS_ID(nlh->nlmsg_type) != NFNL_SUBSYS_CTNETLINK)
		return MNL_CB_OK;

	ct = nfct_new();
	if (!ct || nfct_nlmsg_parse(nlh, ct) < 0) {
		dump->failed = true;
		goto out;
	}
	flow_read(&flow, ct);
	if (!filter_matches(dump->filter, &flow))
		goto out;

	label_of(&flow, dump->census->by, label, sizeof(label));
	row = row_of(dump->census, label);
	if (!row) {
		dump->failed = true;
		goto out;
	}
	row->count++;
	row->unreplied += flow.unreplied;
	row->assured += flow.assured;
	dump->census->matched++;
out:
	if (ct)
		nfct_destroy(ct);

	return MNL_CB_OK;
}

/* Asks for all connections and counts them as they come. */
static bool run_dump(struct mnl_socket *nl, struct dump *dump)
{
	static char buf[1 << 17];
	unsigned int seq = time(NULL), portid = mnl_socket_get_portid(nl);
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buf);
	struct nfgenmsg *nfg;
	ssize_t len;
	int ret;

	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = seq;
	nfg = mnl_nlmsg_put_extra_header(nlh, sizeof(*nfg));
	nfg->nfgen_family = AF_UNSPEC;
	nfg->version = NFNETLINK_V0;
	if (mnl_socket_sendto(nl, nlh, nlh->nlmsg_len) < 0)
		return false;

	do {
		len = mnl_socket_recvfrom(nl, buf, sizeof(buf));
		if (len < 0)
			return false;
		ret = mnl_cb_run(buf, len, seq, portid, count_message, dump);
		/* the table changed while it was read: good enough for numbers */
		if (ret < 0 && errno == EINTR)
			ret = MNL_CB_OK;
	} while (ret > MNL_CB_STOP);

	return ret == MNL_CB_STOP && !dump->failed;
}

/* The numbers of before go into the new rows. */
static void compare(struct census *now, const struct census *before)
{
	struct row **found;
	size_t i;

	for (i = 0; i < now->n; i++) {
		found = tfind(now->rows[i], &before->tree, by_label);
		now->rows[i]->before = found ? (*found)->count : 0;
	}
}

/**
 * census_take() - count the connections that there are
 * @census: what was counted before is kept for comparison, if it was by the same.
 * @by: what to count by.
 * @filter: which ones, or NULL for all.
 *
 * Return: false, with errno set, if the kernel doesn't tell.
 */
bool census_take(struct census *census, enum by by, const struct filter *filter)
{
	struct census now = { .by = by };
	struct dump dump = { .census = &now, .filter = filter };
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	bool ok;
	int err;

	if (!nl)
		return false;
	ok = mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) == 0 && run_dump(nl, &dump);
	err = errno;
	mnl_socket_close(nl);

	if (!ok) {
		forget_rows(&now);
		free(now.rows);
		errno = err;
		return false;
	}
	if (census->by == by)
		compare(&now, census);
	forget_rows(census);
	free(census->rows);
	*census = now;

	return true;
}

/**
 * census_rows() - the rows, as sorted last
 * @census: the census.
 * @n: set to how many there are.
 *
 * Return: an array of so many pointers, the census' own.
 */
struct row **census_rows(struct census *census, size_t *n)
{
	*n = census->n;

	return census->rows;
}

/**
 * census_matched() - how many connections were counted
 * @census: the census.
 */
unsigned int census_matched(const struct census *census)
{
	return census->matched;
}

static int more(long a, long b)
{
	return (b > a) - (b < a);
}

static int compare_rows(const void *x, const void *y, void *data)
{
	const struct row *a = *(struct row *const *)x, *b = *(struct row *const *)y;
	int way = 0;

	switch (*(const enum order *)data) {
	case ORDER_UNREPLIED:
		way = more(a->unreplied, b->unreplied);
		break;
	case ORDER_ASSURED:
		way = more(a->assured, b->assured);
		break;
	case ORDER_GROWTH:
		way = more((long)a->count - a->before, (long)b->count - b->before);
		break;
	case ORDER_COUNT:
		way = more(a->count, b->count);
		break;
	default:
		break;
	}

	return way ?: strverscmp(a->label, b->label);
}

/**
 * census_sort() - put the rows in order
 * @census: the census.
 * @order: what comes first: more of it, or the name.
 */
void census_sort(struct census *census, enum order order)
{
	if (census->n)
		qsort_r(census->rows, census->n, sizeof(*census->rows), compare_rows, &order);
}
