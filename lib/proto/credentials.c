/* Logins at other hosts. See credentials.h. */
#include "proto/credentials.h"

#include "base/siphash.h"
#include "mail/envelope.h"
#include "proto/way.h"

/* --- tickets --------------------------------------------------------------------------------- */

static uint64_t seal(const uint64_t key[2], uint64_t until, struct str sender, struct str way)
{
	static uint8_t space[sizeof until + 2 * sizeof(uint32_t) + ADDRESS_MAX + WAY_MAX];
	struct put w = put_into(space, sizeof space);

	put_u64(&w, until);
	put_str(&w, sender);
	put_str(&w, way);
	return w.bad ? 0 : siphash(key, put_view(&w));
}

struct ticket ticket_make(const uint64_t key[2], uint64_t until, struct str sender, struct str way)
{
	return (struct ticket){ .until = until, .seal = seal(key, until, sender, way) };
}

bool ticket_good(
    const uint64_t key[2], const struct ticket *t, uint64_t now, struct str sender, struct str way)
{
	bool any_key = (key[0] | key[1]) != 0; /* anybody knows the one that is none */

	return any_key && t->seal != 0 && t->until > now && t->until - now <= TICKET_MS &&
	       t->seal == seal(key, t->until, sender, way);
}

void put_ticket(struct put *w, const struct ticket *t)
{
	put_u64(w, t->until);
	put_u64(w, t->seal);
}

void get_ticket(struct get *g, struct ticket *t)
{
	t->until = get_u64(g);
	t->seal = get_u64(g);
}

void put_ticket_key(struct put *w, const uint64_t key[2])
{
	put_u64(w, key[0]);
	put_u64(w, key[1]);
}

int get_ticket_key(struct get *g, uint64_t key[2])
{
	key[0] = get_u64(g);
	key[1] = get_u64(g);
	return get_end(g);
}

/* --- questions ------------------------------------------------------------------------------- */

const char *credential_kind_name(uint8_t kind)
{
	static const char *const names[CREDENTIAL_KINDS] = { "password", "oauth" };

	return kind < CREDENTIAL_KINDS ? names[kind] : "?";
}

void put_credential_question(struct put *w, const struct credential_question *q)
{
	put_u64(w, q->trace);
	put_ticket(w, &q->ticket);
	put_str(w, q->sender);
	put_str(w, q->way);
	put_u8(w, q->hop);
	put_u64(w, q->rejected);
}

int get_credential_question(struct get *g, struct credential_question *q)
{
	q->trace = get_u64(g);
	get_ticket(g, &q->ticket);
	q->sender = get_line(g, ADDRESS_MAX);
	q->way = get_str(g, WAY_MAX);
	q->hop = get_u8(g);
	q->rejected = get_u64(g);
	return get_end(g);
}

void put_credential_reply(struct put *w, const struct credential_reply *r)
{
	put_status(w, &r->status);
	put_u8(w, r->kind);
	put_u64(w, r->id);
	put_u64(w, r->token);
	put_str(w, r->user);
	put_str(w, r->secret);
	put_str(w, r->rule);
}

int get_credential_reply(struct get *g, struct credential_reply *r)
{
	get_status(g, &r->status);
	r->kind = get_u8(g);
	r->id = get_u64(g);
	r->token = get_u64(g);
	r->user = get_line(g, CREDENTIAL_USER_MAX);
	r->secret = get_line(g, CREDENTIAL_SECRET_MAX);
	r->rule = get_line(g, CREDENTIAL_RULE_MAX);
	if (r->kind >= CREDENTIAL_KINDS)
		g->bad = true;
	return get_end(g);
}

void put_credential_look(struct put *w, const struct credential_look *l)
{
	put_str(w, l->sender);
	put_str(w, l->nexthop);
}

int get_credential_look(struct get *g, struct credential_look *l)
{
	l->sender = get_line(g, ADDRESS_MAX);
	l->nexthop = get_line(g, NEXTHOP_MAX);
	return get_end(g);
}

void put_credential_refusal(struct put *w, const struct credential_refusal *r)
{
	put_u64(w, r->id);
	put_str(w, r->nexthop);
	put_status(w, &r->status);
}

int get_credential_refusal(struct get *g, struct credential_refusal *r)
{
	r->id = get_u64(g);
	r->nexthop = get_line(g, NEXTHOP_MAX);
	get_status(g, &r->status);
	if (r->status.code / 100 != 4) /* the mail waits: it does not bounce, nor count as sent */
		g->bad = true;
	return get_end(g);
}

/* --- mechanisms ------------------------------------------------------------------------------ */

static const struct {
	const char *name;
	enum credential_kind kind;
} mechanisms[LOGIN_MECHANISMS] = {
	[LOGIN_SCRAM_SHA_256_PLUS] = { "SCRAM-SHA-256-PLUS", CREDENTIAL_PASSWORD },
	[LOGIN_SCRAM_SHA_256] = { "SCRAM-SHA-256", CREDENTIAL_PASSWORD },
	[LOGIN_SCRAM_SHA_1_PLUS] = { "SCRAM-SHA-1-PLUS", CREDENTIAL_PASSWORD },
	[LOGIN_SCRAM_SHA_1] = { "SCRAM-SHA-1", CREDENTIAL_PASSWORD },
	[LOGIN_PLAIN] = { "PLAIN", CREDENTIAL_PASSWORD },
	[LOGIN_LOGIN] = { "LOGIN", CREDENTIAL_PASSWORD },
	[LOGIN_OAUTHBEARER] = { "OAUTHBEARER", CREDENTIAL_TOKEN },
	[LOGIN_XOAUTH2] = { "XOAUTH2", CREDENTIAL_TOKEN },
};

int login_mechanism(struct str name)
{
	for (int i = 0; i < LOGIN_MECHANISMS; i++)
		if (str_caseeq(name, str_of(mechanisms[i].name)))
			return i;
	return -1;
}

const char *login_mechanism_name(enum login_mechanism m)
{
	return mechanisms[m].name;
}

enum credential_kind login_mechanism_kind(enum login_mechanism m)
{
	return mechanisms[m].kind;
}
