// SPDX-License-Identifier: GPL-2.0-only
/* Puts what was saved back into the kernel, many requests at a time. */

#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "table.h"

/* Errors are told, success is not, but for the last request of a batch. */
struct batch {
	struct mnl_socket	*socket;
	struct store		*store;
	size_t			size;
	struct nlmsghdr		*last;
	char			data[BATCH_ROOM];
};

/* The sequence of a message is the number of its record, from 1. */
static void receive(struct batch *batch, uint32_t last)
{
	static char buffer[128 * 1024];
	const struct nlmsgerr *error;
	const struct nlmsghdr *nlh;
	uint32_t seq = 0;
	int got;

	while (seq != last) {
		got = mnl_socket_recvfrom(batch->socket, buffer, sizeof(buffer));
		if (got < 0)
			err(2, "no answer from the kernel");
		nlh = (void *)buffer;
		for (; mnl_nlmsg_ok(nlh, got); nlh = mnl_nlmsg_next(nlh, &got)) {
			if (nlh->nlmsg_type != NLMSG_ERROR)
				continue;
			error = mnl_nlmsg_get_payload(nlh);
			seq = nlh->nlmsg_seq;
			if (seq && seq <= batch->store->records)
				batch->store->record[seq - 1].error = -error->error;
		}
	}
}

static void flush(struct batch *batch)
{
	if (!batch->size)
		return;
	batch->last->nlmsg_flags |= NLM_F_ACK;
	if (mnl_socket_sendto(batch->socket, batch->data, batch->size) < 0)
		err(2, "the kernel takes no request");
	receive(batch, batch->last->nlmsg_seq);
	batch->size = 0;
}

static void send_new(struct batch *batch, struct record *record)
{
	if (batch->size + MESSAGE_ROOM > sizeof(batch->data))
		flush(batch);
	batch->last = (void *)(batch->data + batch->size);
	batch->size += renew(batch->data + batch->size, record,
			     record - batch->store->record + 1);
	record->error = 0;
}

/* A packet of this very connection was faster: what it made knows less. */
static void replace(struct batch *batch, struct record *record)
{
	static const uint16_t tuples[] = { CTA_TUPLE_ORIG, CTA_TUPLE_REPLY };
	uint32_t seq = record - batch->store->record + 1;
	unsigned int i;

	for (i = 0; i < 2; i++) {
		batch->last = (void *)batch->data;
		batch->size = removal(batch->data, record, attribute(record->nlh, tuples[i]), seq);
		flush(batch);
	}
	send_new(batch, record);
	flush(batch);
}

static void explain(const struct record *record)
{
	static const char * const kinds[] = {
		[NFNL_SUBSYS_CTNETLINK] = "connection",
		[NFNL_SUBSYS_CTNETLINK_EXP] = "expectation",
		[NFNL_SUBSYS_CTNETLINK_TIMEOUT] = "timeout policy",
	};

	warnx("the kernel does not take back a %s: %s", kinds[subsystem(record)],
	      strerror(record->error));
}

/* Masters first, for who has one has to name it. Returns the number of those not taken. */
int load(struct store *store)
{
	static struct batch batch;
	struct record *record, *end = store->record + store->records;
	unsigned int depth;
	int on = 1, refused = 0;

	batch.store = store;
	batch.socket = mnl_socket_open(NETLINK_NETFILTER);
	if (!batch.socket || mnl_socket_bind(batch.socket, 0, MNL_SOCKET_AUTOPID))
		err(2, "no netlink socket");
	/* All answers of a batch have room, and they come without what was asked. */
	mnl_socket_setsockopt(batch.socket, NETLINK_CAP_ACK, &on, sizeof(on));
	on = 1 << 23;
	setsockopt(mnl_socket_get_fd(batch.socket), SOL_SOCKET, SO_RCVBUFFORCE, &on, sizeof(on));
	on = 1 << 20;
	setsockopt(mnl_socket_get_fd(batch.socket), SOL_SOCKET, SO_SNDBUFFORCE, &on, sizeof(on));

	for (depth = 0; depth <= store->depth; depth++) {
		for (record = store->record; record < end; record++) {
			/* The master of an expectation that is no more is no use to anybody. */
			if (record->depth == depth &&
			    !(record->orphan && subsystem(record) == NFNL_SUBSYS_CTNETLINK_EXP))
				send_new(&batch, record);
		}
		flush(&batch);
		for (record = store->record; record < end; record++) {
			if (record->depth == depth && record->error == EEXIST &&
			    subsystem(record) == NFNL_SUBSYS_CTNETLINK)
				replace(&batch, record);
		}
	}
	mnl_socket_close(batch.socket);

	for (record = store->record; record < end; record++) {
		if (record->error && !(record->error == EEXIST &&
				       subsystem(record) != NFNL_SUBSYS_CTNETLINK)) {
			if (refused++ < 10)
				explain(record);
		}
	}

	return refused;
}
