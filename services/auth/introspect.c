/*
 * Tokens that only who issued them can judge (RFC 7662): services/fetch asks there. The try is
 * charged before, because it costs others something; what a right one costs is given back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "attempt.h"
#include "base/alloc.h"
#include "base/base64.h"
#include "base/buf.h"
#include "jwt.h"
#include "net/form.h"
#include "proto/fetch.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "service.h"

enum {
	DEADLINE = 25 * 1000, /* less than sasl waits */
	OUTSTANDING_MAX = 256,
};

struct introspection {
	struct attempt attempt; /* first */
	struct ask ask;
	char said[LOGIN_MAX + 1]; /* whose the client says it is; empty = it does not say */
};

static char authorization[FETCH_AUTHORIZATION_MAX];
_Static_assert(
    sizeof "Basic " + BASE64_SIZE(6 * FETCH_CREDENTIAL_MAX + 1) < FETCH_AUTHORIZATION_MAX,
    "whatever has to be escaped");
static bool possible;
static unsigned outstanding;

/* --- settings -------------------------------------------------------------------------------- */

/* RFC 6749 2.3.1 */
static void make_authorization(struct str name, struct str secret)
{
	struct buf plain;
	size_t n;

	explicit_bzero(authorization, sizeof authorization);
	if (name.n == 0)
		return;
	buf_init(&plain, 6 * FETCH_CREDENTIAL_MAX + 1);
	form_put(&plain, str_take(name, FETCH_CREDENTIAL_MAX));
	buf_char(&plain, ':');
	form_put(&plain, str_take(secret, FETCH_CREDENTIAL_MAX));
	n = (size_t)snprintf(authorization, sizeof authorization, "Basic ");
	base64_encode(buf_view(&plain), authorization + n);
	explicit_bzero(plain.p, plain.n);
	buf_clear(&plain);
}

void introspect_load(const struct conf *c)
{
	possible = conf_str(c, "oauth_introspection_url").n > 0;
	make_authorization(
	    conf_str(c, "oauth_introspection_client"), conf_str(c, "oauth_introspection_secret"));
}

bool introspect_possible(void)
{
	return possible;
}

/* --- the answer ------------------------------------------------------------------------------ */

static void judge(struct introspection *i, struct str json)
{
	char login[LOGIN_MAX + 1];
	const char *why = jwt_introspected(token_rules(), json, (int64_t)time(NULL), login);

	if (why == NULL)
		why = token_name(&i->attempt, login, i->said);
	token_decide(&i->attempt, why);
}

static void on_fetched(struct ask *ask, struct ipc_msg *m)
{
	struct introspection *i = ask->arg;
	struct fetch_reply r = { .outcome = FETCH_NO_ANSWER };
	struct get g;

	outstanding--;
	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || get_fetch_reply(&g, &r) == -1 || r.outcome != FETCH_ANSWERED)
		attempt_later(
		    &i->attempt, EV("auth-unavailable"), "nobody can be asked about tokens now");
	else if (r.status != 200) /* also 401: the token may be good all the same */
		attempt_later(&i->attempt, EV("auth-unavailable"),
		    r.status == 401 ? "who issues tokens does not know us"
				    : "who issues tokens has no answer");
	else
		judge(i, r.body);
	attempt_free(&i->attempt, sizeof *i);
}

/* --- the question ---------------------------------------------------------------------------- */

static void ask_fetch(struct introspection *i, struct str token)
{
	struct put w = put_start();
	struct buf body;

	buf_init(&body, FETCH_BODY_MAX);
	form_field(&body, "token", token);
	form_field(&body, "token_type_hint", STR("access_token"));
	put_fetch_question(&w, &(struct fetch_question){ .trace = i->attempt.tag.trace,
				   .kind = FETCH_INTROSPECT,
				   .target = STR_NONE,
				   .authorization = str_of(authorization),
				   .body = buf_view(&body) });
	outstanding++;
	chan_ask(proc_peer(ROLE_FETCH), &i->ask, FETCH_ASK, &w, NULL, 0, DEADLINE, on_fetched, i);
	explicit_bzero(w.p, w.n);
	explicit_bzero(body.p, body.n);
	buf_clear(&body);
}

void introspect(struct chan *c, const struct ipc_msg *m, const struct auth_token *t)
{
	struct introspection *i = xcalloc(1, sizeof *i);

	attempt_init(&i->attempt, c, m, &t->who);
	memcpy(i->said, i->attempt.name, sizeof i->said);
	if (!attempt_charge(&i->attempt))
		attempt_free(&i->attempt, sizeof *i);
	else if (outstanding < OUTSTANDING_MAX)
		ask_fetch(i, t->token);
	else {
		attempt_later(
		    &i->attempt, EV("auth-unavailable"), "too many tokens are asked about");
		attempt_free(&i->attempt, sizeof *i);
	}
}
