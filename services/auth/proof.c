/*
 * SCRAM: salts are given out, proofs verified. A login that is unknown, disabled or without keys
 * looks like any other until its proof turns out wrong.
 */
#include <string.h>
#include <sys/random.h>

#include "attempt.h"
#include "base/alloc.h"
#include "pam.h"
#include "proto/types.h"
#include "scram.h"
#include "service.h"

/* Of invented salts: the same for as long as the database lives, as those of real accounts are. */
static uint8_t secret[32];
static uint32_t iterations;

/* A record of nobody's, read where there is none, so that both take the same time. */
static uint8_t decoy[RECORD_MAX];
static size_t decoy_size;

static void make_decoy(void)
{
	struct account_record r = { .home = "example.org/nobody", .hash = "*" };
	struct put w = put_into(decoy, sizeof decoy);

	scram_invent(secret, STR("nobody@example.org"), iterations, &r.scram);
	put_record(&w, &r);
	decoy_size = w.n;
}

/* Fetches what is kept, or makes it. */
static int open_secret(void)
{
	struct str kept, fresh = { (const char *)secret, sizeof secret };
	bool has = db_get(DB_META, STR("salt-secret"), &kept) == DB_OK && kept.n == sizeof secret;

	if (has)
		memcpy(secret, kept.p, sizeof secret);
	else if (getrandom(secret, sizeof secret, 0) != sizeof secret)
		return -1;
	if (db_number("salt-iterations", 0, &iterations) == DB_FAULT)
		return -1;
	if (has && iterations != 0)
		return 0;
	iterations = auth_settings()->scram_iterations;
	if (db_begin() != DB_OK || db_put(DB_META, STR("salt-secret"), &fresh) != DB_OK ||
	    db_set_number("salt-iterations", iterations) != DB_OK)
		return -1;
	return db_commit();
}

int proof_open(void)
{
	if (scram_open() == -1 || open_secret() == -1)
		return -1;
	make_decoy();
	return 0;
}

/* The keys to compare with. DB_MISSING: they are invented. */
static enum db_result find_keys(const struct attempt *a, struct scram_keys *k)
{
	struct account_record r;
	enum db_result found = attempt_prover(a, &r);

	if (found == DB_MISSING)
		(void)get_record(str_of(a->prover), str_bytes(decoy, decoy_size), &r);
	scram_invent(secret, str_of(a->prover), iterations, k);
	if (found == DB_OK && r.scram.iterations != 0 && !pam_has(&r))
		*k = r.scram; /* made of a password that does not count where PAM has another */
	else if (found == DB_OK)
		found = DB_MISSING;
	explicit_bzero(&r, sizeof r);
	return found;
}

static void give_salt(struct attempt *a)
{
	struct put w;
	struct scram_keys k;

	if (!attempt_charge_salt(a))
		return;
	if (find_keys(a, &k) == DB_FAULT) {
		attempt_later(a, EV("auth-unavailable"), "the account database cannot be read");
		return;
	}
	w = put_start();
	put_auth_salt_answer(&w, &(struct auth_salt_answer){ .verdict = AUTH_OK,
				     .salt = str_bytes(k.salt, sizeof k.salt),
				     .iterations = k.iterations });
	chan_answer(a->asker, a->ref, AUTH_SALT, &w, NULL, 0);
	explicit_bzero(&k, sizeof k);
}

int on_auth_salt(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct auth_who who;
	struct attempt *a;

	if (get_auth_salt(&g, &who) == -1)
		return -1;
	a = xcalloc(1, sizeof *a);
	attempt_init(a, c, m, &who);
	give_salt(a);
	attempt_free(a, sizeof *a);
	return 0;
}

static void check_proof(struct attempt *a, const struct auth_proof *p)
{
	uint8_t signature[SCRAM_HASH_MAX];
	struct scram_keys k;
	enum db_result found;
	bool good;

	if (!attempt_charge(a))
		return;
	found = find_keys(a, &k);
	good = scram_verify(&k, p->hash, p->message, p->proof, signature);
	if (found == DB_FAULT)
		attempt_later(a, EV("auth-unavailable"), "the account database cannot be read");
	else if (found == DB_OK && good)
		attempt_accept(a, str_bytes(signature, scram_size(p->hash)));
	else
		attempt_refuse(a, "");
	explicit_bzero(&k, sizeof k);
}

int on_auth_proof(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct auth_proof p;
	struct attempt *a;

	if (get_auth_proof(&g, &p) == -1)
		return -1;
	a = xcalloc(1, sizeof *a);
	attempt_init(a, c, m, &p.who);
	check_proof(a, &p);
	attempt_free(a, sizeof *a);
	return 0;
}
