// SPDX-License-Identifier: GPL-2.0-only
/* Which connections to count: words like src=10.0.0.0/8 proto=udp !dport=53 state=SYN_SENT. */

#include <arpa/inet.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cttop.h"

enum term_kind {
	TERM_SRC,
	TERM_DST,
	TERM_PROTO,
	TERM_DPORT,
	TERM_STATE,
	TERM_ZONE,
};

static const char *const term_names[] = { "src", "dst", "proto", "dport", "state", "zone" };

/* One word; all of them must hold. */
struct term {
	enum term_kind	kind;
	bool		not;
	uint8_t		family;
	uint8_t		prefix;
	uint8_t		addr[16];
	unsigned int	number;
	char		state[STATE_LEN];
};

struct filter {
	struct term	*term;
	size_t		terms;
};

static bool parse_number(const char *text, unsigned int max, unsigned int *number)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (end == text || *end || n > max || *text == '-')
		return false;
	*number = n;

	return true;
}

static bool parse_address(struct term *term, char *text)
{
	char *slash = strchr(text, '/');
	unsigned int bits, prefix;

	if (slash)
		*slash++ = '\0';
	term->family = strchr(text, ':') ? AF_INET6 : AF_INET;
	bits = term->family == AF_INET6 ? 128 : 32;
	prefix = bits;
	if (inet_pton(term->family, text, term->addr) != 1)
		return false;
	if (slash && !parse_number(slash, bits, &prefix))
		return false;
	term->prefix = prefix;

	return true;
}

static bool parse_protocol(struct term *term, const char *text)
{
	struct protoent *entry;

	if (parse_number(text, 255, &term->number))
		return true;
	entry = getprotobyname(text);
	if (!entry)
		return false;
	term->number = entry->p_proto;

	return true;
}

static bool parse_value(struct term *term, char *text)
{
	switch (term->kind) {
	case TERM_SRC:
	case TERM_DST:
		return parse_address(term, text);
	case TERM_PROTO:
		return parse_protocol(term, text);
	case TERM_DPORT:
	case TERM_ZONE:
		return parse_number(text, 65535, &term->number);
	case TERM_STATE:
		snprintf(term->state, sizeof(term->state), "%s", text);
		return *text && strlen(text) < sizeof(term->state);
	}

	return false;
}

static bool parse_term(struct term *term, char *word)
{
	char *value = strchr(word, '=');
	size_t i;

	memset(term, 0, sizeof(*term));
	if (*word == '!') {
		term->not = true;
		word++;
	}
	if (!value)
		return false;
	*value++ = '\0';
	for (i = 0; i < COUNT(term_names); i++) {
		if (strcmp(word, term_names[i]))
			continue;
		term->kind = i;
		return parse_value(term, value);
	}

	return false;
}

/**
 * filter_parse() - read a filter
 * @text: words of the form NAME=VALUE or !NAME=VALUE.
 * @error: says which word is wrong.
 * @len: size of @error.
 *
 * Return: the filter, to be freed by filter_free(), or NULL.
 */
struct filter *filter_parse(const char *text, char *error, size_t len)
{
	char *copy = strdup(text), *rest = copy, *word;
	struct filter *filter = calloc(1, sizeof(*filter));
	char shown[FILTER_LEN];

	while (filter && (word = strsep(&rest, " \t"))) {
		if (!*word)
			continue;
		snprintf(shown, sizeof(shown), "%s", word);
		filter->term = reallocarray(filter->term, filter->terms + 1,
					    sizeof(*filter->term));
		if (filter->term && parse_term(&filter->term[filter->terms], word)) {
			filter->terms++;
			continue;
		}
		snprintf(error, len, "no such filter: %s", shown);
		filter_free(filter);
		filter = NULL;
	}
	free(copy);

	return filter;
}

/**
 * filter_free() - forget a filter
 * @filter: the filter, or NULL.
 */
void filter_free(struct filter *filter)
{
	if (!filter)
		return;
	free(filter->term);
	free(filter);
}

static bool in_prefix(const struct term *term, uint8_t family, const void *addr)
{
	unsigned int bytes = term->prefix / 8, bits = term->prefix % 8;
	const uint8_t *a = addr;

	if (family != term->family || memcmp(a, term->addr, bytes))
		return false;

	return !bits || !((a[bytes] ^ term->addr[bytes]) >> (8 - bits));
}

static bool term_holds(const struct term *term, const struct flow *flow)
{
	switch (term->kind) {
	case TERM_SRC:
		return in_prefix(term, flow->family, &flow->src);
	case TERM_DST:
		return in_prefix(term, flow->family, &flow->dst);
	case TERM_PROTO:
		return flow->proto == term->number;
	case TERM_DPORT:
		return flow->dport == term->number;
	case TERM_ZONE:
		return flow->zone == term->number;
	case TERM_STATE:
		return !strcasecmp(flow->state, term->state);
	}

	return false;
}

/**
 * filter_matches() - is a connection to be counted?
 * @filter: the filter, or NULL for all.
 * @flow: the connection.
 */
bool filter_matches(const struct filter *filter, const struct flow *flow)
{
	size_t i;

	for (i = 0; filter && i < filter->terms; i++)
		if (term_holds(&filter->term[i], flow) == filter->term[i].not)
			return false;

	return true;
}

/**
 * protocol_name() - name of a layer 4 protocol
 * @proto: its number.
 * @buf: for the number, where it has no name.
 * @len: size of @buf.
 */
const char *protocol_name(uint8_t proto, char *buf, size_t len)
{
	static const char *names[256];
	struct protoent *entry;

	if (!names[proto]) {
		entry = getprotobynumber(proto);
		names[proto] = strdup(entry ? entry->p_name : "");
	}
	if (names[proto] && *names[proto])
		return names[proto];
	snprintf(buf, len, "%u", proto);

	return buf;
}
