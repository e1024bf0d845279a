/* TLS towards other hosts. See starttls.h. */
#include "starttls.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "limits.h"

/* TLS_WISH_MAX with every item replaced by a name */
enum { NAMES_BYTES = TLS_WISH_MAX / sizeof "nexthop" * (HOP_HOST_MAX + 2) };

static struct tls_client *client;

void starttls_open(const struct conf *c)
{
	struct str file = conf_str(c, "tls_ca_file");
	char path[4096];
	size_t n = 0;

	tls_open();
	if (str_copy(file, path, sizeof path) == -1)
		path[0] = '\0';
	client = tls_client_new(path, &n);
	if (n == 0)
		log_warning(NULL, EV("remote-no-trust-anchors"), KS("file", file));
	else
		log_info(NULL, EV("remote-trust-anchors"), KS("file", file), KI("count", n));
}

/* --- names ------------------------------------------------------------------------------------ */

/* The host itself, whatever is asked of it: for the log, where the policy is no matter of names. */
static const struct tls_wish by_host = { .level = TLS_LEVEL_VERIFY,
	.match = { "hostname", sizeof "hostname" - 1 } };

static void add_name(struct buf *b, struct str item, const struct starttls_peer *p)
{
	const struct {
		struct str word;
		const char *dot;
		struct str name;
	} words[] = {
		{ STR("hostname"), "", p->host },
		{ STR("nexthop"), "", str_of(p->nexthop) },
		{ STR("dot-nexthop"), ".", str_of(p->nexthop) },
	};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (str_caseeq(item, words[i].word)) {
			buf_printf(b, "%s%.*s ", words[i].dot, STR_ARG(words[i].name));
			return;
		}
	buf_printf(b, "%.*s ", STR_ARG(item));
}

static void make_names(struct buf *b, const struct starttls_peer *p)
{
	bool named = p->wish->level == TLS_LEVEL_VERIFY || p->wish->level == TLS_LEVEL_SECURE;
	const struct tls_wish *w = named ? p->wish : &by_host;
	struct str rest = w->match, item;

	while (tls_wish_item(w, &rest, &item))
		add_name(b, item, p);
}

int starttls_begin(struct conn *c, const struct starttls_peer *p)
{
	char host[256];
	struct buf names;
	int r;

	if (str_copy(p->host, host, sizeof host) == -1)
		host[0] = '\0';
	buf_init(&names, NAMES_BYTES);
	make_names(&names, p);
	r = conn_tls_connect(c, client,
	    &(struct tls_server){ .host = host, .names = buf_cstr(&names), .session = p->relay });
	buf_clear(&names);
	return r;
}

/* --- the server ------------------------------------------------------------------------------- */

static bool has_pin(const struct tls_facts *facts, const struct tls_wish *w)
{
	struct str rest = w->match, item;
	uint8_t pin[TLS_WISH_PIN];

	while (tls_wish_item(w, &rest, &item))
		if (tls_wish_pin(item, pin) == 0 &&
		    memcmp(pin, facts->fingerprint, sizeof pin) == 0)
			return true;
	return false;
}

int starttls_check(const struct conn *c, const struct starttls_peer *p, struct status *st)
{
	const struct tls_facts *facts = conn_tls(c);
	enum tls_level level = p->wish->level;
	const char *why = NULL;

	if (level == TLS_LEVEL_FINGERPRINT)
		why = has_pin(facts, p->wish) ? NULL : "its key is none of those that are expected";
	else if (level == TLS_LEVEL_VERIFY || level == TLS_LEVEL_SECURE)
		why = facts->distrust;
	if (why == NULL)
		return 0;
	status_set(st, 451, "4.7.5", "%s is not verified: %s (TLS policy %s)", p->relay, why,
	    tls_level_name(level));
	return -1;
}

void starttls_text(const struct conn *c, const struct starttls_peer *p, char out[RESULT_TLS_MAX])
{
	const struct tls_facts *facts = conn_tls(c);
	bool pinned =
	    facts != NULL && p->wish->level == TLS_LEVEL_FINGERPRINT && has_pin(facts, p->wish);

	out[0] = '\0';
	if (facts != NULL)
		snprintf(out, RESULT_TLS_MAX, "%s %s %s %s", facts->version, facts->cipher,
		    facts->group,
		    pinned                    ? "pinned"
		    : facts->distrust == NULL ? "verified"
					      : "unverified");
}
