// SPDX-License-Identifier: GPL-2.0-only
/* Who may write to a connection by BPF is told the register, not the type. */
#include <linux/filter.h>

struct bpf_reg_state;

#ifdef PROBE_HAVE
typedef int probe_fn(struct bpf_verifier_log *, const struct bpf_reg_state *, int, int);
#else
typedef int probe_fn(struct bpf_verifier_log *, const struct btf *, const struct btf_type *,
		     int, int, enum bpf_access_type, u32 *, enum bpf_type_flag *);
#endif
static_assert(__same_type(*nfct_btf_struct_access, probe_fn));
