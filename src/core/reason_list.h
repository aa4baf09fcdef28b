/* SPDX-License-Identifier: GPL-2.0-only */
/* REASON(symbol, name shown to the user), in the order of the enum; see reason.h. */
REASON(NONE, "none")
/* before a connection is known */
REASON(SHORT_HEADER, "short-header")
REASON(CHECKSUM, "checksum")
REASON(NO_TUPLE, "no-tuple")
REASON(NOT_INVERTIBLE, "not-invertible")
/* ICMP and ICMPv6 */
REASON(ICMP_TYPE, "icmp-type")
REASON(ICMP_INNER, "icmp-inner-malformed")
REASON(ICMP_NO_FLOW, "icmp-error-without-flow")
REASON(ICMP_OUTER_ADDR, "icmp-error-address-mismatch")
/* TCP */
REASON(TCP_LENGTH, "tcp-length")
REASON(TCP_FLAGS, "tcp-flags")
REASON(TCP_NEW_STATE, "tcp-not-a-start")
REASON(TCP_NO_PICKUP, "tcp-pickup-off")
REASON(TCP_STATE, "tcp-state")
REASON(TCP_SEQ_OVER, "tcp-seq-over-window")
REASON(TCP_SEQ_UNDER, "tcp-seq-under-window")
REASON(TCP_ACK_OVER, "tcp-ack-over-window")
REASON(TCP_ACK_UNDER, "tcp-ack-under-window")
REASON(TCP_RST, "tcp-rst-out-of-window")
REASON(TCP_SYN_IGNORED, "tcp-out-of-sync-ignored")
REASON(TCP_CHALLENGE_ACK, "tcp-challenge-ack")
/* UDP and UDP-Lite */
REASON(UDP_LENGTH, "udp-length")
REASON(UDP_COVERAGE, "udplite-coverage")
/* SCTP and DCCP */
REASON(SCTP_CHUNK, "sctp-chunk")
REASON(SCTP_VTAG, "sctp-vtag")
REASON(SCTP_STATE, "sctp-state")
REASON(DCCP_HEADER, "dccp-header")
REASON(DCCP_STATE, "dccp-state")
/* allocation and insertion */
REASON(TABLE_FULL, "table-full")
REASON(NO_MEMORY, "no-memory")
REASON(CLASH, "clash")
REASON(CLASH_RESOLVED, "clash-resolved")
REASON(DYING, "dying")
REASON(EARLY_DROP, "early-drop")
REASON(ADAPTIVE, "adaptive-timeout")
/* leaving the table */
REASON(EXPIRED, "expired")
REASON(REMOVED, "removed")
/* others */
REASON(HELPER, "helper")
REASON(SEQADJ, "seqadj")
