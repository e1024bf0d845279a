/*
 * Logs in at a submission server by SCRAM-SHA-256 (RFC 5802, RFC 7677) and counts how often.
 *
 *	logins PORT USER PASSWORD THREADS [PER-SECOND]
 *
 * goes on until its input ends, one login after the other or so many in a second, and prints how many there
 * were and the seconds that they took. A login is a connection of its own, in plain text; it counts when both
 * sides have proved that they know the password. What it costs here is little beside what it costs there: a
 * thread keeps the keys of its password, as RFC 5802 3 allows.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "load.h"

enum { THREADS_MAX = 64, LINE = 2048, PART = 512, HASH = 32, SALT = 64, NONCE = 18 };

static struct {
	int port;
	const char *user, *password;
	double began, interval; /* seconds from one login of a thread to its next, 0 = none */
	atomic_bool stop;
} how;

struct worker {
	pthread_t thread;
	char salt[SALT]; /* as the server said it; what the keys are of */
	int iterations;
	uint8_t client[HASH], stored[HASH], server[HASH];
	unsigned done;
};

/* --- SCRAM ------------------------------------------------------------------------------------ */

static void mac(const uint8_t key[HASH], const char *text, uint8_t out[HASH])
{
	if (HMAC(EVP_sha256(), key, HASH, (const uint8_t *)text, strlen(text), out, NULL) == NULL)
		die("HMAC");
}

static void encode(const void *from, size_t n, char *to)
{
	EVP_EncodeBlock((unsigned char *)to, from, (int)n);
}

/* As a string; how long it is. */
static size_t decode(const char *from, char *to)
{
	size_t n = strlen(from);
	int got = EVP_DecodeBlock((unsigned char *)to, (const unsigned char *)from, (int)n);

	if (got < 3)
		die("base64");
	got -= (from[n - 1] == '=') + (from[n - 2] == '=');
	to[got] = '\0';
	return (size_t)got;
}

static void make_keys(struct worker *w, const char *salt, int iterations)
{
	uint8_t salted[HASH];
	char raw[SALT];
	size_t n;

	if (iterations == w->iterations && strcmp(salt, w->salt) == 0)
		return;
	n = decode(salt, raw);
	if (PKCS5_PBKDF2_HMAC(how.password, (int)strlen(how.password), (uint8_t *)raw, (int)n,
		iterations, EVP_sha256(), HASH, salted) != 1)
		die("PBKDF2");
	mac(salted, "Client Key", w->client);
	mac(salted, "Server Key", w->server);
	EVP_Digest(w->client, HASH, w->stored, NULL, EVP_sha256(), NULL);
	w->iterations = iterations;
	strcpy(w->salt, salt);
}

/* --- the dialogue ----------------------------------------------------------------------------- */

/* Says a line, unless it is NULL, and hears an answer with that code, whose last text is left in text. */
static void ask(int fd, const char *line, const char *code, char text[LINE])
{
	char said[LINE + 2], heard[LINE], *last = heard;
	size_t n = 0;

	if (line != NULL) {
		int length = snprintf(said, sizeof said, "%s\r\n", line);

		if (write(fd, said, (size_t)length) != length)
			die("write");
	}
	for (;;) {
		ssize_t got = read(fd, heard + n, sizeof heard - 1 - n);
		char *end;

		if (got <= 0)
			die("the server has closed");
		n += (size_t)got;
		heard[n] = '\0';
		while ((end = strstr(last, "\r\n")) != NULL && last[3] == '-')
			last = end + 2;
		if (end == NULL)
			continue;
		*end = '\0';
		if (strncmp(last, code, 3) != 0)
			die(last);
		strcpy(text, last[3] == '\0' ? "" : last + 4);
		return;
	}
}

static void authenticate(struct worker *w, int fd)
{
	char line[LINE], text[LINE], bare[PART], first[PART], without[PART], message[LINE];
	char nonce[NONCE * 2], salt[SALT], full[PART / 2];
	uint8_t random[NONCE], proof[HASH];
	int iterations;

	if (RAND_bytes(random, sizeof random) != 1)
		die("no random bytes");
	encode(random, sizeof random, nonce);
	snprintf(bare, sizeof bare, "n=%s,r=%s", how.user, nonce);
	snprintf(message, sizeof message, "n,,%s", bare);
	strcpy(line, "AUTH SCRAM-SHA-256 ");
	encode(message, strlen(message), line + strlen(line));
	ask(fd, line, "334", text);
	if (strlen(text) >= sizeof first)
		die("SCRAM: too long a challenge");
	decode(text, first);
	if (sscanf(first, "r=%255[^,],s=%63[^,],i=%d", full, salt, &iterations) != 3)
		die("SCRAM: a challenge that is none");
	make_keys(w, salt, iterations);
	snprintf(without, sizeof without, "c=biws,r=%s", full);
	snprintf(message, sizeof message, "%s,%s,%s", bare, first, without);
	mac(w->stored, message, proof);
	for (int i = 0; i < HASH; i++)
		proof[i] ^= w->client[i];
	encode(proof, sizeof proof, salt);
	snprintf(text, sizeof text, "%s,p=%s", without, salt);
	encode(text, strlen(text), line);
	ask(fd, line, "334", text);
	mac(w->server, message, proof);
	strcpy(first, "v=");
	encode(proof, sizeof proof, first + 2);
	encode(first, strlen(first), line);
	if (strcmp(text, line) != 0)
		die("SCRAM: the server has not proved that it knows the password");
	ask(fd, "", "235", text);
}

static void once(struct worker *w)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)how.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[LINE];

	if (fd == -1 || connect(fd, (const struct sockaddr *)&to, sizeof to) == -1)
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	ask(fd, NULL, "220", text);
	ask(fd, "EHLO bench.test", "250", text);
	authenticate(w, fd);
	ask(fd, "QUIT", "221", text);
	close(fd);
	w->done++;
}

static void *work(void *arg)
{
	struct worker *w = arg;

	while (!how.stop) {
		double early = how.began + w->done * how.interval - now();

		/* ahead of its time it waits, behind it hurries */
		if (how.interval > 0 && early > 0)
			usleep((useconds_t)(early * 1e6));
		else
			once(w);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	static struct worker workers[THREADS_MAX];
	unsigned done = 0;
	char byte;
	int n;

	if (argc < 5 || argc > 6 || (n = atoi(argv[4])) < 1 || n > THREADS_MAX)
		return 64;
	signal(SIGPIPE, SIG_IGN);
	how.port = atoi(argv[1]);
	how.user = argv[2];
	how.password = argv[3];
	how.interval = argc == 6 ? n / atof(argv[5]) : 0;
	how.began = now();
	for (int i = 0; i < n; i++)
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			die("thread");
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	how.stop = true;
	for (int i = 0; i < n; i++) {
		pthread_join(workers[i].thread, NULL);
		done += workers[i].done;
	}
	printf("%u %.3f\n", done, now() - how.began);
	return 0;
}
