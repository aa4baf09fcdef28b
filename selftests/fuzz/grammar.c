// SPDX-License-Identifier: GPL-2.0-only
/* What messages there are, about connections and what stands on them, and their attributes. */

#include <netinet/in.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/netfilter/nfnetlink_cthelper.h>
#include <linux/netfilter/nfnetlink_cttimeout.h>

#include "fuzz.h"

#define NEST(name)	const struct nest name = { ARRAY_SIZE(name##_attrs), name##_attrs }
#define IN(name)	.nest = &(name)

static const char *const helpers[] = {
	"ftp", "sip", "tftp", "irc", "RAS", "Q.931", "pptp", "amanda", "snmp", "h0", "h1", "h2", "",
	"no-such-helper", NULL,
};

static const char *const functions[] = {
	"nat-follow-master", "sip", "callforwarding", "H.245", "nosuch", "", NULL
};

static const char *const contexts[] = { "system_u:object_r:x_t:s0", "", NULL };
static const char *const policies[] = { "t0", "t1", "t2", "t3", "t4", "t5", "", NULL };
static const char *const user_helpers[] = { "h0", "h1", "h2", "ftp", "", NULL };
static const char *const classes[] = { "c0", "c1", "c2", NULL };

static const struct attr ip_attrs[] = {
	{ CTA_IP_V4_SRC, K_IP4 }, { CTA_IP_V4_DST, K_IP4 },
	{ CTA_IP_V6_SRC, K_IP6 }, { CTA_IP_V6_DST, K_IP6 },
};

static NEST(ip);

static const struct attr proto_attrs[] = {
	{ CTA_PROTO_NUM, K_U8, IPPROTO_TCP }, { CTA_PROTO_SRC_PORT, K_U16, 1000 },
	{ CTA_PROTO_DST_PORT, K_U16, 7 }, { CTA_PROTO_ICMP_ID, K_U16, 7 },
	{ CTA_PROTO_ICMP_TYPE, K_U8, 8 }, { CTA_PROTO_ICMP_CODE, K_U8 },
	{ CTA_PROTO_ICMPV6_ID, K_U16, 7 }, { CTA_PROTO_ICMPV6_TYPE, K_U8, 128 },
	{ CTA_PROTO_ICMPV6_CODE, K_U8 },
};

static NEST(proto);

static const struct attr tuple_attrs[] = {
	{ CTA_TUPLE_IP, K_NEST, IN(ip) }, { CTA_TUPLE_PROTO, K_NEST, IN(proto) },
	{ CTA_TUPLE_ZONE, K_U16, 1 },
};

static NEST(tuple);

static const struct attr tcp_attrs[] = {
	{ CTA_PROTOINFO_TCP_STATE, K_U8, 3 }, { CTA_PROTOINFO_TCP_WSCALE_ORIGINAL, K_U8, 7 },
	{ CTA_PROTOINFO_TCP_WSCALE_REPLY, K_U8, 7 },
	{ CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, K_RAW, .size = 2 },
	{ CTA_PROTOINFO_TCP_FLAGS_REPLY, K_RAW, .size = 2 },
};

static NEST(tcp);

static const struct attr dccp_attrs[] = {
	{ CTA_PROTOINFO_DCCP_STATE, K_U8, 3 }, { CTA_PROTOINFO_DCCP_ROLE, K_U8, 1 },
	{ CTA_PROTOINFO_DCCP_HANDSHAKE_SEQ, K_U64 },
};

static NEST(dccp);

static const struct attr sctp_attrs[] = {
	{ CTA_PROTOINFO_SCTP_STATE, K_U8, 3 }, { CTA_PROTOINFO_SCTP_VTAG_ORIGINAL, K_U32 },
	{ CTA_PROTOINFO_SCTP_VTAG_REPLY, K_U32 },
};

static NEST(sctp);

static const struct attr protoinfo_attrs[] = {
	{ CTA_PROTOINFO_TCP, K_NEST, IN(tcp) }, { CTA_PROTOINFO_DCCP, K_NEST, IN(dccp) },
	{ CTA_PROTOINFO_SCTP, K_NEST, IN(sctp) },
};

static NEST(protoinfo);

static const struct attr help_attrs[] = {
	{ CTA_HELP_NAME, K_STRING, .names = helpers }, { CTA_HELP_INFO, K_RAW, .size = 64 },
};

static NEST(help);

static const struct attr ports_attrs[] = {
	{ CTA_PROTONAT_PORT_MIN, K_U16, 5000 }, { CTA_PROTONAT_PORT_MAX, K_U16, 5010 },
};

static NEST(ports);

static const struct attr nat_attrs[] = {
	{ CTA_NAT_V4_MINIP, K_IP4 }, { CTA_NAT_V4_MAXIP, K_IP4 },
	{ CTA_NAT_PROTO, K_NEST, IN(ports) },
	{ CTA_NAT_V6_MINIP, K_IP6 }, { CTA_NAT_V6_MAXIP, K_IP6 },
};

static NEST(nat);

static const struct attr counters_attrs[] = {
	{ CTA_COUNTERS_PACKETS, K_U64 }, { CTA_COUNTERS_BYTES, K_U64 },
	{ CTA_COUNTERS32_PACKETS, K_U32 }, { CTA_COUNTERS32_BYTES, K_U32 },
};

static NEST(counters);

static const struct attr seqadj_attrs[] = {
	{ CTA_SEQADJ_CORRECTION_POS, K_U32 }, { CTA_SEQADJ_OFFSET_BEFORE, K_U32 },
	{ CTA_SEQADJ_OFFSET_AFTER, K_U32 },
};

static NEST(seqadj);

static const struct attr secctx_attrs[] = {
	{ CTA_SECCTX_NAME, K_STRING, .names = contexts },
};

static NEST(secctx);

static const struct attr timestamp_attrs[] = {
	{ CTA_TIMESTAMP_START, K_U64 }, { CTA_TIMESTAMP_STOP, K_U64 },
};

static NEST(timestamp);

static const struct attr synproxy_attrs[] = {
	{ CTA_SYNPROXY_ISN, K_U32 }, { CTA_SYNPROXY_ITS, K_U32 }, { CTA_SYNPROXY_TSOFF, K_U32 },
};

static NEST(synproxy);

static const struct attr filter_attrs[] = {
	{ CTA_FILTER_ORIG_FLAGS, K_HOST32, 0x1b }, { CTA_FILTER_REPLY_FLAGS, K_HOST32, 0x1b },
};

static NEST(filter);

static const struct attr conn_attrs[] = {
	{ CTA_TUPLE_ORIG, K_TUPLE, 0, IN(tuple) }, { CTA_TUPLE_REPLY, K_TUPLE, 1, IN(tuple) },
	{ CTA_STATUS, K_U32, IPS_CONFIRMED | IPS_SEEN_REPLY }, { CTA_TIMEOUT, K_U32, 10 },
	{ CTA_PROTOINFO, K_NEST, IN(protoinfo) }, { CTA_HELP, K_NEST, IN(help) },
	{ CTA_NAT_SRC, K_NEST, IN(nat) }, { CTA_NAT_DST, K_NEST, IN(nat) },
	{ CTA_MARK, K_U32, 5 }, { CTA_MARK_MASK, K_U32 },
	{ CTA_COUNTERS_ORIG, K_NEST, IN(counters) }, { CTA_COUNTERS_REPLY, K_NEST, IN(counters) },
	{ CTA_USE, K_U32 }, { CTA_ID, K_U32 }, { CTA_TUPLE_MASTER, K_TUPLE, 0, IN(tuple) },
	{ CTA_SEQ_ADJ_ORIG, K_NEST, IN(seqadj) }, { CTA_SEQ_ADJ_REPLY, K_NEST, IN(seqadj) },
	{ CTA_SECMARK, K_U32 }, { CTA_ZONE, K_U16, 1 }, { CTA_SECCTX, K_NEST, IN(secctx) },
	{ CTA_TIMESTAMP, K_NEST, IN(timestamp) }, { CTA_LABELS, K_RAW, .size = 16 },
	{ CTA_LABELS_MASK, K_RAW, .size = 16 }, { CTA_SYNPROXY, K_NEST, IN(synproxy) },
	{ CTA_FILTER, K_NEST, IN(filter) }, { CTA_STATUS_MASK, K_U32, IPS_SEEN_REPLY },
};

static NEST(conn);

static const struct attr expect_nat_attrs[] = {
	{ CTA_EXPECT_NAT_DIR, K_U32, 1 }, { CTA_EXPECT_NAT_TUPLE, K_TUPLE, 0, IN(tuple) },
};

static NEST(expect_nat);

static const struct attr expect_attrs[] = {
	{ CTA_EXPECT_MASTER, K_TUPLE, 0, IN(tuple) }, { CTA_EXPECT_TUPLE, K_TUPLE, 0, IN(tuple) },
	{ CTA_EXPECT_MASK, K_TUPLE, 0, IN(tuple) }, { CTA_EXPECT_TIMEOUT, K_U32, 10 },
	{ CTA_EXPECT_ID, K_U32 }, { CTA_EXPECT_HELP_NAME, K_STRING, .names = helpers },
	{ CTA_EXPECT_ZONE, K_U16, 1 }, { CTA_EXPECT_FLAGS, K_U32, 3 }, { CTA_EXPECT_CLASS, K_U32 },
	{ CTA_EXPECT_NAT, K_NEST, IN(expect_nat) },
	{ CTA_EXPECT_FN, K_STRING, .names = functions },
};

static NEST(expect);

static const struct attr seconds_attrs[] = {
	{ 1, K_U32, 20 }, { 2, K_U32, 20 }, { 3, K_U32, 20 }, { 4, K_U32, 20 }, { 5, K_U32, 20 },
	{ 6, K_U32, 20 }, { 7, K_U32, 20 }, { 8, K_U32, 20 }, { 9, K_U32, 20 }, { 10, K_U32, 20 },
	{ 11, K_U32, 20 }, { 12, K_U32, 20 },
};

static NEST(seconds);

static const struct attr timeout_attrs[] = {
	{ CTA_TIMEOUT_NAME, K_STRING, .names = policies }, { CTA_TIMEOUT_L3PROTO, K_U16, 2 },
	{ CTA_TIMEOUT_L4PROTO, K_U8, IPPROTO_TCP }, { CTA_TIMEOUT_DATA, K_NEST, IN(seconds) },
};

static NEST(timeout);

static const struct attr helper_tuple_attrs[] = {
	{ NFCTH_TUPLE_L3PROTONUM, K_U16, 2 }, { NFCTH_TUPLE_L4PROTONUM, K_U8, IPPROTO_TCP },
};

static NEST(helper_tuple);

static const struct attr class_attrs[] = {
	{ NFCTH_POLICY_NAME, K_STRING, .names = classes }, { NFCTH_POLICY_EXPECT_MAX, K_U32, 4 },
	{ NFCTH_POLICY_EXPECT_TIMEOUT, K_U32, 20 },
};

static NEST(class);

static const struct attr policy_attrs[] = {
	{ NFCTH_POLICY_SET_NUM, K_U32, 2 }, { NFCTH_POLICY_SET1, K_NEST, IN(class) },
	{ NFCTH_POLICY_SET2, K_NEST, IN(class) }, { NFCTH_POLICY_SET3, K_NEST, IN(class) },
};

static NEST(policy);

static const struct attr helper_attrs[] = {
	{ NFCTH_NAME, K_STRING, .names = user_helpers }, { NFCTH_TUPLE, K_NEST, IN(helper_tuple) },
	{ NFCTH_QUEUE_NUM, K_U32, 1 }, { NFCTH_POLICY, K_NEST, IN(policy) },
	{ NFCTH_PRIV_DATA_LEN, K_U32, 16 }, { NFCTH_STATUS, K_U32, 1 },
};

static NEST(helper);

#define CT(m)		(NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_##m)
#define EXP(m)		(NFNL_SUBSYS_CTNETLINK_EXP << 8 | IPCTNL_MSG_EXP_##m)
#define TIMEOUT(m)	(NFNL_SUBSYS_CTNETLINK_TIMEOUT << 8 | IPCTNL_MSG_TIMEOUT_##m)
#define HELPER(m)	(NFNL_SUBSYS_CTHELPER << 8 | NFNL_MSG_CTHELPER_##m)
#define BIT(n)		(1ull << (n))
#define BOTH		(BIT(CTA_TUPLE_ORIG) | BIT(CTA_TUPLE_REPLY))
#define EXPECTED	(BIT(CTA_EXPECT_MASTER) | BIT(CTA_EXPECT_TUPLE) | BIT(CTA_EXPECT_MASK))
#define POLICY		(BIT(CTA_TIMEOUT_NAME) | BIT(CTA_TIMEOUT_L3PROTO) | \
			 BIT(CTA_TIMEOUT_L4PROTO) | BIT(CTA_TIMEOUT_DATA))
#define USERS		(BIT(NFCTH_NAME) | BIT(NFCTH_TUPLE) | BIT(NFCTH_QUEUE_NUM) | \
			 BIT(NFCTH_POLICY) | BIT(NFCTH_PRIV_DATA_LEN) | BIT(NFCTH_STATUS))
#define CREATE		(NLM_F_CREATE | NLM_F_EXCL)

const struct request requests[] = {
	{ "new connection", CT(NEW), CREATE, 60, BOTH | BIT(CTA_TIMEOUT), &conn },
	{ "new connection with a helper", CT(NEW), CREATE, 20,
	  BOTH | BIT(CTA_TIMEOUT) | BIT(CTA_HELP), &conn },
	{ "new or changed connection", CT(NEW), NLM_F_CREATE, 30, BOTH | BIT(CTA_TIMEOUT), &conn },
	{ "changed connection", CT(NEW), 0, 50, BIT(CTA_TUPLE_ORIG), &conn },
	{ "get connection", CT(GET), 0, 20, BIT(CTA_TUPLE_ORIG), &conn },
	{ "dump connections", CT(GET), NLM_F_DUMP, 3, 0, &conn },
	{ "dump connections by filter", CT(GET), NLM_F_DUMP, 6,
	  BIT(CTA_FILTER) | BIT(CTA_TUPLE_ORIG), &conn },
	{ "delete connection", CT(DELETE), 0, 10, BIT(CTA_TUPLE_ORIG), &conn },
	{ "flush by filter", CT(DELETE), 0, 3, BIT(CTA_MARK) | BIT(CTA_MARK_MASK), &conn },
	{ "flush", CT(DELETE), 0, 1, 0, NULL },
	{ "dump and zero", CT(GET_CTRZERO), NLM_F_DUMP, 2, 0, &conn },
	{ "get and zero", CT(GET_CTRZERO), 0, 5, BIT(CTA_TUPLE_ORIG), &conn },
	{ "statistics of CPUs", CT(GET_STATS_CPU), NLM_F_DUMP, 1, 0, NULL },
	{ "statistics", CT(GET_STATS), 0, 1, 0, NULL },
	{ "dying connections", CT(GET_DYING), NLM_F_DUMP, 2, 0, NULL },
	{ "unconfirmed connections", CT(GET_UNCONFIRMED), NLM_F_DUMP, 2, 0, NULL },
	{ "new expectation", EXP(NEW), NLM_F_CREATE, 20, EXPECTED | BIT(CTA_EXPECT_TIMEOUT),
	  &expect },
	{ "new expectation with a helper", EXP(NEW), NLM_F_CREATE, 20,
	  EXPECTED | BIT(CTA_EXPECT_TIMEOUT) | BIT(CTA_EXPECT_HELP_NAME), &expect },
	{ "get expectation", EXP(GET), 0, 10, BIT(CTA_EXPECT_TUPLE), &expect },
	{ "dump expectations", EXP(GET), NLM_F_DUMP, 4, 0, NULL },
	{ "dump expectations of one", EXP(GET), NLM_F_DUMP, 4, BIT(CTA_EXPECT_MASTER), &expect },
	{ "delete expectation", EXP(DELETE), 0, 8, BIT(CTA_EXPECT_TUPLE), &expect },
	{ "delete expectations of a helper", EXP(DELETE), 0, 2, BIT(CTA_EXPECT_HELP_NAME),
	  &expect },
	{ "delete all expectations", EXP(DELETE), 0, 1, 0, NULL },
	{ "statistics of expectations", EXP(GET_STATS_CPU), NLM_F_DUMP, 1, 0, NULL },
	{ "new policy", TIMEOUT(NEW), CREATE, 10, POLICY, &timeout },
	{ "changed policy", TIMEOUT(NEW), NLM_F_REPLACE, 10, POLICY, &timeout },
	{ "get policy", TIMEOUT(GET), 0, 3, BIT(CTA_TIMEOUT_NAME), &timeout },
	{ "dump policies", TIMEOUT(GET), NLM_F_DUMP, 2, 0, NULL },
	{ "delete policy", TIMEOUT(DELETE), 0, 4, BIT(CTA_TIMEOUT_NAME), &timeout },
	{ "set default timeouts", TIMEOUT(DEFAULT_SET), 0, 5, POLICY, &timeout },
	{ "get default timeouts", TIMEOUT(DEFAULT_GET), 0, 5, POLICY, &timeout },
	{ "new helper", HELPER(NEW), CREATE, 8, USERS, &helper, true },
	{ "changed helper", HELPER(NEW), 0, 8, USERS, &helper, true },
	{ "get helper", HELPER(GET), 0, 2, BIT(NFCTH_NAME), &helper, true },
	{ "dump helpers", HELPER(GET), NLM_F_DUMP, 2, 0, NULL, true },
	{ "delete helper", HELPER(DEL), 0, 2, BIT(NFCTH_NAME), &helper, true },
};

const unsigned int n_requests = ARRAY_SIZE(requests);
