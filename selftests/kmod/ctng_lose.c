// SPDX-License-Identifier: GPL-2.0-only
/*
 * Loses memory on purpose, so that a test run sees whether kmemleak is at work before it believes
 * that nothing was lost.
 */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/init.h>
#include <linux/module.h>
#include <linux/slab.h>

/* One pointer may lie about somewhere by chance; not so many. */
#define OBJECTS 32

static int __init lose_init(void)
{
	int i;

	for (i = 0; i < OBJECTS; i++)
		if (!kmalloc(64, GFP_KERNEL))
			return -ENOMEM;
	return 0;
}

static void __exit lose_exit(void)
{
}

module_init(lose_init);
module_exit(lose_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("loses memory on purpose");
