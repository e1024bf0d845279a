/* The test of DNS as a whole. See selftest.h. */
#include "selftest.h"

#include <string.h>

#include "base/log.h"
#include "base/loop.h"
#include "library.h"

enum { AGAIN_GOOD_MS = 3600 * 1000, AGAIN_BAD_MS = 60 * 1000 };

static char zone[DNS_NAME_MAX + 1];
static bool validating;
static struct timer again;
static struct query query;
static struct arena memory;
static const char *result = "pending";
static uint64_t ran, failed;

static void ask(void *arg);

/* "good", or in one word what is wrong. */
static const char *judge(const struct dns_answer *a)
{
	/* a zone that nobody validates needs no keys */
	if (a->status != DNS_OK && (validating || !dns_empty(a->status)))
		return dns_status_name(a->status);
	if (validating && a->security != DNS_SECURE)
		return "not-validated";
	return "good";
}

static void on_answer(struct query *q)
{
	const char *now = judge(&q->answer);
	bool good = strcmp(now, "good") == 0;

	ran++;
	failed += !good;
	if (strcmp(now, result) != 0 && good)
		log_info(NULL, EV("dns-test"), KZ("zone", zone), KZ("result", now),
		    KI("keys", q->answer.nrecords));
	else if (strcmp(now, result) != 0)
		log_warning(
		    NULL, EV("dns-test"), KZ("zone", zone), KZ("result", now), KS("why", q->why));
	result = now;
	timer_set(&again, good ? AGAIN_GOOD_MS : AGAIN_BAD_MS, ask, NULL);
}

static void ask(void *arg)
{
	(void)arg;
	arena_reset(&memory);
	library_ask(&query, str_of(zone), DNS_DNSKEY, &memory, on_answer, NULL);
}

void selftest_start(const struct settings *s)
{
	struct str record = s->nanchors > 0 ? s->anchors[0] : STR("."), name;

	validating = s->validate;
	/* the owner of the anchor, without the final dot */
	str_word(&record, &name);
	if (name.n > 1 && name.p[name.n - 1] == '.')
		name.n--;
	if (!dns_name_valid(name) || str_copy(name, zone, sizeof zone) == -1)
		str_copy(STR("."), zone, sizeof zone);
	arena_init(&memory);
	timer_set(&again, 0, ask, NULL);
}

void selftest_status(struct buf *out)
{
	bool good = strcmp(result, "good") == 0;

	buf_printf(out,
	    "dns-test-good %d\ndns-test-failing %d\ndns-tests %llu\ndns-tests-failed %llu\n", good,
	    ran > 0 && !good, (unsigned long long)ran, (unsigned long long)failed);
}
