// SPDX-License-Identifier: GPL-2.0-only
/*
 * Tests of the connection table alone, in KTAP on the kernel log.
 *
 * The table's code is part of this module, with connections from a cache of
 * the module's own; nf_conntrack.ko need not be loaded. Loading runs the tests,
 * and fails with -EBADMSG if one of them does.
 */

#define pr_fmt(fmt) fmt

#include <linux/kthread.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/prandom.h>

#include "bucket.h"

/*
 * Readers take no lock, so one can run between any two stores of a writer: here
 * one does, after each store to a slot.
 */
static void look_again(void);

static inline void slot_store_seen(u64 *slotp, u64 slot)
{
	slot_store(slotp, slot);
	look_again();
}

#define slot_store	slot_store_seen

#include "find.c"
#include "memory.c"
#include "table.c"
#include "resize.c"
#include "due.c"
#include "walk.c"

static unsigned int seed;
module_param(seed, uint, 0444);
MODULE_PARM_DESC(seed, "Seed of the random runs, 0 for a fresh one");

static unsigned int seconds = 8;
module_param(seconds, uint, 0444);
MODULE_PARM_DESC(seconds, "How long the concurrent test runs");

static struct kmem_cache *cache;
static atomic_t live;
static struct rnd_state rnd;

#define CHECK(_cond) ({							\
	bool _ok = (_cond);						\
									\
	if (!_ok)							\
		pr_info("# %s:%d: not true: %s\n", __func__, __LINE__, #_cond); \
	_ok;								\
})

/* Shadows the one of nf_conntrack.ko: these connections are not its. */
void nf_ct_destroy(struct nf_conntrack *nfct)
{
	kmem_cache_free(cache, nf_ct_to_nf_conn(nfct));
	atomic_dec(&live);
}

static void tuple_mirror(struct nf_conntrack_tuple *to, const struct nf_conntrack_tuple *from)
{
	memset(to, 0, sizeof(*to));
	to->src.u3 = from->dst.u3;
	to->dst.u3 = from->src.u3;
	to->src.u.all = from->dst.u.all;
	to->dst.u.all = from->src.u.all;
	to->src.l3num = from->src.l3num;
	to->dst.protonum = from->dst.protonum;
	to->dst.dir = IP_CT_DIR_REPLY;
}

/* Tuple number @n of a family of distinct ones. */
static void tuple_make(struct nf_conntrack_tuple *t, u32 n)
{
	memset(t, 0, sizeof(*t));
	t->dst.protonum = IPPROTO_UDP;
	t->src.u.all = htons(1024 + (n & 1023));
	t->dst.u.all = htons(53);
	if (n & 1) {
		t->src.l3num = NFPROTO_IPV6;
		t->src.u3.ip6[0] = htonl(0x20010db8);
		t->src.u3.ip6[3] = htonl(n >> 1);
		t->dst.u3.ip6[0] = htonl(0x20010db8);
		t->dst.u3.ip6[3] = htonl(0xffffffff);
	} else {
		t->src.l3num = NFPROTO_IPV4;
		t->src.u3.ip = htonl(0x0a000000 + (n >> 1));
		t->dst.u3.ip = htonl(0xc0a80001);
	}
}

static struct nf_conn *conn_alloc(const struct nf_conntrack_tuple *orig,
				  const struct nf_conntrack_tuple *reply, u16 zone)
{
	struct nf_conn *ct = kmem_cache_alloc(cache, GFP_KERNEL);

	if (!ct)
		return NULL;

	atomic_inc(&live);
	ct->tuplehash[IP_CT_DIR_ORIGINAL].tuple = *orig;
	ct->tuplehash[IP_CT_DIR_REPLY].tuple = *reply;
	memset(ctng_stored(ct), 0, sizeof(struct ctng_stored));
	ct->status = IPS_CONFIRMED;
	ct->mark = U32_MAX;
	ct->timeout = nfct_time_stamp + 3600 * HZ;
	write_pnet(&ct->ct_net, &init_net);
	ct->zone = (struct nf_conntrack_zone){ .id = zone, .dir = NF_CT_DEFAULT_ZONE_DIR };
	/* as in ctng_conn_publish(): complete before it can be taken */
	smp_wmb();
	refcount_set(&ct->ct_general.use, 1);

	return ct;
}

/* Connection number @n; every third one has NAT, so two slots. */
static struct nf_conn *conn_make(u32 n, u16 zone)
{
	struct nf_conntrack_tuple orig, reply;

	tuple_make(&orig, n);
	tuple_mirror(&reply, &orig);
	if (!(n % 3))
		reply.src.u.all = htons(5353);

	return conn_alloc(&orig, &reply, zone);
}

static struct nf_conntrack_zone zone_of(u16 id)
{
	return (struct nf_conntrack_zone){ .id = id, .dir = NF_CT_DEFAULT_ZONE_DIR };
}

static struct nf_conntrack_tuple_hash *
find(struct ctng_table *t, const struct nf_conntrack_tuple *tuple, u16 zone_id)
{
	struct nf_conntrack_zone zone = zone_of(zone_id);
	struct nf_conntrack_tuple_hash *h;

	rcu_read_lock();
	h = ctng_table_find_get(t, &zone, tuple);
	rcu_read_unlock();

	return h;
}

/* Is @ct found by its tuple of @dir, as that direction? */
static bool found_as(struct ctng_table *t, struct nf_conn *ct, enum ip_conntrack_dir dir)
{
	struct nf_conntrack_tuple_hash *h = find(t, nf_ct_tuple(ct, dir), ct->zone.id);
	bool ok = h == &ct->tuplehash[dir];

	if (h)
		nf_ct_put(nf_ct_tuplehash_to_ctrack(h));

	return ok;
}

/* Connections that are in a table whatever the test does. */
static struct {
	struct ctng_table	*t;
	struct nf_conn		**cts;
	unsigned int		n;
	unsigned int		looked;
	unsigned int		missed;
} watched;

static void look_again(void)
{
	unsigned int i;

	for (i = 0; i < watched.n; i++)
		watched.missed += !found_as(watched.t, watched.cts[i], i & 1);
	watched.looked += watched.n;
}

static int insert(struct ctng_table *t, struct nf_conn *ct, unsigned int dirs,
		  struct nf_conn **winner)
{
	struct nf_conntrack_tuple_hash *clash;
	int err;

	rcu_read_lock();
	err = ctng_table_insert(t, ct, dirs, &clash);
	rcu_read_unlock();

	*winner = clash ? nf_ct_tuplehash_to_ctrack(clash) : NULL;

	return err;
}

/* Inserts a connection and leaves it to the table; false if that fails. */
static bool insert_new(struct ctng_table *t, struct nf_conn *ct)
{
	struct nf_conn *winner;

	if (!ct || insert(t, ct, CTNG_BOTH_DIRS, &winner))
		return false;
	nf_ct_put(ct);

	return true;
}

static bool remove_put(struct ctng_table *t, struct nf_conn *ct)
{
	bool was_in;

	refcount_inc(&ct->ct_general.use);
	rcu_read_lock();
	was_in = ctng_table_remove(t, ct);
	rcu_read_unlock();
	if (was_in)
		nf_ct_put(ct);
	nf_ct_put(ct);

	return was_in;
}

static void empty_table(struct ctng_table *t)
{
	struct ctng_cursor cursor = {};
	struct nf_conn *batch[16];
	unsigned int i, n;

	do {
		rcu_read_lock();
		n = ctng_table_collect(t, &cursor, batch, ARRAY_SIZE(batch));
		rcu_read_unlock();
		for (i = 0; i < n; i++) {
			remove_put(t, batch[i]);
			nf_ct_put(batch[i]);
		}
	} while (!ctng_cursor_done(&cursor));
}

/* ---- one test each ---- */

static bool test_hash(struct ctng_table *t)
{
	struct nf_conntrack_tuple a, b;
	unsigned int n, differs = 0;
	bool ok = true;

	for (n = 0; n < 1000; n++) {
		u32 secret = prandom_u32_state(&rnd);

		tuple_make(&a, prandom_u32_state(&rnd));
		tuple_mirror(&b, &a);
		ok &= CHECK(ctng_hash(&a, 0, secret, 0) == ctng_hash(&b, 0, secret, 0));
		b.src.u.all ^= htons(1);
		differs += ctng_hash(&a, 0, secret, 0) != ctng_hash(&b, 0, secret, 0);
		differs += ctng_hash(&a, 0, secret, 0) != ctng_hash(&a, 1, secret, 0);
		differs += ctng_hash(&a, 0, secret, 0) != ctng_hash(&a, 0, ~secret, 0);
		b = a;
		b.dst.protonum = IPPROTO_TCP;
		differs += ctng_hash(&a, 0, secret, 0) != ctng_hash(&b, 0, secret, 0);

		/* ICMP: type and code are not the endpoints' */
		a.dst.protonum = IPPROTO_ICMP;
		tuple_mirror(&b, &a);
		b.src.u.all = a.src.u.all;
		b.dst.u.all = 0;
		ok &= CHECK(ctng_hash(&a, 0, secret, 0) == ctng_hash(&b, 0, secret, 0));
	}

	return ok & CHECK(differs == 4000);
}

static bool test_directions(struct ctng_table *t)
{
	struct nf_conntrack_tuple orig, reply;
	struct nf_conn *ct;
	bool ok = true;
	u32 n;

	for (n = 0; n < 60; n++)
		ok &= CHECK(insert_new(t, conn_make(n, 0)));

	for (n = 0; n < 60; n++) {
		struct nf_conntrack_tuple_hash *h;

		tuple_make(&orig, n);
		h = find(t, &orig, 0);
		if (!CHECK(h))
			return false;
		ct = nf_ct_tuplehash_to_ctrack(h);
		ok &= CHECK(found_as(t, ct, IP_CT_DIR_ORIGINAL));
		ok &= CHECK(found_as(t, ct, IP_CT_DIR_REPLY));
		/* in another zone there is none */
		ok &= CHECK(!find(t, &orig, 7));
		ok &= CHECK(remove_put(t, ct));
		ok &= CHECK(!remove_put(t, ct));
		ok &= CHECK(!found_as(t, ct, IP_CT_DIR_ORIGINAL));
		ok &= CHECK(!found_as(t, ct, IP_CT_DIR_REPLY));
		nf_ct_put(ct);
	}

	/* a tuple that is its own mirror counts as a reply */
	tuple_make(&orig, 2);
	orig.dst.u3 = orig.src.u3;
	orig.dst.u.all = orig.src.u.all;
	tuple_mirror(&reply, &orig);
	ct = conn_alloc(&orig, &reply, 0);
	ok &= CHECK(insert_new(t, ct));
	ok &= CHECK(found_as(t, ct, IP_CT_DIR_REPLY));
	ok &= CHECK(remove_put(t, ct));

	return ok;
}

static bool test_zones(struct ctng_table *t)
{
	struct nf_conntrack_zone one_way = { .id = 5, .dir = NF_CT_ZONE_DIR_ORIG };
	struct nf_conntrack_tuple_hash *h;
	struct nf_conn *a, *b, *c;
	bool ok = true;

	a = conn_make(2, 1);
	b = conn_make(2, 2);
	ok &= CHECK(insert_new(t, a) && insert_new(t, b));
	ok &= CHECK(found_as(t, a, IP_CT_DIR_ORIGINAL) && found_as(t, b, IP_CT_DIR_ORIGINAL));

	/* a zone for the original direction only: answers come in the default zone */
	c = conn_make(2, 0);
	c->zone = one_way;
	ok &= CHECK(insert_new(t, c));
	rcu_read_lock();
	h = ctng_table_find_get(t, &one_way, nf_ct_tuple(c, IP_CT_DIR_ORIGINAL));
	ok &= CHECK(h == &c->tuplehash[IP_CT_DIR_ORIGINAL]);
	nf_ct_put(c);
	h = ctng_table_find_get(t, &nf_ct_zone_dflt, nf_ct_tuple(c, IP_CT_DIR_REPLY));
	ok &= CHECK(h == &c->tuplehash[IP_CT_DIR_REPLY]);
	nf_ct_put(c);
	rcu_read_unlock();

	return ok & CHECK(remove_put(t, a) && remove_put(t, b) && remove_put(t, c));
}

static bool test_clash(struct ctng_table *t)
{
	struct nf_conn *first = conn_make(3, 0), *second = conn_make(3, 0), *winner;
	bool ok = true;

	ok &= CHECK(insert_new(t, first));
	ok &= CHECK(insert(t, second, CTNG_BOTH_DIRS, &winner) == -EEXIST);
	ok &= CHECK(winner == first);
	nf_ct_put(winner);

	/* another reply: only that one can be inserted */
	second->tuplehash[IP_CT_DIR_REPLY].tuple.src.u.all = htons(99);
	ok &= CHECK(insert(t, second, CTNG_BOTH_DIRS, &winner) == -EEXIST);
	nf_ct_put(winner);
	ok &= CHECK(!insert(t, second, CTNG_REPLY_ONLY, &winner));
	ok &= CHECK(found_as(t, second, IP_CT_DIR_REPLY));
	ok &= CHECK(found_as(t, first, IP_CT_DIR_ORIGINAL));
	ok &= CHECK(remove_put(t, first));
	ok &= CHECK(!found_as(t, second, IP_CT_DIR_ORIGINAL));
	ok &= CHECK(remove_put(t, second));
	nf_ct_put(second);

	return ok;
}

/*
 * Makes @want connections without NAT, of tuples from @first on, that fall into the first
 * bucket, as it is now.
 */
static void aim(struct ctng_table *t, struct nf_conn **cts, unsigned int want, u32 first)
{
	/* a copy: they may be replaced meanwhile */
	const struct ctng_buckets bs = *rcu_dereference_raw(t->cur);
	struct nf_conntrack_tuple tuple;
	unsigned int n = 0;
	u32 k;

	for (k = first; n < want; k++) {
		if (!(k % 3))
			continue;
		tuple_make(&tuple, k);
		if (!bucket_of_hash(&bs, ctng_hash(&tuple, 0, bs.seed, bs.gen)))
			cts[n++] = conn_make(k, 0);
	}
}

static bool insert_all(struct ctng_table *t, struct nf_conn **cts, unsigned int n)
{
	bool ok = true;
	unsigned int i;

	for (i = 0; i < n; i++)
		ok &= CHECK(insert_new(t, cts[i]));

	return ok;
}

/* The worker may ask for itself once more. */
static void settle(struct ctng_table *t)
{
	while (flush_work(&t->resize_work))
		;
}

/* As insert_all(), with a worker that comes late and finds all of them there. */
static bool insert_at_once(struct ctng_table *t, struct nf_conn **cts, unsigned int n)
{
	bool ok;

	mutex_lock(&t->resize_mutex);
	ok = insert_all(t, cts, n);
	mutex_unlock(&t->resize_mutex);
	settle(t);

	return ok;
}

static struct nf_conn **conns_make(unsigned int n)
{
	struct nf_conn **cts = kcalloc(n, sizeof(*cts), GFP_KERNEL);
	unsigned int i;

	for (i = 0; cts && i < n; i++)
		cts[i] = conn_make(3 * i + 1, 0);

	return cts;
}

/* The table grows as far as it has to although nothing comes in once it has begun to. */
static bool test_growth(struct ctng_table *t)
{
	unsigned int i, n = 6000;
	struct nf_conn **cts = conns_make(n);
	bool ok = true;

	if (!CHECK(cts))
		return false;

	ok &= CHECK(!ctng_table_resize(t, 256));
	ok &= insert_at_once(t, cts, n);
	ok &= CHECK(ctng_table_slots(t) > n);
	for (i = 0; i < n; i++)
		ok &= CHECK(found_as(t, cts[i], i & 1));
	kfree(cts);
	empty_table(t);

	return ok;
}

/* What is asked for is had in whole pages; the table grows by what it says. */
static bool test_sizes(struct ctng_table *t)
{
	unsigned int lines = ctng_slots_to_lines(0), next;
	bool ok = true;

	ok &= CHECK(ctng_table_round(0) == 2048 && ctng_table_round(2048) == 2048);
	ok &= CHECK(ctng_table_round(2049) == 2048 + PAGE_SIZE / sizeof(u64));
	ok &= CHECK(ctng_table_round(UINT_MAX) == CTNG_TABLE_MAX_SLOTS);
	ok &= CHECK(lines_grown(lines) == 320 && lines_grown(320) == 448);
	ok &= CHECK(lines_grown(448) == 640);
	for (; lines < CTNG_TABLE_MAX_SLOTS / CTNG_WAYS; lines = next) {
		next = lines_grown(lines);
		ok &= CHECK(next > lines && next <= lines + lines / 2 + 1);
		ok &= CHECK(ctng_slots_to_lines(next * CTNG_WAYS) == next);
	}

	return ok;
}

/* Many connections in one bucket: it spills, is moved, and nothing gets lost meanwhile. */
static bool test_overflow(struct ctng_table *t)
{
	struct ctng_buckets *bs = rcu_dereference_raw(t->cur);
	/* four lines with a link, and a full one */
	unsigned int n = 4 * CTNG_LAST + CTNG_WAYS, i;
	struct nf_conn **cts;
	bool ok = true;

	cts = kcalloc(n, sizeof(*cts), GFP_KERNEL);
	if (!CHECK(cts))
		return false;

	aim(t, cts, n, 0);
	memset(&watched, 0, sizeof(watched));
	watched.t = t;
	watched.cts = cts;
	for (i = 0; i < n; i++) {
		ok &= CHECK(insert_new(t, cts[i]));
		watched.n++;
		look_again();
	}
	ok &= CHECK(atomic_read(&bs->spilled) == 4);
	for (i = 1; i <= 8; i++)
		ok &= CHECK(!ctng_table_resize(t, i % 2 ? i * 10000 : 0));
	ok &= CHECK(watched.looked > n * n && !watched.missed);

	watched.n = 0;
	for (i = 0; i < n; i += 2)
		ok &= CHECK(remove_put(t, cts[i]));
	for (i = 1; i < n; i += 2)
		ok &= CHECK(found_as(t, cts[i], IP_CT_DIR_REPLY) && remove_put(t, cts[i]));
	kfree(cts);

	return ok;
}

/* A random run; the model is an array that says which connection is in. */
#define MODEL	4096
#define STEPS	60000

static bool model_step(struct ctng_table *t, struct nf_conn **model)
{
	u32 n = prandom_u32_state(&rnd) % MODEL;
	struct nf_conn *ct = model[n], *winner;
	struct nf_conntrack_tuple tuple;
	bool ok = true;

	switch (prandom_u32_state(&rnd) % 3) {
	case 0:
		ct = conn_make(n, n & 3);
		ct->mark = n;
		if (model[n]) {
			ok &= CHECK(insert(t, ct, CTNG_BOTH_DIRS, &winner) == -EEXIST);
			ok &= CHECK(winner == model[n]);
			nf_ct_put(winner);
			nf_ct_put(ct);
		} else {
			ok &= CHECK(insert_new(t, ct));
			model[n] = ct;
		}
		break;
	case 1:
		if (ct)
			ok &= CHECK(remove_put(t, ct));
		model[n] = NULL;
		break;
	default:
		if (ct) {
			ok &= CHECK(found_as(t, ct, IP_CT_DIR_ORIGINAL));
			ok &= CHECK(found_as(t, ct, IP_CT_DIR_REPLY));
		} else {
			tuple_make(&tuple, n);
			ok &= CHECK(!find(t, &tuple, n & 3));
		}
	}

	return ok;
}

static bool test_model(struct ctng_table *t)
{
	struct nf_conn **model = kvcalloc(MODEL, sizeof(*model), GFP_KERNEL);
	u8 *seen = kvzalloc(MODEL, GFP_KERNEL);
	struct ctng_cursor cursor = {};
	struct nf_conn *batch[16];
	unsigned int i, n, k;
	bool ok = CHECK(model && seen);

	for (i = 0; ok && i < STEPS; i++) {
		ok &= model_step(t, model);
		if (!(prandom_u32_state(&rnd) % 4000))
			ok &= CHECK(!ctng_table_resize(t, prandom_u32_state(&rnd) % 30000));
		cond_resched();
	}

	/* a walk, with resizes in the middle of it */
	while (ok && !ctng_cursor_done(&cursor)) {
		rcu_read_lock();
		n = ctng_table_collect(t, &cursor, batch, ARRAY_SIZE(batch));
		rcu_read_unlock();
		for (k = 0; k < n; k++) {
			seen[batch[k]->mark]++;
			nf_ct_put(batch[k]);
		}
		if (!(prandom_u32_state(&rnd) % 64))
			ok &= CHECK(!ctng_table_resize(t, prandom_u32_state(&rnd) % 30000));
	}
	for (i = 0; ok && i < MODEL; i++)
		ok &= CHECK(seen[i] == !!model[i]);
	kvfree(model);
	kvfree(seen);
	empty_table(t);

	return ok;
}

/* Inserts connections and finds them again; says how long that took for each. */
static bool insert_and_find(struct ctng_table *t, struct nf_conn **cts, unsigned int n,
			    const char *what)
{
	u64 begun = ktime_get_ns(), inserted, found;
	unsigned int i;
	bool ok;

	ok = insert_all(t, cts, n);
	inserted = ktime_get_ns();
	for (i = 0; i < n; i++)
		ok &= CHECK(found_as(t, cts[i], i & 1));
	found = ktime_get_ns();
	pr_info("# %s: inserted in %llu ns, found in %llu ns\n", what,
		div_u64(inserted - begun, n), div_u64(found - inserted, n));

	return ok;
}

/* Whoever aims at a bucket has its seed changed under him; nothing is lost by it. */
static bool test_flood(struct ctng_table *t)
{
	u32 before = rcu_dereference_raw(t->cur)->seed;
	struct ctng_table_stats stats;
	unsigned long begun = jiffies;
	unsigned int i, n = 6000;
	struct nf_conn **cts = conns_make(n);
	bool ok = true;

	if (!CHECK(cts))
		return false;

	ok &= insert_and_find(t, cts, n, "of 6000 connections, each");
	empty_table(t);

	aim(t, cts, n, 0);
	ok &= insert_and_find(t, cts, n, "of 6000 aimed at one bucket");
	settle(t);
	for (i = 0; i < n; i++)
		ok &= CHECK(found_as(t, cts[i], i & 1));

	ctng_table_stats(t, &stats);
	ok &= CHECK(stats.rehashes == 1);
	ok &= CHECK(stats.longest <= 3);
	ok &= CHECK(rcu_dereference_raw(t->cur)->seed != before);

	/* once more, too soon: the worker is not to be kept busy; however long we take */
	ok &= CHECK(time_after_eq(t->reseed_next, begun + 10 * HZ));
	t->reseed_next = jiffies + 3600 * HZ;
	aim(t, cts, 300, 1 << 24);
	ok &= insert_and_find(t, cts, 300, "of 300 that know the new seed");
	settle(t);
	ctng_table_stats(t, &stats);
	ok &= CHECK(stats.rehashes == 1);
	kfree(cts);
	empty_table(t);

	return ok;
}

/* A walk that everything is hashed anew under sees each entry all the same. */
static bool test_walk_rehash(struct ctng_table *t)
{
	unsigned int n, k, rounds = 0, i;
	struct ctng_cursor cursor = {};
	struct nf_conn *batch[16], *ct;
	bool ok = true;
	u8 *seen;

	seen = kvzalloc(MODEL, GFP_KERNEL);
	if (!CHECK(seen))
		return false;

	for (i = 0; i < MODEL; i++) {
		ct = conn_make(i, 0);
		ct->mark = i;
		ok &= CHECK(insert_new(t, ct));
	}

	while (!ctng_cursor_done(&cursor)) {
		rcu_read_lock();
		n = ctng_table_collect(t, &cursor, batch, ARRAY_SIZE(batch));
		rcu_read_unlock();
		for (k = 0; k < n; k++) {
			seen[batch[k]->mark]++;
			nf_ct_put(batch[k]);
		}
		if (rounds++ != 50)
			continue;
		mutex_lock(&t->resize_mutex);
		ok &= CHECK(!rebuild(t, 256, true));
		mutex_unlock(&t->resize_mutex);
	}
	ok &= CHECK(cursor.again);
	for (i = 0; i < MODEL; i++)
		ok &= CHECK(seen[i] == 1 || seen[i] == 2);
	kvfree(seen);
	empty_table(t);

	return ok;
}

static struct ctng_table *expire_table;

static bool is_over(const struct nf_conn *ct, const struct ctng_expiry *how)
{
	return nf_ct_is_expired(ct);
}

static void expire_one(struct nf_conn *ct, struct ctng_expiry *how)
{
	remove_put(expire_table, ct);
}

static struct ctng_expiry expiry = { .is_over = is_over, .expire = expire_one };

static bool test_expiry(struct ctng_table *t)
{
	struct nf_conn *ct[200];
	unsigned int i, left = 0;
	u32 began = nfct_time_stamp, due;
	bool ok = true;

	for (i = 0; i < ARRAY_SIZE(ct); i++) {
		ct[i] = conn_make(i, 0);
		WRITE_ONCE(ct[i]->timeout, nfct_time_stamp + (i % 4 ? 100 * HZ : 1));
		ok &= CHECK(insert_new(t, ct[i]));
	}
	/* one that a packet kept alive, and one that a packet shortened */
	WRITE_ONCE(ct[0]->timeout, nfct_time_stamp + 200 * HZ);
	WRITE_ONCE(ct[1]->timeout, nfct_time_stamp + 1);
	rcu_read_lock();
	ctng_table_hasten(t, ct[1]);
	rcu_read_unlock();

	schedule_timeout_uninterruptible(4);
	expire_table = t;
	ok &= CHECK(ctng_table_expired(t, &expiry, &due));
	ok &= CHECK((s32)(due - began) > 90 * HZ);
	for (i = 0; i < ARRAY_SIZE(ct); i++) {
		bool gone = i == 1 || (i && !(i % 4));

		if (gone)
			continue;
		ok &= CHECK(found_as(t, ct[i], IP_CT_DIR_ORIGINAL));
		left++;
	}
	ok &= CHECK(atomic_read(&live) == left);
	empty_table(t);
	/* nothing in it: nothing to wake up for, after one look */
	ctng_table_expired(t, &expiry, &due);
	for (i = 0; i < rcu_dereference_raw(t->cur)->count; i++)
		WRITE_ONCE(rcu_dereference_raw(t->cur)->due[i],
			   rcu_dereference_raw(t->cur)->due[i] ? nfct_time_stamp - 1 : 0);
	ok &= CHECK(!ctng_table_expired(t, &expiry, &due));

	return ok;
}

/* ---- two and more CPUs ---- */

#define STAY	2000	/* connections that are there all the time */
#define CHURN	512	/* connections that come and go, for each writer */

struct ring {
	struct ctng_table	*t;
	struct nf_conn		*stay[STAY];
	atomic_t		missed;
	atomic_t		wrong;
	atomic_t		failed;
	atomic_t		miscounted;
	atomic64_t		looked;
	atomic64_t		churned;
	atomic64_t		walked;
	atomic64_t		walked_once;	/* and nothing was hashed anew meanwhile */
	atomic64_t		resized;
};

static struct ring ring;

/* Looks for the connections that stay, and the ones that come and go. */
static int reader(void *arg)
{
	struct nf_conntrack_tuple tuple;
	struct nf_conntrack_tuple_hash *h;
	u32 n = 0;

	while (!kthread_should_stop()) {
		struct nf_conn *ct = ring.stay[n++ % STAY];

		if (!found_as(ring.t, ct, n & 1))
			atomic_inc(&ring.missed);

		/* churners reuse memory all the time: what is found must match */
		tuple_make(&tuple, STAY + n % (2 * CHURN));
		h = find(ring.t, &tuple, 0);
		if (h) {
			if (!nf_ct_tuple_equal(&h->tuple, &tuple))
				atomic_inc(&ring.wrong);
			nf_ct_put(nf_ct_tuplehash_to_ctrack(h));
		}
		atomic64_inc(&ring.looked);
		if (!(n % 256))
			cond_resched();
	}

	return 0;
}

static int churner(void *arg)
{
	unsigned long first = STAY + (unsigned long)arg * CHURN;
	struct nf_conn **mine = kcalloc(CHURN, sizeof(*mine), GFP_KERNEL);
	u32 n = 0;

	while (!kthread_should_stop()) {
		u32 i = n++ % CHURN;

		if (mine[i]) {
			if (!remove_put(ring.t, mine[i]))
				atomic_inc(&ring.failed);
			mine[i] = NULL;
		} else {
			mine[i] = conn_make(first + i, 0);
			if (!insert_new(ring.t, mine[i]))
				atomic_inc(&ring.failed);
		}
		atomic64_inc(&ring.churned);
		if (!(n % 256))
			cond_resched();
	}
	kfree(mine);

	return 0;
}

/* Each connection that stays must come exactly once, or be hashed anew meanwhile. */
static int walker(void *arg)
{
	u8 *seen = kvzalloc(STAY, GFP_KERNEL);
	struct nf_conn *batch[16];
	unsigned int i, n;

	while (!kthread_should_stop()) {
		struct ctng_cursor cursor = {};

		memset(seen, 0, STAY);
		while (!ctng_cursor_done(&cursor)) {
			rcu_read_lock();
			n = ctng_table_collect(ring.t, &cursor, batch, ARRAY_SIZE(batch));
			rcu_read_unlock();
			for (i = 0; i < n; i++) {
				if (batch[i]->mark < STAY)
					seen[batch[i]->mark]++;
				nf_ct_put(batch[i]);
			}
		}
		for (i = 0; i < STAY; i++)
			if (!seen[i] || (seen[i] > 1 && !cursor.again))
				atomic_inc(&ring.miscounted);
		atomic64_inc(&ring.walked);
		if (!cursor.again)
			atomic64_inc(&ring.walked_once);
		cond_resched();
	}
	kvfree(seen);

	return 0;
}

static int resizer(void *arg)
{
	unsigned int n = 0;

	while (!kthread_should_stop()) {
		mutex_lock(&ring.t->resize_mutex);
		if (rebuild(ring.t, 200 + n * 389 % 2000, !(n % 5)))
			atomic_inc(&ring.failed);
		mutex_unlock(&ring.t->resize_mutex);
		n++;
		atomic64_inc(&ring.resized);
		schedule_timeout_uninterruptible(1);
	}

	return 0;
}

static bool test_concurrent(struct ctng_table *t)
{
	static int (* const roles[])(void *arg) = {
		reader, reader, churner, churner, walker, resizer,
	};
	struct task_struct *task[ARRAY_SIZE(roles)];
	unsigned long nth_churner = 0;
	bool ok = true;
	unsigned int i;

	memset(&ring, 0, sizeof(ring));
	ring.t = t;
	for (i = 0; i < STAY; i++) {
		ring.stay[i] = conn_make(i, 0);
		ring.stay[i]->mark = i;
		ok &= CHECK(insert_new(t, ring.stay[i]));
	}

	for (i = 0; i < ARRAY_SIZE(roles); i++) {
		task[i] = kthread_run(roles[i], (void *)nth_churner, "ctng_test/%u", i);
		nth_churner += roles[i] == churner;
	}
	schedule_timeout_uninterruptible(seconds * HZ);
	for (i = 0; i < ARRAY_SIZE(roles); i++)
		kthread_stop(task[i]);

	pr_info("# %lld look-ups, %lld inserts and removes, %lld walks, %lld of them strict, %lld resizes\n",
		atomic64_read(&ring.looked), atomic64_read(&ring.churned),
		atomic64_read(&ring.walked), atomic64_read(&ring.walked_once),
		atomic64_read(&ring.resized));
	ok &= CHECK(!atomic_read(&ring.missed));
	ok &= CHECK(!atomic_read(&ring.wrong));
	ok &= CHECK(!atomic_read(&ring.failed));
	ok &= CHECK(!atomic_read(&ring.miscounted));
	ok &= CHECK(atomic64_read(&ring.looked) && atomic64_read(&ring.churned) &&
		    atomic64_read(&ring.walked_once) && atomic64_read(&ring.resized));
	empty_table(t);

	return ok;
}

static const struct {
	const char	*name;
	bool		(*run)(struct ctng_table *t);
} tests[] = {
	{ "hash: a tuple and its mirror agree, others differ", test_hash },
	{ "both directions are found as what they are", test_directions },
	{ "zones keep equal tuples apart", test_zones },
	{ "a taken tuple is refused, and its owner named", test_clash },
	{ "sizes are whole pages, and grow in even steps", test_sizes },
	{ "a bucket that overflows spills, and readers miss nothing", test_overflow },
	{ "a random run agrees with the model", test_model },
	{ "what expired is found, and nothing else", test_expiry },
	{ "it grows as far as it has to, whenever the worker runs", test_growth },
	{ "who aims at a bucket has the table hashed anew", test_flood },
	{ "a walk sees each entry although all is hashed anew", test_walk_rehash },
	{ "readers, writers, walkers and resizes at once", test_concurrent },
};

static bool run_one(unsigned int i)
{
	static struct ctng_table t;	/* not on the stack, for the sake of its work */
	bool ok;

	memset(&t, 0, sizeof(t));
	if (ctng_table_init(&t, &init_net, 0))
		return false;
	atomic_set(&live, 0);
	ok = tests[i].run(&t);
	ctng_table_destroy(&t);
	ok &= CHECK(!atomic_read(&live));
	pr_info("%s %u - %s\n", ok ? "ok" : "not ok", i + 1, tests[i].name);

	return ok;
}

static int __init table_test_init(void)
{
	unsigned int i, failed = 0;

	cache = kmem_cache_create("ctng_table_test", sizeof(struct nf_conn), 64,
				  SLAB_TYPESAFE_BY_RCU, NULL);
	if (!cache)
		return -ENOMEM;

	if (!seed)
		seed = get_random_u32();
	prandom_seed_state(&rnd, seed);

	pr_info("TAP version 13\n");
	pr_info("1..%zu\n", ARRAY_SIZE(tests));
	pr_info("# seed=%u\n", seed);
	for (i = 0; i < ARRAY_SIZE(tests); i++)
		failed += !run_one(i);

	if (failed) {
		kmem_cache_destroy(cache);
		return -EBADMSG;
	}

	return 0;
}

static void __exit table_test_exit(void)
{
	kmem_cache_destroy(cache);
}

module_init(table_test_init);
module_exit(table_test_exit);

MODULE_DESCRIPTION("Tests of conntrack-ng's connection table");
MODULE_LICENSE("GPL");
