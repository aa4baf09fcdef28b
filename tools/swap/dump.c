// SPDX-License-Identifier: GPL-2.0-only
/* Asks the kernel for all connections and expectations, or for all policies of timeouts. */

#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>

#include "table.h"

/* What the kernel sends at a time is less. */
#define BUFFER	(128 * 1024)

struct growing {
	char	*data;
	size_t	size, room;
};

static int keep(const struct nlmsghdr *nlh, void *context)
{
	struct growing *all = context;
	size_t size = MNL_ALIGN(nlh->nlmsg_len);

	if (all->size + size > all->room) {
		all->room = 2 * all->room + size + (1 << 20);
		all->data = realloc(all->data, all->room);
		if (!all->data)
			errx(2, "no memory");
	}
	memset(all->data + all->size, 0, size);
	memcpy(all->data + all->size, nlh, nlh->nlmsg_len);
	all->size += size;

	return MNL_CB_OK;
}

static void request(struct mnl_socket *socket, struct growing *all, int subsys, int type)
{
	static char buffer[BUFFER];
	struct nlmsghdr *nlh = mnl_nlmsg_put_header(buffer);
	struct nfgenmsg *head;
	int got, more = MNL_CB_OK;

	nlh->nlmsg_type = subsys << 8 | type;
	nlh->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	nlh->nlmsg_seq = subsys + 1;
	head = mnl_nlmsg_put_extra_header(nlh, sizeof(*head));
	head->nfgen_family = AF_UNSPEC;
	head->version = NFNETLINK_V0;

	if (mnl_socket_sendto(socket, nlh, nlh->nlmsg_len) < 0)
		err(2, "cannot ask for a dump");
	while (more > MNL_CB_STOP) {
		got = mnl_socket_recvfrom(socket, buffer, sizeof(buffer));
		if (got > 0)
			more = mnl_cb_run(buffer, got, subsys + 1,
					  mnl_socket_get_portid(socket), keep, all);
		if (got <= 0 || more == MNL_CB_ERROR)
			err(2, "the dump failed");
	}
}

void dump(struct store *store, bool policies)
{
	struct mnl_socket *socket = mnl_socket_open(NETLINK_NETFILTER);
	struct growing all = {};

	if (!socket || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID))
		err(2, "no netlink socket");
	if (policies) {
		request(socket, &all, NFNL_SUBSYS_CTNETLINK_TIMEOUT, IPCTNL_MSG_TIMEOUT_GET);
	} else {
		request(socket, &all, NFNL_SUBSYS_CTNETLINK, IPCTNL_MSG_CT_GET);
		request(socket, &all, NFNL_SUBSYS_CTNETLINK_EXP, IPCTNL_MSG_EXP_GET);
	}
	mnl_socket_close(socket);
	store_adopt(store, all.data, all.size);
}
