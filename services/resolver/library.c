/* libunbound. See library.h. */
#include "library.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unbound.h>
#include <unbound-event.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/loop.h"

enum { CLASS_IN = 1, SECURITY_BOGUS = 1, SECURITY_SECURE = 2, SERVER_TEXT = IP_TEXT + 8 };
enum { FLIGHTS_MAX = 10 * 1000 };

static struct ub_ctx *ctx;
static bool validating;
static unsigned flights;

/* What the library holds: it cannot be told to let go, so it outlives a query that is forgotten. */
struct flight {
	struct query *query; /* NULL: nobody waits for it any more */
};

/* --- set-up ---------------------------------------------------------------------------------- */

/* What differs from the library's own defaults. */
static const struct option {
	const char *name, *value;
} options[] = {
	/* sockets: as many as a busy queue makes questions, far below the limit of descriptors */
	{ "outgoing-range:", "1024" },
	{ "num-queries-per-thread:", "2048" },
	{ "outgoing-num-tcp:", "64" },
	{ "edns-buffer-size:", "1232" }, /* what no path has to fragment */
	{ "udp-connect:", "yes" }, /* ICMP is heard of, and answers from elsewhere are not */
	/* against forgery */
	{ "harden-glue:", "yes" },
	{ "harden-dnssec-stripped:", "yes" },
	{ "harden-below-nxdomain:", "yes" },
	{ "unwanted-reply-threshold:", "1000000" },
	{ "qname-minimisation:", "yes" },
	/* how long things are believed */
	{ "cache-max-ttl:", "86400" },
	{ "cache-max-negative-ttl:", "3600" },
};

static int failed(char *why, const char *what, struct str value, int error)
{
	snprintf(why, CONF_WHY, "%s \"%.*s\": %s", what, STR_ARG(str_take(value, 200)),
	    ub_strerror(error));
	return -1;
}

static int set_options(const struct settings *s, char *why)
{
	char number[24];
	int r = 0;

	for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
		r = ub_ctx_set_option(ctx, options[i].name, options[i].value);
		if (r != 0)
			return failed(why, "option of libunbound", str_of(options[i].name), r);
	}
	/* the library's advice: records take twice the room of messages */
	snprintf(number, sizeof number, "%llu", (unsigned long long)(s->cache / 3));
	r = ub_ctx_set_option(ctx, "msg-cache-size:", number);
	snprintf(number, sizeof number, "%llu", (unsigned long long)(s->cache / 3 * 2));
	if (r == 0)
		r = ub_ctx_set_option(ctx, "rrset-cache-size:", number);
	if (r == 0 && !s->validate)
		r = ub_ctx_set_option(ctx, "module-config:", "iterator");
	return r == 0 ? 0 : failed(why, "option of libunbound", STR("cache"), r);
}

static void server_text(const struct server *s, char out[SERVER_TEXT])
{
	char ip[IP_TEXT];

	ip_format(&s->ip, ip);
	snprintf(out, SERVER_TEXT, "%s@%u", ip, s->port);
}

/* The library answers for special names (RFC 6761: test, invalid, ...) itself, unless told
 * otherwise. */
static int unblock(struct str zone)
{
	char text[DNS_NAME_MAX + 16];
	struct str label;
	int r = 0;

	while (r == 0 && zone.p != NULL && !str_eq(zone, STR("."))) {
		snprintf(text, sizeof text, "%.*s. transparent", STR_ARG(zone));
		r = ub_ctx_set_option(ctx, "local-zone:", text);
		str_cut(&zone, '.', &label);
	}
	return r;
}

/* The clause of a zone with all of its servers, at the first of them. */
static void put_forwarded(struct buf *b, const struct settings *s, size_t first)
{
	struct str zone = s->forwarded[first].zone;
	char text[SERVER_TEXT];

	for (size_t i = 0; i < first; i++)
		if (str_caseeq(s->forwarded[i].zone, zone))
			return;
	buf_printf(b, "forward-zone:\n name: \"%.*s\"\n", STR_ARG(zone));
	for (size_t i = first; i < s->nforwarded; i++) {
		if (!str_caseeq(s->forwarded[i].zone, zone))
			continue;
		server_text(&s->forwarded[i].server, text);
		buf_printf(b, " forward-addr: %s\n", text);
	}
}

/* The library has no function for forwarders of a zone, and reads of them only in a file. */
static int set_forwarded(const struct settings *s)
{
	char path[32];
	struct buf b;
	int r = UB_NOMEM, fd;

	if (s->nforwarded == 0)
		return 0;
	buf_init(&b, ZONES_MAX * (DNS_NAME_MAX + SERVER_TEXT + 64));
	for (size_t i = 0; i < s->nforwarded; i++)
		put_forwarded(&b, s, i);
	fd = memfd_create("forwarders", MFD_CLOEXEC);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (fd != -1 && !b.full && write(fd, b.p, b.n) == (ssize_t)b.n)
		r = ub_ctx_config(ctx, path);
	if (fd != -1)
		close(fd);
	buf_clear(&b);
	for (size_t i = 0; r == 0 && i < s->nforwarded; i++)
		r = unblock(s->forwarded[i].zone);
	return r;
}

static int set_servers(const struct settings *s, char *why)
{
	char text[SERVER_TEXT], zone[DNS_NAME_MAX + 1];
	bool loopback = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < s->nforwarders; i++) {
		server_text(&s->forwarders[i], text);
		loopback = loopback || ip_loopback(&s->forwarders[i].ip);
		r = ub_ctx_set_fwd(ctx, text);
	}
	for (size_t i = 0; r == 0 && i < s->nzones; i++) {
		server_text(&s->zones[i].server, text);
		loopback = loopback || ip_loopback(&s->zones[i].server.ip);
		r = str_copy(s->zones[i].zone, zone, sizeof zone) == -1
			? UB_SYNTAX
			: ub_ctx_set_stub(ctx, zone, text, 0);
		if (r == 0)
			r = unblock(s->zones[i].zone);
	}
	for (size_t i = 0; i < s->nforwarded; i++)
		loopback = loopback || ip_loopback(&s->forwarded[i].server.ip);
	if (r == 0) {
		snprintf(text, sizeof text, "dns_zone_forwarders");
		r = set_forwarded(s);
	}
	/* private reverse zones are the business of whoever runs the network; the root has none */
	if (r == 0 && s->nforwarders > 0)
		r = ub_ctx_set_option(ctx, "unblock-lan-zones:", "yes");
	/* otherwise no zone of the world can send our questions to this host */
	if (r == 0 && loopback)
		r = ub_ctx_set_option(ctx, "do-not-query-localhost:", "no");
	return r == 0 ? 0 : failed(why, "DNS server", str_of(text), r);
}

static int set_anchors(const struct settings *s, char *why)
{
	char text[SETTING_TEXT_MAX + 1];

	for (size_t i = 0; s->validate && i < s->nanchors; i++) {
		int r = str_copy(s->anchors[i], text, sizeof text) == -1 ? UB_SYNTAX
									 : ub_ctx_add_ta(ctx, text);

		if (r != 0)
			return failed(why, "dns_trust_anchors", s->anchors[i], r);
	}
	return 0;
}

static void ignore(struct query *q)
{
	(void)q;
}

int library_open(const struct settings *s, char why[CONF_WHY])
{
	static struct query first;
	struct arena a;

	ctx = ub_ctx_create_event(loop_base());
	if (ctx == NULL) {
		snprintf(why, CONF_WHY, "libunbound does not start");
		return -1;
	}
	ub_ctx_debugout(ctx, NULL);
	validating = s->validate;
	if (set_options(s, why) == -1 || set_servers(s, why) == -1 || set_anchors(s, why) == -1)
		return -1;
	/* the first question makes it read and build everything; this one asks nobody */
	arena_init(&a);
	library_ask(&first, STR("localhost"), DNS_A, &a, ignore, NULL);
	arena_clear(&a);
	if (first.answer.status == DNS_OK)
		return 0;
	snprintf(why, CONF_WHY, "libunbound cannot use these settings: a bad trust anchor?");
	return -1;
}

/* --- questions ------------------------------------------------------------------------------- */

static enum dns_security security_of(int sec)
{
	if (sec == SECURITY_SECURE)
		return DNS_SECURE;
	return sec == SECURITY_BOGUS ? DNS_FORGED : validating ? DNS_INSECURE : DNS_INDETERMINATE;
}

static void failure(struct query *q, enum dns_status status, enum dns_security security)
{
	q->answer = (struct dns_answer){ .type = q->type,
		.status = (uint8_t)status,
		.security = (uint8_t)security,
		.canonical = STR_NONE };
}

static void land(struct query *q, int rcode, struct str message, int sec, const char *why)
{
	enum dns_security security = security_of(sec);

	q->flight = NULL;
	if (rcode != 0 || message.n == 0) {
		failure(q, DNS_TEMPORARY, DNS_INDETERMINATE);
	} else if (security == DNS_FORGED) {
		failure(q, DNS_BOGUS, security);
		q->why = arena_str(q->arena, str_of(why));
	} else {
		dns_parse(message, q->name, q->type, q->arena, &q->answer);
		q->answer.security = (uint8_t)security;
	}
	q->done(q);
}

static void answered(void *arg, int rcode, void *packet, int len, int sec, char *why, int limited)
{
	struct flight *fl = arg;
	struct query *q = fl->query;

	(void)limited;
	free(fl);
	flights--;
	if (q != NULL)
		land(q, rcode, str_bytes(packet, packet == NULL || len < 0 ? 0 : (size_t)len), sec,
		    why);
}

void library_ask(struct query *q, struct str name, uint16_t type, struct arena *a,
    void (*done)(struct query *q), void *arg)
{
	char text[DNS_NAME_MAX + 1];
	struct flight *fl;

	*q = (struct query){
		.name = name, .type = type, .arena = a, .done = done, .arg = arg, .why = STR_NONE
	};
	fl = xcalloc(1, sizeof *fl);
	fl->query = q;
	q->flight = fl;
	flights++;
	if (flights <= FLIGHTS_MAX && str_copy(name, text, sizeof text) == 0 &&
	    ub_resolve_event(ctx, text, type, CLASS_IN, fl, answered, NULL) == 0)
		return;
	free(fl);
	flights--;
	q->flight = NULL;
	failure(q, DNS_TEMPORARY, DNS_INDETERMINATE);
	done(q);
}

void library_forget(struct query *q)
{
	if (q->flight != NULL)
		q->flight->query = NULL;
	q->flight = NULL;
}

unsigned library_flights(void)
{
	return flights;
}
