// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two CPUs that make the same connection at the same time, whichever nf_conntrack is loaded.
 *
 * Each of two threads takes the first packet of a flow through the hooks that the namespace
 * has at PRE_ROUTING; then they wait for each other, and go through those at POST_ROUTING,
 * where connections are confirmed, together. So every pair of packets is a race.
 *
 * "PROTOCOL COUNT [sources]" is written to /proc/ctng_race, the figures are read from
 * there. With "sources" the packets of a pair are of different sources, and only source
 * NAT to one address gives both the same reply tuple.
 */

#include <linux/completion.h>
#include <linux/icmp.h>
#include <linux/init.h>
#include <linux/ip.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/netfilter.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <linux/udp.h>
#include <net/gre.h>
#include <net/netfilter/nf_conntrack.h>
#include <net/route.h>

#define RACERS		2
#define PAYLOAD		8
#define HEADROOM	64
/* In jiffies: a virtual CPU was away. */
#define STALL		max(HZ / 10, 2)

/* IANA's number for experiments: no tracker knows it. */
#define PROTO_OTHER	253

static const struct {
	const char	*name;
	u8		l4num;
} protocols[] = {
	{ "udp", IPPROTO_UDP },
	{ "udplite", IPPROTO_UDPLITE },
	{ "icmp", IPPROTO_ICMP },
	{ "gre", IPPROTO_GRE },
	{ "other", PROTO_OTHER },
	{ "tcp", IPPROTO_TCP },
};

/**
 * struct race - one command in progress
 * @net: namespace of who wrote it; a reference is held.
 * @dst: route that all packets have.
 * @l4num: protocol.
 * @two_sources: the packets of a pair are not of the same flow.
 * @first: number of the first flow; no flow comes twice.
 * @count: how many pairs.
 * @arrived: how often a thread came to the start line.
 * @raced: threads that had a connection of their own there.
 * @passed: packets that got through.
 * @failed: packets that could not be made.
 * @stalled: packets that were under way for longer than NAT keeps a tuple for them: what may
 *	explain one that is lost.
 * @running: threads that are not done yet.
 * @done: the last thread is.
 */
struct race {
	struct net		*net;
	struct dst_entry	*dst;
	u8			l4num;
	bool			two_sources;
	u32			first;
	u32			count;
	atomic_t		arrived;
	atomic_t		raced;
	atomic_t		passed;
	atomic_t		failed;
	atomic_t		stalled;
	atomic_t		running;
	struct completion	done;
};

struct racer {
	struct race	*race;
	unsigned int	number;
};

static DEFINE_MUTEX(race_mutex);
static char result[128];
static u32 flows_used;

static int okfn(struct net *net, struct sock *sk, struct sk_buff *skb)
{
	return 0;
}

static unsigned int write_l4(struct sk_buff *skb, u8 l4num, u32 flow)
{
	__be16 port = htons(1024 + flow % 60000);
	void *l4 = skb_transport_header(skb);
	struct gre_base_hdr *gre = l4;
	struct icmphdr *icmp = l4;
	struct udphdr *udp = l4;
	struct tcphdr *tcp = l4;

	switch (l4num) {
	case IPPROTO_TCP:
		tcp->source = port;
		tcp->dest = htons(80);
		tcp->seq = htonl(flow);
		tcp->doff = sizeof(*tcp) / 4;
		tcp->syn = 1;
		tcp->window = htons(1024);
		return sizeof(*tcp);
	case IPPROTO_ICMP:
		icmp->type = ICMP_ECHO;
		icmp->un.echo.id = port;
		return sizeof(*icmp);
	case IPPROTO_GRE:
		gre->protocol = htons(ETH_P_IP);
		return sizeof(*gre);
	case IPPROTO_UDP:
	case IPPROTO_UDPLITE:
		udp->source = port;
		udp->dest = htons(53);
		udp->len = htons(sizeof(*udp) + PAYLOAD);
		udp->check = htons(1);
		return sizeof(*udp);
	default:
		return 0;
	}
}

static struct sk_buff *make_packet(const struct race *race, u32 flow, unsigned int racer)
{
	struct sk_buff *skb = alloc_skb(HEADROOM + 128, GFP_KERNEL);
	unsigned int len;
	struct iphdr *iph;

	if (!skb)
		return NULL;

	skb_reserve(skb, HEADROOM);
	skb_put_zero(skb, sizeof(*iph) + sizeof(struct tcphdr) + PAYLOAD);
	skb_reset_network_header(skb);
	skb_set_transport_header(skb, sizeof(*iph));
	skb->protocol = htons(ETH_P_IP);
	skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb_dst_set(skb, dst_clone(race->dst));

	len = sizeof(*iph) + write_l4(skb, race->l4num, flow) + PAYLOAD;
	skb_trim(skb, len);
	iph = ip_hdr(skb);
	iph->version = 4;
	iph->ihl = 5;
	iph->ttl = 64;
	iph->protocol = race->l4num;
	iph->tot_len = htons(len);
	iph->saddr = htonl(0x0a000001 + 2 * flow + (race->two_sources ? racer : 0));
	iph->daddr = htonl(0xac100001 + flow);
	iph->check = ip_fast_csum(iph, iph->ihl);

	return skb;
}

static void wait_for_other(struct race *race, int meetings)
{
	atomic_inc(&race->arrived);
	while (atomic_read(&race->arrived) < RACERS * meetings) {
		cpu_relax();
		cond_resched();
	}
}

/* The verdict is 1 if the packet is to go on; else the hooks have freed it. */
static int run_hook(struct race *race, struct sk_buff *skb, unsigned int hook)
{
	struct net_device *lo = race->net->loopback_dev;
	bool in = hook == NF_INET_PRE_ROUTING;
	int verdict;

	local_bh_disable();
	verdict = nf_hook(NFPROTO_IPV4, hook, race->net, NULL, skb, in ? lo : NULL,
			  in ? NULL : lo, okfn);
	local_bh_enable();

	return verdict;
}

static void run_pair(struct racer *racer, u32 i)
{
	struct race *race = racer->race;
	struct sk_buff *skb = make_packet(race, race->first + i, racer->number);
	unsigned long started = jiffies;
	enum ip_conntrack_info ctinfo;
	struct nf_conn *ct;

	if (skb && run_hook(race, skb, NF_INET_PRE_ROUTING) != 1)
		skb = NULL;
	if (skb) {
		ct = nf_ct_get(skb, &ctinfo);
		if (ct && !nf_ct_is_confirmed(ct))
			atomic_inc(&race->raced);
	} else {
		atomic_inc(&race->failed);
	}

	wait_for_other(race, 2 * i + 1);
	if (skb && run_hook(race, skb, NF_INET_POST_ROUTING) == 1) {
		atomic_inc(&race->passed);
		kfree_skb(skb);
	}
	if (time_after_eq(jiffies, started + STALL))
		atomic_inc(&race->stalled);
	wait_for_other(race, 2 * i + 2);
}

static int racer_thread(void *data)
{
	struct racer *racer = data;
	struct race *race = racer->race;
	u32 i;

	for (i = 0; i < race->count; i++)
		run_pair(racer, i);

	if (atomic_dec_and_test(&race->running))
		complete(&race->done);

	return 0;
}

static int run_race(struct race *race)
{
	struct racer racers[RACERS];
	struct task_struct *task[RACERS];
	unsigned int cpu = cpumask_first(cpu_online_mask), i;

	for (i = 0; i < RACERS; i++) {
		racers[i] = (struct racer) { .race = race, .number = i };
		task[i] = kthread_create(racer_thread, &racers[i], "ctng_race/%u", i);
		if (IS_ERR(task[i])) {
			while (i)
				kthread_stop(task[--i]);
			return -ENOMEM;
		}
		kthread_bind(task[i], cpu);
		cpu = cpumask_next(cpu, cpu_online_mask);
	}

	init_completion(&race->done);
	atomic_set(&race->running, RACERS);
	for (i = 0; i < RACERS; i++)
		wake_up_process(task[i]);
	wait_for_completion(&race->done);

	return 0;
}

static int command(char *line)
{
	struct flowi4 fl4 = { .daddr = htonl(INADDR_LOOPBACK) };
	char *name = strsep(&line, " "), *count = strsep(&line, " ");
	struct race race = { .net = current->nsproxy->net_ns };
	struct rtable *rt;
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(protocols); i++)
		if (!strcmp(name, protocols[i].name))
			race.l4num = protocols[i].l4num;
	if (!race.l4num || !count || kstrtou32(count, 0, &race.count) || race.count > 100000)
		return -EINVAL;
	if (num_online_cpus() < RACERS)
		return -ENXIO;
	race.two_sources = line && !strcmp(line, "sources");
	race.first = flows_used;
	flows_used += race.count;

	rt = ip_route_output_key(race.net, &fl4);
	if (IS_ERR(rt))
		return PTR_ERR(rt);
	race.dst = &rt->dst;
	err = run_race(&race);
	dst_release(race.dst);
	if (!err)
		snprintf(result, sizeof(result),
			 "packets=%u raced=%d passed=%d failed=%d stalled=%d\n",
			 RACERS * race.count, atomic_read(&race.raced), atomic_read(&race.passed),
			 atomic_read(&race.failed), atomic_read(&race.stalled));

	return err;
}

static ssize_t race_write(struct file *file, const char __user *buf, size_t len, loff_t *pos)
{
	char *line;
	int err;

	if (len > 128)
		return -EINVAL;
	line = memdup_user_nul(buf, len);
	if (IS_ERR(line))
		return PTR_ERR(line);

	mutex_lock(&race_mutex);
	err = command(strim(line));
	mutex_unlock(&race_mutex);
	kfree(line);

	return err ?: len;
}

static ssize_t race_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	return simple_read_from_buffer(buf, len, pos, result, strlen(result));
}

static const struct proc_ops race_ops = {
	.proc_read	= race_read,
	.proc_write	= race_write,
};

static int __init race_init(void)
{
	return proc_create("ctng_race", 0600, NULL, &race_ops) ? 0 : -ENOMEM;
}

static void __exit race_exit(void)
{
	remove_proc_entry("ctng_race", NULL);
}

module_init(race_init);
module_exit(race_exit);
MODULE_DESCRIPTION("conntrack-ng: two CPUs that make the same connection");
MODULE_LICENSE("GPL");
