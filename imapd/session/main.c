/*
 * imapd-session: one user, one connection, after authentication. Started by spawn, which hands over
 * the connection, what the client has sent already, the home as root directory, and channels to
 * services/notify and services/log. Confined before it looks at anything that the client or a
 * sender of mail has written.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "io.h"
#include "proto/auth.h"
#include "proto/proc.h"
#include "session.h"

static struct session session;
static struct session_start start_message;

/* services/notify is there, or there again. */
static void notify_channel(int fd, unsigned instance)
{
	(void)instance;
	if (session.notify != -1)
		close(session.notify);
	session.notify = fd;
}

static const struct peer_spec peers[] = {
	{ .role = ROLE_NOTIFY, .raw = notify_channel },
	{ .role = ROLE_NONE },
};

/* What the store had to skip or repair. */
static void on_report(void *arg, const char *event, struct str name, int error)
{
	const struct session *s = arg;

	log_warning(
	    &s->log, event, KS("name", name), KZ("error", error == 0 ? "" : strerror(error)));
}

static void load_settings(void)
{
	session.literal_max = conf_size(proc_conf(), "message_size_limit");
}

static int open_session(void)
{
	struct get g = get_start(proc_extra());

	signal(SIGPIPE, SIG_IGN); /* a client that goes is an error of write(2) */
	session_init(&session);
	if (get_session_start(&g, &start_message) == -1 || proc_fd("client") == -1) {
		log_error(NULL, EV("boot-failed"), KZ("what", "session"));
		return -1;
	}
	session.log.trace = start_message.trace;
	session.client = proc_fd("client");
	session.control = proc_control_fd();
	session.stop = proc_control;
	load_settings();
	if (fchdir(proc_fd("home")) == -1 || fcntl(session.client, F_SETFL, O_NONBLOCK) == -1) {
		log_error(&session.log, EV("boot-failed"), KERRNO);
		return -1;
	}
	return 0;
}

static void run(void)
{
	struct store_options options = {
		.quota_bytes = start_message.account.quota, .report = on_report, .arg = &session
	};
	enum store_error e = store_open(".", &options, &session.store);

	if (e != STORE_OK) {
		log_error(&session.log, EV("store-failed"), KERRNO, KZ("what", store_strerror(e)));
		buf_printf(&session.out,
		    "%.*s NO [UNAVAILABLE] The mailbox cannot be opened now\r\n",
		    STR_ARG(start_message.tag));
		io_flush(&session);
		return;
	}
	buf_str(&session.in, start_message.input);
	session_run(&session, start_message.tag);
	session_clear(&session);
	store_close(session.store);
}

/* The loop asks proc_control() and says goodbye. */
static void drain(void)
{
}

int main(void)
{
	static const struct program program = { .role = ROLE_SESSION,
		.peers = peers,
		.open = open_session,
		.run = run,
		.reload = load_settings,
		.drain = drain };

	return proc_main(&program);
}
