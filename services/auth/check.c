/*
 * Is that the password? Questions of sasl for the servers, and of lookup about accounts.
 *
 * The same work is done and the same answer given whether the account is unknown, disabled, or the
 * password wrong. A try is charged before anything is computed. The account is read again after the
 * hash has been computed, because it may have changed in the meantime.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/log.h"
#include "home.h"
#include "penalty.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "service.h"

struct check {
	struct pool_job job;
	struct chan *asker; /* sasl; NULL once it is gone */
	struct chan_ref ref;
	struct tag tag;
	char service[AUTH_SERVICE_MAX + 1], client[CLIENT_MAX + 1], mechanism[SASL_NAME_MAX + 1];
	uint16_t instance;
	char login_name[LOGIN_MAX + 1];
	struct account_record account;
	bool known;
	LIST_ENTRY(check) next;
};

static LIST_HEAD(, check) checks = LIST_HEAD_INITIALIZER(checks);
static struct penalty penalty;
static char dummy[POOL_HASH_MAX + 1]; /* a salt without a hash: costs the same, matches nothing */

int check_open(void)
{
	uint64_t secret[2];

	if (getrandom(secret, sizeof secret, 0) != sizeof secret)
		return -1;
	penalty_init(&penalty, secret, auth_settings()->per_minute);
	return check_reload();
}

int check_reload(void)
{
	penalty.per_minute = auth_settings()->per_minute;
	return pool_setting(auth_settings()->scheme, auth_settings()->cost, dummy);
}

static void answer(struct chan *c, struct chan_ref ref, const struct auth_answer *a)
{
	struct put w = put_start();

	put_auth_answer(&w, a);
	chan_answer(c, ref, AUTH_CHECK, &w, NULL, 0);
}

static bool usable(const struct account_record *r)
{
	return r->enabled && r->state == ACCOUNT_READY;
}

/* Tells spawn that whoever shows this nonce, through that login process, is that account. */
static int grant(const struct check *k, uint8_t nonce[NONCE_BYTES])
{
	struct grant g = { .login_instance = k->instance,
		.trace = k->tag.trace,
		.account = account_of(&k->account) };
	struct put w = put_start();

	if (getrandom(nonce, NONCE_BYTES, 0) != NONCE_BYTES)
		return -1;
	memcpy(g.nonce, nonce, NONCE_BYTES);
	put_grant(&w, &g);
	return chan_send(proc_peer(ROLE_SPAWN), SPAWN_GRANT, &w, NULL, 0);
}

static bool has_sessions(const struct check *k)
{
	return strcmp(k->service, "imap") == 0;
}

static void accept_login(struct check *k)
{
	struct auth_answer a = { .verdict = AUTH_OK, .address = str_of(k->account.address) };

	penalty_refund(&penalty, loop_now(), str_of(k->client), str_of(k->login_name));
	if (has_sessions(k) && grant(k, a.nonce) == -1) {
		log_error(&k->tag, EV("auth-unavailable"), KZ("login", k->account.address),
		    KZ("why", "sessions cannot be started now"));
		a = (struct auth_answer){ .verdict = AUTH_LATER };
	} else {
		log_info(&k->tag, EV("auth-accepted"), KZ("login", k->account.address),
		    KZ("client", k->client), KZ("service", k->service),
		    KZ("mechanism", k->mechanism));
	}
	answer(k->asker, k->ref, &a);
}

static void on_hashed(struct pool_job *j)
{
	struct check *k = (struct check *)j; /* job is its first member */
	struct account_record now;

	LIST_REMOVE(k, next);
	if (k->asker != NULL) {
		bool good = j->ok && k->known &&
			    accounts_find(k->login_name, &now) == ACCOUNTS_OK && usable(&now) &&
			    strcmp(now.hash, k->account.hash) == 0;

		if (good) {
			accept_login(k);
		} else {
			log_notice(&k->tag, EV("auth-refused"), KZ("login", k->login_name),
			    KZ("client", k->client), KZ("service", k->service),
			    KZ("mechanism", k->mechanism));
			answer(k->asker, k->ref, &(struct auth_answer){ .verdict = AUTH_REFUSED });
		}
	}
	explicit_bzero(k, sizeof *k);
	free(k);
}

/* The name it counts and is logged under: the account's, or what was said, if it can be none. */
static void name_login(struct check *k, struct str login)
{
	if (account_name(login, auth_settings()->default_domain, k->login_name) == 0)
		return;
	login = str_take(login, LOGIN_MAX);
	memset(k->login_name, 0, sizeof k->login_name);
	if (login.n > 0)
		memcpy(k->login_name, login.p, login.n);
}

static void take_who(struct check *k, const struct auth_who *who)
{
	k->tag.trace = who->trace;
	k->instance = who->instance;
	(void)str_copy(who->service, k->service, sizeof k->service);
	(void)str_copy(who->client, k->client, sizeof k->client);
	(void)str_copy(who->mechanism, k->mechanism, sizeof k->mechanism);
	name_login(k, who->login);
}

/*
 * Looks the account up and sets the hash to compute, a dummy one if there is no such account. False
 * when the database cannot be read.
 */
static bool prepare(struct check *k, struct str password)
{
	enum accounts_result found = accounts_find(k->login_name, &k->account);

	k->known = found == ACCOUNTS_OK && usable(&k->account) && password.n > 0 &&
		   str_copy(password, k->job.password, sizeof k->job.password) == 0;
	memcpy(k->job.hash, k->known ? k->account.hash : dummy, sizeof k->job.hash);
	return found != ACCOUNTS_FAULT;
}

static void refuse_now(struct check *k, const char *event, const char *why)
{
	log_warning(
	    &k->tag, event, KZ("login", k->login_name), KZ("client", k->client), KZ("why", why));
	answer(k->asker, k->ref, &(struct auth_answer){ .verdict = AUTH_LATER });
	explicit_bzero(k, sizeof *k);
	free(k);
}

int on_auth_check(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct auth_check q;
	struct check *k;

	if (get_auth_check(&g, &q) == -1)
		return -1;
	k = xcalloc(1, sizeof *k);
	k->job.kind = POOL_VERIFY;
	k->job.done = on_hashed;
	k->asker = c;
	k->ref = (struct chan_ref){ m->id, m->gen };
	take_who(k, &q.who);
	if (!penalty_charge(&penalty, loop_now(), q.who.client, str_of(k->login_name)))
		refuse_now(k, EV("auth-throttled"), "too many failed tries");
	else if (!prepare(k, q.password))
		refuse_now(k, EV("auth-unavailable"), "the account database cannot be read");
	else if (pool_add(&k->job) == -1)
		refuse_now(k, EV("auth-unavailable"), "too many checks are waiting");
	else
		LIST_INSERT_HEAD(&checks, k, next);
	ipc_wipe(m);
	return 0;
}

void check_asker_down(struct chan *c)
{
	struct check *k;

	LIST_FOREACH (k, &checks, next)
		if (k->asker == c)
			k->asker = NULL;
}

/* {str address} -> {bool found, account}; a database that cannot be read gets no answer at all. */
int on_auth_account(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str address = get_line(&g, LOGIN_MAX);
	char name[LOGIN_MAX + 1];
	struct account_record r = { 0 };
	enum accounts_result found = ACCOUNTS_MISSING;
	struct put w = put_start();
	struct account a;

	if (get_end(&g) == -1)
		return -1;
	if (account_name(address, STR_NONE, name) == 0)
		found = accounts_find(name, &r);
	if (found == ACCOUNTS_FAULT) {
		log_error(NULL, EV("auth-unavailable"), KS("address", address),
		    KZ("why", "the account database cannot be read"));
		return 0;
	}
	if (found == ACCOUNTS_OK && r.state != ACCOUNT_READY)
		found = ACCOUNTS_MISSING;
	if (found == ACCOUNTS_MISSING)
		r = (struct account_record){ 0 };
	a = account_of(&r);
	put_u8(&w, found == ACCOUNTS_OK);
	put_account(&w, &a);
	chan_reply(c, m, AUTH_ACCOUNT, &w, NULL, 0);
	return 0;
}
