// SPDX-License-Identifier: GPL-2.0-only
/* Counts connections as they come and go: what any module tells, at a price for each of them. */

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "cttop.h"

#define BUFFER	(8 << 20)

static struct mnl_socket *socket_;
static unsigned long long made_, gone_;

/**
 * events_open() - begin to listen
 *
 * Return: false, with errno set, if it can't be done.
 */
bool events_open(void)
{
	int size = BUFFER, on = 1;

	socket_ = mnl_socket_open2(NETLINK_NETFILTER, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (!socket_)
		return false;
	if (mnl_socket_bind(socket_, NF_NETLINK_CONNTRACK_NEW | NF_NETLINK_CONNTRACK_DESTROY,
			    MNL_SOCKET_AUTOPID) < 0)
		return false;
	setsockopt(mnl_socket_get_fd(socket_), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	/* Events that are lost are not worth an error: the rate is a bit low then. */
	mnl_socket_setsockopt(socket_, NETLINK_NO_ENOBUFS, &on, sizeof(on));

	return true;
}

/**
 * events_fd() - what to poll() for
 *
 * Return: the descriptor, or -1 if nobody listens.
 */
int events_fd(void)
{
	return socket_ ? mnl_socket_get_fd(socket_) : -1;
}

static int count_event(const struct nlmsghdr *nlh, void *data)
{
	(void)data;
	if (NFNL_MSG_TYPE(nlh->nlmsg_type) == IPCTNL_MSG_CT_DELETE)
		gone_++;
	else if (nlh->nlmsg_flags & NLM_F_CREATE)
		made_++;

	return MNL_CB_OK;
}

/**
 * events_drain() - count the events that have come
 */
void events_drain(void)
{
	static char buf[1 << 16];
	ssize_t len;

	while (socket_ && (len = mnl_socket_recvfrom(socket_, buf, sizeof(buf))) > 0)
		mnl_cb_run(buf, len, 0, 0, count_event, NULL);
}

/**
 * events_take() - how many there were since the last call
 * @made: new connections.
 * @gone: those that left.
 */
void events_take(unsigned long long *made, unsigned long long *gone)
{
	events_drain();
	*made = made_;
	*gone = gone_;
	made_ = 0;
	gone_ = 0;
}
