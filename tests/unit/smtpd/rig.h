/*
 * A session on a socket pair, with a lookup and a queue that are part of the test. Everything runs
 * in one loop, which the test turns by rig_turn().
 *
 * Recipients: "no..." is refused with 550, "later..." with 451, everybody else is taken. Senders:
 * "not-mine..." belongs to somebody else. Logins: mechanism TEST, whose messages are "good", "bad",
 * "odd" and "again".
 */
#ifndef TEST_SMTPD_RIG_H
#define TEST_SMTPD_RIG_H

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../smtpd/bodies.h"
#include "../../../smtpd/login.h"
#include "../../../smtpd/peers.h"
#include "../../../smtpd/session.h"
#include "../../../smtpd/settings.h"
#include "base/alloc.h"
#include "proto/lookup.h"
#include "proto/queue.h"
#include "proto/sasl.h"
#include "proto/types.h"

enum { RIG_MESSAGES = 64, RIG_BODIES = 4096 };

struct rig_message {
	struct arena arena;
	struct queue_commit commit;
	struct buf body;
};

static struct rig {
	struct chan lookup, lookup_far, queue, queue_far, sasl, sasl_far;
	bool lookup_silent, queue_silent, queue_mean; /* mean: 452 to every commit */
	bool disk_full; /* no body takes a byte */
	int client; /* the client's end; -1 = closed */
	struct buf heard;
	bool closed; /* the server has closed */
	struct rig_message messages[RIG_MESSAGES];
	unsigned nmessages, aborts, questions, larges, cancels;
	bool sasl_silent;
	uint64_t next_id;
	struct {
		uint64_t id;
		int fd;
	} bodies[RIG_BODIES];
	struct rig_message partial;
	struct conf *conf;
} rig;

/* --- lookup ------------------------------------------------------------------------------------ */

static int rig_on_access(struct chan *c, struct ipc_msg *m)
{
	struct access_question q;
	struct access_answer a = { .rule = STR("rig:1") };
	struct get g = get_start(m->body);
	struct put w = put_start();

	assert(get_access_question(&g, &q) == 0);
	rig.questions++;
	if (rig.lookup_silent)
		return 0;
	status_set(&a.status, 250, "2.1.5", "Ok");
	if (str_starts(q.rcpt, STR("no")))
		status_set(&a.status, 550, "5.1.1", "no such mailbox");
	else if (str_starts(q.rcpt, STR("later")))
		status_set(&a.status, 451, "4.3.0", "come back later");
	put_access_answer(&w, &a);
	return chan_reply(c, m, m->type, &w, NULL, 0);
}

/* "not-mine..." belongs to somebody else. */
static int rig_on_sender(struct chan *c, struct ipc_msg *m)
{
	struct sender_question q;
	struct access_answer a = { .rule = STR("rig:2") };
	struct get g = get_start(m->body);
	struct put w = put_start();

	assert(get_sender_question(&g, &q) == 0 && q.n > 0 && q.login.n > 0);
	rig.questions++;
	if (rig.lookup_silent)
		return 0;
	status_set(&a.status, 250, "2.1.0", "Ok");
	for (uint32_t i = 0; i < q.n; i++) {
		if (str_starts(q.addresses[i], STR("not-mine")))
			status_set(&a.status, 553, "5.7.1", "not an address of yours");
	}
	put_access_answer(&w, &a);
	return chan_reply(c, m, m->type, &w, NULL, 0);
}

static const struct chan_row rig_lookup_rows[] = {
	{ LOOKUP_CLIENT, 0, rig_on_access },
	{ LOOKUP_RCPT, 0, rig_on_access },
	{ LOOKUP_SENDER, 0, rig_on_sender },
	{ .type = 0 },
};

/* --- queue ------------------------------------------------------------------------------------- */

/* A fresh memfd that the rig remembers; the descriptor is the caller's. */
static int rig_body(uint64_t *id)
{
	int fd = rig.disk_full ? open("/dev/full", O_WRONLY | O_CLOEXEC)
			       : memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert(fd != -1);
	if (!rig.disk_full) /* as the queue makes it */
		assert(ftruncate(fd, BODY_SMALL) == 0 &&
		       fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0);
	*id = ++rig.next_id;
	rig.bodies[*id % RIG_BODIES].id = *id;
	rig.bodies[*id % RIG_BODIES].fd = dup(fd);
	return fd;
}

static void rig_send_stock(uint32_t n)
{
	struct queue_stock s = { .room = 1 << 30, .n = n };
	struct put w = put_start();
	int fds[STOCK_PACKET];

	for (uint32_t i = 0; i < n; i++)
		fds[i] = rig_body(&s.ids[i]);
	put_stock(&w, &s);
	assert(chan_send(&rig.queue_far, QUEUE_STOCK, &w, fds, n) == 0);
	for (uint32_t i = 0; i < n; i++)
		close(fds[i]);
}

static int rig_on_stock(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint32_t n = get_u32(&g);

	(void)c;
	assert(get_end(&g) == 0 && n >= 1 && n <= STOCK_PACKET);
	rig_send_stock(n);
	return 0;
}

static int rig_on_abort(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	uint64_t id = get_u64(&g);

	(void)c;
	assert(get_end(&g) == 0 && rig.bodies[id % RIG_BODIES].id == id);
	close(rig.bodies[id % RIG_BODIES].fd);
	rig.bodies[id % RIG_BODIES].fd = -1;
	rig.aborts++;
	return 0;
}

static int rig_on_large(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct queue_large l;
	struct status st;
	struct put w = put_start();
	char name[] = "/tmp/smtpd-rig-XXXXXX";
	int fd = rig.disk_full ? open("/dev/full", O_WRONLY) : mkostemp(name, O_APPEND);

	assert(get_large(&g, &l) == 0 && rig.bodies[l.id % RIG_BODIES].id == l.id && fd != -1);
	unlink(name);
	rig.larges++;
	close(rig.bodies[l.id % RIG_BODIES].fd);
	rig.bodies[l.id % RIG_BODIES].fd = fd;
	status_set(&st, 250, "2.0.0", "Ok");
	put_status(&w, &st);
	return chan_reply(c, m, QUEUE_LARGE, &w, &fd, 1);
}

static void rig_keep(struct rig_message *p)
{
	struct rig_message *k = &rig.messages[rig.nmessages++ % RIG_MESSAGES];
	int fd = rig.bodies[p->commit.id % RIG_BODIES].fd;
	char block[65536];
	ssize_t n;

	arena_clear(&k->arena);
	buf_clear(&k->body);
	*k = *p;
	buf_init(&k->body, 1 << 30);
	for (off_t at = 0; (n = pread(fd, block, sizeof block, at)) > 0; at += n)
		buf_put(&k->body, block, (size_t)n);
	/* memory is longer than what is in it */
	if ((fcntl(fd, F_GET_SEALS) & F_SEAL_GROW) != 0 && k->body.n > k->commit.size)
		k->body.n = k->commit.size;
	assert(k->body.n == k->commit.size);
}

static int rig_on_commit(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct queue_answer a = { .fresh = 0 };
	struct put w = put_start();
	bool more;
	uint64_t id;
	int fd;

	assert(get_commit_part(&g, &rig.partial.arena, &rig.partial.commit, &more) == 0);
	if (more)
		return 0;
	id = rig.partial.commit.id;
	assert(rig.bodies[id % RIG_BODIES].id == id && rig.bodies[id % RIG_BODIES].fd != -1);
	if (!rig.queue_mean)
		rig_keep(&rig.partial);
	else
		arena_clear(&rig.partial.arena);
	memset(&rig.partial, 0, sizeof rig.partial);
	close(rig.bodies[id % RIG_BODIES].fd);
	rig.bodies[id % RIG_BODIES].fd = -1;
	if (rig.queue_silent)
		return 0;
	if (rig.queue_mean)
		status_set(&a.status, 452, "4.3.1", "full");
	else
		status_set(&a.status, 250, "2.0.0", "Ok: queued as %llu", (unsigned long long)id);
	fd = rig_body(&a.fresh);
	put_queue_answer(&w, &a);
	chan_reply(c, m, QUEUE_COMMIT, &w, &fd, 1);
	close(fd);
	return 0;
}

static const struct chan_row rig_queue_rows[] = {
	{ QUEUE_STOCK, 0, rig_on_stock },
	{ QUEUE_ABORT, 0, rig_on_abort },
	{ QUEUE_LARGE, 0, rig_on_large },
	{ QUEUE_COMMIT, 0, rig_on_commit },
	{ .type = 0 },
};

static const struct chan_row rig_smtpd_rows[] = {
	{ QUEUE_STOCK, IPC_FDS_MAX, body_on_stock },
	{ .type = 0 },
};

static void rig_queue_gone(struct chan *c)
{
	peer_down(c);
	body_queue_down();
}

/* --- sasl -------------------------------------------------------------------------------------- */

static int rig_sasl_answer(struct chan *c, struct ipc_msg *m, struct str message)
{
	struct sasl_answer a = { .verdict = SASL_CONTINUE, .data = STR("more") };
	struct put w = put_start();

	if (str_eq(message, STR("good"))) {
		a = (struct sasl_answer){ .verdict = SASL_OK, .login = STR("user@example.test") };
		status_set(&a.status, 235, "2.7.0", "ok");
	} else if (str_eq(message, STR("both"))) {
		a = (struct sasl_answer){
			.verdict = SASL_OK, .login = STR("user@example.test"), .data = STR("proof")
		};
		status_set(&a.status, 235, "2.7.0", "ok");
	} else if (str_eq(message, STR("bad"))) {
		a = (struct sasl_answer){ .verdict = SASL_REFUSED };
		status_set(&a.status, 535, "5.7.8", "wrong");
	} else if (!str_eq(message, STR("again")) && message.n > 0) {
		a = (struct sasl_answer){ .verdict = SASL_MALFORMED };
		status_set(&a.status, 501, "5.5.2", "odd");
	}
	if (rig.sasl_silent)
		return 0;
	put_sasl_answer(&w, &a);
	return chan_reply(c, m, SASL_ANSWER, &w, NULL, 0);
}

static int rig_on_sasl_start(struct chan *c, struct ipc_msg *m)
{
	struct sasl_answer a = { .verdict = SASL_UNKNOWN_MECHANISM };
	struct get g = get_start(m->body);
	struct put w = put_start();
	struct sasl_start s;

	assert(get_sasl_start(&g, &s) == 0 && s.secure);
	if (str_caseeq(s.mechanism, STR("TEST")))
		return rig_sasl_answer(c, m, s.initial);
	status_set(&a.status, 504, "5.5.4", "no such mechanism");
	put_sasl_answer(&w, &a);
	return chan_reply(c, m, SASL_ANSWER, &w, NULL, 0);
}

static int rig_on_sasl_more(struct chan *c, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct sasl_more more;

	assert(get_sasl_more(&g, &more) == 0);
	return rig_sasl_answer(c, m, more.data);
}

static int rig_on_sasl_cancel(struct chan *c, struct ipc_msg *m)
{
	(void)c;
	(void)m;
	rig.cancels++;
	return 0;
}

static const struct chan_row rig_sasl_rows[] = {
	{ SASL_START, 0, rig_on_sasl_start },
	{ SASL_MORE, 0, rig_on_sasl_more },
	{ SASL_CANCEL, 0, rig_on_sasl_cancel },
	{ .type = 0 },
};

static const struct chan_row rig_smtpd_sasl_rows[] = {
	{ SASL_MECHANISMS, 0, login_on_mechanisms },
	{ .type = 0 },
};

static void rig_offer(void)
{
	struct sasl_names names = { .n = 2 };
	struct put w = put_start();

	names.rows[0].needs = SASL_NEEDS_SECURE;
	names.rows[1].needs = SASL_NEEDS_SECURE | SASL_NEEDS_EXPORTER;
	strcpy(names.rows[0].name, "TEST");
	strcpy(names.rows[1].name, "TEST-PLUS");
	put_sasl_names(&w, &names);
	assert(chan_send(&rig.sasl_far, SASL_MECHANISMS, &w, NULL, 0) == 0);
}

/* --- connections ------------------------------------------------------------------------------- */

static void rig_connect_peer(struct chan *near, struct chan *far, enum role role,
    const struct chan_row *near_rows, const struct chan_row *far_rows, void (*down)(struct chan *))
{
	int fds[2];

	assert(ipc_pair(fds) == 0);
	memset(near, 0, sizeof *near);
	memset(far, 0, sizeof *far);
	near->role = (uint8_t)role;
	chan_init(near, &fds[0], near_rows, down);
	chan_init(far, &fds[1], far_rows, NULL);
	peer_up(near);
}

static void rig_connect_peers(void)
{
	rig_connect_peer(
	    &rig.lookup, &rig.lookup_far, ROLE_LOOKUP, NULL, rig_lookup_rows, peer_down);
	rig_connect_peer(
	    &rig.queue, &rig.queue_far, ROLE_QUEUE, rig_smtpd_rows, rig_queue_rows, rig_queue_gone);
	rig_connect_peer(
	    &rig.sasl, &rig.sasl_far, ROLE_SASL, rig_smtpd_sasl_rows, rig_sasl_rows, peer_down);
	rig_send_stock(2);
	rig_offer();
}

static void rig_set(const char *name, const char *value)
{
	conf_set(rig.conf, NULL, name, str_of(value), "test", 1);
	settings_read(rig.conf);
}

static void rig_open(void)
{
	static bool looped;

	signal(SIGPIPE, SIG_IGN);
	if (!looped)
		loop_init();
	looped = true;
	rig.client = -1;
	buf_init(&rig.heard, 1 << 26);
	rig.conf = conf_new();
	rig_set("hostname", "mx.example.test");
	rig_connect_peers();
	for (int i = 0; i < 3; i++)
		loop_poll();
}

/* Until nothing moves any more. */
static void rig_turn(void)
{
	char text[65536];

	for (int quiet = 0; quiet < 40; quiet++) {
		loop_poll();
		while (rig.client != -1 && !rig.closed) {
			ssize_t n = recv(rig.client, text, sizeof text, MSG_DONTWAIT);

			if (n == 0 || (n == -1 && errno != EAGAIN))
				rig.closed = true;
			if (n <= 0)
				break;
			buf_put(&rig.heard, text, (size_t)n);
			quiet = 0;
		}
	}
}

/* Connects as that address ("" = at the local socket) without turning the loop. */
static void rig_connect_silently(enum service service, const char *address)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fds[2];

	if (rig.client != -1)
		close(rig.client);
	for (int i = 0; i < 6; i++)
		loop_poll();
	assert(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	rig.client = fds[1];
	rig.closed = false;
	buf_reset(&rig.heard);
	if (address[0] == '\0')
		in.sin_family = AF_UNIX;
	else
		assert(inet_pton(AF_INET, address, &in.sin_addr) == 1);
	session_new(&fds[0], service, "mx", NULL, (struct sockaddr *)&in);
}

static void rig_connect(enum service service, const char *address)
{
	rig_connect_silently(service, address);
	rig_turn();
}

static void rig_bytes(struct str s)
{
	while (s.n > 0) {
		ssize_t n = send(rig.client, s.p, s.n, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n == -1 && errno == EAGAIN)
			loop_poll();
		else if (n <= 0)
			return; /* the server has closed */
		else
			s = str_skip(s, (size_t)n);
	}
}

/*
 * Sends text and returns the codes of the replies to it, "250 550 close"; the replies themselves
 * stay in rig.heard.
 */
static const char *rig_say_bytes(struct str text)
{
	static char codes[1 << 16];
	struct str rest, line;
	size_t n = 0;

	buf_reset(&rig.heard);
	rig_bytes(text);
	rig_turn();
	rest = buf_view(&rig.heard);
	codes[0] = '\0';
	while (rest.n > 0 && str_cut(&rest, '\n', &line)) {
		assert(line.n > 4 && line.p[line.n - 1] == '\r');
		if (line.p[3] == ' ' && n < sizeof codes - 16)
			n += (size_t)snprintf(
			    codes + n, sizeof codes - n, "%s%.3s", n > 0 ? " " : "", line.p);
	}
	if (rig.closed)
		snprintf(codes + n, sizeof codes - n, "%sclose", n > 0 ? " " : "");
	return codes;
}

__attribute__((unused)) static const char *rig_say(const char *text)
{
	return rig_say_bytes(str_of(text));
}

static void rig_close(void)
{
	if (rig.client != -1)
		close(rig.client);
	rig.client = -1;
	for (int i = 0; i < 6; i++)
		loop_poll();
	chan_close(&rig.lookup);
	chan_close(&rig.lookup_far);
	chan_close(&rig.queue_far);
	chan_close(&rig.sasl);
	chan_close(&rig.sasl_far);
	for (int i = 0; i < 6; i++)
		loop_poll();
	assert(session_count() == 0);
	peer_down(&rig.lookup);
	peer_down(&rig.sasl);
	for (unsigned i = 0; i < RIG_BODIES; i++) {
		if (rig.bodies[i].id != 0 && rig.bodies[i].fd != -1)
			close(rig.bodies[i].fd);
	}
	for (unsigned i = 0; i < RIG_MESSAGES; i++) {
		arena_clear(&rig.messages[i].arena);
		buf_clear(&rig.messages[i].body);
	}
	arena_clear(&rig.partial.arena);
	buf_clear(&rig.heard);
	conf_free(rig.conf);
	memset(&rig, 0, sizeof rig);
	rig.client = -1;
}

#endif
