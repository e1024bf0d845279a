/* Access tokens. See token.h. */
#include "token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "base/alloc.h"
#include "base/id.h"
#include "base/log.h"
#include "kept.h"
#include "net/form.h"
#include "proto/fetch.h"
#include "proto/proc.h"
#include "proto/types.h"

enum {
	MARGIN_S = 60, /* before it expires; a tenth of its life if that is less */
	PAUSE_MIN = 5 * 1000, /* after a failure; doubled with each one */
	PAUSE_MAX = 300 * 1000,
	UNUSED_MS = 3600 * 1000,
	FORM_MAX = 40 * 1024,
};

struct token {
	LIST_ENTRY(token) next;
	uint64_t login;
	uint64_t id; /* of what is in access; 0 = nothing */
	char *access;
	char kept
	    [KEPT_NAME]; /* under which refresh tokens of the endpoint's are; empty = none is wanted */
	char *refresh; /* the last one, while it could not be written */
	uint64_t until; /* access is good */
	uint64_t used;
	unsigned failures; /* behind each other */
	uint64_t not_before; /* the next try */
	struct status failure;
	struct ask ask;
	bool asking;
	char endpoint[FETCH_URL_MAX + 1]; /* for the log */
	LIST_HEAD(, token_wait) waits;
	void (*done)(const struct token_wait *w, const struct token_answer *a);
};

static LIST_HEAD(, token) tokens = LIST_HEAD_INITIALIZER(tokens);
static unsigned ntokens;

unsigned token_count(void)
{
	return ntokens;
}

static void forget(char **secret)
{
	if (*secret != NULL)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

static struct token *get(uint64_t login)
{
	struct token *t;

	LIST_FOREACH (t, &tokens, next)
		if (t->login == login)
			return t;
	t = xcalloc(1, sizeof *t);
	t->login = login;
	LIST_INIT(&t->waits);
	LIST_INSERT_HEAD(&tokens, t, next);
	ntokens++;
	return t;
}

/* The one before may be good for nothing any more: what cannot be written is tried again, and not forgotten. */
static void keep(struct token *t)
{
	if (kept_write(t->kept, str_of(t->refresh)) == -1)
		log_error(NULL, EV("refresh-token-not-kept"), KZ("endpoint", t->endpoint), KERRNO);
	else
		forget(&t->refresh);
}

void token_sweep(void)
{
	struct token *t = LIST_FIRST(&tokens), *next;

	for (; t != NULL; t = next) {
		next = LIST_NEXT(t, next);
		if (t->refresh != NULL)
			keep(t);
		if (t->asking || t->refresh != NULL || t->used + UNUSED_MS > loop_now())
			continue;
		LIST_REMOVE(t, next);
		ntokens--;
		forget(&t->access);
		free(t);
	}
}

/* --- answers --------------------------------------------------------------------------------- */

static struct token_answer answer_of(const struct token *t)
{
	return (
	    struct token_answer){ .status = t->failure, .access = str_of(t->access), .id = t->id };
}

static void answer_all(struct token *t)
{
	struct token_answer a = answer_of(t);
	struct token_wait *w;

	while ((w = LIST_FIRST(&t->waits)) != NULL) {
		LIST_REMOVE(w, next);
		t->done(w, &a);
		free(w);
	}
}

static void failed(struct token *t, const char *why)
{
	uint64_t pause = PAUSE_MIN;

	for (unsigned i = 0; i < t->failures && pause < PAUSE_MAX; i++)
		pause *= 2;
	t->failures++;
	t->not_before = loop_now() + (pause < PAUSE_MAX ? pause : PAUSE_MAX);
	forget(&t->access);
	t->id = 0;
	status_set(&t->failure, 451, "4.7.0", "no access token from %s: %s", t->endpoint, why);
	log_warning(NULL, EV("token-failed"), KZ("endpoint", t->endpoint), KZ("why", why),
	    KI("again_s", (t->not_before - loop_now()) / 1000));
}

static void taken(struct token *t, const struct answer *a)
{
	uint64_t margin = a->seconds / 10 < MARGIN_S ? a->seconds / 10 : MARGIN_S;

	t->failures = 0;
	t->not_before = 0;
	t->failure.code = 0;
	forget(&t->access);
	t->access = xstrdup(a->access);
	t->id = id_random() | 1;
	t->until = loop_now() + (a->seconds - margin) * 1000;
	if (a->refresh[0] != '\0' && t->kept[0] != '\0') {
		forget(&t->refresh);
		t->refresh = xstrdup(a->refresh);
		keep(t);
	}
	log_info(NULL, EV("token-fetched"), KZ("endpoint", t->endpoint), KI("seconds", a->seconds));
}

static void on_fetched(struct ask *ask, struct ipc_msg *m)
{
	static struct answer a;
	struct token *t = ask->arg;
	struct fetch_reply r = { .outcome = FETCH_NO_ANSWER, .why = STR("nobody answers") };
	struct get g;
	char why[FETCH_WHY_MAX + 1] = "";

	t->asking = false;
	if (m != NULL)
		g = get_start(m->body);
	if (m == NULL || get_fetch_reply(&g, &r) == -1 || r.outcome != FETCH_ANSWERED) {
		str_copy(r.why, why, sizeof why);
		failed(t, why);
	} else if (answer_read(r.body, r.status, &a) == -1) {
		failed(t, a.why);
	} else {
		taken(t, &a);
	}
	explicit_bzero(&a, sizeof a);
	if (m != NULL)
		ipc_wipe(m);
	answer_all(t);
}

/* --- questions ------------------------------------------------------------------------------- */

static void fill_form(struct buf *b, const struct entry *e, struct str refresh)
{
	form_field(
	    b, "grant_type", refresh.n > 0 ? STR("refresh_token") : STR("client_credentials"));
	if (refresh.n > 0)
		form_field(b, "refresh_token", refresh);
	form_field(b, "client_id", e->client);
	if (e->client_secret.n > 0)
		form_field(b, "client_secret", e->client_secret);
	if (e->scope.n > 0)
		form_field(b, "scope", e->scope);
}

static void ask_endpoint(struct token *t, const struct entry *e, struct str refresh, uint64_t trace)
{
	struct put w = put_start();
	struct buf form;

	buf_init(&form, FORM_MAX);
	fill_form(&form, e, refresh);
	put_fetch_question(&w, &(struct fetch_question){ .trace = trace,
				   .kind = FETCH_TOKEN,
				   .target = e->endpoint,
				   .authorization = STR_NONE,
				   .body = buf_view(&form) });
	t->asking = true;
	chan_ask(form.full ? NULL : proc_peer(ROLE_FETCH), &t->ask, FETCH_ASK, &w, NULL, 0,
	    FETCH_MS, on_fetched, t);
	explicit_bzero(w.p, w.n);
	if (form.p != NULL)
		explicit_bzero(form.p, form.n);
	buf_clear(&form);
}

/* With the refresh token that was given last. */
static void fetch(struct token *t, const struct entry *e, uint64_t trace)
{
	char kept[CREDENTIAL_SECRET_MAX + 1];
	int r = 0;

	str_copy(e->endpoint, t->endpoint, sizeof t->endpoint);
	if (e->secret.n > 0)
		kept_name(e, t->kept);
	if (e->secret.n > 0 && t->refresh == NULL)
		r = kept_read(t->kept, kept);
	if (r == -1) {
		/* that of the file may be taken for one that was stolen */
		failed(t, "its last refresh token cannot be read");
		answer_all(t);
	} else if (r == 1) {
		ask_endpoint(t, e, str_of(kept), trace);
	} else {
		ask_endpoint(t, e, t->refresh != NULL ? str_of(t->refresh) : e->secret, trace);
	}
	explicit_bzero(kept, sizeof kept);
}

static void wait_for(struct token *t, const struct token_wait *w)
{
	struct token_wait *kept = xmalloc(sizeof *kept);

	*kept = *w;
	LIST_INSERT_HEAD(&t->waits, kept, next);
}

void token_get(const struct entry *e, uint64_t rejected, uint64_t trace, const struct token_wait *w,
    void (*done)(const struct token_wait *w, const struct token_answer *a))
{
	struct token *t = get(e->id);
	uint64_t now = loop_now();
	struct token_answer a;

	t->used = now;
	t->done = done;
	if (t->id != 0 && t->until > now && t->id != rejected && !t->asking) {
		a = answer_of(t);
		done(w, &a);
		return;
	}
	if (!t->asking && t->failure.code != 0 && t->not_before > now) {
		a = answer_of(t);
		done(w, &a);
		return;
	}
	wait_for(t, w);
	if (!t->asking)
		fetch(t, e, trace);
}

void token_forget(struct chan *c)
{
	struct token *t;

	LIST_FOREACH (t, &tokens, next) {
		struct token_wait *w = LIST_FIRST(&t->waits), *next;

		for (; w != NULL; w = next) {
			next = LIST_NEXT(w, next);
			if (w->chan != c)
				continue;
			LIST_REMOVE(w, next);
			free(w);
		}
	}
}
