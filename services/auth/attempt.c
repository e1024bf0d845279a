/* Somebody tries to log in. See attempt.h. */
#include "attempt.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>

#include "home.h"
#include "penalty.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "service.h"

enum {
	SALT_FACTOR = 10, /* times as many salts as tries: who gives up half-way guesses nothing */
	DAY = 24 * 3600,
	SAVE_EVERY = 10 * 60 * 1000, /* ms */
};

static LIST_HEAD(, attempt) attempts = LIST_HEAD_INITIALIZER(attempts);
static struct penalty penalty, salts;
static struct timer save_timer;

/* --- who guesses ----------------------------------------------------------------------------- */

static void save(void *unused)
{
	(void)unused;
	attempt_save();
	timer_set(&save_timer, SAVE_EVERY, save, NULL);
}

int attempt_open(void)
{
	uint64_t secret[2];
	struct str known;

	if (getrandom(secret, sizeof secret, 0) != sizeof secret)
		return -1;
	penalty_init(&penalty, secret, auth_settings()->per_minute, true);
	penalty_init(&salts, secret, auth_settings()->per_minute * SALT_FACTOR, false);
	if (db_get(DB_META, STR("known-clients"), &known) == DB_OK)
		penalty_restore(&penalty, known);
	timer_set(&save_timer, SAVE_EVERY, save, NULL);
	return 0;
}

void attempt_reload(void)
{
	penalty.per_minute = auth_settings()->per_minute;
	salts.per_minute = auth_settings()->per_minute * SALT_FACTOR;
}

void attempt_save(void)
{
	struct str known = penalty_known(&penalty);

	if (known.n == 0)
		return;
	if (db_begin() != DB_OK || db_put(DB_META, STR("known-clients"), &known) != DB_OK ||
	    db_commit() == -1)
		log_warning(NULL, EV("known-clients-not-saved"));
}

bool attempt_charge(struct attempt *a)
{
	/* the owner of the suite may try as often as he likes */
	if (a->type == AUTH_CTL_TEST)
		return true;
	a->charged = penalty_charge(&penalty, loop_now(), str_of(a->client), str_of(a->prover));
	if (!a->charged)
		attempt_later(a, EV("auth-throttled"), "too many failed tries");
	return a->charged;
}

bool attempt_charge_salt(struct attempt *a)
{
	if (penalty_charge(&salts, loop_now(), str_of(a->client), str_of(a->prover)))
		return true;
	attempt_later(a, EV("auth-throttled"), "too many logins that were not finished");
	return false;
}

static void forgive(struct attempt *a)
{
	a->charged = false;
	penalty_success(&penalty, loop_now(), (uint32_t)(time(NULL) / DAY), str_of(a->client),
	    str_of(a->prover));
	penalty_refund(&salts, loop_now(), str_of(a->client), str_of(a->prover));
}

/* --- who it is ------------------------------------------------------------------------------- */

/* The account's name, or what was said, if it can be none: it counts and is logged under it. */
static void canonical(struct str login, char out[LOGIN_MAX + 1])
{
	if (account_name(login, auth_settings()->default_domain, out) == 0)
		return;
	login = str_take(login, LOGIN_MAX);
	memset(out, 0, LOGIN_MAX + 1);
	if (login.n > 0)
		memcpy(out, login.p, login.n);
}

void attempt_name(struct attempt *a, struct str login)
{
	ssize_t star = str_rfind(login, '*');

	canonical(login, a->name);
	memcpy(a->prover, a->name, sizeof a->prover);
	if (star <= 0)
		return;
	canonical(str_skip(login, (size_t)star + 1), a->prover);
	if (auth_is_master(str_of(a->prover)))
		canonical(str_take(login, (size_t)star), a->name);
	else
		memcpy(a->prover, a->name, sizeof a->prover);
}

void attempt_init(
    struct attempt *a, struct chan *c, const struct ipc_msg *m, const struct auth_who *who)
{
	a->asker = c;
	a->ref = (struct chan_ref){ m->id, m->gen };
	a->type = m->type;
	a->tag.trace = who->trace;
	a->instance = who->instance;
	(void)str_copy(who->service, a->service, sizeof a->service);
	(void)str_copy(who->client, a->client, sizeof a->client);
	(void)str_copy(who->mechanism, a->mechanism, sizeof a->mechanism);
	attempt_name(a, who->login);
	LIST_INSERT_HEAD(&attempts, a, next);
}

void attempt_asker_down(struct chan *c)
{
	struct attempt *a;

	LIST_FOREACH (a, &attempts, next)
		if (a->asker == c)
			a->asker = NULL;
}

static const struct {
	const char *service;
	uint8_t scope;
	uint32_t denied; /* the flag that closes it to an account */
	bool sessions;
} services[] = {
	{ "imap", SCOPE_IMAP, ACCOUNT_NO_IMAP, true },
	{ "imap-elsewhere", SCOPE_IMAP, ACCOUNT_NO_IMAP, false }, /* a server of others */
	{ "smtp", SCOPE_SMTP, ACCOUNT_NO_SMTP, false },
};

static bool usable(const struct attempt *a, const struct account_record *r)
{
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (strcmp(a->service, services[i].service) == 0)
			return (r->flags & (services[i].denied | ACCOUNT_DISABLED)) == 0;
	return (r->flags & ACCOUNT_DISABLED) == 0;
}

uint8_t attempt_scope(const struct attempt *a)
{
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (strcmp(a->service, services[i].service) == 0)
			return services[i].scope;
	return 0;
}

static bool has_sessions(const struct attempt *a)
{
	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (strcmp(a->service, services[i].service) == 0)
			return services[i].sessions;
	return false;
}

enum db_result attempt_prover(const struct attempt *a, struct account_record *out)
{
	enum db_result r = accounts_find(a->prover, out);

	if (r == DB_OK && strcmp(a->prover, a->name) != 0)
		return (out->flags & ACCOUNT_DISABLED) != 0 ? DB_MISSING : DB_OK;
	return r == DB_OK && !usable(a, out) ? DB_MISSING : r;
}

/* --- answers --------------------------------------------------------------------------------- */

static void answer(struct attempt *a, const struct auth_answer *answer, struct str signature)
{
	struct put w = put_start();

	if (a->type == AUTH_CTL_TEST) {
		put_u32(&w, answer->verdict == AUTH_OK      ? EX_OK
			    : answer->verdict == AUTH_LATER ? EX_TEMPFAIL
							    : EX_NOPERM);
		put_z(&w, answer->verdict == AUTH_OK ? "good" : "not good; the log says why");
	} else if (a->type == AUTH_SALT)
		put_auth_salt_answer(&w, &(struct auth_salt_answer){ .verdict = answer->verdict });
	else if (a->type == AUTH_PROOF)
		put_auth_proof_answer(
		    &w, &(struct auth_proof_answer){ .answer = *answer, .signature = signature });
	else
		put_auth_answer(&w, answer);
	if (a->asker != NULL)
		chan_answer(a->asker, a->ref, a->type == AUTH_CTL_TEST ? CONTROL_END : a->type, &w,
		    NULL, 0);
}

/* Tells spawn that whoever shows this nonce, through that login process, is that account. */
static int grant(
    const struct attempt *a, const struct account_record *r, uint8_t nonce[NONCE_BYTES])
{
	struct grant g = {
		.login_instance = a->instance, .trace = a->tag.trace, .account = account_of(r)
	};
	struct put w = put_start();

	if (getrandom(nonce, NONCE_BYTES, 0) != NONCE_BYTES)
		return -1;
	memcpy(g.nonce, nonce, NONCE_BYTES);
	put_grant(&w, &g);
	return chan_send(proc_peer(ROLE_SPAWN), SPAWN_GRANT, &w, NULL, 0);
}

void attempt_refuse(struct attempt *a, const char *why)
{
	log_notice(&a->tag, EV("auth-refused"), KZ("login", a->name), KZ("client", a->client),
	    KZ("service", a->service), KZ("mechanism", a->mechanism), KZ("why", why),
	    KZ("master", strcmp(a->name, a->prover) == 0 ? "" : a->prover));
	answer(a, &(struct auth_answer){ .verdict = AUTH_REFUSED }, STR_NONE);
}

void attempt_later(struct attempt *a, const char *event, const char *why)
{
	log_warning(&a->tag, event, KZ("login", a->name), KZ("client", a->client), KZ("why", why));
	if (a->charged) /* nothing was found out: it was no guess */
		penalty_refund(&penalty, loop_now(), str_of(a->client), str_of(a->prover));
	a->charged = false;
	answer(a, &(struct auth_answer){ .verdict = AUTH_LATER }, STR_NONE);
}

void attempt_accept(struct attempt *a, struct str signature)
{
	struct account_record r;
	struct auth_answer good = { .verdict = AUTH_OK, .address = str_of(a->name) };
	enum db_result found = a->asker == NULL ? DB_OK : accounts_find(a->name, &r);

	if (a->asker == NULL)
		return; /* and no session for nobody */
	if (found == DB_FAULT) {
		attempt_later(a, EV("auth-unavailable"), "the account database cannot be read");
		return;
	}
	if (found == DB_MISSING || !usable(a, &r)) {
		attempt_refuse(a, "there is no such account, or it may not");
		return;
	}
	forgive(a);
	if (has_sessions(a) && a->type != AUTH_CTL_TEST && grant(a, &r, good.nonce) == -1) {
		attempt_later(a, EV("auth-unavailable"), "sessions cannot be started now");
		return;
	}
	log_info(&a->tag, EV("auth-accepted"), KZ("login", a->name), KZ("client", a->client),
	    KZ("service", a->service), KZ("mechanism", a->mechanism),
	    KZ("master", strcmp(a->name, a->prover) == 0 ? "" : a->prover));
	answer(a, &good, signature);
}

void attempt_free(struct attempt *a, size_t size)
{
	LIST_REMOVE(a, next);
	explicit_bzero(a, size);
	free(a);
}
