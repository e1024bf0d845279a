/* DNS lists. See lists.h. */
#include "lists.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { AGAIN_ON_MS = 3600 * 1000, AGAIN_OFF_MS = 60 * 1000, CODE_FIRST = 2 };

static const char refusal[] =
    "it answers with 127.255.255.x: it is asked too much, or not in the right way";

static struct list lists[LISTS_MAX];
static size_t nlists;

/* --- settings -------------------------------------------------------------------------------- */

/* "127.0.0.4" */
static int read_code(struct str text, uint8_t *code)
{
	struct ip ip;

	if (ip_parse(text, &ip) == -1 || ip.family != 4 || memcmp(ip.bytes, "\177\0\0", 3) != 0 ||
	    ip.bytes[3] < CODE_FIRST)
		return -1;
	*code = ip.bytes[3];
	return 0;
}

/* "zone", or "zone=code,code" */
static int read_list(struct list *l, struct str item)
{
	struct str rest = item, code;

	*l = (struct list){ .on = false };
	if (!str_cut(&rest, '=', &l->zone) || !dns_name_valid(l->zone) || str_eq(l->zone, STR(".")))
		return -1;
	while (str_cut(&rest, ',', &code))
		if (l->ncodes == CODES_MAX || read_code(code, &l->codes[l->ncodes++]) == -1)
			return -1;
	return 0;
}

int lists_read(const struct conf *c, char why[CONF_WHY])
{
	size_t n = conf_count(c, "dns_lists");

	if (n > LISTS_MAX)
		return conf_fault(c, "dns_lists", why, "more than %d", LISTS_MAX);
	for (nlists = 0; nlists < n; nlists++) {
		struct str item = conf_item(c, "dns_lists", nlists);

		if (read_list(&lists[nlists], item) == -1)
			return conf_fault(c, "dns_lists", why,
			    "\"%.*s\" is neither a zone nor zone=127.0.0.x,127.0.0.y",
			    STR_ARG(item));
	}
	return 0;
}

size_t lists_all(struct list **out)
{
	*out = lists;
	return nlists;
}

void lists_status(struct buf *out)
{
	unsigned off = 0;

	for (size_t i = 0; i < nlists; i++) {
		buf_printf(out, "dns-list.%.*s %d\n", STR_ARG(lists[i].zone), lists[i].on);
		off += lists[i].tested && !lists[i].on;
	}
	buf_printf(out, "dns-lists-off %u\n", off);
}

/* --- names and answers ----------------------------------------------------------------------- */

struct str list_name(const struct list *l, const struct ip *ip, struct arena *a)
{
	char reverse[DNS_REVERSE_MAX];
	struct str name;

	dns_reverse(ip, reverse);
	*strstr(reverse, ip->family == 4 ? ".in-addr.arpa" : ".ip6.arpa") = '\0';
	name = arena_printf(a, "%s.%.*s", reverse, STR_ARG(l->zone));
	return name.n <= DNS_NAME_MAX ? name : STR_NONE;
}

static bool counts(const struct list *l, uint8_t code)
{
	for (unsigned i = 0; i < l->ncodes; i++)
		if (l->codes[i] == code)
			return true;
	return l->ncodes == 0 && code >= CODE_FIRST;
}

static void switch_list(struct list *l, bool on, const char *why)
{
	if (on && !l->on)
		log_info(NULL, EV("dns-list-on"), KS("list", l->zone));
	else if (!on && (l->on || !l->tested))
		log_error(NULL, EV("dns-list-off"), KS("list", l->zone), KZ("why", why));
	l->on = on;
	l->tested = true;
}

/* By which a list says that it will not answer. */
static bool refuses(const struct dns_answer *a)
{
	for (uint32_t i = 0; i < a->nrecords; i++)
		if (memcmp(a->records[i].ip.bytes, "\177\377\377", 3) == 0)
			return true;
	return false;
}

static void test(void *arg);

struct ip list_verdict(struct list *l, const struct dns_answer *a)
{
	if (l->on && refuses(a)) {
		switch_list(l, false, refusal);
		timer_set(&l->again, AGAIN_OFF_MS, test, l);
	}
	for (uint32_t i = 0; l->on && i < a->nrecords; i++) {
		const struct ip *ip = &a->records[i].ip;

		if (memcmp(ip->bytes, "\177\0\0", 3) == 0 && counts(l, ip->bytes[3]))
			return *ip;
	}
	return (struct ip){ .family = 0 };
}

/* --- the test (RFC 5782 5) ------------------------------------------------------------------- */

/* NULL when it has passed. */
static const char *judge(struct list *l)
{
	const struct dns_answer *listed = &l->listed.answer, *unlisted = &l->free.answer;
	bool any = false;

	if (refuses(listed))
		return refusal;
	for (uint32_t i = 0; i < listed->nrecords; i++)
		any = any || memcmp(listed->records[i].ip.bytes, "\177\0\0", 3) == 0;
	if (!any)
		return dns_empty(listed->status) ? "127.0.0.2 is not on it" : "it does not answer";
	if (unlisted->status == DNS_OK)
		return "127.0.0.1 is on it, as if it listed everybody";
	return dns_empty(unlisted->status) ? NULL : "it does not answer";
}

static void on_answer(struct query *q)
{
	struct list *l = q->arg;
	const char *why;

	if (--l->pending > 0)
		return;
	why = judge(l);
	switch_list(l, why == NULL, why);
	timer_set(&l->again, l->on ? AGAIN_ON_MS : AGAIN_OFF_MS, test, l);
}

static void test(void *arg)
{
	static const struct ip listed = { .family = 4, .bytes = { 127, 0, 0, 2 } };
	static const struct ip unlisted = { .family = 4, .bytes = { 127, 0, 0, 1 } };
	struct list *l = arg;

	arena_reset(&l->memory);
	l->pending = 2;
	library_ask(&l->listed, list_name(l, &listed, &l->memory), DNS_A, &l->memory, on_answer, l);
	library_ask(&l->free, list_name(l, &unlisted, &l->memory), DNS_A, &l->memory, on_answer, l);
}

void lists_start(void)
{
	for (size_t i = 0; i < nlists; i++) {
		arena_init(&lists[i].memory);
		timer_set(&lists[i].again, 0, test, &lists[i]);
	}
}
