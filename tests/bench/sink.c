/*
 * A host that takes mail over TLS and forgets it.
 *
 *	sink PORT CHAIN KEY
 *
 * Offers STARTTLS and tickets, and takes nothing without; a thread for each connection, and prints "mesg=N", how many messages
 * it has taken, whenever that has changed; as smtp-sink of Postfix does, which has no TLS.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { INPUT = 32 * 1024, PRINT_US = 10 * 1000, BACKLOG = 1024 };

static SSL_CTX *context;
static atomic_uint taken;

struct client {
	int fd;
	SSL *tls; /* NULL = not yet */
	size_t n;
	char in[INPUT + 1];
};

static bool say(struct client *c, const char *text)
{
	int n = (int)strlen(text);

	return (c->tls != NULL ? SSL_write(c->tls, text, n) : (int)write(c->fd, text, (size_t)n)) ==
	       n;
}

static bool hear(struct client *c)
{
	int room = (int)(INPUT - c->n);
	int r = room == 0        ? -1
		: c->tls != NULL ? SSL_read(c->tls, c->in + c->n, room)
				 : (int)read(c->fd, c->in + c->n, (size_t)room);

	if (r <= 0)
		return false;
	c->n += (size_t)r;
	c->in[c->n] = '\0';
	return true;
}

static void drop(struct client *c, size_t n)
{
	c->n -= n;
	memmove(c->in, c->in + n, c->n + 1);
}

/* Up to the dot; only the last bytes of what was heard matter. */
static bool take(struct client *c)
{
	static const char end[] = "\r\n.\r\n";
	const char *found;

	if (!say(c, "354 go on\r\n"))
		return false;
	while ((found = strstr(c->in, end)) == NULL) {
		if (c->n > sizeof end)
			drop(c, c->n - sizeof end);
		if (!hear(c))
			return false;
	}
	drop(c, (size_t)(found - c->in) + strlen(end));
	atomic_fetch_add(&taken, 1);
	return say(c, "250 2.0.0 taken\r\n");
}

static bool secure(struct client *c)
{
	if (!say(c, "220 2.0.0 go on\r\n"))
		return false;
	c->tls = SSL_new(context);
	SSL_set_fd(c->tls, c->fd);
	return SSL_accept(c->tls) == 1;
}

static bool obey(struct client *c, const char *line)
{
	static const char *const hello[] = {
		"250-sink.test\r\n250-PIPELINING\r\n250-SIZE\r\n250-STARTTLS\r\n"
		"250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n",
		"250-sink.test\r\n250-PIPELINING\r\n250-SIZE\r\n250-ENHANCEDSTATUSCODES\r\n250 "
		"8BITMIME\r\n"
	};

	if (strncasecmp(line, "EHLO", 4) == 0)
		return say(c, hello[c->tls != NULL]);
	if (strncasecmp(line, "STARTTLS", 8) == 0)
		return secure(c);
	if (strncasecmp(line, "MAIL", 4) == 0 && c->tls == NULL)
		return say(c, "530 5.7.0 STARTTLS first\r\n");
	if (strncasecmp(line, "DATA", 4) == 0)
		return take(c);
	if (strncasecmp(line, "QUIT", 4) == 0)
		return say(c, "221 2.0.0 bye\r\n") && false;
	return say(c, "250 2.0.0 ok\r\n");
}

static void *serve(void *arg)
{
	struct client *c = arg;
	bool more = say(c, "220 sink.test ESMTP\r\n");

	while (more) {
		char line[1024], *lf = strchr(c->in, '\n');
		size_t n = lf == NULL ? 0 : (size_t)(lf - c->in) + 1;

		if (n == 0) {
			more = hear(c);
			continue;
		}
		snprintf(line, sizeof line, "%.*s", (int)n, c->in);
		drop(c, n);
		more = obey(c, line);
	}
	if (c->tls != NULL)
		SSL_shutdown(c->tls);
	SSL_free(c->tls);
	close(c->fd);
	free(c);
	return NULL;
}

static void *print(void *unused)
{
	for (unsigned said = 0;; usleep(PRINT_US)) {
		unsigned n = atomic_load(&taken);

		if (n != said)
			printf("mesg=%u\n", said = n);
		fflush(stdout);
	}
	return unused;
}

static int listen_on(int port)
{
	const struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	return bind(fd, (const struct sockaddr *)&at, sizeof at) == -1 || listen(fd, BACKLOG) == -1
		   ? -1
		   : fd;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	int fd;

	if (argc != 4)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	context = SSL_CTX_new(TLS_server_method());
	fd = listen_on(atoi(argv[1]));
	if (SSL_CTX_use_certificate_chain_file(context, argv[2]) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, argv[3], SSL_FILETYPE_PEM) != 1 || fd == -1 ||
	    pthread_create(&thread, NULL, print, NULL) != 0)
		return 1;
	for (;;) {
		struct client *c = calloc(1, sizeof *c);

		if (c == NULL)
			return 1;
		c->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (c->fd == -1 || pthread_create(&thread, NULL, serve, c) != 0)
			return 1;
		pthread_detach(thread);
	}
}
