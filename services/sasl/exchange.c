/* One login that is under way. See exchange.h. */
#include "exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "mech.h"
#include "proto/proc.h"
#include "proto/types.h"

static unsigned nexchanges, nbusy; /* in all; those that wait for auth */
static void (*on_idle)(void); /* draining */

unsigned exchange_count(void)
{
	return nexchanges;
}

void exchange_verdict(struct sasl_answer *a, enum sasl_verdict v)
{
	static const struct {
		int code;
		const char *enhanced, *text;
	} rows[SASL_VERDICTS] = {
		[SASL_OK] = { 235, "2.7.0", "Authentication successful" },
		[SASL_REFUSED] = { 535, "5.7.8", "Wrong login or password" },
		[SASL_LATER] = { 454, "4.7.0", "Logins are not possible now, try again later" },
		[SASL_MALFORMED] = { 501, "5.5.2", "That is no message of this mechanism" },
		[SASL_UNKNOWN_MECHANISM] = { 504, "5.5.4", "There is no such mechanism here" },
	};

	a->verdict = (uint8_t)v;
	if (rows[v].code != 0)
		status_set(&a->status, rows[v].code, rows[v].enhanced, "%s", rows[v].text);
}

bool exchange_busy(const struct exchange *x)
{
	return x->ask.chan != NULL || x->ask.deadline.armed;
}

/* --- the end --------------------------------------------------------------------------------- */

/* One waits for auth no longer. */
static void answered_or_gone(void)
{
	nbusy--;
	if (nbusy == 0 && on_idle != NULL)
		on_idle();
}

void exchange_cancel(struct exchange *x)
{
	bool busy = exchange_busy(x);

	ask_cancel(&x->ask);
	timer_clear(&x->deadline);
	if (x->mechanism->end != NULL)
		x->mechanism->end(x);
	LIST_REMOVE(x, next);
	x->asker->count--;
	nexchanges--;
	explicit_bzero(x, sizeof *x);
	free(x);
	if (busy)
		answered_or_gone();
}

void exchange_cancel_all(struct asker *a)
{
	struct exchange *x;

	while ((x = LIST_FIRST(&a->exchanges)) != NULL)
		exchange_cancel(x);
}

static void finish(struct exchange *x, const struct sasl_answer *answer)
{
	x->asker->answer(x->asker, x, answer);
	exchange_cancel(x);
}

void exchange_end(struct exchange *x, enum sasl_verdict v)
{
	struct sasl_answer answer = { 0 };

	if (v == SASL_MALFORMED)
		log_notice(&x->tag, EV("sasl-malformed"), KZ("mechanism", x->mechanism->name),
		    KZ("client", x->client));
	exchange_verdict(&answer, v);
	finish(x, &answer);
}

void exchange_accept(struct exchange *x, const struct auth_answer *a, struct str data)
{
	struct sasl_answer answer = { .login = a->address, .data = data };

	exchange_verdict(&answer, SASL_OK);
	memcpy(answer.nonce, a->nonce, sizeof answer.nonce);
	finish(x, &answer);
}

/* A client that says nothing more: its server knows, or will find out. */
static void silent(void *arg)
{
	exchange_cancel(arg);
}

void exchange_challenge(struct exchange *x, struct str data)
{
	timer_set(&x->deadline, EXCHANGE_TIME, silent, x);
	x->asker->answer(
	    x->asker, x, &(struct sasl_answer){ .verdict = SASL_CONTINUE, .data = data });
}

/* --- asking auth ----------------------------------------------------------------------------- */

struct auth_who exchange_who(const struct exchange *x, struct str login)
{
	return (struct auth_who){ .trace = x->tag.trace,
		.service = str_of(x->service),
		.client = str_of(x->client),
		.mechanism = str_of(x->mechanism->name),
		.instance = x->asker->instance,
		.login = login };
}

static void on_answer(struct ask *a, struct ipc_msg *m)
{
	struct exchange *x = a->arg;
	struct get g;

	if (m == NULL) {
		exchange_end(x, SASL_LATER);
	} else {
		g = get_start(m->body);
		x->answered(x, &g);
	}
	answered_or_gone();
}

void exchanges_drain(void (*idle)(void))
{
	on_idle = idle;
	if (nbusy == 0)
		idle();
}

void exchange_ask(struct exchange *x, uint16_t type, const struct put *w,
    void (*answered)(struct exchange *x, struct get *g))
{
	timer_clear(&x->deadline);
	x->answered = answered;
	nbusy++;
	chan_ask(proc_peer(ROLE_AUTH), &x->ask, type, w, NULL, 0, AUTH_DEADLINE, on_answer, x);
}

int exchange_identity(struct str authzid, struct str authcid, struct str *login)
{
	static char both[LOGIN_MAX + 1];
	int n;

	*login = authcid;
	if (authzid.n == 0 || str_caseeq(authzid, authcid))
		return authcid.n > LOGIN_MAX ? -1 : 0;
	if (authzid.n + 1 + authcid.n > LOGIN_MAX)
		return -1;
	n = snprintf(both, sizeof both, "%.*s*%.*s", STR_ARG(authzid), STR_ARG(authcid));
	*login = str_bytes(both, (size_t)n);
	return 0;
}

void exchange_decide(struct exchange *x, struct get *g)
{
	struct auth_answer a;

	if (get_auth_answer(g, &a) == -1 || a.verdict == AUTH_LATER)
		exchange_end(x, SASL_LATER);
	else if (a.verdict == AUTH_REFUSED)
		exchange_end(x, SASL_REFUSED);
	else
		exchange_accept(x, &a, STR_NONE);
}

void exchange_password(struct exchange *x, struct str login, struct str password)
{
	struct put w = put_start();

	if (login.n > LOGIN_MAX || password.n > PASSWORD_MAX) {
		exchange_end(x, SASL_REFUSED);
		return;
	}
	put_auth_check(
	    &w, &(struct auth_check){ .who = exchange_who(x, login), .password = password });
	exchange_ask(x, AUTH_CHECK, &w, exchange_decide);
	explicit_bzero(w.p, w.n);
}

/* --- the client's messages ------------------------------------------------------------------- */

static void step(struct exchange *x, struct str message)
{
	if (++x->rounds > ROUNDS_MAX)
		exchange_end(x, SASL_MALFORMED);
	else
		x->mechanism->step(x, message);
}

void exchange_start(struct asker *a, const struct sasl_start *s, struct chan_ref ref)
{
	struct exchange *x = xcalloc(1, sizeof *x);

	x->asker = a;
	x->id = s->id;
	x->ref = ref;
	x->tag.trace = s->trace;
	x->mechanism = mech_find(s->mechanism);
	x->exporter_size = s->exporter.n;
	if (s->exporter.n > 0)
		memcpy(x->exporter, s->exporter.p, s->exporter.n);
	(void)str_copy(s->service, x->service, sizeof x->service);
	(void)str_copy(s->client, x->client, sizeof x->client);
	(void)str_copy(s->certificate, x->certificate, sizeof x->certificate);
	LIST_INSERT_HEAD(&a->exchanges, x, next);
	a->count++;
	nexchanges++;
	if (s->has_initial)
		step(x, s->initial);
	else
		exchange_challenge(x, str_of(x->mechanism->prompt));
}

bool exchange_room(struct asker *a)
{
	struct exchange *x, *oldest = NULL;

	if (a->count < EXCHANGES_MAX)
		return true;
	LIST_FOREACH (x, &a->exchanges, next)
		if (!exchange_busy(x))
			oldest = x;
	if (oldest == NULL)
		return false;
	exchange_cancel(oldest);
	return true;
}

struct exchange *exchange_find(struct asker *a, uint64_t id)
{
	struct exchange *x;

	LIST_FOREACH (x, &a->exchanges, next)
		if (x->id == id)
			return x;
	return NULL;
}

void exchange_more(struct exchange *x, struct chan_ref ref, struct str data)
{
	x->ref = ref;
	step(x, data);
}
