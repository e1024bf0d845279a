/*
 * What auth and login ask of spawn. Dispatch by table {role, type, descriptors}; a message that
 * fits no row, or does not decode, costs its sender the channel.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"
#include "proto/types.h"
#include "spawn.h"

enum { BURST = 32 }; /* packets per wake-up of one peer */

static LIST_HEAD(, peer) peers = LIST_HEAD_INITIALIZER(peers);
static struct join join;
static bool started;

struct peer *peer_find(enum role role)
{
	struct peer *p;

	LIST_FOREACH (p, &peers, next)
		if (p->role == role)
			return p;
	return NULL;
}

struct peer *peer_find_nth(enum role role, unsigned instance)
{
	struct peer *p;

	LIST_FOREACH (p, &peers, next)
		if (p->role == role && p->instance == instance)
			return p;
	return NULL;
}

static void peer_drop(struct peer *p)
{
	struct pair out;

	source_close(&p->source);
	LIST_REMOVE(p, next);
	if (peer_find_nth(p->role, p->instance) == NULL)
		boot_lost(BOOT_CONTROL_FD, p->role, p->instance);
	if (p->role == ROLE_LOGIN) {
		sessions_forget(p->instance);
		while (join_orphan(&join, p->instance, &out)) {
			close(out.arrival.fd);
			free(out.memory);
		}
	}
	free(p);
}

void peer_answer(struct peer *p, uint16_t type, uint32_t id, uint32_t gen, const struct status *st)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = type, .flags = IPC_REPLY, .id = id, .gen = gen };

	put_status(&w, st);
	m.body = put_view(&w);
	if (ipc_send(p->source.fd, &m) == -1) {
		log_error(NULL, EV("answer-not-sent"), KZ("peer", role_name(p->role)), KERRNO);
		shutdown(p->source.fd, SHUT_RDWR); /* dropped when the loop reads its end */
	}
}

/* --- grants and handovers -------------------------------------------------------------------- */

static void refuse(const struct arrival *a, const struct status *st)
{
	struct peer *login = peer_find_nth(ROLE_LOGIN, a->instance);
	const struct tag tag = { .trace = a->handover.trace };

	log_warning(&tag, EV("session-refused"), KS("client", a->handover.client),
	    KI("instance", a->instance), KZ("why", st->text));
	if (login != NULL)
		peer_answer(login, SPAWN_HANDOVER, a->id, a->gen, st);
}

static void refuse_join(const struct arrival *a, enum join_result why)
{
	static const char *const texts[] = {
		[JOIN_REPEATED] = "the nonce has been used",
		[JOIN_FOREIGN] = "the nonce is another process's",
		[JOIN_FULL] = "too many handovers are waiting",
	};
	struct status st;

	status_set(&st, 451, "4.7.0", "%s", texts[why]);
	refuse(a, &st);
}

static void begin(struct pair *p)
{
	struct status st;

	if (session_start(p, &st) == -1)
		refuse(&p->arrival, &st);
	close(p->arrival.fd);
	free(p->memory);
}

static int on_grant(struct peer *p, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct grant grant;
	struct pair out;
	enum join_result r;
	struct tag tag;

	(void)p;
	if (get_grant(&g, &grant) == -1)
		return -1;
	r = join_grant(&join, now_ms(), &grant, &out);
	tag = (struct tag){ .trace = grant.trace };
	if (r == JOIN_PAIR) {
		begin(&out);
	} else if (r == JOIN_FOREIGN) {
		refuse_join(&out.arrival, r);
		close(out.arrival.fd);
		free(out.memory);
	} else if (r != JOIN_WAIT) {
		log_error(&tag, EV("grant-refused"), KS("login", grant.account.address),
		    KZ("why", r == JOIN_FULL ? "too many grants are waiting" : "repeated nonce"));
	}
	return 0;
}

static int on_handover(struct peer *p, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct arrival a = { .instance = p->instance, .id = m->id, .gen = m->gen };
	struct pair out;
	enum join_result r;

	if (get_handover(&g, &a.handover) == -1 || m->nfds != 1)
		return -1;
	a.fd = ipc_take_fd(m, 0);
	r = join_arrival(&join, now_ms(), &a, &out);
	if (r == JOIN_PAIR) {
		begin(&out);
	} else if (r != JOIN_WAIT) {
		refuse_join(&a, r);
		close(a.fd);
	}
	return 0;
}

bool peers_waiting(void)
{
	return join.waiting > 0;
}

void peers_expire(void)
{
	uint64_t now = now_ms();
	struct pair out;
	struct status st;
	int r;

	while ((r = join_expired(&join, now, &out)) != 0) {
		if (r == 1) {
			status_set(&st, 451, "4.7.0", "there is no grant for the nonce");
			refuse(&out.arrival, &st);
			close(out.arrival.fd);
			free(out.memory);
		} else {
			const struct tag tag = { .trace = out.grant.trace };

			log_warning(
			    &tag, EV("grant-expired"), KS("login", out.grant.account.address));
		}
	}
}

static int on_home(struct peer *p, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct account a;
	struct status st;

	get_account(&g, &a);
	if (get_end(&g) == -1)
		return -1;
	if (home_make(spawn.mail_fd, &spawn.owners, a.home, a.uid, a.gid, &st) == -1)
		log_error(NULL, EV("home-not-made"), KS("home", a.home), KI("uid", a.uid),
		    KZ("why", st.text));
	peer_answer(p, SPAWN_HOME, m->id, m->gen, &st);
	return 0;
}

static int on_end(struct peer *p, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str home = get_line(&g, HOME_MAX);

	(void)p;
	if (get_end(&g) == -1)
		return -1;
	join_revoke(&join, now_ms(), home); /* who logs in slowly shall not come later */
	sessions_end(home);
	return 0;
}

/* --- channels -------------------------------------------------------------------------------- */

static const struct {
	enum role role;
	uint16_t type;
	unsigned max_fds;
	int (*fn)(struct peer *p, struct ipc_msg *m);
} rows[] = {
	{ ROLE_AUTH, SPAWN_GRANT, 0, on_grant },
	{ ROLE_AUTH, SPAWN_HOME, 0, on_home },
	{ ROLE_AUTH, SPAWN_END, 0, on_end },
	{ ROLE_LOGIN, SPAWN_HANDOVER, 1, on_handover },
};

static int dispatch(struct peer *p, struct ipc_msg *m)
{
	for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
		if (rows[i].role == p->role && rows[i].type == m->type)
			return m->nfds > rows[i].max_fds ? -1 : rows[i].fn(p, m);
	return -1;
}

static void on_peer(struct source *source)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct peer *p = (struct peer *)source;

	for (unsigned i = 0; i < BURST; i++) {
		struct ipc_msg m;
		int r = ipc_recv(source->fd, &m, space);

		if (r == -1 && errno == EAGAIN)
			return;
		if (r == 1) {
			r = dispatch(p, &m) == -1 ? -1 : 1;
			ipc_close_fds(&m);
		}
		if (r == 1)
			continue;
		if (r == -1)
			log_error(NULL, EV("peer-malformed"), KZ("peer", role_name(p->role)),
			    KI("instance", p->instance));
		peer_drop(p);
		return;
	}
}

static void peer_serve(struct peer *p)
{
	if (source_add(&p->source) == -1) {
		log_error(NULL, EV("peer-not-served"), KZ("peer", role_name(p->role)), KERRNO);
		peer_drop(p);
	} else if (p->role == ROLE_NOTIFY || p->role == ROLE_LOG) {
		sessions_connect(p->role);
	}
}

void peer_add(enum role role, unsigned instance, int fd)
{
	struct peer *p = xcalloc(1, sizeof *p), *old = peer_find_nth(role, instance);

	p->source = (struct source){ .fd = fd, .ready = on_peer };
	p->role = role;
	p->instance = instance;
	LIST_INSERT_HEAD(&peers, p, next);
	if (old != NULL)
		peer_drop(old); /* whatever is wrong with it, this is the channel now */
	if (started)
		peer_serve(p);
}

void peers_start(void)
{
	struct peer *p, *next;

	started = true;
	for (p = LIST_FIRST(&peers); p != NULL; p = next) {
		next = LIST_NEXT(p, next);
		peer_serve(p);
	}
}
