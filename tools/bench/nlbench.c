// SPDX-License-Identifier: GPL-2.0-only
/*
 * A netlink client that costs little itself, for the benchmark of ctnetlink:
 *
 *	nlbench fill COUNT		make connections 172.16.0.1:1... with mark 7
 *	nlbench dump BYTES		dump all, with a buffer of so many bytes: time by entry
 *	nlbench delete all|mark|src	delete all, those with mark 7, those from 172.16.0.1
 *	nlbench run PROGRAM ARG...	run a program, its output thrown away
 *	nlbench events BYTES COUNT BURST	listen with such a socket buffer, have as many
 *					connections made, and read after each BURST of them
 *
 * Prints value=NANOSECONDS by the benchmark's clock, and one or more of: entries=N kilobytes=N
 * (of memory at most) received=N lost=N.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MARK	7
#define CLIENT	0xac100001
#define SERVER	0xac110001

/* Of CTA_FILTER_ORIG_FLAGS */
#define BY_SOURCE	1

/* Messages in one write */
#define BATCH	64

static char request[BATCH * 512], answer[1 << 20];

/* The benchmark's own clock, which leaves out what the host does meanwhile. */
static long long now(void)
{
	static int fd = -1;
	struct timespec ts;
	char text[32];
	ssize_t len;

	if (fd < 0)
		fd = open("/proc/ctng_clock", O_RDONLY);
	len = fd < 0 ? -1 : pread(fd, text, sizeof(text) - 1, 0);
	if (len > 0) {
		text[len] = 0;
		return atoll(text);
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static int nl_open(void)
{
	struct sockaddr_nl addr = { .nl_family = AF_NETLINK };
	int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "netlink");

	return fd;
}

static struct nlmsghdr *message(char *at, int type, int flags)
{
	struct nlmsghdr *nlh = (struct nlmsghdr *)at;
	struct nfgenmsg *nfmsg = NLMSG_DATA(nlh);

	memset(at, 0, NLMSG_SPACE(sizeof(*nfmsg)));
	nlh->nlmsg_len = NLMSG_LENGTH(sizeof(*nfmsg));
	nlh->nlmsg_type = NFNL_SUBSYS_CTNETLINK << 8 | type;
	nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	nfmsg->nfgen_family = AF_INET;

	return nlh;
}

static struct nlattr *put(struct nlmsghdr *nlh, int type, const void *data, int len)
{
	struct nlattr *nla = (void *)((char *)nlh + nlh->nlmsg_len);

	nla->nla_type = type;
	nla->nla_len = NLA_HDRLEN + len;
	memset(nla + 1, 0, NLA_ALIGN(len));
	if (data)
		memcpy(nla + 1, data, len);
	nlh->nlmsg_len += NLA_HDRLEN + NLA_ALIGN(len);

	return nla;
}

static struct nlattr *nest(struct nlmsghdr *nlh, int type)
{
	return put(nlh, NLA_F_NESTED | type, NULL, 0);
}

static void end(struct nlmsghdr *nlh, struct nlattr *nla)
{
	nla->nla_len = (char *)nlh + nlh->nlmsg_len - (char *)nla;
}

static void put_u32(struct nlmsghdr *nlh, int type, unsigned int value)
{
	value = htonl(value);
	put(nlh, type, &value, sizeof(value));
}

static void put_u16(struct nlmsghdr *nlh, int type, unsigned short value)
{
	value = htons(value);
	put(nlh, type, &value, sizeof(value));
}

static void put_tuple(struct nlmsghdr *nlh, int type, unsigned int src, unsigned int dst,
		      unsigned short sport, unsigned short dport)
{
	struct nlattr *tuple = nest(nlh, type), *part = nest(nlh, CTA_TUPLE_IP);
	unsigned char tcp = IPPROTO_TCP;

	put_u32(nlh, CTA_IP_V4_SRC, src);
	put_u32(nlh, CTA_IP_V4_DST, dst);
	end(nlh, part);
	part = nest(nlh, CTA_TUPLE_PROTO);
	put(nlh, CTA_PROTO_NUM, &tcp, sizeof(tcp));
	put_u16(nlh, CTA_PROTO_SRC_PORT, sport);
	put_u16(nlh, CTA_PROTO_DST_PORT, dport);
	end(nlh, part);
	end(nlh, tuple);
}

static void say(int fd, const void *data, size_t len)
{
	if (send(fd, data, len, 0) != (ssize_t)len)
		err(1, "send");
}

/* Reads answers up to the end of a dump or an ACK; counts the others. */
static unsigned int answers(int fd, size_t room)
{
	unsigned int n = 0;
	struct nlmsghdr *nlh;
	ssize_t len;

	for (;;) {
		len = recv(fd, answer, room, 0);
		if (len < 0)
			err(1, "recv");
		for (nlh = (void *)answer; NLMSG_OK(nlh, len); nlh = NLMSG_NEXT(nlh, len)) {
			if (nlh->nlmsg_type == NLMSG_DONE)
				return n;
			if (nlh->nlmsg_type == NLMSG_ERROR) {
				errno = -((struct nlmsgerr *)NLMSG_DATA(nlh))->error;
				if (errno)
					err(1, "refused");
				return n;
			}
			n++;
		}
	}
}

static void make(char **at, unsigned int i, int flags)
{
	struct nlmsghdr *nlh = message(*at, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL | flags);
	struct nlattr *info, *tcp;
	unsigned char state = 3;

	put_tuple(nlh, CTA_TUPLE_ORIG, CLIENT, SERVER, i, 80);
	put_tuple(nlh, CTA_TUPLE_REPLY, SERVER, CLIENT, 80, i);
	put_u32(nlh, CTA_TIMEOUT, 100000);
	put_u32(nlh, CTA_MARK, MARK);
	info = nest(nlh, CTA_PROTOINFO);
	tcp = nest(nlh, CTA_PROTOINFO_TCP);
	put(nlh, CTA_PROTOINFO_TCP_STATE, &state, sizeof(state));
	end(nlh, tcp);
	end(nlh, info);
	*at += NLMSG_ALIGN(nlh->nlmsg_len);
}

static int fill(unsigned int count)
{
	long long start = now();
	int fd = nl_open();
	unsigned int i;
	char *at;

	for (i = 1; i <= count;) {
		at = request;
		do
			make(&at, i, i == count ? NLM_F_ACK : 0);
		while (i++ % BATCH && i <= count);
		say(fd, request, at - request);
	}
	answers(fd, sizeof(answer));
	printf("value=%lld entries=%u\n", now() - start, count);

	return 0;
}

static int dump(size_t room)
{
	struct nlmsghdr *nlh = message(request, IPCTNL_MSG_CT_GET, NLM_F_DUMP);
	long long start = now();
	int fd = nl_open();
	unsigned int n;

	((struct nfgenmsg *)NLMSG_DATA(nlh))->nfgen_family = AF_UNSPEC;
	say(fd, nlh, nlh->nlmsg_len);
	n = answers(fd, room < sizeof(answer) ? room : sizeof(answer));
	start = now() - start;
	printf("value=%.1f entries=%u\n", (double)start / (n ?: 1), n);

	return 0;
}

static int delete(const char *what)
{
	struct nlmsghdr *nlh = message(request, IPCTNL_MSG_CT_DELETE, NLM_F_ACK);
	long long start = now();
	int fd = nl_open(), flags = BY_SOURCE;
	struct rusage usage;
	struct nlattr *nla;

	if (!strcmp(what, "mark")) {
		put_u32(nlh, CTA_MARK, MARK);
	} else if (!strcmp(what, "src")) {
		put_tuple(nlh, CTA_TUPLE_ORIG, CLIENT, SERVER, 1, 80);
		nla = nest(nlh, CTA_FILTER);
		put(nlh, CTA_FILTER_ORIG_FLAGS, &flags, sizeof(flags));
		end(nlh, nla);
	}
	say(fd, nlh, nlh->nlmsg_len);
	answers(fd, sizeof(answer));
	start = now() - start;
	getrusage(RUSAGE_SELF, &usage);
	printf("value=%lld kilobytes=%ld\n", start, usage.ru_maxrss);

	return 0;
}

static int run(char **argv)
{
	long long start = now();
	struct rusage usage;
	int status, null;
	pid_t pid = fork();

	if (!pid) {
		null = open("/dev/null", O_WRONLY);
		dup2(null, 1);
		dup2(null, 2);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0)
		err(1, "%s", argv[0]);
	start = now() - start;
	printf("value=%lld kilobytes=%ld status=%d\n", start, usage.ru_maxrss, status >> 8);

	return 0;
}

static void order(const char *command)
{
	int fd = open("/proc/ctng_bench", O_WRONLY);

	if (fd < 0 || write(fd, command, strlen(command)) < 0)
		err(1, "/proc/ctng_bench: %s", command);
	close(fd);
}

static unsigned int drops(int fd)
{
	struct sockaddr_nl addr;
	socklen_t len = sizeof(addr);
	unsigned int pid, lost;
	char line[256];
	FILE *f = fopen("/proc/net/netlink", "r");

	getsockname(fd, (struct sockaddr *)&addr, &len);
	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "%*s 12 %u %*s %*s %*s %*s %*s %u", &pid, &lost) == 2 &&
		    pid == addr.nl_pid)
			return lost;
	errx(1, "/proc/net/netlink does not list the socket");
}

/* New connections in bursts, after each of which the listener reads what there is. */
static int events(int room, unsigned int count, unsigned int burst)
{
	int fd = nl_open(), group = NFNLGRP_CONNTRACK_NEW;
	unsigned int i, received = 0;
	struct nlmsghdr *nlh;
	char command[64];
	long long start;
	ssize_t len;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)))
		err(1, "listener");

	start = now();
	for (i = 0; i < count; i += burst) {
		snprintf(command, sizeof(command), "new tcp4 %u %u", i, burst);
		order(command);
		while ((len = recv(fd, answer, sizeof(answer), MSG_DONTWAIT)) > 0 ||
		       (len < 0 && errno == ENOBUFS)) {
			for (nlh = (void *)answer; len > 0 && NLMSG_OK(nlh, len);
			     nlh = NLMSG_NEXT(nlh, len))
				received++;
		}
	}
	printf("value=%.1f received=%u lost=%u\n", (double)(now() - start) / count, received,
	       drops(fd));

	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 2 ? argv[1] : "";

	if (!strcmp(what, "fill"))
		return fill(atoi(argv[2]));
	if (!strcmp(what, "dump"))
		return dump(atoi(argv[2]));
	if (!strcmp(what, "delete"))
		return delete(argv[2]);
	if (!strcmp(what, "run"))
		return run(argv + 2);
	if (!strcmp(what, "events") && argc > 4)
		return events(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));

	errx(2, "usage: see nlbench.c");
}
