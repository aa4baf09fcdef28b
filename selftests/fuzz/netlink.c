// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sends messages about connections, expectations, timeout policies and helpers, good ones and
 * spoilt ones, to the network namespace that it runs in:
 *
 *	netlink_fuzz [-u | -p] [-s SEED] [-n MESSAGES]
 *
 * -u: in a user and a network namespace of its own, whose administrator it is;
 * -p: as a user without any rights. Prints how many messages of each kind there were and how
 * many were accepted. The status is 1 if what came back is no netlink, or if of a thousand of a
 * kind that the user may send none was accepted.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "fuzz.h"

#define BATCH	16	/* messages at a time */
#define KINDS	64

static struct {
	unsigned long sent, accepted;
} count[KINDS];
static unsigned long errors[200], replies, broken;
static bool powerless, in_user_namespace;

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static int open_socket(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_NETFILTER), one = 1;
	int room = 1 << 22;

	if (fd < 0)
		die("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room));
	setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
	setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one));
	return fd;
}

/* Attributes that end where they should, and nests of such. */
static bool well_formed(const __u8 *data, unsigned int len)
{
	while (len) {
		const struct nlattr *a = (const struct nlattr *)data;
		unsigned int size;

		if (len < NLA_HDRLEN || a->nla_len < NLA_HDRLEN || a->nla_len > len)
			return false;
		if (a->nla_type & NLA_F_NESTED &&
		    !well_formed(data + NLA_HDRLEN, a->nla_len - NLA_HDRLEN))
			return false;
		size = NLA_ALIGN(a->nla_len);
		if (size > len)
			size = len;
		data += size;
		len -= size;
	}

	return true;
}

static void take_reply(const struct nlmsghdr *head)
{
	const struct nlmsgerr *error = NLMSG_DATA(head);
	unsigned int kind = head->nlmsg_seq % KINDS;

	replies++;
	if (head->nlmsg_type == NLMSG_ERROR) {
		if (!error->error)
			count[kind].accepted++;
		else
			errors[-error->error < (int)ARRAY_SIZE(errors) ? -error->error : 0]++;
	} else if (head->nlmsg_type == NLMSG_DONE) {
		count[kind].accepted++;
	} else if (head->nlmsg_type >= NLMSG_MIN_TYPE &&
		   !well_formed((const __u8 *)NLMSG_DATA(head) + sizeof(struct nfgenmsg),
				NLMSG_PAYLOAD(head, sizeof(struct nfgenmsg)))) {
		broken++;
	}
}

static void drain(int fd)
{
	static __u8 data[1 << 17];
	const struct nlmsghdr *head;
	int len;

	while ((len = recv(fd, data, sizeof(data), 0)) > 0 || (len < 0 && errno == ENOBUFS)) {
		if (len < 0)
			continue;
		for (head = (const struct nlmsghdr *)data; NLMSG_OK(head, len);
		     head = NLMSG_NEXT(head, len))
			take_reply(head);
		if (len > 0)
			broken++;
	}
}

/* By their weight */
static unsigned int choose_request(void)
{
	static unsigned int total;
	unsigned int at, i;

	if (!total)
		for (i = 0; i < n_requests; i++)
			total += requests[i].weight;
	for (at = below(total), i = 0; at >= requests[i].weight; i++)
		at -= requests[i].weight;
	return i;
}

static unsigned int fill_batch(__u8 *data, unsigned int n)
{
	static struct message m;
	unsigned int len = 0, kind;

	while (n--) {
		kind = choose_request();
		make_message(&m, &requests[kind], kind + KINDS * (rnd() >> 8));
		if (!one_in(4))
			spoil_message(&m);
		memcpy(data + len, m.data, m.len);
		count[kind].sent++;
		len += NLMSG_ALIGN(m.len);
	}

	return len;
}

static void lose_rights(void)
{
	if (in_user_namespace && unshare(CLONE_NEWUSER | CLONE_NEWNET))
		die("unshare");
	if (powerless && (setgid(65534) || setuid(65534)))
		die("setuid");
}

static int report(double seconds, unsigned long messages)
{
	unsigned int i;
	int status = broken ? 1 : 0;

	printf("# %lu messages in %.0f s, %lu answers, %lu of them broken\n", messages, seconds,
	       replies, broken);
	for (i = 0; i < n_requests; i++) {
		printf("# %7lu %s: %lu accepted\n", count[i].sent, requests[i].name,
		       count[i].accepted);
		if (!powerless && !(in_user_namespace && requests[i].admin) &&
		    count[i].sent > 1000 && !count[i].accepted)
			status = 1;
	}
	for (i = 0; i < ARRAY_SIZE(errors); i++)
		if (errors[i])
			printf("# %7lu %s\n", errors[i], i ? strerrorname_np(i) : "other");
	return status;
}

int main(int argc, char **argv)
{
	static __u8 data[BATCH * MAX_MESSAGE];
	unsigned long messages = 10000, done;
	__u64 seed = time(NULL) * 1000 + getpid();
	struct timespec start, end;
	unsigned int len, n;
	int fd, c;

	while ((c = getopt(argc, argv, "ups:n:")) != -1) {
		switch (c) {
		case 'u':
			in_user_namespace = true;
			break;
		case 'p':
			powerless = true;
			break;
		case 's':
			seed = strtoull(optarg, NULL, 0);
			break;
		case 'n':
			messages = strtoul(optarg, NULL, 0);
			break;
		default:
			return 2;
		}
	}
	printf("# netlink_fuzz%s%s -s %llu -n %lu\n", powerless ? " -p" : "",
	       in_user_namespace ? " -u" : "", (unsigned long long)seed, messages);
	fflush(stdout);
	seed_rnd(seed);
	lose_rights();
	fd = open_socket();
	clock_gettime(CLOCK_MONOTONIC, &start);
	for (done = 0; done < messages; done += n) {
		/* Of a batch that may not be sent at all only the first is looked at. */
		n = powerless || one_in(8) ? 1 : BATCH;
		len = fill_batch(data, n);
		if (send(fd, data, len, 0) < 0 && errno != ENOBUFS)
			die("send");
		drain(fd);
	}
	clock_gettime(CLOCK_MONOTONIC, &end);

	return report(end.tv_sec - start.tv_sec, done);
}
