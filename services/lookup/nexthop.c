/* transport(5). See nexthop.h. */
#include "nexthop.h"

#include <stdio.h>

#include "proto/lookup.h"

/* "5.1.1 text" or "text" of error: and retry:. */
static void status_of(
    struct str text, int code, const char *enhanced, const char *sentence, struct status *st)
{
	struct str rest = text, word, digits, part;
	char given[STATUS_ENHANCED_MAX];
	uint64_t number;
	int parts = 0;

	snprintf(given, sizeof given, "%s", enhanced);
	str_word(&rest, &word);
	digits = word;
	while (parts < 4 && str_cut(&digits, '.', &part) && str_u64(part, 999, &number) == 0)
		parts++;
	if (parts == 3 && digits.p == NULL && (word.p[0] == '4' || word.p[0] == '5') &&
	    word.p[1] == '.' && str_copy(word, given, sizeof given) == 0) {
		code = word.p[0] == '4' ? 450 : code >= 500 ? code : 550;
		text = str_trim(rest);
	}
	if (text.n == 0)
		status_set(st, code, given, "%s", sentence);
	else
		status_set(st, code, given, "%.*s", STR_ARG(str_take(text, 400)));
}

static int to_error(struct str host, struct nexthop *out)
{
	out->transport = TRANSPORT_ERROR;
	status_of(host, 550, "5.0.0", "Mail for this address is not accepted", &out->status);
	return 0;
}

static int to_retry(struct str host, struct nexthop *out)
{
	out->transport = TRANSPORT_ERROR;
	status_of(host, 450, "4.0.0", "Mail for this address is held up", &out->status);
	out->status.code = 450;
	return 0;
}

static int to_lmtp(struct str host, struct nexthop *out)
{
	out->transport = TRANSPORT_LMTP;
	out->host = str_casestarts(host, STR("inet:")) ? str_skip(host, 5) : host;
	return 0;
}

static int to_relay(struct str host, struct nexthop *out)
{
	out->transport = TRANSPORT_SMTP;
	out->host = host;
	return 0;
}

static int to_smtp(struct str host, struct nexthop *out)
{
	out->fallback = true;
	return to_relay(host, out);
}

static int to_smtps(struct str host, struct nexthop *out)
{
	out->implicit_tls = true;
	return to_relay(host, out);
}

static int to_mailbox(struct str host, struct nexthop *out)
{
	(void)host;
	out->transport = TRANSPORT_MAILDIR;
	return 0;
}

static int to_discard(struct str host, struct nexthop *out)
{
	(void)host;
	out->transport = TRANSPORT_DISCARD;
	return 0;
}

static int to_hold(struct str host, struct nexthop *out)
{
	(void)host;
	out->transport = TRANSPORT_HOLD;
	return 0;
}

static int to_default(struct str host, struct nexthop *out)
{
	out->transport = NEXTHOP_DEFAULT;
	out->host = host;
	return 0;
}

struct transport_name {
	const char *name;
	int (*fn)(struct str host, struct nexthop *out);
};
static const struct transport_name names[] = { { "", to_default }, { "smtp", to_smtp },
	{ "relay", to_relay }, { "smtps", to_smtps }, { "lmtp", to_lmtp }, { "local", to_mailbox },
	{ "virtual", to_mailbox }, { "maildir", to_mailbox }, { "discard", to_discard },
	{ "error", to_error }, { "retry", to_retry }, { "hold", to_hold } };

int nexthop_parse(struct str text, struct nexthop *out)
{
	ssize_t colon = str_find(text, ':');
	struct str name = str_trim(str_take(text, colon == -1 ? 0 : (size_t)colon));
	struct str host = str_trim(str_skip(text, (size_t)colon + 1));

	*out = (struct nexthop){ .host = STR_NONE };
	if (colon == -1)
		return -1;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		if (str_eq(name, str_of(names[i].name)))
			return host.n > NEXTHOP_MAX && names[i].fn != to_error
				   ? -1
				   : names[i].fn(host, out);
	}
	return -1;
}
