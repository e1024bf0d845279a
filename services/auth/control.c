/*
 * The control socket: `thurn user`. Only root and whoever started the suite may use it.
 *
 * A change passes through: its hash is computed in the pool (add, passwd); the batch of all changes
 * that are ready is written and synced as one; for an account to add, spawn makes the home, and a
 * second batch marks it ready. Only then the tool hears "done", so a power cut afterwards cannot
 * undo it.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "home.h"
#include "mail/status.h"
#include "proto/control.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "service.h"

enum {
	CLIENTS_MAX = 16,
	CHANGES_MAX = 256, /* under way; a tool keeps fewer in flight */
	HOME_DEADLINE = 30000, /* ms for spawn to make a home */
	LIST_BURST = 200, /* records per wake-up */
	LIST_ROOM = 512 * 1024, /* bytes that may wait for a slow tool */
	LIST_RETRY = 20, /* ms */
};

struct client {
	struct chan chan;
	struct change_by by;
	unsigned holds; /* changes and listings that point here */
	LIST_ENTRY(client) next;
};

struct listing {
	struct client *client;
	struct chan_ref ref;
	struct timer again;
	char after[LOGIN_MAX + 1];
	unsigned burst;
};

struct change {
	struct pool_job job;
	enum accounts_result (*apply)(struct change *); /* what its next batch does */
	struct client *client;
	struct chan_ref ref;
	struct account_record record;
	struct ask home;
	enum accounts_result result;
	TAILQ_ENTRY(change) batch; /* when waiting for the next batch */
	LIST_ENTRY(change) next; /* all that are under way */
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static LIST_HEAD(, change) changes = LIST_HEAD_INITIALIZER(changes);
static TAILQ_HEAD(, change) batch = TAILQ_HEAD_INITIALIZER(batch);
static unsigned nclients, nchanges;
static struct timer batch_timer;
static struct watch accept_watch;
static void (*on_idle)(void); /* draining */

/* --- clients --------------------------------------------------------------------------------- */

static void client_release(struct client *c)
{
	if (--c->holds == 0 && c->chan.fd == -1)
		free(c);
}

static void client_down(struct chan *chan)
{
	struct client *c = (struct client *)chan; /* chan is its first member */

	LIST_REMOVE(c, next);
	nclients--;
	c->holds++;
	client_release(c);
}

static void answer_end(struct client *c, struct chan_ref ref, uint32_t status, const char *text)
{
	struct put w = put_start();

	put_u32(&w, status);
	put_z(&w, text);
	chan_answer(&c->chan, ref, CONTROL_END, &w, NULL, 0);
}

static int refuse(struct chan *c, const struct ipc_msg *m, uint32_t status, const char *text)
{
	answer_end((struct client *)c, (struct chan_ref){ m->id, m->gen }, status, text);
	return 0;
}

/* --- changes --------------------------------------------------------------------------------- */

static void finish(struct change *g, uint32_t status, const char *text)
{
	log_notice(NULL, status == 0 ? EV("account-changed") : EV("account-change-failed"),
	    KZ("address", g->record.address), KI("by", g->client->by.uid), KZ("result", text));
	answer_end(g->client, g->ref, status, text);
	client_release(g->client);
	LIST_REMOVE(g, next);
	nchanges--;
	explicit_bzero(g, sizeof *g);
	free(g);
	if (nchanges == 0 && on_idle != NULL)
		on_idle();
}

static void finish_badly(struct change *g)
{
	static const struct {
		uint32_t status;
		const char *text;
	} ends[] = {
		[ACCOUNTS_MISSING] = { EX_NOUSER, "there is no such account" },
		[ACCOUNTS_EXISTS] = { EX_CANTCREAT, "the account exists already" },
		[ACCOUNTS_FAULT] = { EX_TEMPFAIL, "the account database cannot be written" },
	};

	finish(g, ends[g->result].status, ends[g->result].text);
}

/* Tells lookup to forget what it knows, then the tool. */
static void finish_well(struct change *g)
{
	struct put w = put_start();
	struct chan *lookup = proc_peer(ROLE_LOOKUP);

	put_z(&w, g->record.address);
	if (lookup != NULL && chan_send(lookup, AUTH_CHANGED, &w, NULL, 0) == -1)
		log_error(NULL, EV("lookup-not-told"), KZ("address", g->record.address), KERRNO);
	finish(g, 0, "done");
}

static void run_batch(void *unused);

static void into_batch(struct change *g, enum accounts_result (*apply)(struct change *))
{
	g->apply = apply;
	TAILQ_INSERT_TAIL(&batch, g, batch);
	if (!batch_timer.armed)
		timer_set(&batch_timer, 0, run_batch, NULL);
}

static enum accounts_result apply_ready(struct change *g)
{
	return accounts_ready(g->record.address);
}

static enum accounts_result apply_add(struct change *g)
{
	return accounts_add(&g->record, auth_settings()->owner, g->client->by);
}

static enum accounts_result apply_passwd(struct change *g)
{
	return accounts_set_hash(g->record.address, g->record.hash, g->client->by);
}

static enum accounts_result apply_delete(struct change *g)
{
	return accounts_delete(g->record.address, g->client->by);
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
	if (status_good(&st))
		into_batch(g, apply_ready);
	else
		finish(g, EX_TEMPFAIL,
		    st.code != 0 ? st.text : "the home could not be made: no answer");
}

static void make_home(struct change *g)
{
	struct put w = put_start();
	struct account a = account_of(&g->record);

	put_account(&w, &a);
	chan_ask(
	    proc_peer(ROLE_SPAWN), &g->home, SPAWN_HOME, &w, NULL, 0, HOME_DEADLINE, on_home, g);
}

static void after_batch(struct change *g)
{
	if (g->result != ACCOUNTS_OK)
		finish_badly(g);
	else if (g->apply == apply_add)
		make_home(g);
	else
		finish_well(g);
}

static void run_batch(void *unused)
{
	struct change *g, *next;
	TAILQ_HEAD(, change) now = TAILQ_HEAD_INITIALIZER(now);
	bool good = accounts_begin() == ACCOUNTS_OK;

	(void)unused;
	TAILQ_CONCAT(&now, &batch, batch);
	TAILQ_FOREACH (g, &now, batch)
		g->result = good ? g->apply(g) : ACCOUNTS_FAULT;
	if (good && accounts_commit() == -1) {
		log_error(NULL, EV("account-write-failed"), KERRNO);
		TAILQ_FOREACH (g, &now, batch)
			if (g->result == ACCOUNTS_OK)
				g->result = ACCOUNTS_FAULT;
	}
	for (g = TAILQ_FIRST(&now); g != NULL; g = next) {
		next = TAILQ_NEXT(g, batch);
		after_batch(g);
	}
}

static void on_hashed(struct pool_job *j)
{
	struct change *g = (struct change *)j; /* job is its first member */

	if (!j->ok) {
		finish(g, EX_DATAERR, "the password cannot be hashed");
		return;
	}
	memcpy(g->record.hash, j->hash, sizeof g->record.hash);
	into_batch(g, g->apply);
}

/*
 * What is wrong with a new password, or NULL. It is taken as a hash when it begins with "{CRYPT}",
 * else it is to be hashed by the pool.
 */
static const char *take_password(struct change *g, struct str password)
{
	static const struct str marker = { "{CRYPT}", 7 };

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
	return NULL;
}

static bool under_way(const char *address)
{
	struct change *g;

	LIST_FOREACH (g, &changes, next)
		if (strcmp(g->record.address, address) == 0)
			return true;
	return false;
}

/* Checks a change and fills in g. 0, or an exit status with *why set. */
static uint32_t change_check(
    struct change *g, const struct account_change *q, bool has_password, const char **why)
{
	char home[HOME_MAX + 1];

	g->record.quota = q->quota;
	g->record.enabled = true;
	if (account_name(q->address, auth_settings()->default_domain, g->record.address) == -1 ||
	    account_home(g->record.address, 0, home) == -1) {
		*why = "that cannot be the address of an account";
		return EX_DATAERR;
	}
	if (under_way(g->record.address)) {
		*why = "another change of this account is under way";
		return EX_TEMPFAIL;
	}
	*why = has_password ? take_password(g, q->password) : NULL;
	return *why == NULL ? 0 : EX_DATAERR;
}

/* Begins a change. Answers at once when it is refused. */
static int change_begin(struct chan *c, struct ipc_msg *m, bool has_password,
    enum accounts_result (*apply)(struct change *))
{
	struct get get = get_start(m->body);
	struct account_change q;
	struct change *g;
	const char *why;
	uint32_t status;
	bool hashing;

	if (get_account_change(&get, &q) == -1)
		return refuse(c, m, EX_PROTOCOL, "malformed request");
	if (nchanges >= CHANGES_MAX || on_idle != NULL)
		return refuse(c, m, EX_TEMPFAIL, "busy, try again");
	g = xcalloc(1, sizeof *g);
	g->job.kind = POOL_HASH;
	g->job.done = on_hashed;
	g->apply = apply;
	status = change_check(g, &q, has_password, &why);
	/* from pool_add() on the job belongs to a thread, which wipes the password */
	hashing = g->job.password[0] != '\0';
	if (status == 0 && hashing && pool_add(&g->job) == -1) {
		status = EX_TEMPFAIL;
		why = "busy, try again";
	}
	if (status != 0) {
		explicit_bzero(g, sizeof *g);
		free(g);
		return refuse(c, m, status, why);
	}
	g->client = (struct client *)c;
	g->client->holds++;
	g->ref = (struct chan_ref){ m->id, m->gen };
	LIST_INSERT_HEAD(&changes, g, next);
	nchanges++;
	if (!hashing)
		into_batch(g, apply);
	return 0;
}

/* --- requests -------------------------------------------------------------------------------- */

static int ctl_add(struct chan *c, struct ipc_msg *m)
{
	return change_begin(c, m, true, apply_add);
}

static int ctl_passwd(struct chan *c, struct ipc_msg *m)
{
	return change_begin(c, m, true, apply_passwd);
}

static int ctl_delete(struct chan *c, struct ipc_msg *m)
{
	return change_begin(c, m, false, apply_delete);
}

/* Addresses of accounts hold neither quotes, backslashes nor control characters, homes even less.
 */
static bool list_one(const struct account_record *r, void *arg)
{
	struct listing *l = arg;
	struct put w = put_start();
	char json[2 * (LOGIN_MAX + HOME_MAX)];
	int n = snprintf(json, sizeof json,
	    "{\"address\":\"%s\",\"home\":\"%s\",\"uid\":%u,\"gid\":%u,\"quota\":%llu,"
	    "\"enabled\":%s,\"created\":%lld}",
	    r->address, r->home, r->uid, r->gid, (unsigned long long)r->quota,
	    r->enabled ? "true" : "false", (long long)r->created);

	assert(n > 0 && (size_t)n < sizeof json);
	memcpy(l->after, r->address, sizeof l->after);
	if (r->state == ACCOUNT_READY) {
		put_z(&w, json);
		chan_answer(&l->client->chan, l->ref, CONTROL_RECORD, &w, NULL, 0);
	}
	return ++l->burst < LIST_BURST;
}

/* Sends the next records as fast as the tool takes them; others are served in between. */
static void list_more(void *arg)
{
	struct listing *l = arg;
	struct client *c = l->client;
	enum accounts_result result = ACCOUNTS_OK;

	l->burst = 0;
	if (c->chan.fd != -1 && c->chan.out_bytes > LIST_ROOM) {
		timer_set(&l->again, LIST_RETRY, list_more, l);
		return;
	}
	if (c->chan.fd != -1)
		result = accounts_each(l->after, list_one, l);
	if (result == ACCOUNTS_OK && l->burst == LIST_BURST) {
		timer_set(&l->again, 0, list_more, l);
		return;
	}
	if (result == ACCOUNTS_OK)
		answer_end(c, l->ref, 0, "");
	else
		answer_end(c, l->ref, EX_TEMPFAIL, "the account database cannot be read");
	client_release(c);
	free(l);
}

static int ctl_list(struct chan *c, struct ipc_msg *m)
{
	struct listing *l;

	if (m->body.n != 0)
		return refuse(c, m, EX_PROTOCOL, "malformed request");
	if (((struct client *)c)->holds > 0)
		return refuse(c, m, EX_TEMPFAIL, "busy, try again");
	l = xcalloc(1, sizeof *l);
	l->client = (struct client *)c;
	l->client->holds++;
	l->ref = (struct chan_ref){ m->id, m->gen };
	list_more(l);
	return 0;
}

static const struct chan_row rows[] = {
	{ AUTH_CTL_ADD, 0, ctl_add },
	{ AUTH_CTL_PASSWD, 0, ctl_passwd },
	{ AUTH_CTL_DELETE, 0, ctl_delete },
	{ AUTH_CTL_LIST, 0, ctl_list },
	{ 0 },
};

/* --- the socket ------------------------------------------------------------------------------ */

static void on_connection(void *arg, unsigned what)
{
	int *listener = arg, fd = accept4(*listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t n = sizeof peer;
	struct client *c;

	(void)what;
	if (fd == -1)
		return;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == -1 || nclients >= CLIENTS_MAX ||
	    (peer.uid != 0 && peer.uid != auth_settings()->admin)) {
		log_warning(NULL, EV("control-refused"), KI("uid", peer.uid), KI("pid", peer.pid));
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof *c);
	c->by = (struct change_by){ peer.uid, (uint32_t)peer.pid };
	c->chan.role = ROLE_TOOL;
	LIST_INSERT_HEAD(&clients, c, next);
	nclients++;
	chan_init(&c->chan, &fd, rows, client_down);
}

void control_start(int listener)
{
	static int fd;

	fd = listener;
	watch_set(&accept_watch, fd, WATCH_READ, on_connection, &fd);
}

void control_drain(void (*idle)(void))
{
	watch_clear(&accept_watch);
	on_idle = idle;
	if (nchanges == 0)
		idle();
}
