/* SPDX-License-Identifier: GPL-2.0-only */
/* From confirm.c to those who insert in another way. */
#ifndef CTNG_CONFIRM_H
#define CTNG_CONFIRM_H

struct nf_conn;
struct nf_conntrack_tuple_hash;

int ctng_confirm_insert(struct nf_conn *ct, unsigned int dirs,
			struct nf_conntrack_tuple_hash **clash);

#endif /* CTNG_CONFIRM_H */
