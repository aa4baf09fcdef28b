/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a packet or an entry met the fate it met: one enum for all of it. */
#ifndef CTNG_REASON_H
#define CTNG_REASON_H

/**
 * enum ctng_reason - why a packet was INVALID or dropped, or an entry refused
 *
 * Each value is decided in exactly one place in the code and counted there,
 * see ctng_count() and ctng_invalid(). X(symbol, name shown to the user).
 */
#define CTNG_REASONS(X)							\
	X(NONE,			"none")					\
	/* before a connection is known */				\
	X(SHORT_HEADER,		"short-header")				\
	X(FRAGMENT,		"fragment")				\
	X(CHECKSUM,		"checksum")				\
	X(NO_TUPLE,		"no-tuple")				\
	X(NOT_INVERTIBLE,	"not-invertible")			\
	/* ICMP and ICMPv6 */						\
	X(ICMP_TYPE,		"icmp-type")				\
	X(ICMP_INNER,		"icmp-inner-malformed")			\
	X(ICMP_NO_FLOW,		"icmp-error-without-flow")		\
	X(ICMP_OUTER_ADDR,	"icmp-error-address-mismatch")		\
	/* TCP */							\
	X(TCP_LENGTH,		"tcp-length")				\
	X(TCP_FLAGS,		"tcp-flags")				\
	X(TCP_NEW_STATE,	"tcp-not-a-start")			\
	X(TCP_NO_PICKUP,	"tcp-pickup-off")			\
	X(TCP_STATE,		"tcp-state")				\
	X(TCP_SEQ_OVER,		"tcp-seq-over-window")			\
	X(TCP_SEQ_UNDER,	"tcp-seq-under-window")			\
	X(TCP_ACK_OVER,		"tcp-ack-over-window")			\
	X(TCP_ACK_UNDER,	"tcp-ack-under-window")			\
	X(TCP_RST,		"tcp-rst-out-of-window")		\
	X(TCP_SYN_IGNORED,	"tcp-out-of-sync-ignored")		\
	X(TCP_CHALLENGE_ACK,	"tcp-challenge-ack")			\
	/* UDP and UDP-Lite */						\
	X(UDP_LENGTH,		"udp-length")				\
	X(UDP_COVERAGE,		"udplite-coverage")			\
	/* SCTP, DCCP, GRE */						\
	X(SCTP_CHUNK,		"sctp-chunk")				\
	X(SCTP_VTAG,		"sctp-vtag")				\
	X(SCTP_STATE,		"sctp-state")				\
	X(DCCP_HEADER,		"dccp-header")				\
	X(DCCP_STATE,		"dccp-state")				\
	X(GRE_HEADER,		"gre-header")				\
	/* allocation and insertion */					\
	X(TABLE_FULL,		"table-full")				\
	X(NO_MEMORY,		"no-memory")				\
	X(CLASH,		"clash")				\
	X(CLASH_RESOLVED,	"clash-resolved")			\
	X(DYING,		"dying")				\
	X(EARLY_DROP,		"early-drop")				\
	X(HELPER,		"helper")				\
	X(SEQADJ,		"seqadj")

enum ctng_reason {
#define X(sym, name) CTNG_R_##sym,
	CTNG_REASONS(X)
#undef X
	CTNG_R_MAX
};

extern const char *const ctng_reason_names[CTNG_R_MAX];

#endif /* CTNG_REASON_H */
