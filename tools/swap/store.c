// SPDX-License-Identifier: GPL-2.0-only
/* The messages of a dump, and which connection is whose master. */

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <sys/stat.h>

#include "table.h"

int subsystem(const struct record *record)
{
	return NFNL_SUBSYS_ID(record->nlh->nlmsg_type);
}

const struct nlattr *attribute(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) == type)
			return attr;
	}

	return NULL;
}

const struct nlattr *inside(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	if (nest) {
		mnl_attr_for_each_nested(attr, nest) {
			if (mnl_attr_get_type(attr) == type)
				return attr;
		}
	}

	return NULL;
}

static uint32_t number(const struct record *record, uint16_t type)
{
	const struct nlattr *attr = attribute(record->nlh, type);

	return attr ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

uint32_t status_of(const struct record *record)
{
	return number(record, CTA_STATUS);
}

uint32_t timeout_of(const struct record *record)
{
	return number(record, subsystem(record) == NFNL_SUBSYS_CTNETLINK ?
		      CTA_TIMEOUT : CTA_EXPECT_TIMEOUT);
}

/* The zone of a connection, or that of the original direction if it has one there alone */
static uint16_t zone_of(const struct record *record)
{
	const struct nlattr *zone = attribute(record->nlh, CTA_ZONE);

	if (!zone)
		zone = inside(attribute(record->nlh, CTA_TUPLE_ORIG), CTA_TUPLE_ZONE);

	return zone ? ntohs(mnl_attr_get_u16(zone)) : 0;
}

static int compare_nests(const struct nlattr *a, const struct nlattr *b)
{
	size_t one, other;

	if (!a || !b)
		return !b - !a;
	one = mnl_attr_get_payload_len(a);
	other = mnl_attr_get_payload_len(b);
	if (one != other)
		return one < other ? -1 : 1;

	return memcmp(mnl_attr_get_payload(a), mnl_attr_get_payload(b), one);
}

/* By zone and original tuple */
static int compare_keys(const struct record *one, const struct record *other)
{
	int order = (int)one->zone - other->zone;

	order = order ? : compare_nests(one->proto, other->proto);

	return order ? : compare_nests(one->ip, other->ip);
}

static int in_order(const void *a, const void *b)
{
	return compare_keys(*(struct record *const *)a, *(struct record *const *)b);
}

/* The connection with this original tuple, or NULL */
const struct record *store_find(const struct store *store, uint16_t zone,
				const struct nlattr *tuple)
{
	const struct record key = { .zone = zone, .ip = inside(tuple, CTA_TUPLE_IP),
				    .proto = inside(tuple, CTA_TUPLE_PROTO) };
	size_t low = 0, high = store->connections;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct record *record = store->sorted[middle];
		int order = compare_keys(&key, record);

		if (!order)
			return record;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}

	return NULL;
}

/* A message about an expectation does not tell the zone, which is its master's. */
static const struct record *master_in_any_zone(const struct store *store,
					       const struct nlattr *tuple)
{
	const struct record *found = store_find(store, 0, tuple);
	uint16_t tried = 0;
	size_t i;

	for (i = 0; i < store->connections && !found; i++) {
		uint16_t zone = store->sorted[i]->zone;

		if (zone != tried)
			found = store_find(store, zone, tuple);
		tried = zone;
	}

	return found;
}

static void find_masters(struct store *store)
{
	struct record *record;
	bool again = true;

	for (record = store->record; record < store->record + store->records; record++) {
		const struct nlattr *tuple;

		if (subsystem(record) == NFNL_SUBSYS_CTNETLINK) {
			tuple = attribute(record->nlh, CTA_TUPLE_MASTER);
			if (!tuple)
				continue;
			record->master = store_find(store, record->zone, tuple);
		} else if (subsystem(record) == NFNL_SUBSYS_CTNETLINK_EXP) {
			tuple = attribute(record->nlh, CTA_EXPECT_MASTER);
			record->master = tuple ? master_in_any_zone(store, tuple) : NULL;
		} else {
			continue;
		}
		record->orphan = !record->master;
	}

	/* Nobody has many masters above it; a circle, which cannot be, is cut. */
	while (again && store->depth < 64) {
		again = false;
		for (record = store->record; record < store->record + store->records; record++) {
			if (record->master && record->depth != record->master->depth + 1) {
				record->depth = record->master->depth + 1;
				if (record->depth > store->depth)
					store->depth = record->depth;
				again = true;
			}
		}
	}
}

/* Makes a store of messages, which belong to it from then on. */
void store_adopt(struct store *store, void *data, size_t size)
{
	int left = size;
	const struct nlmsghdr *nlh;
	struct record *record;
	size_t n = 0;

	memset(store, 0, sizeof(*store));
	store->data = data;
	store->size = size;
	for (nlh = data; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		n++;
	if (left > 0)
		errx(2, "what was saved is damaged");
	store->record = calloc(n + 1, sizeof(*store->record));
	if (!store->record)
		errx(2, "no memory");

	left = size;
	for (nlh = data; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left)) {
		record = &store->record[store->records++];
		record->nlh = nlh;
		store->connections += subsystem(record) == NFNL_SUBSYS_CTNETLINK;
	}
}

/* Finds out who is whose master, and lets connections be found. */
void store_index(struct store *store)
{
	struct record *record;
	size_t n = 0;

	store->sorted = calloc(store->connections + 1, sizeof(*store->sorted));
	if (!store->sorted)
		errx(2, "no memory");
	for (record = store->record; record < store->record + store->records; record++) {
		const struct nlattr *tuple = attribute(record->nlh, CTA_TUPLE_ORIG);

		if (subsystem(record) != NFNL_SUBSYS_CTNETLINK)
			continue;
		record->zone = zone_of(record);
		record->ip = inside(tuple, CTA_TUPLE_IP);
		record->proto = inside(tuple, CTA_TUPLE_PROTO);
		store->sorted[n++] = record;
	}
	qsort(store->sorted, n, sizeof(*store->sorted), in_order);
	find_masters(store);
}

void store_read(struct store *store, const char *path)
{
	struct stat info;
	void *data;
	size_t got = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &info))
		err(2, "%s", path);
	data = malloc(info.st_size + 1);
	if (!data)
		errx(2, "no memory");
	while (got < (size_t)info.st_size) {
		ssize_t n = read(fd, (char *)data + got, info.st_size - got);

		if (n <= 0)
			errx(2, "%s: %s", path, n ? strerror(errno) : "it became shorter");
		got += n;
	}
	close(fd);
	store_adopt(store, data, got);
}

void store_write(const struct store *store, const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	size_t done = 0;

	if (fd < 0)
		err(2, "%s", path);
	while (done < store->size) {
		ssize_t n = write(fd, (char *)store->data + done, store->size - done);

		if (n < 0)
			err(2, "%s", path);
		done += n;
	}
	if (close(fd))
		err(2, "%s", path);
}
