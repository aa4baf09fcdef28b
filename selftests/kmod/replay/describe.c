// SPDX-License-Identifier: GPL-2.0-only
/* What can be seen of connections, expectations, events, statistics and the log. */

#include <linux/crc32.h>
#include <linux/netfilter.h>
#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_expect.h>
#include <net/netfilter/nf_conntrack_labels.h>
#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/netfilter/nf_conntrack_zones.h>
#include <net/netfilter/nf_log.h>

#include "replay.h"

/* The record that events and log lines go into; one step at a time. */
static struct replay_record *watching;
static unsigned int listed; /* of its events, in their order */

/* The lines that were logged in the last step. */
char replay_logged[128];

/**
 * replay_crc() - digest
 * @data: of these bytes.
 * @len: so many.
 *
 * Return: the digest.
 */
u32 replay_crc(const void *data, unsigned int len)
{
	return crc32(~0, data, len);
}

static void describe_tuple(struct replay_tuple *to, const struct nf_conntrack_tuple *t)
{
	unsigned int len = t->src.l3num == NFPROTO_IPV6 ? 16 : 4;

	memcpy(to->src, &t->src.u3, len);
	memcpy(to->dst, &t->dst.u3, len);
	to->sport = ntohs(t->src.u.all);
	to->dport = ntohs(t->dst.u.all);
	to->l3num = t->src.l3num;
	to->l4num = t->dst.protonum;
	to->dir = t->dst.dir;
}

static u32 digest_of(const struct nf_conntrack_tuple *t)
{
	struct replay_tuple tuple = {};

	describe_tuple(&tuple, t);

	return replay_crc(&tuple, sizeof(tuple));
}

static void describe_tcp(u32 *to, const struct ip_ct_tcp *tcp)
{
	const struct ip_ct_tcp_state *s;
	unsigned int dir;

	*to++ = tcp->state;
	*to++ = tcp->last_dir | tcp->retrans << 8 | tcp->last_index << 16;
	*to++ = tcp->last_seq;
	*to++ = tcp->last_ack;
	*to++ = tcp->last_end;
	*to++ = tcp->last_win | tcp->last_wscale << 16 | tcp->last_flags << 24;
	for (dir = 0; dir < 2; dir++) {
		s = &tcp->seen[dir];
		*to++ = s->td_end;
		*to++ = s->td_maxend;
		*to++ = s->td_maxwin;
		*to++ = s->td_maxack;
		*to++ = s->td_scale | s->flags << 8;
	}
}

static s32 in_seconds(s32 ticks)
{
	return ticks >= 0 ? (ticks + HZ / 2) / HZ : -((-ticks + HZ / 2) / HZ);
}

static void describe_proto(u32 *to, const struct nf_conn *ct)
{
	const union nf_conntrack_proto *p = &ct->proto;

	switch (nf_ct_protonum(ct)) {
	case IPPROTO_TCP:
		describe_tcp(to, &p->tcp);
		break;
	case IPPROTO_UDP:
		to[0] = in_seconds((long)p->udp.stream_ts - (long)jiffies);
		break;
	case IPPROTO_GRE:
		to[0] = in_seconds(p->gre.timeout);
		to[1] = in_seconds(p->gre.stream_timeout);
		break;
	case IPPROTO_SCTP:
		to[0] = p->sctp.state;
		to[1] = ntohl(p->sctp.vtag[0]);
		to[2] = ntohl(p->sctp.vtag[1]);
		to[3] = p->sctp.init[0] | p->sctp.init[1] << 8;
		to[4] = p->sctp.last_dir | p->sctp.flags << 8;
		break;
	case IPPROTO_DCCP:
		to[0] = p->dccp.state;
		to[1] = p->dccp.role[0] | p->dccp.role[1] << 8;
		to[2] = p->dccp.last_pkt | p->dccp.last_dir << 8;
		to[3] = p->dccp.handshake_seq >> 32;
		to[4] = p->dccp.handshake_seq;
		break;
	}
}

static void describe_ext(struct replay_conn *c, const struct nf_conn *ct)
{
	const struct nf_conn_labels *labels = nf_ct_labels_find(ct);
	const struct nf_conn_acct *acct = nf_conn_acct_find(ct);
	const struct nf_conn_seqadj *seqadj = nfct_seqadj(ct);
	const struct nf_conn_help *help = nfct_help(ct);
	unsigned int i;

	for (i = 0; i < NF_CT_EXT_NUM; i++)
		if (ct->ext && ct->ext->offset[i])
			c->ext |= BIT(i);
	if (labels)
		memcpy(c->labels, labels->bits, sizeof(c->labels));
	if (help) {
		c->helper = !!rcu_access_pointer(help->helper);
		c->expecting = help->expecting[0];
	}
	if (seqadj)
		c->seqadj = replay_crc(seqadj->seq, sizeof(seqadj->seq));
	for (i = 0; acct && i < 2; i++) {
		c->packets[i] = atomic64_read(&acct->counter[i].packets);
		c->bytes[i] = atomic64_read(&acct->counter[i].bytes);
	}
}

/**
 * replay_describe() - all there is to see of a connection
 * @c: the description, all zero before.
 * @ct: the connection.
 */
void replay_describe(struct replay_conn *c, const struct nf_conn *ct)
{
	c->status = ct->status;
	/* not yet in the table: how long it will live from then on */
	c->timeout = in_seconds(nf_ct_is_confirmed(ct) ? ct->timeout - nfct_time_stamp :
							 ct->timeout);
	c->mark = ct->mark;
	c->zone = ct->zone.id;
	c->zone_dir = ct->zone.dir;
	c->zone_flags = ct->zone.flags;
	describe_ext(c, ct);
	describe_tuple(&c->tuple[0], nf_ct_tuple(ct, IP_CT_DIR_ORIGINAL));
	describe_tuple(&c->tuple[1], nf_ct_tuple(ct, IP_CT_DIR_REPLY));
	if (ct->master)
		c->master = digest_of(nf_ct_tuple(ct->master, IP_CT_DIR_ORIGINAL));
	describe_proto(c->proto, ct);
}

static int digest_conn(struct nf_conn *ct, void *data)
{
	struct replay_conn c = {};
	u32 *digest = data;

	if (nf_ct_is_expired(ct))
		return 0;
	replay_describe(&c, ct);
	*digest += replay_crc(&c, sizeof(c));

	return 0;
}

static bool digest_exp(struct nf_conntrack_expect *exp, void *data)
{
	u32 *digest = data;
	u32 seen[] = {
		digest_of(&exp->tuple), replay_crc(&exp->mask, sizeof(exp->mask)), exp->flags,
		exp->class, in_seconds(exp->timeout - nfct_time_stamp),
		digest_of(nf_ct_tuple(exp->master, IP_CT_DIR_ORIGINAL)),
	};

	if (!nf_ct_exp_is_expired(exp))
		*digest += replay_crc(seen, sizeof(seen));

	return false;
}

/**
 * replay_digest() - put a digest of all connections and expectations into the record
 * @w: the world.
 *
 * Context: process context, may sleep.
 */
void replay_digest(struct world *w)
{
	struct nf_ct_iter_data iter = { .net = w->net, .data = &w->rec->digest };

	nf_ct_iterate_cleanup_net(digest_conn, &iter);
	nf_ct_expect_iterate_net(w->net, digest_exp, &w->rec->digest, 0, 0);
}

static bool count_exp(struct nf_conntrack_expect *exp, void *data)
{
	*(u32 *)data += !nf_ct_exp_is_expired(exp);

	return false;
}

static void note_event(u32 mask, u32 who)
{
	if (!watching)
		return;
	if (watching->action == ACT_WAIT || watching->action == ACT_END) {
		/* connections are destroyed in the table's order, whatever that is */
		watching->event[0].mask += mask;
		watching->event[0].who += who;
	} else if (mask == (BIT(31) | BIT(IPEXP_DESTROY)) && !replay_world->gen->packet) {
		/* see forget_dead() */
		watching->event[REPLAY_EVENTS - 1].mask += mask;
		watching->event[REPLAY_EVENTS - 1].who += who;
	} else if (listed < REPLAY_EVENTS) {
		watching->event[listed++] = (struct replay_event) { mask, who };
	}
	watching->n_events++;
}

static int on_event(unsigned int events, const struct nf_ct_event *item)
{
	note_event(events, digest_of(nf_ct_tuple(item->ct, IP_CT_DIR_ORIGINAL)));

	return 0;
}

static int on_exp_event(unsigned int events, const struct nf_exp_event *item)
{
	note_event(BIT(31) | events, digest_of(&item->exp->tuple));

	return 0;
}

static const struct nf_ct_event_notifier notifier = {
	.ct_event	= on_event,
	.exp_event	= on_exp_event,
};

static void log_line(struct net *net, u_int8_t pf, unsigned int hook, const struct sk_buff *skb,
		     const struct net_device *in, const struct net_device *out,
		     const struct nf_loginfo *info, const char *prefix)
{
	strlcat(replay_logged, prefix, sizeof(replay_logged));
	if (watching)
		watching->logged++;
}

static struct nf_logger logger = {
	.name	= "ctng_replay",
	.type	= NF_LOG_TYPE_LOG,
	.logfn	= log_line,
	.me	= THIS_MODULE,
};

/**
 * replay_watch() - begin to receive events and log lines
 * @net: of this namespace.
 *
 * Return: 0 or an errno.
 */
int replay_watch(struct net *net)
{
	int err = nf_log_register(NFPROTO_UNSPEC, &logger);

	if (err)
		return err;
	nf_log_set(net, NFPROTO_IPV4, &logger);
	nf_log_set(net, NFPROTO_IPV6, &logger);
	nf_conntrack_register_notifier(net, &notifier);

	return 0;
}

/**
 * replay_unwatch() - the reverse of replay_watch()
 * @net: the same namespace.
 */
void replay_unwatch(struct net *net)
{
	nf_conntrack_unregister_notifier(net);
	nf_log_unset(net, &logger);
	nf_log_unregister(&logger);
}

static void sum_stats(struct net *net, u32 *to, s32 sign)
{
	const struct ip_conntrack_stat *s;
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		s = per_cpu_ptr(net->ct.stat, cpu);
		to[0] += sign * s->found;
		to[1] += sign * s->invalid;
		to[2] += sign * s->insert;
		to[3] += sign * s->insert_failed;
		to[4] += sign * s->clash_resolve;
		to[5] += sign * s->drop;
		to[6] += sign * s->early_drop;
		to[7] += sign * s->error;
		to[8] += sign * s->expect_new;
		to[9] += sign * s->expect_create;
		to[10] += sign * s->expect_delete;
		to[11] += sign * s->search_restart;
		to[12] += sign * s->chaintoolong;
	}
}

/**
 * replay_watch_into() - a step begins
 * @rec: its record: what happens from now on goes into it.
 * @net: the namespace.
 */
void replay_watch_into(struct replay_record *rec, struct net *net)
{
	replay_logged[0] = 0;
	listed = 0;
	sum_stats(net, rec->stat, -1);
	WRITE_ONCE(watching, rec);
}

/**
 * replay_watch_done() - a step is over
 * @rec: its record.
 * @net: the namespace.
 */
void replay_watch_done(struct replay_record *rec, struct net *net)
{
	WRITE_ONCE(watching, NULL);
	sum_stats(net, rec->stat, 1);
	rec->count = nf_conntrack_count(net);
	if (rec->helped)
		nf_ct_expect_iterate_net(net, count_exp, &rec->expected, 0, 0);
}
