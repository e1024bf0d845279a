/* The kinds of requests. See kind.h. */
#include "kind.h"

#include "base/buf.h"
#include "net/dns.h"
#include "proto/role.h"

/* RFC 8461 3.3 */
static int place_sts(const struct settings *s, struct str target, struct place *p)
{
	struct buf url;
	int r = -1;

	buf_init(&url, FETCH_URL_MAX);
	if (dns_name_valid(target) && !str_eq(target, STR(".")) &&
	    buf_printf(&url, "https://mta-sts.%.*s/.well-known/mta-sts.txt", STR_ARG(target)) == 0)
		r = place_parse(buf_view(&url), s->port, p);
	/* a domain with a slash would be another host and a path */
	if (r == 0 && (!str_casestarts(str_of(p->host), STR("mta-sts.")) ||
			  !str_caseeq(str_skip(str_of(p->host), sizeof "mta-sts." - 1), target)))
		r = -1;
	buf_clear(&url);
	return r;
}

/* Anywhere, because any domain may want its reports anywhere; it learns of us what we send to it. */
static int place_report(const struct settings *s, struct str target, struct place *p)
{
	return place_parse(target, s->port, p);
}

static int place_introspect(const struct settings *s, struct str target, struct place *p)
{
	*p = s->introspect;
	return target.n > 0 || p->url[0] == '\0' ? -1 : 0;
}

/* Where the file of credentials says, which this process does not know. */
static int place_token(const struct settings *s, struct str target, struct place *p)
{
	return place_parse(target, s->port, p);
}

static const struct kind kinds[FETCH_KINDS] = {
	[FETCH_STS] = {
	    .name = "mta-sts",
	    .roles = ROLE_BIT(ROLE_POLICY),
	    .jobs = 64,
	    .answer_max = FETCH_ANSWER_MAX,
	    .place = place_sts,
	},
	[FETCH_REPORT] = {
	    .name = "tls-report",
	    .roles = ROLE_BIT(ROLE_POLICY),
	    .jobs = 16,
	    .post = true,
	    .content_type = "application/tlsrpt+gzip",
	    .answer_max = 4096,
	    .place = place_report,
	},
	[FETCH_INTROSPECT] = {
	    .name = "introspection",
	    .roles = ROLE_BIT(ROLE_AUTH),
	    .jobs = 128,
	    .post = true,
	    .authorization = true,
	    .content_type = "application/x-www-form-urlencoded",
	    .answer_max = 32 * 1024,
	    .place = place_introspect,
	},
	[FETCH_TOKEN] = {
	    .name = "token",
	    .roles = ROLE_BIT(ROLE_CREDENTIALS),
	    .jobs = 32,
	    .post = true,
	    .content_type = "application/x-www-form-urlencoded",
	    .answer_max = 32 * 1024,
	    .place = place_token,
	},
};

const struct kind *kind_of(uint8_t kind)
{
	return &kinds[kind];
}

const char *kind_refuse(const struct kind *k, const struct settings *s, uint8_t role,
    const struct fetch_question *q, struct place *p)
{
	if ((k->roles & ROLE_BIT(role)) == 0)
		return "not by who asks";
	if ((q->body.n > 0 && !k->post) || (q->authorization.n > 0 && !k->authorization))
		return "not with that";
	return k->place(s, q->target, p) == -1 ? "not there" : NULL;
}
