/* Lists for the owner: every record as JSON, as fast as the tool takes them. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "base/alloc.h"
#include "base/loop.h"
#include "control.h"
#include "proto/control.h"
#include "proto/types.h"
#include "record.h"
#include "service.h"

enum {
	LIST_BURST = 200, /* records per wake-up */
	LIST_ROOM = 512 * 1024, /* bytes that may wait for a slow tool */
	LIST_RETRY = 20, /* ms */
};

struct listing;
struct list_kind {
	const char *what;
	enum db_table table;
	bool backwards; /* the newest first */
	json_t *(*json)(struct str key, struct str value, const struct listing *l);
};

struct listing {
	const struct list_kind *kind;
	struct client *client;
	struct chan_ref ref;
	struct timer again;
	char key[LOGIN_MAX + 1]; /* one alone, or "" */
	char after[LOGIN_MAX + 1];
	size_t nafter;
	bool secrets;
	unsigned burst;
	bool bad;
};

/* --- records as JSON: NULL = it is malformed; json_null() = it is not one that is wanted ------ */

static json_t *words(struct str text)
{
	json_t *a = json_array();
	struct str word;

	while (str_word(&text, &word))
		json_array_append_new(a, json_stringn(word.p, word.n));
	return a;
}

static json_t *apps_json(const struct account_record *r)
{
	json_t *a = json_array();

	for (unsigned i = 0; i < r->napps; i++) {
		const struct app_password *p = &r->apps[i];

		json_array_append_new(
		    a, json_pack("{s:s, s:s, s:b, s:b, s:I, s:I}", "name", p->name, "id", p->id,
			   "smtp", (p->scopes & SCOPE_SMTP) != 0, "imap",
			   (p->scopes & SCOPE_IMAP) != 0, "created", (json_int_t)p->created,
			   "expires", (json_int_t)p->expires));
	}
	return a;
}

static json_t *account_json(struct str key, struct str value, const struct listing *l)
{
	struct account_record r;
	json_t *o;

	if (get_record(key, value, &r) == -1)
		return NULL;
	if ((r.flags & ACCOUNT_MAKING) != 0)
		return json_null();
	o = json_pack("{s:s, s:s, s:i, s:i, s:I, s:b, s:b, s:b, s:b, s:i, s:i, s:o, s:b, s:o, s:I}",
	    "address", r.address, "home", r.home, "uid", (int)r.uid, "gid", (int)r.gid, "quota",
	    (json_int_t)r.quota, "enabled", (r.flags & ACCOUNT_DISABLED) == 0, "smtp",
	    (r.flags & ACCOUNT_NO_SMTP) == 0, "imap", (r.flags & ACCOUNT_NO_IMAP) == 0,
	    "certificate", (r.flags & ACCOUNT_CERTIFICATE) != 0, "recipients_per_hour",
	    (int)r.per_hour, "recipients_per_day", (int)r.per_day, "send_as",
	    words(str_of(r.senders)), "scram", r.scram.iterations != 0, "app_passwords",
	    apps_json(&r), "created", (json_int_t)r.created);
	if (l->secrets)
		json_object_set_new(o, "hash", json_string(r.hash));
	return o;
}

static json_t *domain_json(struct str key, struct str value, const struct listing *l)
{
	struct domain_record d;

	(void)l;
	if (get_domain(value, &d) == -1)
		return NULL;
	return json_pack(
	    "{s:s%, s:b}", "domain", key.p, key.n, "scram", (d.flags & DOMAIN_SCRAM) != 0);
}

static json_t *alias_json(struct str key, struct str value, const struct listing *l)
{
	struct str targets;

	(void)l;
	if (get_alias(value, &targets) == -1)
		return NULL;
	return json_pack("{s:s%, s:o}", "address", key.p, key.n, "targets", words(targets));
}

static json_t *change_json(struct str key, struct str value, const struct listing *l)
{
	struct change_entry e;

	if (get_change_entry(key, value, &e) == -1)
		return NULL;
	if (l->key[0] != '\0' && !str_eq(e.subject, str_of(l->key)))
		return json_null();
	return json_pack("{s:i, s:I, s:s%, s:s%, s:i, s:i}", "number", (int)e.number, "time",
	    (json_int_t)e.time, "what", e.verb.p, e.verb.n, "subject", e.subject.p, e.subject.n,
	    "by_uid", (int)e.by.uid, "by_pid", (int)e.by.pid);
}

static const struct list_kind kinds[] = {
	{ "accounts", DB_ACCOUNTS, false, account_json },
	{ "deleted", DB_DELETED, false, account_json },
	{ "domains", DB_DOMAINS, false, domain_json },
	{ "aliases", DB_ALIASES, false, alias_json },
	{ "changes", DB_JOURNAL, true, change_json },
};

/* --- sending them ---------------------------------------------------------------------------- */

static bool list_one(struct str key, struct str value, void *arg)
{
	struct listing *l = arg;
	json_t *o = l->kind->json(key, value, l);

	l->bad = o == NULL || key.n >= sizeof l->after;
	if (l->bad) {
		json_decref(o);
		return false;
	}
	memcpy(l->after, key.p, key.n);
	l->nafter = key.n;
	if (json_is_null(o))
		json_decref(o);
	else
		client_record(l->client, l->ref, o);
	return ++l->burst < LIST_BURST;
}

static void list_end(struct listing *l, uint32_t status, const char *text)
{
	client_end(l->client, l->ref, status, text);
	client_release(l->client);
	free(l);
}

/* Sends the next records; others are served in between. */
static void list_more(void *arg)
{
	struct listing *l = arg;
	struct client *c = l->client;
	enum db_result result = DB_OK;

	l->burst = 0;
	if (c->chan.fd != -1 && c->chan.out_bytes > LIST_ROOM) {
		timer_set(&l->again, LIST_RETRY, list_more, l);
		return;
	}
	if (c->chan.fd != -1)
		result = db_each(l->kind->table, str_bytes(l->after, l->nafter), l->kind->backwards,
		    list_one, l);
	if (result != DB_OK || l->bad)
		list_end(l, EX_TEMPFAIL, "the account database cannot be read");
	else if (l->burst == LIST_BURST)
		timer_set(&l->again, 0, list_more, l);
	else
		list_end(l, 0, "");
}

static void list_none(struct listing *l)
{
	char text[CONTROL_TEXT_MAX];

	(void)snprintf(text, sizeof text, "%s: there is no such name", l->key);
	list_end(l, EX_NOUSER, text);
}

static void list_key(struct listing *l)
{
	struct str value;
	enum db_result r = db_get(l->kind->table, str_of(l->key), &value);

	if (r == DB_OK)
		(void)list_one(str_of(l->key), value, l);
	if (r == DB_MISSING || (r == DB_OK && l->nafter == 0 && !l->bad))
		list_none(l);
	else if (r == DB_FAULT || l->bad)
		list_end(l, EX_TEMPFAIL, "the account database cannot be read");
	else
		list_end(l, 0, "");
}

int ctl_list(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct account_listing q;
	const struct list_kind *kind = NULL;
	struct listing *l;

	if (get_account_listing(&g, &q) == -1)
		return client_refuse(c, m, EX_PROTOCOL, "malformed request");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (str_eq(q.what, str_of(kinds[i].what)))
			kind = &kinds[i];
	if (kind == NULL)
		return client_refuse(c, m, EX_USAGE, "there is no such list");
	if (((struct client *)c)->holds > 0)
		return client_refuse(c, m, EX_TEMPFAIL, "busy, try again");
	l = xcalloc(1, sizeof *l);
	l->kind = kind;
	l->client = (struct client *)c;
	client_hold(l->client);
	l->ref = (struct chan_ref){ m->id, m->gen };
	l->secrets = q.secrets;
	for (size_t i = 0; i < q.key.n; i++)
		l->key[i] = ascii_lower(q.key.p[i]);
	if (l->key[0] != '\0' && kind->table != DB_JOURNAL)
		list_key(l);
	else
		list_more(l);
	return 0;
}
