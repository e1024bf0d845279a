/*
 * imapd/login: holds IMAP connections until someone has logged in, then gives them away. Sees no
 * file and no password hash: sasl says who has logged in, spawn starts the session. See
 * thurn-imapd-login(8).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client.h"
#include "proto/proc.h"
#include "proto/types.h"

enum {
	LISTENERS_MAX = 64,
	ACCEPT_BURST = 16, /* connections per wake-up, so that the other workers get some */
	ACCEPT_PAUSE = 1000, /* ms without accepting when descriptors are used up */
};

static struct watch watches[LISTENERS_MAX];
static struct secure *secures[LISTENERS_MAX];
static struct timer pause_timer;
static unsigned connections_max;
static bool draining;
static const struct listener *listeners;
static bool mechanisms_known, keys_known; /* what there is to offer */

static void load_settings(void)
{
	const struct conf *c = proc_conf();

	connections_max = (unsigned)conf_int(c, "imap_login_connections");
	login_settings.plaintext = conf_bool(c, "imap_allow_plaintext_auth");
	login_settings.timeout = conf_time(c, "imap_login_timeout");
	login_settings.failure_delay = conf_time(c, "imap_failure_delay");
	waiting_load(c);
}

static void listen_to_all(void *unused);

/* Out of descriptors: those who are connected stay, others wait in the kernel's queue. */
static void pause_accepting(int error)
{
	const struct listener *l;
	size_t n = proc_listeners(&l);

	log_warning(NULL, EV("accept-paused"), KZ("error", strerror(error)));
	for (size_t i = 0; i < n && i < LISTENERS_MAX; i++)
		watch_clear(&watches[i]);
	timer_set(&pause_timer, ACCEPT_PAUSE, listen_to_all, NULL);
}

/* There is no room for fd, or no more for that client. Before a handshake nothing can be said. */
static void turn_away(int fd, const struct secure *secure, const char *why)
{
	char line[128];
	int n = snprintf(line, sizeof line, "* BYE [UNAVAILABLE] Too many connections%s\r\n", why);

	if (secure_mode(secure) != SECURE_IMPLICIT && send(fd, line, (size_t)n, MSG_NOSIGNAL) == -1)
		log_debug(NULL, EV("imap-full"), KERRNO);
	close(fd);
}

static void take(int fd, const struct ip *ip, struct secure *secure)
{
	struct waiting *waiting;

	if (clients_count() >= connections_max)
		turn_away(fd, secure, "");
	else if (!waiting_begin(ip, &waiting))
		turn_away(fd, secure, " from your address");
	else
		client_new(&fd, ip, secure, waiting);
}

static void on_connection(void *arg, unsigned what)
{
	const struct listener *l = arg;

	(void)what;
	for (int i = 0; i < ACCEPT_BURST; i++) {
		union {
			struct sockaddr sa;
			struct sockaddr_storage space;
		} peer;
		socklen_t size = sizeof peer;
		struct ip ip;
		int fd = accept4(l->fd, &peer.sa, &size, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd == -1) {
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				pause_accepting(errno);
			return;
		}
		ip_from_sockaddr(&peer.sa, &ip);
		/* a session's news must not wait until the client has confirmed the line before */
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
		take(fd, &ip, secures[l - listeners]);
	}
}

static void listen_to_all(void *unused)
{
	const struct listener *l;
	size_t n = proc_listeners(&l);

	(void)unused;
	for (size_t i = 0; i < n && i < LISTENERS_MAX; i++)
		watch_set(&watches[i], l[i].fd, WATCH_READ, on_connection,
		    (struct listener *)(uintptr_t)&l[i]);
}

static int login_open(void)
{
	size_t n = proc_listeners(&listeners);

	secure_open();
	for (size_t i = 0; i < n && i < LISTENERS_MAX; i++) {
		secures[i] = secure_new(proc_conf(), listeners[i].conf);
		secure_listen(secures[i], listeners[i].fd);
	}
	return 0;
}

/* The first client is greeted when it is known what to offer. */
static void start_listening(void)
{
	static bool listening;

	if (!listening && !draining && mechanisms_known && keys_known) {
		listening = true;
		listen_to_all(NULL);
	}
}

static void on_keys(void)
{
	keys_known = true;
	start_listening();
}

static int login_start(void)
{
	load_settings();
	secure_on_change(on_keys);
	return 0;
}

static int on_mechanisms(struct chan *from, struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct sasl_names names;

	(void)from;
	if (get_sasl_names(&g, &names) == -1)
		return -1;
	clients_offer(&names);
	mechanisms_known = true;
	start_listening();
	return 0;
}

static void idle(void)
{
	proc_exit(0);
}

/* Clients that are connected stay until they log in or have had their time. */
static void login_retire(void)
{
	draining = true;
	timer_clear(&pause_timer);
	for (size_t i = 0; i < LISTENERS_MAX; i++)
		watch_clear(&watches[i]);
	clients_retire(idle);
}

static void login_drain(void)
{
	login_retire();
	clients_end();
}

static void login_status(struct buf *out)
{
	buf_printf(out, "connections %u\n", clients_count());
}

static const struct chan_row no_rows[] = { { 0 } };
static const struct chan_row sasl_rows[] = { { SASL_MECHANISMS, 0, on_mechanisms }, { 0 } };

static const struct peer_spec peers[] = {
	{ ROLE_SASL, .rows = sasl_rows, .one = true },
	{ ROLE_KEYS, .rows = secure_rows, .up = secure_up },
	{ ROLE_SPAWN, .rows = no_rows },
	{ ROLE_NONE },
};

int main(void)
{
	static const struct program program = { .role = ROLE_LOGIN,
		.peers = peers,
		.open = login_open,
		.start = login_start,
		.retire = login_retire,
		.drain = login_drain,
		.status = login_status };

	return proc_main(&program);
}
