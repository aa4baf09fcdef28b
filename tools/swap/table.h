/* SPDX-License-Identifier: GPL-2.0-only */
/* Saves the connections of a network namespace, puts them back and compares. */
#ifndef TABLE_H
#define TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

/* Room for one message with all its attributes */
#define MESSAGE_ROOM	8192
/* What nfnetlink takes at a time */
#define BATCH_ROOM	(256 * 1024)

/* One message of a dump */
struct record {
	const struct nlmsghdr	*nlh;
	const struct nlattr	*ip, *proto;	/* original tuple of a connection */
	uint16_t		zone;
	const struct record	*master;	/* if it has one that is there */
	unsigned int		depth;		/* masters above it */
	int			error;		/* what the kernel said to it, as errno */
	bool			orphan;		/* its master has gone before it */
};

struct store {
	void		*data;
	size_t		size;
	struct record	*record;
	struct record	**sorted;	/* connections by zone and original tuple */
	size_t		records, connections;
	unsigned int	depth;		/* the deepest of all */
};

/* store.c */
int subsystem(const struct record *record);
const struct nlattr *attribute(const struct nlmsghdr *nlh, uint16_t type);
const struct nlattr *inside(const struct nlattr *nest, uint16_t type);
uint32_t status_of(const struct record *record);
uint32_t timeout_of(const struct record *record);
const struct record *store_find(const struct store *store, uint16_t zone,
				const struct nlattr *tuple);
void store_adopt(struct store *store, void *data, size_t size);
void store_index(struct store *store);
void store_read(struct store *store, const char *path);
void store_write(const struct store *store, const char *path);

/* dump.c */
void dump(struct store *store, bool policies);

/* renew.c */
size_t renew(char *buffer, const struct record *record, uint32_t seq);
size_t removal(char *buffer, const struct record *record, const struct nlattr *tuple, uint32_t seq);

/* load.c */
int load(struct store *store);

/* compare.c */
int compare(const struct store *old, const struct store *new, unsigned int elapsed);

#endif
