// SPDX-License-Identifier: GPL-2.0-only
/*
 * The memory behind a connection's extensions: one block that grows until the
 * connection is confirmed, and the generation that says whether what the block
 * points to may still be there.
 *
 * Generations: a module that owns what an extension points to (a helper, say) takes
 * it out of all confirmed connections by a walk over the table when it goes. The walk cannot
 * find connections that are not yet in the table, on a packet in a queue. So every
 * walk of that kind starts a new generation, and a connection whose extensions are of an older
 * one cannot be confirmed any more.
 */
#include <linux/atomic.h>
#include <linux/build_bug.h>
#include <linux/slab.h>
#include <net/netfilter/nf_conntrack_acct.h>
#include <net/netfilter/nf_conntrack_act_ct.h>
#include <net/netfilter/nf_conntrack_helper.h>
#include <net/netfilter/nf_conntrack_labels.h>
#include <net/netfilter/nf_conntrack_seqadj.h>
#include <net/netfilter/nf_conntrack_synproxy.h>
#include <net/netfilter/nf_conntrack_timestamp.h>
#include <net/netfilter/nf_nat.h>

#include "compat.h"
#include "ext.h"

/* What a first extension allocates: with two or three of them nothing has to move. */
#define EXT_FIRST_ALLOC		128
#define EXT_ALIGN		__alignof__(struct nf_ct_ext)

static const u8 ext_size[] = {
	[NF_CT_EXT_HELPER]	= sizeof(struct nf_conn_help),
	[NF_CT_EXT_NAT]		= sizeof(struct nf_conn_nat),
	[NF_CT_EXT_SEQADJ]	= sizeof(struct nf_conn_seqadj),
	[NF_CT_EXT_ACCT]	= sizeof(struct nf_conn_acct),
	[NF_CT_EXT_ECACHE]	= sizeof(struct nf_conntrack_ecache),
	[NF_CT_EXT_TSTAMP]	= sizeof(struct nf_conn_tstamp),
	[NF_CT_EXT_TIMEOUT]	= sizeof(struct nf_conn_timeout),
	[NF_CT_EXT_LABELS]	= sizeof(struct nf_conn_labels),
	[NF_CT_EXT_SYNPROXY]	= sizeof(struct nf_conn_synproxy),
#if IS_ENABLED(CONFIG_NET_ACT_CT)
	[NF_CT_EXT_ACT_CT]	= sizeof(struct nf_conn_act_ct_ext),
#endif
};

/* The largest block there can be. Offsets and the length are bytes in a u8. */
struct ext_all {
	u8 head[sizeof(struct nf_ct_ext)];
	struct nf_conn_help		help __aligned(EXT_ALIGN);
	struct nf_conn_nat		nat __aligned(EXT_ALIGN);
	struct nf_conn_seqadj		seqadj __aligned(EXT_ALIGN);
	struct nf_conn_acct		acct __aligned(EXT_ALIGN);
	struct nf_conntrack_ecache	ecache __aligned(EXT_ALIGN);
	struct nf_conn_tstamp		tstamp __aligned(EXT_ALIGN);
	struct nf_conn_timeout		timeout __aligned(EXT_ALIGN);
	struct nf_conn_labels		labels __aligned(EXT_ALIGN);
	struct nf_conn_synproxy		synproxy __aligned(EXT_ALIGN);
#if IS_ENABLED(CONFIG_NET_ACT_CT)
	struct nf_conn_act_ct_ext	act_ct __aligned(EXT_ALIGN);
#endif
};

static_assert(ARRAY_SIZE(ext_size) == NF_CT_EXT_NUM);
static_assert(sizeof(struct ext_all) <= U8_MAX);
static_assert(sizeof(struct nf_ct_ext) % EXT_ALIGN == 0);

/* Never zero: that is the mark of extensions that cannot grow old. */
static atomic_t generation = ATOMIC_INIT(1);

/**
 * nf_ct_ext_add() - give an unconfirmed connection or a template an extension
 * @ct: the connection; its block may move, so the caller must be its only user
 * @id: NF_CT_EXT_*
 * @gfp: how to allocate
 *
 * Context: any; may sleep if @gfp may.
 * Return: the extension, zeroed; NULL if it is there already or memory is short.
 */
void *nf_ct_ext_add(struct nf_conn *ct, enum nf_ct_ext_id id, gfp_t gfp)
{
	struct nf_ct_ext *old = ct->ext, *ext;
	unsigned int start, end;

	/* Others read a confirmed connection's block without a lock: it cannot move. */
	if (WARN_ON_ONCE(nf_ct_is_confirmed(ct)))
		return NULL;
	if (WARN_ON_ONCE((unsigned int)id >= NF_CT_EXT_NUM))
		return NULL;
	if (old && __nf_ct_ext_exist(old, id))
		return NULL;

	start = old ? ALIGN(old->len, EXT_ALIGN) : sizeof(*ext);
	end = start + ext_size[id];

	ext = krealloc(old, max_t(unsigned int, end, EXT_FIRST_ALLOC), gfp);
	if (!ext)
		return NULL;

	ct->ext = ext;
	if (!old) {
		memset(ext, 0, sizeof(*ext));
		/* A template holds references on what its extensions point to. */
		ctng_ext_set_gen(ct, nf_ct_is_template(ct) ? 0 : atomic_read(&generation));
	}

	ext->offset[id] = start;
	ext->len = end;
	return memset((void *)ext + start, 0, ext_size[id]);
}

#ifdef CTNG_HAVE_EXT_GENID
/**
 * __nf_ct_ext_find() - look an extension up that may be of an older generation
 * @ext: a connection's extensions
 * @id: NF_CT_EXT_*
 *
 * The slow half of the kernel's nf_ct_ext_find(): for unconfirmed connections.
 *
 * Context: any.
 * Return: the extension; NULL if there is none or what it points to may be gone.
 */
void *__nf_ct_ext_find(const struct nf_ct_ext *ext, u8 id)
{
	unsigned int gen = READ_ONCE(ext->gen_id);

	if (id >= NF_CT_EXT_NUM || !__nf_ct_ext_exist(ext, id))
		return NULL;
	if (gen && gen != atomic_read(&generation))
		return NULL;
	return (void *)ext + ext->offset[id];
}
#endif

/**
 * ctng_ext_confirm() - may a connection's extensions still be used?
 * @ct: an unconfirmed connection, about to be inserted or about to be helped
 *
 * Context: packet context.
 * Return: false if a module took back what they may point to meanwhile; the packet
 * is to be dropped.
 */
bool ctng_ext_confirm(struct nf_conn *ct)
{
	return !ct->ext || ctng_ext_gen(ct) == atomic_read(&generation);
}

/**
 * ctng_ext_confirmed() - close the race of ctng_ext_confirm() with a new generation
 * @ct: a connection that was inserted into the table just now
 *
 * Context: packet context.
 * Return: false if the walk of a new generation may have missed @ct in the table; it is to
 * be killed.
 */
bool ctng_ext_confirmed(struct nf_conn *ct)
{
	if (!ct->ext)
		return true;

	/*
	 * Insert, then look at the generation. Pairs with the full barrier in
	 * ctng_ext_bump_generation(): new generation, then walk. One of both sees the
	 * other.
	 */
	smp_mb();
	if (ctng_ext_gen(ct) != atomic_read(&generation))
		return false;

	/* From here on the walk finds it. */
	ctng_ext_forget_gen(ct);
	return true;
}

/**
 * ctng_ext_bump_generation() - from here on, no older extensions get confirmed
 *
 * To be called before the walk over the confirmed connections.
 *
 * Context: any.
 */
void ctng_ext_bump_generation(void)
{
	/* Full barrier; pairs with ctng_ext_confirmed(). */
	if (!atomic_inc_return(&generation))
		atomic_inc_return(&generation);
}
