// SPDX-License-Identifier: GPL-2.0-only
/*
 * Plays packets to whichever nf_conntrack is loaded, and tells what it made of them.
 *
 * What is written to /proc/ctng_replay is a list of operations (record.h); reading gives a
 * record for each. Packets are made here, from seeds and from the state that the tracker
 * has: the same operations give the same packets, as long as the tracker does the same, and
 * an operation that is left out changes no other one's seed.
 */

#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/proc_fs.h>
#include <linux/vmalloc.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_core.h>
#include <net/netfilter/nf_conntrack_ecache.h>

#include "compat.h"
#include "replay.h"

static bool show;
module_param(show, bool, 0644);
MODULE_PARM_DESC(show, "Records are followed by the packet and what was logged");

static bool keep = true;
module_param(keep, bool, 0644);
MODULE_PARM_DESC(keep, "Keep the records to be read");

static const struct generator *const generators[] = {
	&gen_tcp, &gen_udp, &gen_udplite, &gen_icmp, &gen_icmpv6, &gen_sctp, &gen_dccp,
	&gen_gre, &gen_generic, &gen_capture,
};

static DEFINE_MUTEX(lock);
static u8 *records;
static size_t records_len;
static struct world the_world;
static struct pkt the_packet;

static void new_packet(struct world *w, struct pkt *p)
{
	memset(p, 0, sizeof(*p));
	p->flow = one_in(w, 4);
	p->dir = w->flow[p->flow].known ? below(w, 2) : one_in(w, 8);
	p->l4num = w->flow[p->flow].l4num;
	p->side = w->flow[p->flow].side[p->dir];
	p->hops = 64;
	p->path = PICK(w, PATH_FORWARD, PATH_FORWARD, PATH_FORWARD, PATH_FORWARD, PATH_INPUT,
		       PATH_INPUT, PATH_OUTPUT, PATH_OUTPUT);
	if (one_in(w, 32))
		p->path = PATH_LOST;
	p->hold = one_in(w, 32);
	p->bad_sum = one_in(w, 48);
	p->ip_summed = PICK(w, CHECKSUM_NONE, CHECKSUM_NONE, CHECKSUM_UNNECESSARY,
			    CHECKSUM_COMPLETE);
	if (p->path == PATH_OUTPUT)
		p->ip_summed = PICK(w, CHECKSUM_NONE, CHECKSUM_PARTIAL);
	if (one_in(w, 32))
		p->options = 1 + below(w, w->six ? 4 : 10);
	if (one_in(w, 48))
		p->pieces = 2 + below(w, 2);
	if (one_in(w, w->mutate ? 2 : 4))
		p->split = 1 + below(w, 40);
}

/* What is odd about some packets of any protocol. */
static void disturb(struct world *w, struct pkt *p)
{
	if (one_in(w, w->mutate ? 10 : 100))
		p->len = below(w, p->len + 1);
	if (one_in(w, 100) && p->len) {
		replay_finish_sum(w, p);
		p->has_sum = one_in(w, 2);
		p->l4[below(w, p->len)] ^= 1 << below(w, 8);
	}
}

static void play_new(struct world *w)
{
	struct pkt *p = &the_packet;

	new_packet(w, p);
	w->gen->packet(w, p);
	disturb(w, p);
	if (p->l4num == IPPROTO_TCP && replay_odd_sack(p->l4, p->len))
		p->note |= NOTE_ODD_SACK;
	w->rec->action = ACT_PACKET;
	replay_play(w, p);
}

static void play_again(struct world *w)
{
	if (!w->n_old) {
		play_new(w);
		return;
	}
	the_packet = w->old[below(w, min_t(unsigned int, w->n_old, REPLAY_OLD))];
	the_packet.hold = one_in(w, 16);
	w->rec->action = ACT_AGAIN;
	replay_play(w, &the_packet);
}

static void play_error(struct world *w)
{
	struct pkt *p = &the_packet;

	new_packet(w, p);
	replay_icmp_error(w, p);
	disturb(w, p);
	/* what an error quotes begins behind its header */
	if (!w->six && p->len > 8 && (p->l4[8] & 0xf) < 5)
		p->note |= NOTE_BAD_QUOTE;
	w->rec->action = ACT_ERROR;
	replay_play(w, p);
}

static void elapse(struct world *w, unsigned int seconds, bool purge)
{
	w->rec->action = ACT_WAIT;
	w->rec->arg = seconds;
	w->rec->ctinfo = 0xff;
	w->rec->result = purge;
	replay_elapse(w, seconds, purge);
	if (!show)
		replay_digest(w);
}

static void inject(struct world *w, struct nf_conn *ct)
{
	struct flow *f = &w->flow[0];

	spin_lock_bh(&ct->lock);
	w->gen->inject(w, ct);
	if (one_in(w, 2))
		set_bit(IPS_SEEN_REPLY_BIT, &ct->status);
	else if (one_in(w, 2))
		clear_bit(IPS_SEEN_REPLY_BIT, &ct->status);
	if (one_in(w, 2))
		set_bit(IPS_ASSURED_BIT, &ct->status);
	else if (one_in(w, 2))
		clear_bit(IPS_ASSURED_BIT, &ct->status);
	spin_unlock_bh(&ct->lock);
	memcpy(&f->proto, &ct->proto, sizeof(f->proto));
}

/* What others do to a connection through the exported functions. */
static void poke(struct world *w, struct nf_conn *ct)
{
	w->rec->arg = below(w, 6);
	local_bh_disable();
	rcu_read_lock();
	switch (w->rec->arg) {
	case 0:
		w->rec->result = nf_ct_kill(ct);
		break;
	case 1:
		set_bit(IPS_FIXED_TIMEOUT_BIT, &ct->status);
		break;
	case 2:
		clear_bit(IPS_FIXED_TIMEOUT_BIT, &ct->status);
		break;
	case 3:
		nf_ct_set_closing(&ct->ct_general);
		break;
	case 4:
		nf_ct_refresh(ct, 77 * HZ);
		break;
	case 5:
		nf_conntrack_event_cache(IPCT_MARK, ct);
		nf_ct_deliver_cached_events(ct);
		break;
	}
	rcu_read_unlock();
	local_bh_enable();
}

static void with_conn(struct world *w, enum replay_action action,
		      void (*what)(struct world *w, struct nf_conn *ct))
{
	struct nf_conn *ct = replay_find(w, 0);

	w->rec->action = action;
	w->rec->ctinfo = 0xff;
	if (!ct)
		return;
	if (nf_ct_protonum(ct) == w->flow[0].l4num) {
		what(w, ct);
		replay_describe(&w->rec->conn, ct);
	}
	nf_ct_put(ct);
}

static bool is_icmp(u8 l4num)
{
	return l4num == IPPROTO_ICMP || l4num == IPPROTO_ICMPV6;
}

static void step(struct world *w, u32 seed)
{
	unsigned int kind, seconds;
	bool purge;

	prandom_seed_state(&w->rnd, seed);
	w->rec->arg = seed;
	kind = below(w, 100);
	if (kind < 4) {
		purge = !one_in(w, 8);
		seconds = PICK(w, 1, 1, 2, 2, 3, 5, 8, 10, 15, 20, 30, 40, 60, 100, 120, 200,
			       300, 1000, 100000);
		elapse(w, seconds, purge);
	} else if (kind < 7 && (w->held[0].skb || w->held[1].skb)) {
		w->rec->action = ACT_RELEASE;
		replay_release(w, w->held[0].skb ? 0 : 1);
	} else if (kind < 13) {
		play_again(w);
	} else if (kind < (is_icmp(w->gen->l4num) ? 35 : 18)) {
		play_error(w);
	} else if (kind < 28 && w->inject && w->gen->inject) {
		with_conn(w, ACT_INJECT, inject);
	} else if (kind < 30) {
		with_conn(w, ACT_POKE, poke);
	} else {
		play_new(w);
	}
}

static int begin(struct world *w, const struct replay_op *op)
{
	int err = replay_begin(w, generators[op->gen], op->arg, op->flags & OPF_NAT);

	if (op->flags & OPF_NO_SUM)
		w->net->ct.sysctl_checksum = 0;

	return err;
}

/* Of the operation and what belongs to it. */
static size_t size_of(const struct replay_op *op)
{
	return sizeof(*op) + (op->kind == OP_FRAME ? round_up(op->flags, sizeof(*op)) : 0);
}

/* So many records will there be; 0 if that is no list of operations. */
static size_t count_ops(const u8 *blob, size_t len)
{
	size_t at, n = 0;

	for (at = 0; at + sizeof(struct replay_op) <= len; n++)
		at += size_of((const struct replay_op *)(blob + at));

	return at == len ? n : 0;
}

static int run(struct world *w, const struct replay_op *op)
{
	w->rec->arg = op->arg;
	switch (op->kind) {
	case OP_BEGIN:
		if (op->gen >= ARRAY_SIZE(generators))
			return -EINVAL;
		replay_end(w);
		w->mutate = op->flags & OPF_MUTATE;
		return replay_nat_set(w->net, op->flags & OPF_NAT) ?:
		       begin(w, op);
	case OP_END:
		w->rec->action = ACT_END;
		replay_end(w);
		return 0;
	case OP_STEP:
		if (!w->gen || !w->gen->packet)
			return -EINVAL;
		step(w, op->arg);
		return 0;
	case OP_FRAME:
		if (!w->gen || w->gen->packet)
			return -EINVAL;
		prandom_seed_state(&w->rnd, op->arg);
		return replay_frame(w, op->gen, (const u8 *)(op + 1), op->flags);
	case OP_WAIT:
		if (!w->gen)
			return -EINVAL;
		elapse(w, op->arg, true);
		return 0;
	}

	return -EINVAL;
}

static void show_packet(struct replay_shown *to)
{
	struct pkt *p = &the_packet;
	unsigned int len;
	u8 header[80];

	memset(to, 0, sizeof(*to));
	memcpy(to->log, replay_logged, sizeof(to->log));
	if (!the_world.gen || !the_world.gen->packet) {
		to->len = the_world.shown_len;
		memcpy(to->packet, the_world.shown, to->len);
		return;
	}
	len = replay_ip_header(&the_world, p, header, p->len + p->zeros);
	memcpy(to->packet, header, len);
	memcpy(to->packet + len, p->l4, min_t(unsigned int, p->len, sizeof(to->packet) - len));
	to->len = len + p->len;
}

static int run_all(const u8 *blob, size_t len)
{
	size_t each = sizeof(struct replay_record) + (show ? sizeof(struct replay_shown) : 0);
	static struct replay_record scratch;
	struct world *w = &the_world;
	const struct replay_op *op;
	size_t at;
	int err = 0;

	for (at = 0; !err && at + sizeof(*op) <= len; at += size_of(op)) {
		op = (const struct replay_op *)(blob + at);
		w->rec = keep ? (struct replay_record *)(records + records_len) : &scratch;
		memset(w->rec, 0, sizeof(*w->rec));
		replay_watch_into(w->rec, w->net);
		err = run(w, op);
		if (time_after(jiffies, w->started + HZ / 4))
			w->rec->note |= NOTE_SLOW;
		replay_watch_done(w->rec, w->net);
		if (show && (op->kind == OP_STEP || op->kind == OP_FRAME))
			replay_digest(w);
		if (keep && show)
			show_packet((struct replay_shown *)(w->rec + 1));
		if (keep)
			records_len += each;
		cond_resched();
	}

	return err;
}

static ssize_t replay_write(struct file *file, const char __user *from, size_t len, loff_t *pos)
{
	size_t each = sizeof(struct replay_record) + (show ? sizeof(struct replay_shown) : 0);
	int err = -ENOMEM;
	size_t n;
	u8 *blob;

	if (len % sizeof(struct replay_op))
		return -EINVAL;
	mutex_lock(&lock);
	vfree(records);
	records_len = 0;
	records = NULL;
	blob = vmalloc(len);
	if (!blob)
		goto out;
	err = -EFAULT;
	if (copy_from_user(blob, from, len))
		goto out;
	err = -EINVAL;
	n = count_ops(blob, len);
	if (!n)
		goto out;
	err = -ENOMEM;
	records = keep ? vmalloc(n * each) : NULL;
	if (keep && !records)
		goto out;
	err = run_all(blob, len);
out:
	vfree(blob);
	mutex_unlock(&lock);

	return err ?: len;
}

static ssize_t replay_read(struct file *file, char __user *to, size_t len, loff_t *pos)
{
	ssize_t n;

	mutex_lock(&lock);
	n = simple_read_from_buffer(to, len, pos, records, records_len);
	mutex_unlock(&lock);

	return n;
}

static const struct proc_ops replay_proc = {
	.proc_write	= replay_write,
	.proc_read	= replay_read,
	.proc_lseek	= default_llseek,
};

static int __init replay_init(void)
{
	struct net *net = &init_net;
	int err;

	the_world.net = net;
	err = replay_play_init(net);
	if (err)
		return err;
	err = nf_ct_netns_get(net, NFPROTO_INET);
	if (err)
		goto no_hooks;
	err = replay_watch(net);
	if (err)
		goto no_watch;
	err = replay_rules_init(net);
	if (err)
		goto no_rules;
	replay_world = &the_world;
	err = -ENOMEM;
	if (proc_create("ctng_replay", 0600, NULL, &replay_proc))
		return 0;

	replay_rules_exit(net);
no_rules:
	replay_unwatch(net);
no_watch:
	nf_ct_netns_put(net, NFPROTO_INET);
no_hooks:
	replay_play_exit(net);
	return err;
}

static void __exit replay_exit(void)
{
	struct net *net = the_world.net;

	remove_proc_entry("ctng_replay", NULL);
	the_world.rec = NULL;
	replay_end(&the_world);
	replay_rules_exit(net);
	replay_unwatch(net);
	nf_ct_netns_put(net, NFPROTO_INET);
	replay_play_exit(net);
	synchronize_net();
	vfree(records);
}

module_init(replay_init);
module_exit(replay_exit);

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Plays packets to connection tracking and records what comes of them");
