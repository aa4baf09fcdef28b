/* SPDX-License-Identifier: GPL-2.0-only */
/* Which changes of the status bits user space may ask for. */
#ifndef CTNG_STATUS_H
#define CTNG_STATUS_H

#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/types.h>

/**
 * ctng_status_allowed() - may user space set this status?
 * @old: the status as it is.
 * @status: the status wanted. Bits that only the tracker or NAT changes are left alone
 *	anyway, and do not matter.
 *
 * Return: false for a change that the tracker alone makes: who comes into the table and
 * goes, who was expected; and for taking back what was seen.
 */
static inline bool ctng_status_allowed(unsigned long old, unsigned int status)
{
	return !((old ^ status) & (IPS_EXPECTED | IPS_CONFIRMED | IPS_DYING)) &&
	       !(old & ~status & (IPS_SEEN_REPLY | IPS_ASSURED));
}

#endif /* CTNG_STATUS_H */
