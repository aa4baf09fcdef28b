// SPDX-License-Identifier: GPL-2.0-only
/* The administrator's wish for a table size, in every namespace. */

#include <net/net_namespace.h>

#include "../net.h"
#include "conn.h"

/* Least size of the tables that an administrator asked for, 0 if none did. */
static unsigned int floor_slots;

/**
 * ctng_resize_floor() - size that the table of a new namespace starts with
 *
 * Return: size in slots of 8 bytes; 0 for the default.
 */
unsigned int ctng_resize_floor(void)
{
	return READ_ONCE(floor_slots);
}

/**
 * ctng_resize_all() - make all tables at least so large
 * @slots: size in slots of 8 bytes.
 *
 * The tables of all namespaces are resized in the background while packets
 * flow, and never shrink below this size. New ones start with it.
 *
 * Context: process, may sleep; takes net_rwsem.
 * Return: 0.
 */
int ctng_resize_all(unsigned int slots)
{
	struct net *net;

	WRITE_ONCE(floor_slots, slots);

	down_read(&net_rwsem);
	for_each_net(net)
		ctng_table_set_floor(&ctng_pernet(net)->table, slots);
	up_read(&net_rwsem);

	return 0;
}
