/*
 * Changes that the owner asks for. A row of `kinds` says what each is. A change passes through:
 * what it wants is checked; its hash is computed in the pool; what is ready is written and synced
 * in one batch; for an account to add, spawn makes the home in between. Only then the tool hears
 * "done", so a power cut afterwards cannot undo it.
 */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "app.h"
#include "base/alloc.h"
#include "base/log.h"
#include "batch.h"
#include "control.h"
#include "home.h"
#include "mail/address.h"
#include "mail/domain.h"
#include "mail/status.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "service.h"

enum {
	CHANGES_MAX = 256, /* under way; a tool keeps fewer in flight */
	HOME_DEADLINE = 30000, /* ms for spawn to make a home */
};

struct change;
struct kind {
	uint16_t type;
	const char
	    *subject; /* what its address is: "account", "alias", "domain"; NULL = it has none */
	bool password; /* it has one */
	enum db_result (*apply)(struct change *g);
	/* What has to happen before "done" is said; NULL = nothing. */
	void (*then)(struct change *g);
	bool ends_sessions;
	const char *exists; /* what DB_EXISTS means */
};

struct change {
	const struct kind *kind;
	struct client *client;
	struct chan_ref ref;
	struct account_change q; /* its strings are below */
	char subject[LOGIN_MAX + 1], name[APP_NAME_MAX + 1], text[TARGETS_TEXT_MAX + 1];
	struct pool_job job;
	struct account_record record;
	char home[HOME_MAX + 1]; /* of the account whose sessions end; "" = none do */
	char secret[APP_TEXT_MAX + 1]; /* an app password that was made */
	struct ask ask;
	struct pending pending;
	LIST_ENTRY(change) next;
};

static LIST_HEAD(, change) changes = LIST_HEAD_INITIALIZER(changes);
static unsigned nchanges;
static void (*on_idle)(void); /* draining */

/* --- the end --------------------------------------------------------------------------------- */

static void finish(struct change *g, uint32_t status, const char *text)
{
	log_notice(NULL, status == 0 ? EV("account-changed") : EV("account-change-failed"),
	    KZ("address", g->subject), KI("by", g->client->by.uid), KZ("result", text));
	client_end(g->client, g->ref, status, text);
	client_release(g->client);
	LIST_REMOVE(g, next);
	nchanges--;
	explicit_bzero(g, sizeof *g);
	free(g);
	if (nchanges == 0 && on_idle != NULL)
		on_idle();
}

static void finish_well(struct change *g)
{
	if (g->secret[0] != '\0')
		client_record(g->client, g->ref,
		    json_pack("{s:s, s:s, s:s}", "address", g->subject, "name", g->name, "password",
			g->secret));
	address_changed(g->subject);
	if (g->kind->ends_sessions && g->home[0] != '\0')
		sessions_end(g->home);
	finish(g, 0, "done");
}

static void after_batch(struct pending *p, enum db_result r)
{
	struct change *g = (struct change *)((char *)p - offsetof(struct change, pending));
	char text[128];

	switch (r) {
	case DB_OK:
		if (g->kind->then != NULL)
			g->kind->then(g);
		else
			finish_well(g);
		break;
	case DB_MISSING:
		(void)snprintf(text, sizeof text, "there is no such %s",
		    g->kind->subject != NULL ? g->kind->subject : "change");
		finish(g, EX_NOUSER, text);
		break;
	case DB_EXISTS:
		finish(g, EX_CANTCREAT, g->kind->exists);
		break;
	case DB_FAULT:
		finish(g, EX_TEMPFAIL, "the account database cannot be written");
		break;
	}
}

static enum db_result apply_kind(struct pending *p)
{
	struct change *g = (struct change *)((char *)p - offsetof(struct change, pending));

	return g->kind->apply(g);
}

static void into_batch(struct change *g)
{
	g->pending.apply = apply_kind;
	g->pending.done = after_batch;
	batch_add(&g->pending);
}

/* --- add: reserved, then its home is made, then it lives -------------------------------------- */

/* The fields of a request, into a record. */
static void set_fields(const struct change *g, struct account_record *r)
{
	const struct account_change *q = &g->q;

	r->flags = ((r->flags | q->flags) & ~q->no_flags) & ACCOUNT_FLAGS;
	if ((q->fields & CHANGE_QUOTA) != 0)
		r->quota = q->quota;
	if ((q->fields & CHANGE_PER_HOUR) != 0)
		r->per_hour = q->per_hour;
	if ((q->fields & CHANGE_PER_DAY) != 0)
		r->per_day = q->per_day;
	if ((q->fields & CHANGE_SENDERS) != 0)
		(void)str_copy(str_of(g->text), r->senders, sizeof r->senders);
}

static enum db_result apply_reserve(struct change *g)
{
	struct account_record *r = &g->record;

	(void)str_copy(str_of(g->subject), r->address, sizeof r->address);
	set_fields(g, r);
	return accounts_reserve(r, auth_settings()->owner);
}

static enum db_result apply_add(struct pending *p)
{
	struct change *g = (struct change *)((char *)p - offsetof(struct change, pending));

	return accounts_add(g->subject, g->client->by);
}

static void after_add(struct pending *p, enum db_result r)
{
	struct change *g = (struct change *)((char *)p - offsetof(struct change, pending));

	if (r == DB_OK)
		finish_well(g);
	else
		finish(g, EX_TEMPFAIL, "the account database cannot be written");
}

static void on_home(struct ask *a, struct ipc_msg *m)
{
	struct change *g = a->arg;
	struct status st = { 0 };

	if (m != NULL) {
		struct get get = get_start(m->body);

		get_status(&get, &st);
		if (get_end(&get) == -1)
			st.code = 0;
	}
	if (!status_good(&st)) {
		finish(g, EX_TEMPFAIL,
		    st.code != 0 ? st.text : "the home could not be made: no answer");
		return;
	}
	g->pending.apply = apply_add;
	g->pending.done = after_add;
	batch_add(&g->pending);
}

static void make_home(struct change *g)
{
	struct put w = put_start();
	struct account a = account_of(&g->record);

	put_account(&w, &a);
	chan_ask(
	    proc_peer(ROLE_SPAWN), &g->ask, SPAWN_HOME, &w, NULL, 0, HOME_DEADLINE, on_home, g);
}

/* --- the others ------------------------------------------------------------------------------ */

/* The account that is to change, into g->record; remembers whose sessions these are. */
static enum db_result load(struct change *g, struct account_record *r)
{
	enum db_result found = accounts_find(g->subject, r);

	if (found == DB_OK)
		memcpy(g->home, r->home, sizeof g->home);
	return found;
}

static enum db_result apply_passwd(struct change *g)
{
	struct account_record r;
	enum db_result found = load(g, &r);

	if (found != DB_OK)
		return found;
	memcpy(r.hash, g->record.hash, sizeof r.hash);
	r.scram = g->record.scram;
	return accounts_update(&r, "password", g->client->by);
}

static enum db_result apply_set(struct change *g)
{
	const uint32_t closing = ACCOUNT_DISABLED | ACCOUNT_NO_IMAP;
	struct account_record r;
	enum db_result found = load(g, &r);
	uint32_t before = r.flags;
	const char *verb = "set";

	if (found != DB_OK)
		return found;
	set_fields(g, &r);
	if (((before ^ r.flags) & ACCOUNT_DISABLED) != 0)
		verb = (r.flags & ACCOUNT_DISABLED) != 0 ? "disable" : "enable";
	if ((r.flags & ~before & closing) == 0)
		g->home[0] = '\0'; /* nothing that a session may have has been taken away */
	return accounts_update(&r, verb, g->client->by);
}

static enum db_result apply_delete(struct change *g)
{
	struct account_record r;
	enum db_result found = load(g, &r);

	return found == DB_OK ? accounts_delete(g->subject, g->client->by) : found;
}

static enum db_result apply_undelete(struct change *g)
{
	return accounts_undelete(g->subject, g->client->by);
}

static struct app_password *find_app(struct account_record *r, const char *name)
{
	for (unsigned i = 0; i < r->napps; i++)
		if (strcmp(r->apps[i].name, name) == 0)
			return &r->apps[i];
	return NULL;
}

static enum db_result apply_app_add(struct change *g)
{
	struct account_record r;
	enum db_result found = load(g, &r);
	struct app_password *a;

	if (found != DB_OK)
		return found;
	if (r.napps == APPS_MAX || find_app(&r, g->name) != NULL)
		return DB_EXISTS;
	a = &r.apps[r.napps++];
	*a = (struct app_password){
		.scopes = g->q.scopes, .created = (int64_t)time(NULL), .expires = g->q.expires
	};
	memcpy(a->name, g->name, sizeof a->name);
	if (app_make(a, g->secret) == -1)
		return DB_FAULT;
	return accounts_update(&r, "app-password", g->client->by);
}

static enum db_result apply_app_delete(struct change *g)
{
	struct account_record r;
	enum db_result found = load(g, &r);
	struct app_password *a = found == DB_OK ? find_app(&r, g->name) : NULL;

	if (found != DB_OK)
		return found;
	if (a == NULL)
		return DB_MISSING;
	*a = r.apps[--r.napps];
	return accounts_update(&r, "app-password-delete", g->client->by);
}

static enum db_result apply_domain(struct change *g)
{
	struct domain_record d;
	enum db_result found = domains_find(str_of(g->subject), &d);

	d.flags = ((d.flags | g->q.flags) & ~g->q.no_flags) & DOMAIN_FLAGS;
	return found == DB_OK ? domains_set(g->subject, &d, g->client->by) : found;
}

static enum db_result apply_alias(struct change *g)
{
	return aliases_set(g->subject, str_of(g->text), g->client->by);
}

/* Whatever it was about: its sessions begin anew, with what holds now, if it is still there. */
static enum db_result apply_undo(struct change *g)
{
	struct account_record r;
	struct change_entry e;
	enum db_result found = change_find(g->q.number, &e);

	if (found != DB_OK || str_copy(e.subject, g->subject, sizeof g->subject) == -1)
		return found == DB_OK ? DB_FAULT : found;
	(void)load(g, &r);
	return change_undo(g->q.number, g->client->by);
}

static const struct kind kinds[] = {
	{ AUTH_CTL_ADD, "account", true, apply_reserve, make_home, false,
	    "the account or an alias of that name exists already" },
	{ AUTH_CTL_PASSWD, "account", true, apply_passwd, NULL, true, "" },
	{ AUTH_CTL_SET, "account", false, apply_set, NULL, true, "" },
	{ AUTH_CTL_DELETE, "account", false, apply_delete, NULL, true, "" },
	{ AUTH_CTL_UNDELETE, "account", false, apply_undelete, NULL, false,
	    "there is a new account or an alias of that name" },
	{ AUTH_CTL_APP_ADD, "account", false, apply_app_add, NULL, false,
	    "it has a password of that name, or as many as it may have" },
	{ AUTH_CTL_APP_DELETE, "account or app password", false, apply_app_delete, NULL, true, "" },
	{ AUTH_CTL_DOMAIN, "domain", false, apply_domain, NULL, false, "" },
	{ AUTH_CTL_ALIAS, "alias", false, apply_alias, NULL, false,
	    "there is an account of that name" },
	{ AUTH_CTL_UNDO, NULL, false, apply_undo, NULL, true,
	    "what it changed has been changed again since: undo that first" },
};

static const struct kind *kind_of(uint16_t type)
{
	const struct kind *k = kinds;

	while (k->type != type)
		k++;
	return k;
}

/* --- checking -------------------------------------------------------------------------------- */

/* Does the domain of that address keep keys of SCRAM? */
static bool keeps_keys(const char *address)
{
	struct str s = str_of(address);
	ssize_t at = str_rfind(s, '@');
	struct domain_record d;

	return at != -1 && domains_find(str_skip(s, (size_t)at + 1), &d) == DB_OK &&
	       (d.flags & DOMAIN_SCRAM) != 0;
}

/*
 * What is wrong with a new password, or NULL. It is taken as a hash when it begins with "{CRYPT}",
 * else it is to be hashed by the pool.
 */
static const char *take_password(struct change *g)
{
	static const struct str marker = { "{CRYPT}", 7 };
	struct str password = g->q.password;

	if (str_starts(password, marker)) {
		if (str_copy(str_skip(password, marker.n), g->record.hash, sizeof g->record.hash) ==
			-1 ||
		    !pool_hash_known(g->record.hash))
			return "that is no password hash of a kind that crypt(5) knows";
		return NULL;
	}
	if (password.n == 0)
		return "the password is empty";
	if (str_copy(password, g->job.password, sizeof g->job.password) == -1)
		return "the password is longer than 511 bytes";
	if (pool_setting(auth_settings()->scheme, auth_settings()->cost, g->job.hash) == -1)
		return "password_scheme or password_cost is not possible here";
	if (keeps_keys(g->subject))
		g->job.scram_iterations = auth_settings()->scram_iterations;
	return NULL;
}

/* Addresses separated by blanks, each in its one spelling, into g->text; -1 = not that. */
static int take_addresses(struct change *g, bool domains)
{
	struct str rest = g->q.text, word;
	char name[LOGIN_MAX + 1];
	size_t max = domains ? SENDERS_TEXT_MAX : TARGETS_TEXT_MAX, n = 0;

	while (str_word(&rest, &word)) {
		bool whole = domains && str_starts(word, STR("@"));

		name[0] = '@';
		if (whole ? domain_canonical(str_skip(word, 1), true, name + 1) == -1
			  : account_name(word, STR_NONE, name) == -1)
			return -1;
		if (n + 1 + strlen(name) > max)
			return -1;
		n += (size_t)snprintf(
		    g->text + n, sizeof g->text - n, "%s%s", n == 0 ? "" : " ", name);
	}
	return 0;
}

static bool under_way(const char *subject)
{
	struct change *g;

	LIST_FOREACH (g, &changes, next)
		if (strcmp(g->subject, subject) == 0)
			return true;
	return false;
}

static int take_subject(struct change *g)
{
	char home[HOME_MAX + 1];

	if (g->kind->subject == NULL)
		return 0;
	if (g->kind->type == AUTH_CTL_DOMAIN)
		return domain_canonical(g->q.address, true, g->subject);
	return account_name(g->q.address, auth_settings()->default_domain, g->subject) == -1 ||
		       account_home(g->subject, 0, home) == -1
		   ? -1
		   : 0;
}

/* What is wrong with the request, or NULL; *status is the tool's exit status then. */
static const char *check(struct change *g, uint32_t *status)
{
	bool senders = (g->q.fields & CHANGE_SENDERS) != 0;

	*status = EX_DATAERR;
	if (take_subject(g) == -1)
		return g->kind->type == AUTH_CTL_DOMAIN
			   ? "that is no domain"
			   : "that cannot be the address of an account";
	if ((senders || g->kind->type == AUTH_CTL_ALIAS) && take_addresses(g, senders) == -1)
		return "that is no list of addresses, or it is too long";
	if (g->kind->type == AUTH_CTL_APP_ADD && (g->q.name.n == 0 || g->q.scopes == 0))
		return "an app password needs a name and a scope";
	if (str_copy(g->q.name, g->name, sizeof g->name) == -1)
		return "the name is too long";
	if (g->kind->subject != NULL && under_way(g->subject)) {
		*status = EX_TEMPFAIL;
		return "another change of it is under way";
	}
	return g->kind->password ? take_password(g) : NULL;
}

/* Would it work? Nothing is changed. */
static const char *try_dry(struct change *g, uint32_t *status)
{
	struct account_record r;
	struct str targets;
	bool there = accounts_find(g->subject, &r) == DB_OK;

	if (g->kind->type == AUTH_CTL_ADD &&
	    (there || aliases_find(g->subject, &targets) == DB_OK)) {
		*status = EX_CANTCREAT;
		return g->kind->exists;
	}
	if (g->kind->type != AUTH_CTL_ADD && !there) {
		*status = EX_NOUSER;
		return "there is no such account";
	}
	*status = 0;
	return "it could be done";
}

/* --- the request ----------------------------------------------------------------------------- */

static void on_hashed(struct pool_job *j)
{
	struct change *g = (struct change *)((char *)j - offsetof(struct change, job));

	if (!j->ok) {
		finish(g, EX_DATAERR, "the password cannot be hashed");
		return;
	}
	memcpy(g->record.hash, j->hash, sizeof g->record.hash);
	g->record.scram = j->scram;
	into_batch(g);
}

int ctl_change(struct chan *c, struct ipc_msg *m)
{
	struct get get = get_start(m->body);
	struct change *g;
	const char *why;
	uint32_t status;
	bool hashing;

	if (nchanges >= CHANGES_MAX || on_idle != NULL)
		return client_refuse(c, m, EX_TEMPFAIL, "busy, try again");
	g = xcalloc(1, sizeof *g);
	g->kind = kind_of(m->type);
	g->job.kind = POOL_HASH;
	g->job.done = on_hashed;
	status = EX_PROTOCOL;
	why = get_account_change(&get, &g->q) == -1 ? "malformed request" : check(g, &status);
	if (why == NULL && g->q.dry)
		why = try_dry(g, &status);
	/* from pool_add() on the job belongs to a thread, which wipes the password */
	hashing = g->job.password[0] != '\0';
	if (why == NULL && hashing && pool_add(&g->job) == -1) {
		status = EX_TEMPFAIL;
		why = "busy, try again";
	}
	ipc_wipe(m);
	if (why != NULL) {
		explicit_bzero(g, sizeof *g);
		free(g);
		return client_refuse(c, m, status, why);
	}
	g->client = (struct client *)c;
	client_hold(g->client);
	g->ref = (struct chan_ref){ m->id, m->gen };
	LIST_INSERT_HEAD(&changes, g, next);
	nchanges++;
	if (!hashing)
		into_batch(g);
	return 0;
}

void changes_drain(void (*idle)(void))
{
	on_idle = idle;
	if (nchanges == 0)
		idle();
}
