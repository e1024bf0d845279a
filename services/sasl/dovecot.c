/*
 * The Dovecot authentication protocol. See dovecot.h. A connection is an asker like the channel of
 * a server of ours; what it says is checked in the same way, and whose session it is does not
 * concern us.
 */
#include "dovecot.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/base64.h"
#include "exchange.h"
#include "mech.h"
#include "net/conn.h"
#include "net/ip.h"
#include "offer.h"
#include "proto/proc.h"

enum {
	MAJOR = 1,
	MINOR = 1,
	OUTPUT_MAX = 256 * 1024,
	LISTENERS_MAX = 8,
	COOKIE_BYTES = 16,
	HELLO_TIME = 30 * 1000, /* ms until a client has said its version */
};

struct client {
	struct asker asker; /* first */
	struct conn conn;
	bool versioned;
	LIST_ENTRY(client) next;
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);
static unsigned nclients, ever;
static const struct conf *conf;
static uid_t own_uid; /* asked for before confinement */
static struct watch watches[LISTENERS_MAX];

unsigned dovecot_count(void)
{
	return nclients;
}

/* --- a line ---------------------------------------------------------------------------------- */

static const struct {
	struct str name;
	enum dovecot_verb verb;
} verbs[] = {
	{ { "VERSION", 7 }, DOVECOT_VERSION },
	{ { "CPID", 4 }, DOVECOT_CPID },
	{ { "AUTH", 4 }, DOVECOT_AUTH },
	{ { "CONT", 4 }, DOVECOT_CONT },
	{ { "CANCEL", 6 }, DOVECOT_CANCEL },
};

/* Its value, if the field is `key=value`. */
static bool field(struct str s, struct str key, struct str *value)
{
	if (!str_starts(s, key))
		return false;
	*value = str_skip(s, key.n);
	return true;
}

/* What follows the mechanism; fields that are not known mean nothing. resp= is the last one. */
static int parse_fields(struct str rest, struct dovecot_line *out)
{
	struct str s;

	for (unsigned n = 0; str_cut(&rest, '\t', &s); n++) {
		if (n == DOVECOT_FIELDS)
			return -1;
		if (str_eq(s, STR("secured")) || str_starts(s, STR("secured=")))
			out->secured = true;
		else if (field(s, STR("resp="), &out->response))
			out->has_response =
			    out->response.n > 0; /* Exim's way to say that there is none */
		else if (!field(s, STR("service="), &out->service))
			(void)field(s, STR("rip="), &out->client);
	}
	return out->service.n > AUTH_SERVICE_MAX || out->client.n > CLIENT_MAX ? -1 : 0;
}

int dovecot_parse(struct str line, struct dovecot_line *out)
{
	struct str rest = line, verb, number;
	uint64_t n;

	*out = (struct dovecot_line){ .verb = DOVECOT_OTHER };
	if (str_find(line, '\0') != -1 || !str_cut(&rest, '\t', &verb))
		return -1;
	for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
		if (str_eq(verb, verbs[i].name))
			out->verb = verbs[i].verb;
	if (out->verb == DOVECOT_OTHER)
		return 0;
	if (!str_cut(&rest, '\t', &number) || str_u64(number, UINT32_MAX, &n) == -1)
		return -1;
	out->number = (uint32_t)n;
	if (out->verb == DOVECOT_CONT) {
		out->response = rest;
		out->has_response = true;
	}
	if (out->verb != DOVECOT_AUTH)
		return 0;
	if (!str_cut(&rest, '\t', &out->mechanism) || out->mechanism.n == 0)
		return -1;
	return parse_fields(rest, out);
}

/* --- answers --------------------------------------------------------------------------------- */

static void client_free(struct client *c)
{
	exchange_cancel_all(&c->asker);
	conn_close(&c->conn);
	LIST_REMOVE(c, next);
	nclients--;
	free(c);
}

static void answer(struct asker *a, struct exchange *x, const struct sasl_answer *said)
{
	struct conn *conn = &((struct client *)a)->conn;
	char text[BASE64_SIZE(SASL_MESSAGE_MAX)];
	unsigned id = (unsigned)x->id;

	switch ((enum sasl_verdict)said->verdict) {
	case SASL_CONTINUE:
		conn_printf(
		    conn, "CONT\t%u\t%.*s\n", id, (int)base64_encode(said->data, text), text);
		break;
	case SASL_OK:
		conn_printf(conn, "OK\t%u\tuser=%.*s\n", id, STR_ARG(said->login));
		break;
	case SASL_LATER:
		conn_printf(conn, "FAIL\t%u\ttemp\treason=%s\n", id, said->status.text);
		break;
	default:
		conn_printf(conn, "FAIL\t%u\treason=%s\n", id, said->status.text);
	}
}

static void fail(struct client *c, uint32_t id, const char *reason)
{
	conn_printf(&c->conn, "FAIL\t%u\treason=%s\n", id, reason);
}

/* --- requests -------------------------------------------------------------------------------- */

/* The services of others, by the names that auth has for what its accounts may use. */
static struct str service_of(struct str said)
{
	static const struct {
		struct str said, name;
	} services[] = {
		{ { "smtp", 4 }, { "smtp", 4 } },
		{ { "submission", 10 }, { "smtp", 4 } },
		{ { "imap", 4 }, { "imap-elsewhere", 14 } },
		{ { "pop3", 4 }, { "imap-elsewhere", 14 } },
		{ { "sieve", 5 }, { "imap-elsewhere", 14 } },
	};

	for (size_t i = 0; i < sizeof services / sizeof *services; i++)
		if (str_caseeq(said, services[i].said))
			return services[i].name;
	return STR("other");
}

static bool loopback(struct str address)
{
	struct ip ip;

	return ip_parse(address, &ip) == 0 && ip_loopback(&ip);
}

/* Decodes in place of nothing: out has room for SASL_MESSAGE_MAX. -1: not base64, or too long. */
static int decode(struct str base64, char out[SASL_MESSAGE_MAX], struct str *message)
{
	ssize_t n = base64.n > SASL_LINE_MAX ? -1 : base64_decode(base64, out);

	*message = str_bytes(out, n > 0 ? (size_t)n : 0);
	return n == -1 ? -1 : 0;
}

static void on_auth(struct client *c, const struct dovecot_line *l)
{
	static char space[SASL_MESSAGE_MAX];
	struct sasl_start s = { .id = l->number,
		.service = service_of(l->service),
		.client = l->client,
		.mechanism = l->mechanism,
		.has_initial = l->has_response,
		.secure = l->secured || loopback(l->client) };

	if (exchange_find(&c->asker, l->number) != NULL)
		fail(c, l->number, "that id is in use");
	else if (offer_lacks(&s) != 0)
		fail(c, l->number, "that mechanism is not offered there");
	else if (decode(l->response, space, &s.initial) == -1)
		fail(c, l->number, "that is not base64");
	else if (!exchange_room(&c->asker))
		conn_printf(&c->conn, "FAIL\t%u\ttemp\n", l->number);
	else
		exchange_start(&c->asker, &s, (struct chan_ref){ 0 });
	explicit_bzero(space, sizeof space);
}

static void on_cont(struct client *c, const struct dovecot_line *l)
{
	static char space[SASL_MESSAGE_MAX];
	struct exchange *x = exchange_find(&c->asker, l->number);
	struct str message;

	if (x == NULL || exchange_busy(x)) {
		fail(c, l->number, "nothing is asked");
		return;
	}
	if (decode(l->response, space, &message) == 0)
		exchange_more(x, (struct chan_ref){ 0 }, message);
	else
		exchange_end(x, SASL_MALFORMED);
	explicit_bzero(space, sizeof space);
}

static void on_cancel(struct client *c, const struct dovecot_line *l)
{
	struct exchange *x = exchange_find(&c->asker, l->number);

	if (x != NULL)
		exchange_cancel(x);
}

/* -1: the connection ends. */
static int run(struct client *c, struct str line)
{
	struct dovecot_line l;

	if (dovecot_parse(line, &l) == -1 || (!c->versioned && l.verb != DOVECOT_VERSION) ||
	    (l.verb == DOVECOT_VERSION && l.number != MAJOR))
		return -1;
	switch (l.verb) {
	case DOVECOT_VERSION:
		c->versioned = true;
		conn_deadline(&c->conn, 0);
		break;
	case DOVECOT_AUTH:
		on_auth(c, &l);
		break;
	case DOVECOT_CONT:
		on_cont(c, &l);
		break;
	case DOVECOT_CANCEL:
		on_cancel(c, &l);
		break;
	case DOVECOT_CPID:
	case DOVECOT_OTHER:
		break;
	}
	return 0;
}

static void on_input(struct conn *conn)
{
	struct client *c = conn->owner;
	struct str line;
	size_t size;
	int r;

	while ((r = conn_line(conn, DOVECOT_LINE, &line, &size)) == 1) {
		r = run(c, line);
		explicit_bzero((void *)(uintptr_t)line.p, line.n);
		buf_drop(&conn->in, size);
		if (r == -1)
			break;
	}
	if (r == -1) {
		log_notice(NULL, EV("dovecot-client-malformed"));
		client_free(c);
	}
}

static void on_end(struct conn *conn, enum conn_end why)
{
	(void)why;
	client_free(conn->owner);
}

/* --- connections ----------------------------------------------------------------------------- */

static void greet(struct client *c)
{
	const struct sasl_names *names = offer_names();
	uint8_t cookie[COOKIE_BYTES];

	conn_printf(&c->conn, "VERSION\t%d\t%d\n", MAJOR, MINOR);
	for (unsigned i = 0; i < names->n; i++)
		if ((names->rows[i].needs & ~SASL_NEEDS_SECURE) == 0)
			conn_printf(&c->conn, "MECH\t%s%s\n", names->rows[i].name,
			    strncmp(names->rows[i].name, "SCRAM", 5) == 0
				? "\tdictionary\tactive\tmutual-auth"
				: "\tplaintext");
	conn_printf(&c->conn, "SPID\t%u\nCUID\t%u\nCOOKIE\t", (unsigned)getpid(), ++ever);
	if (getrandom(cookie, sizeof cookie, 0) != sizeof cookie)
		memset(cookie, 0, sizeof cookie);
	for (unsigned i = 0; i < sizeof cookie; i++)
		conn_printf(&c->conn, "%02x", cookie[i]);
	conn_write(&c->conn, STR("\nDONE\n"));
}

static bool allowed(int fd)
{
	struct ucred peer;
	socklen_t n = sizeof peer;
	uint64_t uid;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) == -1)
		return false;
	if (peer.uid == 0 || (!proc_is_root() && peer.uid == own_uid))
		return true;
	for (size_t i = 0; i < conf_count(conf, "dovecot_auth_uids"); i++)
		if (str_u64(conf_item(conf, "dovecot_auth_uids", i), UINT32_MAX, &uid) == 0 &&
		    uid == peer.uid)
			return true;
	log_warning(NULL, EV("dovecot-client-refused"), KI("uid", peer.uid), KI("pid", peer.pid));
	return false;
}

static const struct conn_events events = { .input = on_input, .end = on_end };

static void on_connection(void *arg, unsigned what)
{
	const struct listener *l = arg;
	int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct client *c;

	(void)what;
	if (fd == -1)
		return;
	if (nclients >= DOVECOT_CLIENTS || !allowed(fd)) {
		close(fd);
		return;
	}
	c = xcalloc(1, sizeof *c);
	c->asker.answer = answer;
	LIST_INIT(&c->asker.exchanges);
	LIST_INSERT_HEAD(&clients, c, next);
	nclients++;
	conn_init(&c->conn, &fd, DOVECOT_LINE, OUTPUT_MAX, &events, c);
	conn_deadline(&c->conn, HELLO_TIME);
	greet(c);
}

void dovecot_open(void)
{
	own_uid = geteuid();
}

void dovecot_start(const struct conf *c)
{
	const struct listener *l;
	size_t n = proc_listeners(&l);

	conf = c;
	for (size_t i = 0; i < n && i < LISTENERS_MAX; i++)
		watch_set(&watches[i], l[i].fd, WATCH_READ, on_connection,
		    (struct listener *)(uintptr_t)&l[i]);
}

void dovecot_stop(void)
{
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		watch_clear(&watches[i]);
}
