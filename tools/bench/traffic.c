// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clients, a server and a flood for tools/bench/floods. Each prints one line of figures.
 *
 *	traffic serve PORT			echo what comes, until killed
 *	traffic connect N PARALLEL ADDR PORT	N connections, each: send, read back, close
 *	traffic hold N SECONDS ADDR PORT	N connections, one exchange a second on each
 *	traffic flood syn|udp N RATE ADDR PORT	N packets from sources in 198.18.0.0/15
 */

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MESSAGE		512
#define PATIENCE	20.0	/* seconds that a client waits for one exchange */
#define BATCH		64
#define SOURCES		0xc6120000	/* 198.18.0.0/15, for benchmarks (RFC 2544) */
#define SOURCE_BITS	17

/* A client's connection. */
struct conn {
	int		fd;
	unsigned int	got;
	double		since;
	bool		waiting;
};

static int epfd;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);

	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void watch(int fd, unsigned int events, void *data)
{
	struct epoll_event ev = { .events = events, .data.ptr = data };

	if (epoll_ctl(epfd, EPOLL_CTL_ADD, fd, &ev))
		err(1, "epoll");
}

static struct sockaddr_in address(const char *addr, const char *port)
{
	struct sockaddr_in sin = { .sin_family = AF_INET, .sin_port = htons(atoi(port)) };

	if (inet_pton(AF_INET, addr, &sin.sin_addr) != 1)
		errx(2, "%s is not IPv4", addr);

	return sin;
}

static void serve(const char *port)
{
	struct sockaddr_in sin = address("0.0.0.0", port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1, n, i, peer;
	struct epoll_event events[BATCH];
	char buf[4096];
	ssize_t len;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) || listen(fd, 4096))
		err(1, "listen");
	watch(fd, EPOLLIN, (void *)(long)fd);

	for (;;) {
		n = epoll_wait(epfd, events, BATCH, -1);
		for (i = 0; i < n; i++) {
			peer = (long)events[i].data.ptr;
			if (peer == fd) {
				while ((peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0)
					watch(peer, EPOLLIN, (void *)(long)peer);
				continue;
			}
			len = read(peer, buf, sizeof(buf));
			if (len > 0 && write(peer, buf, len) == len)
				continue;
			if (len < 0 && errno == EAGAIN)
				continue;
			close(peer);
		}
	}
}

static void conn_open(struct conn *conn, const struct sockaddr_in *sin)
{
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (conn->fd < 0)
		err(1, "socket");
	conn->got = 0;
	conn->since = now();
	conn->waiting = true;
	if (connect(conn->fd, (const struct sockaddr *)sin, sizeof(*sin)) && errno != EINPROGRESS)
		err(1, "connect");
	watch(conn->fd, EPOLLIN | EPOLLOUT | EPOLLET, conn);
}

static void conn_close(struct conn *conn)
{
	close(conn->fd);
	conn->fd = -1;
}

static void conn_send(struct conn *conn)
{
	static const char message[MESSAGE];

	conn->got = 0;
	conn->since = now();
	conn->waiting = true;
	if (send(conn->fd, message, sizeof(message), MSG_NOSIGNAL) != sizeof(message))
		conn->since = 0;
}

/* 1: the exchange is complete; 0: not yet; -1: the connection failed. */
static int conn_event(struct conn *conn, unsigned int events, bool *sent)
{
	char buf[MESSAGE];
	ssize_t len;

	if (events & (EPOLLERR | EPOLLHUP))
		return -1;
	if (!*sent && events & EPOLLOUT) {
		*sent = true;
		conn_send(conn);
	}
	while ((len = read(conn->fd, buf, sizeof(buf))) > 0)
		conn->got += len;
	if (!len)
		return -1;
	if (conn->waiting && conn->got >= MESSAGE) {
		conn->waiting = false;
		return 1;
	}

	return 0;
}

static void client(unsigned int total, unsigned int parallel, const struct sockaddr_in *sin)
{
	struct conn *conns = calloc(parallel, sizeof(*conns));
	bool *sent = calloc(parallel, sizeof(*sent));
	unsigned int begun = 0, ended = 0, done = 0, i;
	double start = now(), longest = 0, took;
	struct epoll_event events[BATCH];
	struct conn *conn;
	int n, ret;

	for (i = 0; i < parallel; i++)
		conns[i].fd = -1;
	while (ended < total) {
		for (i = 0; i < parallel; i++) {
			conn = &conns[i];
			if (conn->fd >= 0 && now() - conn->since > PATIENCE) {
				conn_close(conn);
				ended++;
			}
			if (conn->fd < 0 && begun < total) {
				sent[i] = false;
				conn_open(conn, sin);
				begun++;
			}
		}
		n = epoll_wait(epfd, events, BATCH, 100);
		while (n-- > 0) {
			conn = events[n].data.ptr;
			if (conn->fd < 0)
				continue;
			took = conn->since;
			ret = conn_event(conn, events[n].events, &sent[conn - conns]);
			if (!ret)
				continue;
			took = now() - took;
			longest = took > longest ? took : longest;
			conn_close(conn);
			done += ret > 0;
			ended++;
		}
	}
	printf("completed=%u of=%u seconds=%.1f longest=%.1f\n", done, total, now() - start,
	       longest);
}

static void hold(unsigned int total, double seconds, const struct sockaddr_in *sin)
{
	struct conn *conns = calloc(total, sizeof(*conns));
	bool *sent = calloc(total, sizeof(*sent));
	unsigned int alive = 0, i;
	struct epoll_event events[BATCH];
	double start = now(), last = start;
	struct conn *conn;
	int n;

	for (i = 0; i < total; i++)
		conn_open(&conns[i], sin);
	while (now() - start < seconds + PATIENCE) {
		n = epoll_wait(epfd, events, BATCH, 100);
		while (n-- > 0) {
			conn = events[n].data.ptr;
			if (conn->fd >= 0 && conn_event(conn, events[n].events,
							&sent[conn - conns]) < 0)
				conn_close(conn);
		}
		if (now() - last < 1)
			continue;
		last = now();
		/* a last exchange after the end of time, then only wait for what is missing */
		for (i = 0, alive = 0; i < total; i++) {
			conn = &conns[i];
			alive += conn->fd >= 0 && !conn->waiting;
			if (conn->fd >= 0 && !conn->waiting && last - start < seconds)
				conn_send(conn);
		}
		if (last - start >= seconds && alive == total)
			break;
	}
	printf("survived=%u of=%u\n", alive, total);
}

static uint16_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint16_t *word = data;

	for (; len > 1; len -= 2)
		sum += *word++;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);

	return sum;
}

struct packet {
	struct iphdr	ip;
	union {
		struct tcphdr	tcp;
		struct udphdr	udp;
	};
};

static size_t packet_write(struct packet *pkt, bool tcp, const struct sockaddr_in *to)
{
	size_t l4 = tcp ? sizeof(pkt->tcp) : sizeof(pkt->udp);
	uint32_t pseudo;

	memset(pkt, 0, sizeof(*pkt));
	pkt->ip.version = 4;
	pkt->ip.ihl = 5;
	pkt->ip.ttl = 64;
	pkt->ip.tot_len = htons(sizeof(pkt->ip) + l4);
	pkt->ip.protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP;
	pkt->ip.saddr = htonl(SOURCES | (random() & ((1 << SOURCE_BITS) - 1)));
	pkt->ip.daddr = to->sin_addr.s_addr;
	if (!tcp) {
		pkt->udp.source = htons(1024 + random() % 60000);
		pkt->udp.dest = to->sin_port;
		pkt->udp.len = htons(l4);
		return sizeof(pkt->ip) + l4;
	}
	pkt->tcp.source = htons(1024 + random() % 60000);
	pkt->tcp.dest = to->sin_port;
	pkt->tcp.seq = random();
	pkt->tcp.doff = 5;
	pkt->tcp.syn = 1;
	pkt->tcp.window = htons(65535);
	pseudo = sum16(&pkt->ip.saddr, 8, htons(IPPROTO_TCP) + htons(l4));
	pkt->tcp.check = ~sum16(&pkt->tcp, l4, pseudo);

	return sizeof(pkt->ip) + l4;
}

static void flood(bool tcp, unsigned int total, double rate, const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), size = 4 << 20;
	struct mmsghdr msgs[BATCH] = { 0 };
	struct iovec iov[BATCH];
	struct packet pkts[BATCH];
	unsigned int sent = 0, i;
	double start = now();

	if (fd < 0)
		err(1, "raw socket");
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	while (sent < total) {
		for (i = 0; i < BATCH; i++) {
			iov[i].iov_base = &pkts[i];
			iov[i].iov_len = packet_write(&pkts[i], tcp, to);
			msgs[i].msg_hdr = (struct msghdr) {
				.msg_iov = &iov[i], .msg_iovlen = 1,
				.msg_name = (void *)to, .msg_namelen = sizeof(*to),
			};
		}
		if (sendmmsg(fd, msgs, BATCH, 0) < 0 && errno != ENOBUFS)
			err(1, "send");
		sent += BATCH;
		while (sent / rate > now() - start)
			usleep(1000);
	}
	printf("sent=%u seconds=%.1f\n", sent, now() - start);
}

int main(int argc, char **argv)
{
	struct rlimit files = { 65536, 65536 };
	struct sockaddr_in sin;

	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &files);
	epfd = epoll_create1(0);
	srandom(1);

	if (argc == 3 && !strcmp(argv[1], "serve"))
		serve(argv[2]);
	if (argc < 6)
		errx(2, "serve, connect, hold or flood, see the head of traffic.c");
	sin = address(argv[argc - 2], argv[argc - 1]);
	if (!strcmp(argv[1], "connect"))
		client(atoi(argv[2]), atoi(argv[3]), &sin);
	else if (!strcmp(argv[1], "hold"))
		hold(atoi(argv[2]), atof(argv[3]), &sin);
	else if (!strcmp(argv[1], "flood") && argc == 7)
		flood(!strcmp(argv[2], "syn"), atoi(argv[3]), atof(argv[4]), &sin);
	else
		errx(2, "serve, connect, hold or flood, see the head of traffic.c");

	return 0;
}
