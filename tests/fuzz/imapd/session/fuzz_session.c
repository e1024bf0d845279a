/*
 * Whole sessions: the input is what a client sends, to a store with a few messages. The home is
 * made anew from time to time, so that what one input leaves behind meets others.
 */
#include <fcntl.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../../../../imapd/session/session.h"
#include "../../../unit/remove_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { RUNS_PER_HOME = 200 };

static char home[64];
static struct store *store;

static void leave_home(void)
{
	store_close(store);
	store = NULL;
	remove_tree(home);
}

static void add(const char *text)
{
	struct store_batch *b;
	struct store_added added;

	if (store_append_begin(store, STR("INBOX"), &b) != STORE_OK)
		abort();
	if (store_append_message(b, 0, NULL, 0, 0) != STORE_OK ||
	    store_append_write(b, text, str_of(text).n) != STORE_OK ||
	    store_append_commit(b, &added) != STORE_OK)
		abort();
}

static void new_home(void)
{
	struct store_options options = { .map_size = 16 << 20, .quota_messages = 20 };

	snprintf(home, sizeof home, "/tmp/thurn-fuzz-XXXXXX");
	if (mkdtemp(home) == NULL || store_open(home, &options, &store) != STORE_OK)
		abort();
	add("From: A <a@b>\r\nSubject: =?utf-8?q?x?=\r\n\r\nhello\r\n");
	add("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\none\r\n--b\r\n"
	    "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\ninner\r\n--b--\r\n");
}

/* Both ends of the wire: sends the input, reads and forgets what comes. */
struct client {
	int fd;
	const uint8_t *data;
	size_t n;
};

static void *reader(void *arg)
{
	static char space[65536];
	const struct client *c = arg;

	while (read(c->fd, space, sizeof space) > 0)
		continue;
	return NULL;
}

static void *writer(void *arg)
{
	const struct client *c = arg;
	size_t at = 0;
	ssize_t n;

	while (at < c->n && (n = send(c->fd, c->data + at, c->n - at, MSG_NOSIGNAL)) > 0)
		at += (size_t)n;
	shutdown(c->fd, SHUT_WR);
	return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static unsigned runs;
	struct session s;
	struct client c = { .data = data, .n = n };
	pthread_t threads[2];
	int fds[2];

	if (runs == 0)
		atexit(leave_home);
	if (runs++ % RUNS_PER_HOME == 0) {
		if (store != NULL)
			leave_home();
		new_home();
	}
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == -1)
		abort();
	c.fd = fds[0];
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	log_threshold(LEVEL_ERROR);
	session_init(&s);
	s.client = fds[1];
	s.literal_max = 1 << 20;
	s.store = store;
	pthread_create(&threads[0], NULL, reader, &c);
	pthread_create(&threads[1], NULL, writer, &c);
	session_run(&s, STR("l"));
	session_clear(&s);
	shutdown(fds[1], SHUT_RDWR);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], NULL);
	close(fds[0]);
	close(fds[1]);
	return 0;
}
