// SPDX-License-Identifier: GPL-2.0-only
/*
 * Packets through the whole of a router: received by one device, routed, filtered by
 * whatever rules there are, and sent by another, which forgets them.
 */

#include <linux/etherdevice.h>
#include <linux/netdevice.h>
#include <net/ip.h>

#include "bench.h"

/**
 * bench_ports_get() - find the devices of the router in the benchmark's namespace
 * @b: the benchmark; its ports are set: in0 towards clients, out0 towards servers.
 *
 * Context: process.
 * Return: 0 or -ENODEV.
 */
int bench_ports_get(struct bench *b)
{
	b->port[IP_CT_DIR_ORIGINAL] = dev_get_by_name(b->net, "in0");
	b->port[IP_CT_DIR_REPLY] = dev_get_by_name(b->net, "out0");
	if (b->port[IP_CT_DIR_ORIGINAL] && b->port[IP_CT_DIR_REPLY])
		return 0;

	bench_ports_put(b);

	return -ENODEV;
}

/**
 * bench_ports_put() - give the devices back
 * @b: the benchmark.
 */
void bench_ports_put(struct bench *b)
{
	dev_put(b->port[IP_CT_DIR_ORIGINAL]);
	dev_put(b->port[IP_CT_DIR_REPLY]);
}

/**
 * bench_ports_sent() - count what the router has sent
 * @b: the benchmark, with its ports.
 *
 * Context: process.
 * Return: packets, of both devices, since they were made.
 */
u64 bench_ports_sent(struct bench *b)
{
	struct rtnl_link_stats64 stats;
	u64 sent = 0;
	int dir;

	for (dir = 0; dir < IP_CT_DIR_MAX; dir++)
		sent += dev_get_stats(b->port[dir], &stats)->tx_packets;

	return sent;
}

/**
 * bench_forward() - have the router receive a packet
 * @b: the benchmark, with its ports.
 * @pkt: the packet, of IPv4.
 *
 * Whether it was sent is seen from bench_ports_sent().
 *
 * Context: BH off.
 * Return: 0 or -ENOMEM.
 */
int bench_forward(struct bench *b, const struct bench_pkt *pkt)
{
	struct sk_buff *skb;

	bench_write(b, pkt);
	ip_send_check(ip_hdr(b->skb));
	skb = skb_copy(b->skb, GFP_ATOMIC);
	if (!skb)
		return -ENOMEM;

	skb->dev = b->port[pkt->dir];
	skb->pkt_type = PACKET_HOST;
	skb_reset_mac_header(skb);
	netif_receive_skb(skb);

	return 0;
}
