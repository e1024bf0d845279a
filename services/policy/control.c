/* The control socket. See control.h. */
#include "proto/control.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sysexits.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "cache.h"
#include "control.h"
#include "discover.h"
#include "net/dns.h"
#include "proto/proc.h"
#include "proto/types.h"

enum { CLIENTS_MAX = 8 };

struct client {
	struct chan chan; /* first */
	LIST_ENTRY(client) next;
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static unsigned nclients;
static struct watch accept_watch;
static uid_t own_uid; /* of whoever started the suite */

static void record(struct chan *c, struct chan_ref ref, json_t *o)
{
	char *text = json_dumps(o, JSON_COMPACT);
	struct put w = put_start();

	put_z(&w, text);
	chan_answer_part(c, ref, CONTROL_RECORD, &w);
	free(text);
	json_decref(o);
}

static void end(struct chan *c, struct chan_ref ref, uint32_t status, const char *text)
{
	struct put w = put_start();

	put_u32(&w, status);
	put_z(&w, text);
	chan_answer(c, ref, CONTROL_END, &w, NULL, 0);
}

/* What others have written is shown if it is UTF-8. */
static json_t *text_of(struct str s)
{
	json_t *o = json_stringn(s.p, s.n);

	return o != NULL ? o : json_string("?");
}

static json_t *describe(const struct entry *e)
{
	json_t *o = json_pack("{s:o, s:o, s:b}", "domain", text_of(str_of(e->domain)), "note",
	    text_of(str_of(e->why)), "policy", e->text != NULL);
	struct str rest = str_bytes(e->text, e->size), pattern;
	json_t *hosts = json_array();

	if (e->text != NULL) {
		while (sts_host(&rest, &pattern))
			json_array_append_new(hosts, text_of(pattern));
		json_object_update_new(o, json_pack("{s:s, s:s, s:I, s:I, s:b}", "mode",
					      sts_mode_name(e->policy.mode), "id", e->id, "fetched",
					      (json_int_t)e->fetched, "expires", (json_int_t)e->expires,
					      "valid", cache_holds(e)));
	}
	json_object_set_new(o, "mx", hosts);
	return o;
}

static int get_domain(const struct ipc_msg *m, struct str *domain)
{
	struct get g = get_start(m->body);

	*domain = get_line(&g, DNS_NAME_MAX);
	return get_end(&g);
}

/* "" = all that have a policy; else that one, whatever is known of it. */
static int on_list(struct chan *c, struct ipc_msg *m)
{
	struct chan_ref ref = { m->id, m->gen };
	struct str domain;

	if (get_domain(m, &domain) == -1)
		return -1;
	if (domain.n > 0) {
		const struct entry *e = cache_find(domain);

		if (e != NULL)
			record(c, ref, describe(e));
		end(c, ref, e != NULL ? EX_OK : EX_DATAERR,
		    e != NULL ? "" : "nothing is known of that domain");
		return 0;
	}
	for (struct entry *e = cache_next(NULL); e != NULL; e = cache_next(e))
		if (e->text != NULL)
			record(c, ref, describe(e));
	end(c, ref, EX_OK, "");
	return 0;
}

/* "" = all. */
static int on_flush(struct chan *c, struct ipc_msg *m)
{
	struct chan_ref ref = { m->id, m->gen };
	unsigned n = 0;
	struct str domain;

	if (get_domain(m, &domain) == -1)
		return -1;
	for (struct entry *e = cache_next(NULL); e != NULL; e = cache_next(e))
		if (domain.n == 0 || str_eq(domain, str_of(e->domain))) {
			discover_flush(e);
			n++;
		}
	log_notice(NULL, EV("policy-flushed"), KS("domain", domain), KI("count", n));
	record(c, ref, json_pack("{s:i}", "count", (int)n));
	end(c, ref, EX_OK, "");
	return 0;
}

static const struct chan_row rows[] = {
	{ POLICY_CTL_LIST, 0, on_list },
	{ POLICY_CTL_FLUSH, 0, on_flush },
	{ 0 },
};

/* --- the socket ------------------------------------------------------------------------------- */

static void client_down(struct chan *c)
{
	struct client *client = (struct client *)c;

	LIST_REMOVE(client, next);
	nclients--;
	free(client);
}

static void on_connection(void *arg, unsigned what)
{
	int fd = accept4(proc_fd("socket.policy"), NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	socklen_t size = sizeof(struct ucred);
	struct ucred who;
	struct client *c;

	(void)arg;
	(void)what;
	if (fd == -1)
		return;
	if (nclients == CLIENTS_MAX || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) == -1 ||
	    (who.uid != 0 && who.uid != own_uid)) {
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof *c);
	LIST_INSERT_HEAD(&clients, c, next);
	nclients++;
	c->chan.role = ROLE_TOOL;
	chan_init(&c->chan, &fd, rows, client_down);
}

void control_prepare(void)
{
	own_uid = geteuid();
}

void control_start(void)
{
	watch_set(&accept_watch, proc_fd("socket.policy"), WATCH_READ, on_connection, NULL);
}
