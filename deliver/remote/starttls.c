/* TLS towards other hosts. See starttls.h. */
#include "starttls.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/log.h"
#include "limits.h"
#include "proto/proc.h"
#include "proto/secure.h"

/* TLS_WISH_MAX with every item replaced by a name */
enum {
	NAMES_BYTES = TLS_WISH_MAX / sizeof "nexthop" * (HOP_HOST_MAX + 2),
	SESSION_BYTES = TLS_WISH_MAX + 1024,
};

static struct tls_client *client;
static const char *anchor_file;
static struct str anchors; /* that have not been taken apart yet */

/* What keys has for us has changed, or has come. */
static void show_certificate(void)
{
	struct str name = conf_str(proc_conf(), "remote_client_certificate");
	const struct tls_certificate *c = name.n > 0 ? secure_certificate(name) : NULL;

	if (tls_client_show(client, c) == -1)
		log_error(NULL, EV("certificate-unusable"), KS("name", name));
	else if (c != NULL)
		log_info(NULL, EV("remote-certificate"), KS("name", name));
}

void starttls_open(const struct conf *c)
{
	secure_open();
	secure_on_change(show_certificate);
	anchor_file = str_dup(conf_str(c, "tls_ca_file"));
	if (fd_read_file(anchor_file, ANCHORS_MAX, &anchors) == -1 || anchors.n == 0)
		log_warning(NULL, EV("remote-no-trust-anchors"), KZ("file", anchor_file), KERRNO);
	client = tls_client_new(anchors);
	dane_open(client);
}

/* At the first use: most of the time of a start would go into it. */
static void trust(void)
{
	size_t n;

	if (anchors.n == 0)
		return;
	n = tls_client_trust(client);
	str_free(&anchors);
	if (n == 0)
		log_warning(NULL, EV("remote-no-trust-anchors"), KZ("file", anchor_file));
	else
		log_info(NULL, EV("remote-trust-anchors"), KZ("file", anchor_file), KI("count", n));
}

/* --- names ------------------------------------------------------------------------------------ */

/* The host itself, whatever is asked of it: for the log, where the policy is no matter of names. */
static const struct tls_wish by_host = { .level = TLS_LEVEL_VERIFY,
	.match = { "hostname", sizeof "hostname" - 1 } };

static const struct tls_wish by_next_hop = { .level = TLS_LEVEL_SECURE,
	.match = { "nexthop", sizeof "nexthop" - 1 } };

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
	enum tls_level level = p->policy->wish.level;
	const struct tls_wish *w = &by_host;
	struct str rest, item;

	/* RFC 7672 3.2.3: besides the TLSA base domain, that of the next hop is as good */
	if (level == TLS_LEVEL_DANE)
		w = &by_next_hop;
	else if (level == TLS_LEVEL_VERIFY || level == TLS_LEVEL_SECURE)
		w = &p->policy->wish;
	rest = w->match;

	while (tls_wish_item(w, &rest, &item))
		add_name(b, item, p);
}

/* What a session is bound to besides names and records: the address and the policy. */
static void make_session(struct buf *b, const struct starttls_peer *p)
{
	buf_printf(b, "%s %s %.*s", p->relay, tls_level_name(p->policy->wish.level),
	    STR_ARG(p->policy->wish.match));
}

int starttls_begin(struct conn *c, const struct starttls_peer *p)
{
	bool dane = p->policy->wish.level == TLS_LEVEL_DANE;
	struct buf names, session;
	char host[256];
	int r;

	/* RFC 7672 2.2: with DANE, the server is asked for by the name its records stand under */
	if (str_copy(dane ? p->policy->base : p->host, host, sizeof host) == -1)
		host[0] = '\0';
	buf_init(&names, NAMES_BYTES);
	buf_init(&session, SESSION_BYTES);
	make_names(&names, p);
	make_session(&session, p);
	trust();
	r = conn_tls_connect(c, client,
	    &(struct tls_server){ .host = host,
		.names = buf_cstr(&names),
		.session = buf_cstr(&session),
		.dane = p->policy->dane,
		.ndane = dane ? p->policy->ndane : 0 });
	buf_clear(&names);
	buf_clear(&session);
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
	const struct tls_wish *w = &p->policy->wish;
	const char *why = NULL;

	if (w->level == TLS_LEVEL_FINGERPRINT)
		why = has_pin(facts, w) ? NULL : "its key is none of those that are expected";
	else if (w->level > TLS_LEVEL_ENCRYPT)
		why = facts->distrust;
	if (why == NULL)
		return 0;
	status_set(st, 451, "4.7.5", "%s is not verified: %s (TLS policy %s%s)", p->relay, why,
	    tls_level_name(w->level), p->policy->by);
	return -1;
}

void starttls_text(const struct conn *c, const struct starttls_peer *p, char out[RESULT_TLS_MAX])
{
	const struct tls_facts *facts = conn_tls(c);
	const struct tls_wish *w = &p->policy->wish;
	bool pinned = facts != NULL && w->level == TLS_LEVEL_FINGERPRINT && has_pin(facts, w);

	out[0] = '\0';
	if (facts != NULL)
		snprintf(out, RESULT_TLS_MAX, "%s %s %s %s", facts->version, facts->cipher,
		    facts->group,
		    pinned                    ? "pinned"
		    : facts->distrust != NULL ? "unverified"
		    : facts->dane             ? "dane"
					      : "verified");
}
