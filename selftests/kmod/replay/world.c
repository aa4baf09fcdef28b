// SPDX-License-Identifier: GPL-2.0-only
/* The world of a scenario: its settings, its hosts and flows, and its time. */

#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_l4proto.h>
#include <net/netfilter/nf_conntrack_zones.h>

#include "replay.h"

/* Between two thresholds of whole seconds, whatever the steps in between took. */
#define SKEW	(HZ / 25)
/* The same where there may be a hundred pauses, which shall not add up to half a second. */
#define SKEW_MANY	1

static void set_timeouts(struct world *w, unsigned int *timeouts, unsigned int n)
{
	unsigned int i;

	/* different for each state, so that they tell it */
	for (i = 0; i < n; i++)
		timeouts[i] = (5 + 10 * i + below(w, 10)) * HZ;
}

static void set_protocols(struct world *w)
{
	struct nf_ip_net *p = &w->net->ct.nf_ct_proto;

	set_timeouts(w, p->tcp.timeouts, TCP_CONNTRACK_TIMEOUT_MAX);
	p->tcp.timeouts[0] = p->tcp.timeouts[TCP_CONNTRACK_SYN_SENT];
	set_timeouts(w, p->udp.timeouts, UDP_CT_MAX);
	set_timeouts(w, &p->icmp.timeout, 1);
	set_timeouts(w, &p->icmpv6.timeout, 1);
	set_timeouts(w, &p->generic.timeout, 1);
	set_timeouts(w, p->sctp.timeouts, SCTP_CONNTRACK_MAX);
	p->sctp.timeouts[0] = p->sctp.timeouts[SCTP_CONNTRACK_CLOSED];
	set_timeouts(w, p->dccp.dccp_timeout, CT_DCCP_MAX);
	p->dccp.dccp_timeout[0] = p->dccp.dccp_timeout[CT_DCCP_REQUEST];
	set_timeouts(w, p->gre.timeouts, GRE_CT_MAX);

	p->tcp.tcp_loose = !one_in(w, 4);
	p->tcp.tcp_be_liberal = one_in(w, 6);
	p->tcp.tcp_ignore_invalid_rst = one_in(w, 4);
	p->tcp.tcp_max_retrans = PICK(w, 0, 1, 3, 3, 5);
	p->dccp.dccp_loose = !one_in(w, 4);
}

/**
 * replay_settings() - choose all sysctls at random
 * @w: the world.
 */
void replay_settings(struct world *w)
{
	struct netns_ct *ct = &w->net->ct;

	set_protocols(w);
	ct->sysctl_log_invalid = 255;
	ct->sysctl_events = 1 + below(w, 2);
	ct->sysctl_acct = !one_in(w, 4);
	ct->sysctl_tstamp = one_in(w, 4);
	ct->sysctl_checksum = !one_in(w, 6);
}

/* Others in each scenario: what a module keeps beyond its end has nothing to do with the next. */
static union nf_inet_addr address(bool six, u32 seed, unsigned int host)
{
	union nf_inet_addr addr = {};

	if (six) {
		addr.in6.s6_addr32[0] = htonl(0xfd000000);
		addr.in6.s6_addr32[1] = htonl(seed);
		addr.in6.s6_addr32[3] = htonl(host + 1);
	} else {
		addr.ip = htonl(0x0a000001 + ((seed & 0xffff) << 8) + host);
	}

	return addr;
}

/**
 * replay_addresses() - choose the addresses of the hosts
 * @w: the world; the same seed gives the same.
 * @six: of IPv6.
 */
void replay_addresses(struct world *w, bool six)
{
	unsigned int i;

	w->six = six;
	for (i = 0; i < REPLAY_ADDRS; i++)
		w->addr[i] = address(six, w->seed, i);
}

static void mirror(struct side *to, const struct side *from)
{
	to->src = from->dst;
	to->dst = from->src;
	to->sport = from->dport;
	to->dport = from->sport;
}

/* The second flow: another port, other addresses of the same hosts, or the way back. */
static void make_flow(struct world *w, unsigned int i)
{
	struct flow *f = &w->flow[i];
	struct side *s = &f->side[0];

	f->l4num = w->gen->l4num;
	s->src = w->addr[HOST_A];
	s->dst = w->addr[HOST_B];
	s->sport = htons(1024 + below(w, 60000));
	s->dport = htons(PICK(w, 80, 21, 53, 5000, 1723));
	if (i) {
		*s = w->flow[0].side[0];
		switch (below(w, 3)) {
		case 0:
			s->sport = htons(ntohs(s->sport) + 1);
			break;
		case 1:
			s->src = w->addr[HOST_A2];
			if (one_in(w, 2))
				s->dst = w->addr[HOST_B2];
			break;
		case 2:
			mirror(s, &w->flow[0].side[0]);
			s->sport = htons(ntohs(s->sport) + 1);
			break;
		}
	}
	mirror(&f->side[1], s);
	w->tag[i][0] = rnd(w) | 1;
	w->tag[i][1] = rnd(w) | 1;
	if (w->gen->start)
		w->gen->start(w, f, i);
}

/* There is no one flow that a template would be for, and whole sessions through one port. */
static void only_what_captures_bear(struct world *w)
{
	w->rules &= RULE_MARK | RULE_LABELS;
	w->timeout_policy = false;
	if (w->nat)
		w->nat |= NAT_SRC;
	if (!one_in(w, 4))
		w->nat &= ~NAT_PORT;
}

/**
 * replay_begin() - a new scenario
 * @w: the world that it plays in.
 * @gen: the protocol.
 * @seed: decides about all settings.
 * @nat: with NAT.
 *
 * Context: process context, may sleep.
 * Return: 0 or an errno.
 */
int replay_begin(struct world *w, const struct generator *gen, u32 seed, bool nat)
{
	struct replay_record *rec = w->rec;
	struct net *net = w->net;
	bool mutate = w->mutate;
	unsigned int i;

	memset(w, 0, sizeof(*w));
	w->rec = rec;
	w->net = net;
	w->gen = gen;
	w->mutate = mutate;
	w->seed = seed;
	w->started = jiffies;
	prandom_seed_state(&w->rnd, seed);

	w->six = one_in(w, 2);
	if (gen->l4num == IPPROTO_ICMP || gen->l4num == IPPROTO_ICMPV6)
		w->six = gen->l4num == IPPROTO_ICMPV6;
	w->inject = one_in(w, 4);
	w->nat = nat ? 1 + below(w, 15) : 0;
	w->rules = one_in(w, 2) ? 0 : rnd(w) & (RULE_MARK | RULE_LABELS | RULE_HELPER |
						RULE_SEQADJ | RULE_SYNPROXY);
	w->timeout_policy = one_in(w, 8);
	nf_ct_zone_init(&w->zone, NF_CT_DEFAULT_ZONE_ID, NF_CT_DEFAULT_ZONE_DIR, 0);
	if (one_in(w, 6))
		nf_ct_zone_init(&w->zone, 1 + below(w, 9), PICK(w, 1, 2, 3, 3), 0);

	if (!gen->packet)
		only_what_captures_bear(w);

	replay_settings(w);
	replay_addresses(w, w->six);
	for (i = 0; i < REPLAY_FLOWS; i++)
		make_flow(w, i);

	return replay_template(w);
}

static int all(struct nf_conn *ct, void *data)
{
	return 1;
}

/**
 * replay_end() - a scenario is over: nothing of it remains
 * @w: its world.
 *
 * Context: process context, may sleep.
 */
void replay_end(struct world *w)
{
	struct nf_ct_iter_data iter = { .net = w->net };

	replay_drop_held(w);
	if (w->rec)
		replay_digest(w);
	nf_ct_iterate_cleanup_net(all, &iter);
	if (w->tmpl)
		nf_ct_put(w->tmpl);
	w->tmpl = NULL;
}

static int age_conn(struct nf_conn *ct, void *data)
{
	u32 ticks = *(u32 *)data;

	WRITE_ONCE(ct->timeout, ct->timeout - ticks);
	if (nf_ct_protonum(ct) == IPPROTO_UDP)
		ct->proto.udp.stream_ts -= ticks;

	return 0;
}

static int is_expired(struct nf_conn *ct, void *data)
{
	return nf_ct_is_expired(ct);
}

static bool age_exp(struct nf_conntrack_expect *exp, void *data)
{
	WRITE_ONCE(exp->timeout, exp->timeout - *(u32 *)data);

	return false;
}

static bool exp_is_expired(struct nf_conntrack_expect *exp, void *data)
{
	return nf_ct_exp_is_expired(exp);
}

/**
 * replay_elapse() - let time pass
 * @w: the world.
 * @seconds: so much of it.
 * @purge: remove connections that have expired, which either module does by itself some time.
 *
 * Context: process context, may sleep.
 */
void replay_elapse(struct world *w, unsigned int seconds, bool purge)
{
	u32 ticks = seconds * HZ + (w->gen->packet ? SKEW : SKEW_MANY);
	struct nf_ct_iter_data iter = { .net = w->net, .data = &ticks };

	nf_ct_iterate_cleanup_net(age_conn, &iter);
	nf_ct_expect_iterate_net(w->net, age_exp, &ticks, 0, 0);
	if (purge)
		nf_ct_iterate_cleanup_net(is_expired, &iter);
	nf_ct_expect_iterate_net(w->net, exp_is_expired, NULL, 0, 0);
}

/**
 * replay_find() - the connection of a flow
 * @w: the world.
 * @flow: number of the flow.
 *
 * Return: the connection with a reference, or NULL.
 */
struct nf_conn *replay_find(struct world *w, unsigned int flow)
{
	const struct flow *f = &w->flow[flow];
	const struct side *s = &f->side[f->flip];
	struct nf_conntrack_tuple_hash *h;
	struct nf_conntrack_tuple tuple = {
		.src.u3 = s->src, .src.u.all = s->sport,
		.src.l3num = w->six ? NFPROTO_IPV6 : NFPROTO_IPV4,
		.dst.u3 = s->dst, .dst.u.all = s->dport, .dst.protonum = f->l4num,
	};

	rcu_read_lock();
	h = nf_conntrack_find_get(w->net, &w->zone, &tuple);
	rcu_read_unlock();

	return h ? nf_ct_tuplehash_to_ctrack(h) : NULL;
}
