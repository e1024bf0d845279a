/* How a host is to be spoken to. See tlspolicy.h. */
#include "tlspolicy.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "settings.h"

/* The operator's word, where it leaves nothing open. */
static void table_rung(struct tlspolicy_find *f)
{
	if (tls_level_fixed(f->q.wish->level))
		tlspolicy_decide(f, TLS_BY_TABLE, f->q.wish->level, "");
	else
		tlspolicy_pass(f, "");
}

/* Nobody has said anything: TLS where it works (RFC 7435), where nothing else is spoken in any case. */
static void chance_rung(struct tlspolicy_find *f)
{
	if (f->encrypt)
		tlspolicy_decide(f, TLS_BY_DANE, TLS_LEVEL_ENCRYPT, "");
	else
		tlspolicy_decide(
		    f, TLS_BY_CHANCE, f->q.wish->implicit ? TLS_LEVEL_ENCRYPT : TLS_LEVEL_MAY, "");
}

/* The ladder; the last rung decides always. */
static void (*const rungs[])(
    struct tlspolicy_find *f) = { table_rung, dane_rung, sts_rung, chance_rung };

static void climb(struct tlspolicy_find *f)
{
	assert(f->rung < sizeof rungs / sizeof rungs[0]);
	rungs[f->rung++](f);
}

static void add_reason(struct tlspolicy_find *f, const char *reason)
{
	char *text = f->policy.reason;
	size_t n = strlen(text);

	if (reason[0] != '\0')
		snprintf(text + n, TLS_REASON_MAX - n, "%s%s", n > 0 ? "; " : "", reason);
}

/*
 * RFC 8689 4.2.1: it must be sure that this is a host of the destination, and that it is this host.
 * What is missing for that; NULL = nothing, perhaps because the level has been raised.
 */
static const char *too_weak(struct tlspolicy_find *f, enum tls_source by)
{
	enum tls_level level = f->policy.wish.level;
	bool sure = f->q.site->source != HOP_MX || f->q.site->mail.security == DNS_SECURE;

	if (level > TLS_LEVEL_VERIFY || (level == TLS_LEVEL_VERIFY && by != TLS_BY_TABLE))
		return NULL;
	if (level == TLS_LEVEL_NONE)
		return "it is not spoken to by TLS";
	if (!sure)
		return "its MX records are not signed";
	if (level < TLS_LEVEL_VERIFY)
		f->policy.wish.match = STR("hostname");
	f->policy.wish.level = TLS_LEVEL_VERIFY;
	f->policy.by = ", for REQUIRETLS";
	return NULL;
}

static void require(struct tlspolicy_find *f, enum tls_source by)
{
	const char *why;

	if (f->q.wish->require != TLS_REQUIRE_ALWAYS || f->policy.status.code != 0)
		return;
	why = too_weak(f, by);
	add_reason(f, "REQUIRETLS");
	if (why != NULL)
		status_set(&f->policy.status, 550, "5.7.30",
		    "REQUIRETLS support required, which %.*s cannot give: %s",
		    STR_ARG(tlspolicy_host(f)->name), why);
}

/* RFC 4954 9: a login is nothing for whoever listens. auth.c has the last word on exceptions. */
static void protect_login(struct tlspolicy_find *f)
{
	if (!f->q.wish->auth || f->policy.wish.level >= TLS_LEVEL_ENCRYPT ||
	    settings()->auth_plain_loopback)
		return;
	f->policy.wish.level = TLS_LEVEL_ENCRYPT;
	f->policy.by = ", for the login";
	add_reason(f, "for the login");
}

static void finish(struct tlspolicy_find *f, enum tls_source by)
{
	static const char *const words[TLS_SOURCES] = { [TLS_BY_TABLE] = "",
		[TLS_BY_DANE] = ", by TLSA records",
		[TLS_BY_STS] = ", by MTA-STS",
		[TLS_BY_CHANCE] = "" };

	f->policy.source = by;
	f->policy.by = words[by];
	protect_login(f);
	require(f, by);
	f->known = true;
	f->done(f->arg);
}

void tlspolicy_decide(
    struct tlspolicy_find *f, enum tls_source by, enum tls_level level, const char *reason)
{
	f->policy.wish.level = level;
	add_reason(f, reason);
	finish(f, by);
}

void tlspolicy_refuse(struct tlspolicy_find *f, enum tls_source by, const char *reason)
{
	add_reason(f, reason);
	status_set(&f->policy.status, 451, "4.7.5", "%.*s gets no mail now: %s (TLS policy %s)",
	    STR_ARG(tlspolicy_host(f)->name), reason, tls_level_name(f->policy.wish.level));
	finish(f, by);
}

void tlspolicy_pass(struct tlspolicy_find *f, const char *reason)
{
	add_reason(f, reason);
	climb(f);
}

const struct mail_host *tlspolicy_host(const struct tlspolicy_find *f)
{
	return &f->q.site->mail.hosts[f->q.host];
}

void tlspolicy_find(struct tlspolicy_find *f, const struct tlspolicy_question *q,
    void (*done)(void *arg), void *arg)
{
	*f = (struct tlspolicy_find){ .q = *q, .done = done, .arg = arg };
	f->policy.wish = *q->wish;
	f->policy.base = f->policy.found.canonical = STR_NONE;
	arena_init(&f->arena);
	climb(f);
}

void tlspolicy_clear(struct tlspolicy_find *f)
{
	ask_cancel(&f->ask);
	if (f->done != NULL)
		arena_clear(&f->arena);
	*f = (struct tlspolicy_find){ .done = NULL };
}
