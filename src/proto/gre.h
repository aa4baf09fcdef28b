/* SPDX-License-Identifier: GPL-2.0-only */
/* What GRE keeps for a namespace besides its timeouts. */
#ifndef CTNG_GRE_H
#define CTNG_GRE_H

struct net;

void ctng_gre_exit_net(struct net *net);

#endif /* CTNG_GRE_H */
