/*
 * Makes TLS handshakes with a mail server and counts them.
 *
 *	handshakes PORT starttls|implicit full|resumed THREADS SECONDS
 *
 * Each connection hears the greeting under TLS (after STARTTLS: the answer to EHLO) before it ends,
 * so that both sides are done. A resumed one takes up the session of the thread's first. Prints how
 * many there were, how many of these were resumed, and the seconds that they took.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { THREADS_MAX = 64, LINE = 2048 };

static struct {
	int port;
	bool starttls, resumed;
	double until;
} how;

struct worker {
	pthread_t thread;
	SSL_CTX *context;
	SSL_SESSION *session;
	unsigned done, resumed;
};

static int keep(SSL *s, SSL_SESSION *session)
{
	struct worker *w = SSL_get_app_data(s);

	if (w->session != NULL)
		return 0;
	w->session = session;
	return 1;
}

/* Says text, and hears an answer that begins so. */
static void ask(int fd, const char *text, const char *expected)
{
	char line[LINE];
	size_t n = strlen(text);

	if (n > 0 && write(fd, text, n) != (ssize_t)n)
		die("write");
	if (read(fd, line, sizeof line) < 3 || strncmp(line, expected, 3) != 0)
		die("an unexpected answer");
}

static int dial(void)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)how.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1 || connect(fd, (const struct sockaddr *)&to, sizeof to) == -1)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	if (how.starttls) {
		ask(fd, "", "220");
		ask(fd, "EHLO client.test\r\n", "250");
		ask(fd, "STARTTLS\r\n", "220");
	}
	return fd;
}

static void once(struct worker *w)
{
	char line[LINE];
	int fd = dial();
	SSL *s = SSL_new(w->context);

	SSL_set_fd(s, fd);
	SSL_set_app_data(s, w);
	if (how.resumed && w->session != NULL) {
		/* a copy, because a client gives up a session of TLS 1.3 that it has used */
		SSL_SESSION *copy = SSL_SESSION_dup(w->session);

		SSL_set_session(s, copy);
		SSL_SESSION_free(copy);
	}
	if (SSL_connect(s) != 1)
		die("no handshake");
	if (how.starttls && SSL_write(s, "EHLO client.test\r\n", 18) != 18)
		die("no EHLO");
	if (SSL_read(s, line, sizeof line) < 3)
		die("no answer under TLS");
	w->done++;
	w->resumed += SSL_session_reused(s) == 1;
	SSL_shutdown(s);
	SSL_free(s);
	close(fd);
}

static void *work(void *arg)
{
	struct worker *w = arg;

	w->context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_session_cache_mode(
	    w->context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(w->context, keep);
	while (now() < how.until)
		once(w);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	unsigned done = 0, resumed = 0;
	double began = now();
	int n;

	if (argc != 6 || (n = atoi(argv[4])) < 1 || n > THREADS_MAX)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	how.port = atoi(argv[1]);
	how.starttls = strcmp(argv[2], "starttls") == 0;
	how.resumed = strcmp(argv[3], "resumed") == 0;
	how.until = began + atof(argv[5]);
	for (int i = 0; i < n; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("thread");
	for (int i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
		resumed += workers[i].resumed;
	}
	printf("%u %u %.3f\n", done, resumed, now() - began);
	return 0;
}
