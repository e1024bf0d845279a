/*
 * Is that the password? The same work is done and the same answer given whether the account is
 * unknown, disabled, or the password wrong. The account is read again after the hash has been
 * computed, because it may have changed in the meantime.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "attempt.h"
#include "base/alloc.h"
#include "batch.h"
#include "pam.h"
#include "proto/proc.h"
#include "recent.h"
#include "service.h"

struct check {
	struct attempt attempt; /* first */
	struct pool_job job;
	struct account_record account; /* whose password it is to be */
	bool known;
	uint8_t mark[RECENT_BYTES]; /* what stands for the password, should it be right */
	struct pam_ask pam;
	struct pending keys; /* new keys of SCRAM are to be kept */
};

static char dummy[POOL_HASH_MAX + 1]; /* a salt without a hash: costs the same, matches nothing */

int check_reload(void)
{
	return pool_setting(auth_settings()->scheme, auth_settings()->cost, dummy);
}

static void check_free(struct check *k)
{
	attempt_free(&k->attempt, sizeof *k);
}

/* --- keys of SCRAM, made of a password that was right ----------------------------------------- */

static struct check *check_of_pending(struct pending *p)
{
	return (struct check *)((char *)p - offsetof(struct check, keys));
}

static enum db_result apply_keys(struct pending *p)
{
	struct check *k = check_of_pending(p);
	struct account_record now;
	enum db_result r = accounts_find(k->attempt.prover, &now);

	if (r != DB_OK || strcmp(now.hash, k->account.hash) != 0)
		return r; /* the password has changed: these are not its keys */
	now.scram = k->job.scram;
	return accounts_update(&now, "scram-keys", (struct change_by){ 0 });
}

static void keys_kept(struct pending *p, enum db_result r)
{
	struct check *k = check_of_pending(p);

	if (r == DB_FAULT)
		log_warning(
		    &k->attempt.tag, EV("scram-keys-not-kept"), KZ("login", k->attempt.prover));
	check_free(k);
}

/* --- checking -------------------------------------------------------------------------------- */

static struct check *check_of_job(struct pool_job *j)
{
	return (struct check *)((char *)j - offsetof(struct check, job));
}

static void on_hashed(struct pool_job *j)
{
	struct check *k = check_of_job(j);
	struct account_record now;

	if (!j->ok || !k->known || attempt_prover(&k->attempt, &now) != DB_OK ||
	    strcmp(now.hash, k->account.hash) != 0) {
		attempt_refuse(&k->attempt, "");
		check_free(k);
		return;
	}
	recent_learn(str_of(k->attempt.prover), k->mark, loop_now());
	attempt_accept(&k->attempt, STR_NONE);
	if (j->scram.iterations == 0) {
		check_free(k);
		return;
	}
	k->keys.apply = apply_keys;
	k->keys.done = keys_kept;
	batch_add(&k->keys);
}

/* --- PAM ------------------------------------------------------------------------------------- */

static void on_pam(struct pam_ask *p, enum auth_verdict v)
{
	struct check *k = (struct check *)((char *)p - offsetof(struct check, pam));
	struct account_record now;

	if (v == AUTH_LATER)
		attempt_later(&k->attempt, EV("auth-unavailable"), "PAM has no answer");
	else if (v == AUTH_REFUSED || attempt_prover(&k->attempt, &now) != DB_OK || !pam_has(&now))
		attempt_refuse(&k->attempt, "");
	else
		attempt_accept(&k->attempt, STR_NONE);
	check_free(k);
}

/* False: the check has ended. */
static bool ask_pam(struct check *k, struct str password)
{
	k->pam.answered = on_pam;
	if (password.n == 0 || str_find(password, '\0') != -1)
		attempt_refuse(&k->attempt, "");
	else if (pam_check(&k->pam, &k->account, str_of(k->attempt.client), password,
		     &k->attempt.tag) == 0)
		return true;
	else
		attempt_later(&k->attempt, EV("auth-unavailable"), "nobody can ask PAM now");
	return false;
}

/* --- which way ------------------------------------------------------------------------------- */

/* Is its domain one that keeps keys of SCRAM, and the account one that has none yet? */
static bool wants_keys(const struct account_record *r)
{
	struct str address = str_of(r->address);
	ssize_t at = str_rfind(address, '@');
	struct domain_record d;

	return r->scram.iterations == 0 && at != -1 &&
	       domains_find(str_skip(address, (size_t)at + 1), &d) == DB_OK &&
	       (d.flags & DOMAIN_SCRAM) != 0;
}

/* Sets the hash to compute, a dummy one if there is no such account. */
static void prepare(struct check *k, enum db_result found, struct str password)
{
	k->job.kind = POOL_VERIFY;
	k->job.done = on_hashed;
	k->known = found == DB_OK && password.n > 0 &&
		   str_copy(password, k->job.password, sizeof k->job.password) == 0;
	memcpy(k->job.hash, k->known ? k->account.hash : dummy, sizeof k->job.hash);
	if (k->known && wants_keys(&k->account))
		k->job.scram_iterations = auth_settings()->scram_iterations;
}

/*
 * Is it one of the prover's app passwords? One that was made for a program of his opens his own
 * account only, whoever he may be besides.
 */
static bool has_app(const struct check *k, struct str password)
{
	const struct attempt *a = &k->attempt;

	return strcmp(a->prover, a->name) == 0 &&
	       app_find(&k->account, password, attempt_scope(a), time(NULL)) != NULL;
}

/* Has the same been asked a moment ago, and was it right? */
static bool was_right(struct check *k, struct str password)
{
	struct str prover = str_of(k->attempt.prover);
	uint64_t age = auth_settings()->remember;

	if (age == 0)
		return false;
	recent_mark(prover, str_of(k->account.hash), password, k->mark);
	return recent_knows(prover, k->mark, loop_now(), age);
}

/* False: the check has ended. */
static bool check_begin(struct check *k, struct str password)
{
	enum db_result found;

	if (!attempt_charge(&k->attempt))
		return false;
	found = attempt_prover(&k->attempt, &k->account);
	if (found == DB_FAULT) {
		attempt_later(
		    &k->attempt, EV("auth-unavailable"), "the account database cannot be read");
		return false;
	}
	if (found == DB_OK && has_app(k, password)) {
		attempt_accept(&k->attempt, STR_NONE);
		return false;
	}
	if (found == DB_OK && pam_has(&k->account))
		return ask_pam(k, password);
	if (found == DB_OK && was_right(k, password)) {
		attempt_accept(&k->attempt, STR_NONE);
		return false;
	}
	prepare(k, found, password);
	if (pool_add(&k->job) == 0)
		return true;
	attempt_later(&k->attempt, EV("auth-unavailable"), "too many checks are waiting");
	return false;
}

int on_auth_check(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct auth_check q;
	struct check *k;

	if (get_auth_check(&g, &q) == -1)
		return -1;
	k = xcalloc(1, sizeof *k);
	attempt_init(&k->attempt, c, m, &q.who);
	if (!check_begin(k, q.password))
		check_free(k);
	ipc_wipe(m);
	return 0;
}
