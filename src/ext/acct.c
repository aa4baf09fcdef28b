// SPDX-License-Identifier: GPL-2.0-only
/* Packet and byte counters of a connection. */
#include <linux/atomic.h>
#include <net/netfilter/nf_conntrack_acct.h>

#include "ext.h"

/**
 * nf_ct_acct_add() - count traffic of a connection
 * @ct: the connection; nothing happens if it has no counters
 * @dir: IP_CT_DIR_ORIGINAL or IP_CT_DIR_REPLY
 * @packets: packets to add
 * @bytes: bytes to add
 *
 * Context: any.
 */
void nf_ct_acct_add(struct nf_conn *ct, u32 dir, unsigned int packets,
		    unsigned int bytes)
{
	struct nf_conn_acct *acct = nf_conn_acct_find(ct);

	if (!acct)
		return;
	atomic64_add(packets, &acct->counter[dir].packets);
	atomic64_add(bytes, &acct->counter[dir].bytes);
}
