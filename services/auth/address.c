/* What lookup asks: what is there of that name? And what it is told when that changes. */
#include <errno.h>
#include <string.h>
#include <sysexits.h>

#include "base/log.h"
#include "control.h"
#include "home.h"
#include "proto/callers.h"
#include "proto/proc.h"
#include "proto/types.h"
#include "recent.h"
#include "service.h"

static enum db_result find(const char *name, struct account_record *r, struct account *a)
{
	enum db_result found = accounts_find(name, r);

	if (found == DB_OK) {
		*a = account_of(r);
		return DB_OK;
	}
	*a = (struct account){ .address = str_of(name) };
	return found == DB_MISSING ? aliases_find(name, &a->targets) : found;
}

/* {str address}, and what is there into w. 1; 0 when the database cannot be read; -1 when malformed. */
static int look(const struct ipc_msg *m, struct put *w)
{
	struct get g = get_start(m->body);
	struct str address = get_line(&g, LOGIN_MAX);
	char name[LOGIN_MAX + 1];
	struct account_record r;
	enum db_result found = DB_MISSING;
	struct account a;

	if (get_end(&g) == -1)
		return -1;
	if (account_name(address, STR_NONE, name) == 0)
		found = find(name, &r, &a);
	if (found == DB_FAULT) {
		log_error(NULL, EV("auth-unavailable"), KS("address", address),
		    KZ("why", "the account database cannot be read"));
		return 0;
	}
	put_address(w, found == DB_OK ? &a : NULL);
	return 1;
}

/* A database that cannot be read gets no answer at all. */
int on_auth_account(struct chan *c, struct ipc_msg *m)
{
	struct put w = put_start();
	int r = look(m, &w);

	if (r == 1)
		chan_reply(c, m, AUTH_ACCOUNT, &w, NULL, 0);
	return r == -1 ? -1 : 0;
}

/* The same for a tool. */
int ctl_address(struct chan *c, struct ipc_msg *m)
{
	static uint8_t space[IPC_BODY_MAX];
	struct chan_ref ref = { m->id, m->gen };
	struct put w = put_into(space, sizeof space);
	int r = look(m, &w);

	if (r == -1)
		return -1;
	if (r == 1)
		caller_record(c, ref, put_view(&w));
	caller_end(c, ref, r == 1 ? EX_OK : EX_TEMPFAIL, "");
	return 0;
}

void address_changed(const char *address)
{
	struct put w = put_start();
	struct chan *lookup = proc_peer(ROLE_LOOKUP);

	recent_forget(str_of(address));
	put_z(&w, address);
	if (lookup != NULL && chan_send(lookup, AUTH_CHANGED, &w, NULL, 0) == -1)
		log_error(NULL, EV("lookup-not-told"), KZ("address", address), KERRNO);
}

void sessions_end(const char *home)
{
	struct put w = put_start();
	struct chan *spawn = proc_peer(ROLE_SPAWN);

	put_z(&w, home);
	if (spawn != NULL && chan_send(spawn, SPAWN_END, &w, NULL, 0) == -1)
		log_error(NULL, EV("spawn-not-told"), KZ("home", home), KERRNO);
}
