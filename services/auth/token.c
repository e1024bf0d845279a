/* Logins that others have vouched for: signed tokens, and certificates that a server's TLS
 * verified. */
#include <string.h>
#include <time.h>

#include "attempt.h"
#include "base/alloc.h"
#include "jwt.h"
#include "proto/proc.h"
#include "service.h"

static struct jwt_rules rules;

void token_load(const struct conf *c)
{
	jwt_clear_keys(&rules);
	for (size_t i = 0; i < conf_count(c, "oauth_keys"); i++)
		if (jwt_add_key(&rules, conf_item(c, "oauth_keys", i)) == -1)
			log_error(NULL, EV("oauth-key-unusable"), KI("number", i + 1));
	rules.issuer = conf_str(c, "oauth_issuer");
	rules.audience = conf_str(c, "oauth_audience");
	rules.scope = conf_str(c, "oauth_scope");
	(void)str_copy(conf_str(c, "oauth_login_claim"), rules.claim, sizeof rules.claim);
}

const struct jwt_rules *token_rules(void)
{
	return &rules;
}

/* One that our keys can judge is not asked about: that would tell it to others. */
static bool is_signed(const struct auth_token *t)
{
	return !introspect_possible() || (t->text.n > 0 && rules.nkeys > 0);
}

const char *token_name(struct attempt *a, const char *login, const char *said)
{
	attempt_name(a, str_of(login));
	if (said[0] != '\0' && strcmp(said, a->name) != 0)
		return "the token is somebody else's";
	return strcmp(a->prover, a->name) != 0 ? "it names no account" : NULL;
}

void token_decide(struct attempt *a, const char *why)
{
	struct account_record r;
	enum db_result found = why == NULL ? attempt_prover(a, &r) : DB_MISSING;

	if (found == DB_FAULT)
		attempt_later(a, EV("auth-unavailable"), "the account database cannot be read");
	else if (found == DB_OK)
		attempt_accept(a, STR_NONE);
	else
		attempt_refuse(a, why == NULL ? "" : why);
}

/*
 * The token is looked at before the try is charged: a client need not say whose it is, and what it
 * costs has to be given back to the account that it proves. A signature is cheap to verify.
 */
static void check_token(struct attempt *a, const struct auth_token *t)
{
	char login[LOGIN_MAX + 1], said[LOGIN_MAX + 1] = "";
	const char *why = jwt_check(&rules, t->text, t->signature, (int64_t)time(NULL), login);

	if (t->who.login.n > 0)
		memcpy(said, a->name, sizeof said);
	if (why == NULL)
		why = token_name(a, login, said);
	if (attempt_charge(a))
		token_decide(a, why);
}

int on_auth_token(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct auth_token t;
	struct attempt *a;

	if (get_auth_token(&g, &t) == -1)
		return -1;
	if (is_signed(&t)) {
		a = xcalloc(1, sizeof *a);
		attempt_init(a, c, m, &t.who);
		check_token(a, &t);
		attempt_free(a, sizeof *a);
	} else {
		introspect(c, m, &t);
	}
	ipc_wipe(m);
	return 0;
}

/* Whose that certificate is: as certificate_logins says ("NAME ACCOUNT"; the name may have blanks). */
static struct str account_of_certificate(struct str name)
{
	const struct conf *c = proc_conf();

	for (size_t i = 0; i < conf_count(c, "certificate_logins"); i++) {
		struct str item = conf_item(c, "certificate_logins", i);
		ssize_t blank = str_rfind(item, ' ');

		if (blank > 0 && str_caseeq(str_trim(str_take(item, (size_t)blank)), name))
			return str_skip(item, (size_t)blank + 1);
	}
	return name;
}

static void check_certificate(struct attempt *a, const struct auth_certificate *c)
{
	char said[LOGIN_MAX + 1];
	struct account_record r;
	enum db_result found = DB_MISSING;

	memcpy(said, a->name, sizeof said);
	attempt_name(a, account_of_certificate(c->name));
	if (!attempt_charge(a))
		return;
	if (strcmp(a->prover, a->name) == 0 && (c->who.login.n == 0 || strcmp(said, a->name) == 0))
		found = attempt_prover(a, &r);
	if (found == DB_FAULT)
		attempt_later(a, EV("auth-unavailable"), "the account database cannot be read");
	else if (found == DB_OK && (r.flags & ACCOUNT_CERTIFICATE) != 0)
		attempt_accept(a, STR_NONE);
	else
		attempt_refuse(a, "the account may not log in by that certificate");
}

int on_auth_certificate(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct auth_certificate q;
	struct attempt *a;

	if (get_auth_certificate(&g, &q) == -1)
		return -1;
	a = xcalloc(1, sizeof *a);
	attempt_init(a, c, m, &q.who);
	check_certificate(a, &q);
	attempt_free(a, sizeof *a);
	return 0;
}
