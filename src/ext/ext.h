/* SPDX-License-Identifier: GPL-2.0-only */
/* The optional parts of a connection, as the rest of the tracker uses them. */
#ifndef CTNG_EXT_H
#define CTNG_EXT_H

#include <net/netfilter/nf_conntrack.h>
#include <net/netfilter/nf_conntrack_ecache.h>
#include <net/netfilter/nf_conntrack_extend.h>
#include <net/netfilter/nf_conntrack_timeout.h>

/* The settings that a new namespace starts with; module parameters. */
extern bool ctng_default_acct;
extern bool ctng_default_tstamp;

/* Values of the sysctl nf_conntrack_events. */
enum {
	CTNG_EVENTS_OFF,	/* only where a rule asks for them */
	CTNG_EVENTS_ON,
	CTNG_EVENTS_AUTO,	/* while somebody listens */
};

/**
 * ctng_ext_raw() - look an extension up, whatever its generation
 * @ct: the connection
 * @id: NF_CT_EXT_*
 *
 * For who releases what an extension holds: nf_ct_ext_find() may hide an extension of an
 * older generation, which would leak it.
 *
 * Return: the extension or NULL.
 */
static inline void *ctng_ext_raw(const struct nf_conn *ct, enum nf_ct_ext_id id)
{
	return nf_ct_ext_exist(ct, id) ? (void *)ct->ext + ct->ext->offset[id] : NULL;
}

int ctng_ext_setup(struct nf_conn *ct, const struct nf_conn *tmpl);
void ctng_ext_free(struct nf_conn *ct);
bool ctng_ext_confirm(struct nf_conn *ct);
bool ctng_ext_confirmed(struct nf_conn *ct);
void ctng_ext_bump_generation(void);

void ctng_tstamp_start(struct nf_conn *ct);
void ctng_tstamp_stop(struct nf_conn *ct);

void ctng_timeout_inherit(struct nf_conn *ct, const struct nf_conn *tmpl);
void ctng_timeout_free(struct nf_conn *ct);

void ctng_ecache_defer_destroy(struct nf_conn *ct);
void ctng_ecache_init_net(struct net *net);
void ctng_ecache_exit_net(struct net *net);

/* There is nothing to set up for all namespaces together. */
static inline int ctng_ext_init(void)
{
	return 0;
}

static inline void ctng_ext_exit(void)
{
}

void ctng_ext_init_net(struct net *net);
void ctng_ext_exit_net(struct net *net);

#endif /* CTNG_EXT_H */
