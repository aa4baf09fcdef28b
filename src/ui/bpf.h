/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Functions for BPF programs, which know them by their types (BTF). Nobody else calls them.
 */
#ifndef CTNG_BPF_H
#define CTNG_BPF_H

#include <linux/types.h>

struct __sk_buff;
struct bpf_sock_tuple;
struct nf_conn;
struct nf_conn___init;
struct xdp_md;

/**
 * struct bpf_ct_opts - what a program says beside the tuple, and is told
 * @netns_id: id of a namespace, as the program's own knows it, or -1 for its own.
 * @error: set to an error where no connection is returned.
 * @l4proto: protocol of the tuple, TCP or UDP.
 * @dir: set to the direction in which the connection has the tuple.
 * @ct_zone_id: zone to look in. Programs of old have no zone: their struct ends before.
 * @ct_zone_dir: directions that the zone is for, as a mask; 0 is all.
 * @reserved: has to be 0.
 */
struct bpf_ct_opts {
	s32	netns_id;
	s32	error;
	u8	l4proto;
	u8	dir;
	u16	ct_zone_id;
	u8	ct_zone_dir;
	u8	reserved[3];
};

struct nf_conn___init *
bpf_xdp_ct_alloc(struct xdp_md *xdp_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
		 struct bpf_ct_opts *opts, u32 opts__sz);
struct nf_conn *
bpf_xdp_ct_lookup(struct xdp_md *xdp_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
		  struct bpf_ct_opts *opts, u32 opts__sz);
struct nf_conn___init *
bpf_skb_ct_alloc(struct __sk_buff *skb_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
		 struct bpf_ct_opts *opts, u32 opts__sz);
struct nf_conn *
bpf_skb_ct_lookup(struct __sk_buff *skb_ctx, struct bpf_sock_tuple *bpf_tuple, u32 tuple__sz,
		  struct bpf_ct_opts *opts, u32 opts__sz);
struct nf_conn *bpf_ct_insert_entry(struct nf_conn___init *nfct_i);
void bpf_ct_release(struct nf_conn *nfct);
void bpf_ct_set_timeout(struct nf_conn___init *nfct_i, u32 timeout);
int bpf_ct_change_timeout(struct nf_conn *nfct, u32 timeout);
int bpf_ct_set_status(const struct nf_conn___init *nfct_i, u32 status);
int bpf_ct_change_status(struct nf_conn *nfct, u32 status);

#endif /* CTNG_BPF_H */
