/* SPDX-License-Identifier: GPL-2.0-only */
/* Where a redirected connection was going to. */
#ifndef CTNG_SOCKOPT_H
#define CTNG_SOCKOPT_H

int ctng_sockopt_init(void);
void ctng_sockopt_exit(void);

#endif /* CTNG_SOCKOPT_H */
