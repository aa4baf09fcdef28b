// SPDX-License-Identifier: GPL-2.0-only
/*
 * Benchmark of connection tracking: packets of many flows through the hooks of a namespace,
 * whichever nf_conntrack is loaded. Commands are written to /proc/ctng_bench:
 *
 *	ROW CLASS FIRST COUNT [PASSES]	see bench_row()
 *	wait start | wait stop		see wait.c
 *	cpu				see cpu.c
 *
 * and the result of the last one is read from there. /proc/ctng_clock is bench_clock().
 */

#include <linux/init.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/nsproxy.h>
#include <linux/proc_fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "bench.h"

static DEFINE_MUTEX(bench_mutex);

/* How many packets the established flows of each class have seen. */
static u32 rounds[8];

static char result[256];

static int ring_fill(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_BATCH; i++) {
		b->ring[i] = bench_skb(b->class);
		if (!b->ring[i])
			return -ENOMEM;
	}
	b->skb = b->ring[0];

	return 0;
}

/* Each has two references, see bench_skb(). */
static void ring_empty(struct bench *b)
{
	unsigned int i;

	for (i = 0; i < BENCH_BATCH; i++) {
		kfree_skb(b->ring[i]);
		kfree_skb(b->ring[i]);
	}
}

static int do_row(struct seq_file *out, char **words, int n)
{
	const struct bench_class *class = bench_class_find(n > 1 ? words[1] : "tcp4");
	u32 first = 0, count = 0, passes = 1;
	struct bench *b;
	int err;

	if (!class || (n > 2 && kstrtou32(words[2], 0, &first)) ||
	    (n > 3 && kstrtou32(words[3], 0, &count)) ||
	    (n > 4 && kstrtou32(words[4], 0, &passes)))
		return -EINVAL;

	b = kzalloc(sizeof(*b), GFP_KERNEL);
	if (!b)
		return -ENOMEM;

	b->net = current->nsproxy->net_ns;
	b->class = class;
	if (!strcmp(words[0], "flush"))
		memset(rounds, 0, sizeof(rounds));
	b->round = rounds[b->class->id];
	err = ring_fill(b);
	if (!err)
		err = bench_row(b, out, words[0], first, count, passes);
	ring_empty(b);
	rounds[b->class->id] = b->round;
	kfree(b);

	return err;
}

static int do_wait(struct seq_file *out, const char *what)
{
	if (!strcmp(what, "start")) {
		bench_wait_stop();
		bench_wait_start();
		return 0;
	}
	bench_wait_stop();
	bench_wait_show(out);

	return 0;
}

static int command(struct seq_file *out, char *line)
{
	char *words[5], *word;
	int n = 0;

	line = strim(line);
	while ((word = strsep(&line, " ")))
		if (*word && n < ARRAY_SIZE(words))
			words[n++] = word;
	if (!n)
		return -EINVAL;
	if (!strcmp(words[0], "cpu")) {
		bench_cpu_show(out);
		return 0;
	}
	if (!strcmp(words[0], "wait") && n == 2)
		return do_wait(out, words[1]);

	return do_row(out, words, n);
}

static ssize_t bench_proc_write(struct file *file, const char __user *buf, size_t len,
				loff_t *pos)
{
	struct seq_file out = { .buf = result, .size = sizeof(result) - 1 };
	char *line;
	int err;

	if (len > 128)
		return -EINVAL;
	line = memdup_user_nul(buf, len);
	if (IS_ERR(line))
		return PTR_ERR(line);

	mutex_lock(&bench_mutex);
	err = command(&out, line);
	result[out.count] = 0;
	mutex_unlock(&bench_mutex);
	kfree(line);

	return err ?: len;
}

static ssize_t bench_proc_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	return simple_read_from_buffer(buf, len, pos, result, strlen(result));
}

static const struct proc_ops bench_proc_ops = {
	.proc_read	= bench_proc_read,
	.proc_write	= bench_proc_write,
};

static ssize_t bench_clock_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	char text[24];

	return simple_read_from_buffer(buf, len, pos, text,
				       scnprintf(text, sizeof(text), "%llu\n", bench_clock()));
}

static const struct proc_ops bench_clock_ops = {
	.proc_read	= bench_clock_read,
};

static int __init bench_init(void)
{
	int err = nf_ct_netns_get(&init_net, NFPROTO_INET);

	if (err)
		return err;
	err = -ENOMEM;
	if (!proc_create("ctng_bench", 0600, NULL, &bench_proc_ops))
		goto err_put;
	if (!proc_create("ctng_clock", 0400, NULL, &bench_clock_ops))
		goto err_remove;

	return 0;

err_remove:
	remove_proc_entry("ctng_bench", NULL);
err_put:
	nf_ct_netns_put(&init_net, NFPROTO_INET);

	return err;
}

static void __exit bench_exit(void)
{
	remove_proc_entry("ctng_bench", NULL);
	remove_proc_entry("ctng_clock", NULL);
	bench_wait_stop();
	nf_ct_netns_put(&init_net, NFPROTO_INET);
}

module_init(bench_init);
module_exit(bench_exit);

MODULE_DESCRIPTION("Benchmark of connection tracking");
MODULE_LICENSE("GPL");
