/*
 * Whole dialogues with a server that follows a script. A script is a list of lines:
 *	A		accept a connection
 *	C: text		the client must say exactly that line; "*" at the end stands for any rest
 *	S: text		say that line; several may stand before the client's turn; \r\n is added
 *	R: text		say these bytes as they are
 *	D: text		the client must send a message by DATA that ends with this
 *	N: number	the client must send so many bytes
 *	X		close the connection
 *	E		the client must have closed the connection
 */
#include "../../../../deliver/remote/choice.h"
#include "../../../../deliver/remote/hop.h"
#include "../../../../deliver/remote/job.h"
#include "../../../../deliver/remote/lately.h"
#include "../../../../deliver/remote/limits.h"
#include "../../../../deliver/remote/settings.h"
#include "../../../../deliver/remote/starttls.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "proto/types.h"

enum { PATIENCE_S = 5, RCPTS_MAX = 4 };

static int listener;
static char nexthop[64];
static const char *tls_policy = "";
static const char *const *hops; /* NULL: nexthop alone */
static const char *const *script;
static char problem[512];
static char message[1 << 20]; /* what came by D: */

/* --- the server ------------------------------------------------------------------------------- */

static void *trouble(const char *step, const char *got)
{
	if (problem[0] == '\0')
		snprintf(problem, sizeof problem, "at \"%.200s\": got \"%.200s\"", step, got);
	return NULL;
}

static bool line_fits(const char *want, const char *got)
{
	size_t n = strlen(want);

	if (n > 0 && want[n - 1] == '*')
		return strncmp(want, got, n - 1) == 0;
	return strcmp(want, got) == 0;
}

/* A line without its CRLF. */
static bool read_line(FILE *in, char *line, size_t size)
{
	size_t n;

	if (fgets(line, (int)size, in) == NULL) {
		snprintf(line, size, "end of connection");
		return false;
	}
	n = strlen(line);
	if (n < 2 || strcmp(line + n - 2, "\r\n") != 0)
		return false;
	line[n - 2] = '\0';
	return true;
}

static bool read_message(FILE *in, const char *end)
{
	char line[4096];
	size_t n = 0;

	while (read_line(in, line, sizeof line)) {
		if (strcmp(line, ".") == 0)
			return n >= strlen(end) && strcmp(message + n - strlen(end), end) == 0;
		n += (size_t)snprintf(message + n, sizeof message - n, "%s\n", line);
	}
	return false;
}

static bool read_bytes(FILE *in, const char *count)
{
	size_t n = strtoul(count, NULL, 10);

	return n < sizeof message && fread(message, 1, n, in) == n;
}

static void *serve(void *arg)
{
	static const struct timeval patience = { .tv_sec = PATIENCE_S };
	FILE *in = NULL;
	char line[4096];
	int fd = -1;

	for (const char *const *p = script; *p != NULL; p++) {
		const char *text = strlen(*p) > 3 ? *p + 3 : "";

		switch (**p) {
		case 'A':
			if (in != NULL)
				fclose(in);
			fd = accept(listener, NULL, NULL);
			setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
			in = fdopen(fd, "r");
			break;
		case 'C':
			if (!read_line(in, line, sizeof line) || !line_fits(text, line))
				return trouble(*p, line);
			break;
		case 'S':
			dprintf(fd, "%s\r\n", text);
			break;
		case 'R':
			dprintf(fd, "%s", text);
			break;
		case 'D':
			if (!read_message(in, text))
				return trouble(*p, "another message");
			break;
		case 'N':
			if (!read_bytes(in, text))
				return trouble(*p, "fewer bytes");
			break;
		case 'X':
			shutdown(fd, SHUT_RDWR);
			break;
		case 'E':
			if (fgetc(in) != EOF)
				return trouble(*p, "more input");
			break;
		}
	}
	if (in != NULL)
		fclose(in);
	return arg;
}

/* --- the queue -------------------------------------------------------------------------------- */

static const struct chan_row rows[] = { { DELIVER_JOB, 1, job_receive }, { 0 } };
static struct chan chan;
static int queue = -1;
static uint8_t packet[IPC_PACKET_MAX];
static struct arena results_arena;
static struct deliver_result *results;
static struct deliver_results answer;

static const char body[] = "Subject: t\r\n\r\n.x\r\n";

/* Next hops that are tried one after the other. */
static struct str way_of(const char *const *list)
{
	struct way y = { .n = 0 };

	for (; list[y.n] != NULL; y.n++)
		y.hop[y.n] = (struct way_hop){ .nexthop = str_of(list[y.n]),
			.tls = str_of(tls_policy),
			.group = (uint8_t)y.n,
			.weight = 1 };
	return way_encode(&y, &results_arena);
}

static void send_job(uint8_t transport, const char *const *rcpts, const char *text)
{
	struct deliver_rcpt r[RCPTS_MAX] = { 0 };
	struct deliver_job j = { .id = 7,
		.transport = transport,
		.sender = STR("s@x.test"),
		.body_size = strlen(text),
		.rcpts = r };
	struct put w = put_start();
	struct ipc_msg m = { .type = DELIVER_JOB, .id = 5, .gen = 6, .nfds = 1 };

	for (; rcpts[j.nrcpts] != NULL; j.nrcpts++)
		r[j.nrcpts] =
		    (struct deliver_rcpt){ .slot = j.nrcpts, .addr = str_of(rcpts[j.nrcpts]) };
	j.way = way_of(hops != NULL ? hops : (const char *const[]){ nexthop, NULL });
	put_job(&w, &j);
	m.body = put_view(&w);
	m.fds[0] = memfd_create("body", MFD_CLOEXEC);
	assert_int_equal(write(m.fds[0], text, strlen(text)), strlen(text));
	assert_int_equal(ipc_send(queue, &m), 0);
	close(m.fds[0]);
}

static uint32_t wait_results(void)
{
	static const struct timespec tick = { .tv_nsec = 500000 };
	struct ipc_msg m;
	struct get g;

	for (int i = 0; i < PATIENCE_S * 2000; i++) {
		loop_poll();
		if (ipc_recv(queue, &m, packet) != 1) {
			nanosleep(&tick, NULL);
			continue;
		}
		assert_int_equal(m.type, DELIVER_RESULT);
		assert_int_equal(m.id, 5);
		assert_int_equal(m.gen, 6);
		g = get_start(m.body);
		assert_int_equal(get_results(&g, &results_arena, &answer), 0);
		results = answer.at;
		return answer.n;
	}
	fail_msg("no answer; server: %s", problem);
	return 0;
}

static void listen_anew(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof sin;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&sin, n), 0);
	assert_int_equal(listen(listener, 8), 0);
	assert_int_equal(getsockname(listener, (struct sockaddr *)&sin, &n), 0);
	snprintf(nexthop, sizeof nexthop, "[127.0.0.1]:%u", ntohs(sin.sin_port));
}

static void settings_with(const char *name, const char *value)
{
	struct conf *c = conf_new();

	conf_set(c, NULL, "hostname", STR("me.test"), "t", 1);
	conf_set(c, NULL, "remote_command_timeout", STR("300ms"), "t", 1);
	conf_set(c, NULL, "remote_data_timeout", STR("300ms"), "t", 1);
	conf_set(c, NULL, "remote_final_timeout", STR("300ms"), "t", 1);
	conf_set(c, NULL, "remote_idle_time", STR("2s"), "t", 1);
	if (name != NULL)
		conf_set(c, NULL, name, str_of(value), "t", 1);
	settings_read(c);
	conf_free(c);
}

static int setup(void **state)
{
	int fds[2];

	(void)state;
	if (ipc_pair(fds) == -1)
		return -1;
	queue = fds[1];
	chan_init(&chan, &fds[0], rows, job_orphan);
	arena_init(&results_arena);
	settings_with(NULL, NULL);
	problem[0] = '\0';
	listen_anew();
	return 0;
}

static void settle_loop(void)
{
	static const struct timespec tick = { .tv_nsec = 500000 };

	for (int i = 0; i < 4000 && (hop_connections() > 0 || job_count() > 0); i++) {
		loop_poll();
		nanosleep(&tick, NULL);
	}
	loop_poll();
}

static int teardown(void **state)
{
	(void)state;
	close(listener);
	settle_loop();
	chan_close(&chan);
	close(queue);
	arena_clear(&results_arena);
	return hop_connections() == 0 && job_count() == 0 ? 0 : -1;
}

/* --- dialogues -------------------------------------------------------------------------------- */

#define RCPTS(...)  ((const char *const[]){ __VA_ARGS__, NULL })
#define SCRIPT(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* What the recipients' codes must be, "250 550", and what the text of the first must contain. */
static void expect(uint8_t transport, const char *const *dialogue, const char *const *rcpts,
    const char *codes, const char *text)
{
	char got[64] = "";
	pthread_t t;
	uint32_t n;

	script = dialogue;
	pthread_create(&t, NULL, serve, NULL);
	send_job(transport, rcpts, body);
	n = wait_results();
	/* what is still to be said to the server */
	for (int i = 0; i < 20; i++)
		loop_poll();
	for (uint32_t i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof got - strlen(got), "%s%d", i > 0 ? " " : "",
		    results[i].status.code);
	hop_close_idle();
	loop_poll();
	pthread_join(t, NULL);
	assert_string_equal(problem, "");
	assert_string_equal(got, codes);
	if (strstr(results[0].status.text, text) == NULL)
		fail_msg("text is \"%s\"", results[0].status.text);
}

#define HELLO "A", "S: 220 hi", "C: EHLO me.test"

static void test_plain(void **state)
{
	(void)state;
	/* one command at a time */
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250 srv", "C: MAIL FROM:<s@x.test>", "S: 250 ok",
		"C: RCPT TO:<a@y.test>", "S: 250 ok", "C: DATA", "S: 354 go", "D: \n..x\n",
		"S: 250 2.0.0 Ok: queued as 17", "C: QUIT", "E"),
	    RCPTS("a@y.test"), "250", "Ok: queued as 17");
	assert_string_equal(results[0].status.enhanced, "2.0.0");
	assert_true(str_starts(results[0].relay, STR("127.0.0.1[127.0.0.1]:")));
	assert_false(fault_of_site(results[0].fault) || results[0].dsn);
}

static void test_pipelining(void **state)
{
	(void)state;
	/* all before the first answer */
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250-srv", "S: 250-PIPELINING", "S: 250-SIZE 1000", "S: 250 DSN",
		"C: MAIL FROM:<s@x.test> SIZE=18", "C: RCPT TO:<a@y.test>", "C: RCPT TO:<b@y.test>",
		"C: DATA", "S: 250 ok", "S: 550 5.1.1 no a", "S: 250 ok", "S: 354 go", "D: ..x\n",
		"S: 250 done", "C: QUIT", "E"),
	    RCPTS("a@y.test", "b@y.test"), "550 250", "no a (in reply to RCPT TO command)");
	assert_true(results[1].dsn);
	assert_string_equal(results[0].status.enhanced, "5.1.1");
}

static void test_chunking(void **state)
{
	(void)state;
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250-srv", "S: 250-PIPELINING", "S: 250 CHUNKING", "C: MAIL FROM:*",
		"C: RCPT TO:<a@y.test>", "S: 250 ok", "S: 250 ok", "C: BDAT 18 LAST", "N: 18",
		"S: 250 done", "C: QUIT"),
	    RCPTS("a@y.test"), "250", "done");
	assert_memory_equal(message, body, 18);
}

static void test_helo(void **state)
{
	(void)state;
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 502 what?", "C: HELO me.test", "S: 250 srv",
		"C: MAIL FROM:<s@x.test>", "S: 250 ok", "C: RCPT TO:<a@y.test>", "S: 250 ok",
		"C: DATA", "S: 354 go", "D: ", "S: 250 done", "C: QUIT"),
	    RCPTS("a@y.test"), "250", "done");
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 500 what?", "C: HELO me.test", "S: 550 5.7.1 not you", "E"),
	    RCPTS("a@y.test"), "550", "not you");
	assert_true(fault_of_site(results[0].fault));
}

static void test_lmtp(void **state)
{
	(void)state;
	expect(TRANSPORT_LMTP,
	    SCRIPT("A", "S: 220 hi", "C: LHLO me.test", "S: 250-srv", "S: 250 PIPELINING",
		"C: MAIL FROM:<s@x.test>", "C: RCPT TO:<a@y.test>", "C: RCPT TO:<b@y.test>",
		"C: RCPT TO:<c@y.test>", "C: DATA", "S: 250 ok", "S: 250 ok", "S: 550 no b",
		"S: 250 ok", "S: 354 go", "D: ", "S: 452 4.2.2 a is full", "S: 250 2.1.5 c done",
		"C: QUIT"),
	    RCPTS("a@y.test", "b@y.test", "c@y.test"), "452 550 250", "a is full");
	assert_string_equal(results[2].status.enhanced, "2.1.5");
}

static void test_refusals(void **state)
{
	(void)state;
	expect(TRANSPORT_SMTP, SCRIPT("A", "S: 554 5.7.1 go away", "E"), RCPTS("a@y.test"), "451",
	    "refused to talk: 554 5.7.1 go away");
	assert_true(fault_of_site(results[0].fault));
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 PIPELINING", "C: MAIL*", "C: RCPT*", "C: RCPT*",
		"C: DATA", "S: 452 4.3.1 full", "S: 503 no mail", "S: 503 no mail",
		"S: 503 no rcpt", "C: QUIT"),
	    RCPTS("a@y.test", "b@y.test"), "452 452", "full (in reply to MAIL FROM command)");
	/* all recipients refused, but DATA was sent along and is accepted: an empty message ends it
	 */
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 PIPELINING", "C: MAIL*", "C: RCPT*", "C: DATA",
		"S: 250 ok", "S: 550 no", "S: 354 go", "C: .", "S: 250 an empty one", "C: QUIT"),
	    RCPTS("a@y.test"), "550", "no (in reply to RCPT TO command)");
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 250 ok", "C: RCPT*", "S: 250 ok", "C: DATA",
		"S: 451 4.7.1 later", "C: QUIT"),
	    RCPTS("a@y.test"), "451", "later (in reply to DATA command)");
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 250 ok", "C: RCPT*", "S: 250 ok", "C: DATA",
		"S: 354 go", "D: ", "S: 554-5.7.1 spam", "S: 554 5.7.1 go", "C: QUIT"),
	    RCPTS("a@y.test"), "554", "spam go (in reply to end of DATA command)");
}

static void test_announced_limits(void **state)
{
	(void)state;
	expect(TRANSPORT_SMTP, SCRIPT(HELLO, "S: 250-srv", "S: 250 SIZE 17", "C: QUIT"),
	    RCPTS("a@y.test"), "552", "exceeds the limit");
	assert_string_equal(results[0].status.enhanced, "5.3.4");
	/* three recipients in transactions of two, one connection */
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250-srv", "S: 250-LIMITS RCPTMAX=2", "S: 250-CHUNKING",
		"S: 250 PIPELINING", "C: MAIL*", "C: RCPT TO:<a@y.test>", "C: RCPT TO:<b@y.test>",
		"S: 250 ok", "S: 250 ok", "S: 250 ok", "C: BDAT 18 LAST", "N: 18", "S: 250 one",
		"C: MAIL*", "C: RCPT TO:<c@y.test>", "S: 250 ok", "S: 250 ok", "C: BDAT 18 LAST",
		"N: 18", "S: 250 two", "C: QUIT"),
	    RCPTS("a@y.test", "b@y.test", "c@y.test"), "250 250 250", "one");
	/* one message for each connection */
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 LIMITS MAILMAX=1 RCPTMAX=1", "C: MAIL*",
		"S: 250 ok", "C: RCPT TO:<a@y.test>", "S: 250 ok", "C: DATA", "S: 354 go",
		"D: ", "S: 250 one", "C: QUIT", HELLO, "S: 250 srv", "C: MAIL*", "S: 250 ok",
		"C: RCPT TO:<b@y.test>", "S: 250 ok", "C: DATA", "S: 354 go", "D: ", "S: 250 two",
		"C: QUIT"),
	    RCPTS("a@y.test", "b@y.test"), "250 250", "one");
	/* a server that says only at RCPT that it wants no more of them */
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 PIPELINING", "C: MAIL*", "C: RCPT TO:<a@y.test>",
		"C: RCPT TO:<b@y.test>", "C: DATA", "S: 250 ok", "S: 250 ok",
		"S: 452 4.5.3 too many", "S: 354 go", "D: ", "S: 250 one", "C: MAIL*",
		"C: RCPT TO:<b@y.test>", "C: DATA", "S: 250 ok", "S: 250 ok", "S: 354 go",
		"D: ", "S: 250 two", "C: QUIT"),
	    RCPTS("a@y.test", "b@y.test"), "250 250", "one");
}

/* Answers that come before their question, or are none: the connection ends, nothing is believed.
 */
static void test_lies(void **state)
{
	char endless[2 * REPLY_LINE_MAX];

	(void)state;
	expect(TRANSPORT_SMTP, SCRIPT("A", "R: 220 hi\r\n250 srv\r\n", "E"), RCPTS("a@y.test"),
	    "451", "reply to no command");
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "R: 250 srv\r\n250 ok\r\n250 ok\r\n354 go\r\n250 done\r\n", "E"),
	    RCPTS("a@y.test"), "451", "reply to no command");
	/* the 250 for the message together with the 354 */
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 250 ok", "C: RCPT*", "S: 250 ok", "C: DATA",
		"R: 354 go\r\n250 done\r\n", "E"),
	    RCPTS("a@y.test"), "451", "reply to no command");
	expect(TRANSPORT_SMTP, SCRIPT("A", "S: HTTP/1.1 400 Bad Request", "E"), RCPTS("a@y.test"),
	    "451", "no valid reply");
	expect(TRANSPORT_SMTP, SCRIPT(HELLO, "S: 250-a", "S: 550 b", "E"), RCPTS("a@y.test"), "451",
	    "no valid reply");
	expect(TRANSPORT_SMTP, SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 354 what", "C: QUIT"),
	    RCPTS("a@y.test"), "451", "354, which makes no sense");
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 250 ok", "C: RCPT*", "S: 250 ok", "C: DATA",
		"S: 250 ok", "C: QUIT"),
	    RCPTS("a@y.test"), "451", "250, which makes no sense");
	/* without an end */
	memset(endless, 'x', sizeof endless);
	endless[sizeof endless - 1] = '\0';
	memcpy(endless, "R: 220 ", 7);
	expect(
	    TRANSPORT_SMTP, SCRIPT("A", endless, "E"), RCPTS("a@y.test"), "451", "line too long");
	/* behind the outcome: that counts, the connection does not */
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 250 ok", "C: RCPT*", "S: 250 ok", "C: DATA",
		"S: 354 go", "D: ", "R: 250 done\r\n250 more\r\n", "E"),
	    RCPTS("a@y.test"), "250", "done");
}

static void test_lost(void **state)
{
	(void)state;
	expect(TRANSPORT_SMTP, SCRIPT("A", "X"), RCPTS("a@y.test"), "451",
	    "waiting for an answer to connection");
	assert_true(fault_of_site(results[0].fault));
	expect(TRANSPORT_SMTP, SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "X"), RCPTS("a@y.test"),
	    "451", "waiting for an answer to MAIL FROM command");
	assert_string_equal(results[0].status.enhanced, "4.4.2");
	assert_false(fault_of_site(results[0].fault));
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 PIPELINING", "C: MAIL*", "C: RCPT*", "C: RCPT*",
		"C: DATA", "S: 250 ok", "S: 550 no", "S: 421 4.3.2 shutting down", "X"),
	    RCPTS("a@y.test", "b@y.test"), "550 421", "no");
	/* silence: greeting, final answer */
	expect(TRANSPORT_SMTP, SCRIPT("A", "E"), RCPTS("a@y.test"), "451", "timed out");
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 250 ok", "C: RCPT*", "S: 250 ok", "C: DATA",
		"S: 354 go", "D: ", "E"),
	    RCPTS("a@y.test"), "451", "timed out (waiting for an answer to end of DATA command)");
}

static void test_unreachable(void **state)
{
	static const char *const nothing[] = { NULL };

	(void)state;
	close(listener);
	expect(TRANSPORT_SMTP, nothing, RCPTS("a@y.test"), "451", "Connection refused");
	assert_string_equal(results[0].status.enhanced, "4.4.1");
	assert_true(fault_of_site(results[0].fault));
	snprintf(nexthop, sizeof nexthop, "nowhere.test");
	expect(TRANSPORT_SMTP, nothing, RCPTS("a@y.test"), "451",
	    "DNS lookup for nowhere.test failed");
	snprintf(nexthop, sizeof nexthop, "[bad");
	expect(TRANSPORT_SMTP, nothing, RCPTS("a@y.test"), "451", "not valid");
}

#define MAIL                                                                                       \
	"C: MAIL FROM:<s@x.test>", "S: 250 ok", "C: RCPT TO:<a@y.test>", "S: 250 ok", "C: DATA",   \
	    "S: 354 go", "D: \n..x\n", "S: 250 ok", "C: QUIT", "E"

/* The next hops of a way one after the other, until one is reached; and what is tried no further. */
static void test_next_hops(void **state)
{
	static const char *const again[] = { "[127.0.0.1]:1", "not a host", nexthop, NULL };
	static const char *const nowhere[] = { "[127.0.0.3]:1", "[127.0.0.2]:1", NULL };
	static const char *const refused[] = { nexthop, "[127.0.0.1]:1", NULL };

	(void)state;
	choice_start(60000);
	hops = again;
	expect(TRANSPORT_SMTP, SCRIPT(HELLO, "S: 250 srv", MAIL), RCPTS("a@y.test"), "250", "ok");
	assert_int_equal(results[0].hop, 2);
	hops = nowhere;
	expect(TRANSPORT_SMTP, SCRIPT("-"), RCPTS("a@y.test"), "451", "127.0.0.2[127.0.0.2]:1");
	assert_true(results[0].hop == 1);
	/* who is reached decides, even for now */
	hops = refused;
	expect(TRANSPORT_SMTP,
	    SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 450 later", "C: QUIT", "E"),
	    RCPTS("a@y.test"), "450", "later");
	assert_int_equal(results[0].hop, 0);
	/* who does not greet is not */
	hops = (const char *const[]){ nexthop, "[127.0.0.2]:1", NULL };
	expect(TRANSPORT_SMTP, SCRIPT("A", "S: 554 no", "E"), RCPTS("a@y.test"), "451",
	    "connect to 127.0.0.2");
	hops = NULL;
}

static void test_8bit(void **state)
{
	static const char high[] = "Subject: t\r\n\r\n\xc3\xb6\r\n";
	pthread_t t;

	(void)state;
	/* converted, and nothing said of the size that it then has */
	script = SCRIPT(
	    HELLO, "S: 250-srv", "S: 250 SIZE", "C: MAIL FROM:<s@x.test>", "S: 550 x", "C: QUIT");
	pthread_create(&t, NULL, serve, NULL);
	send_job(TRANSPORT_SMTP, RCPTS("a@y.test"), high);
	wait_results();
	hop_close_idle();
	loop_poll();
	pthread_join(t, NULL);
	assert_string_equal(problem, "");
	script = SCRIPT(HELLO, "S: 250 srv", "C: QUIT");
	pthread_create(&t, NULL, serve, NULL);
	send_job(
	    TRANSPORT_SMTP, RCPTS("a@y.test"), "Content-Type: message/partial\r\n\r\n\xc3\xb6\r\n");
	wait_results();
	hop_close_idle();
	loop_poll();
	pthread_join(t, NULL);
	assert_string_equal(problem, "");
	assert_int_equal(results[0].status.code, 554);
	assert_string_equal(results[0].status.enhanced, "5.6.3");
	script = SCRIPT(HELLO, "S: 250-srv", "S: 250 8BITMIME",
	    "C: MAIL FROM:<s@x.test> BODY=8BITMIME", "S: 550 x", "C: QUIT");
	pthread_create(&t, NULL, serve, NULL);
	send_job(TRANSPORT_SMTP, RCPTS("a@y.test"), high);
	wait_results();
	hop_close_idle();
	loop_poll();
	pthread_join(t, NULL);
	assert_string_equal(problem, "");
	expect(TRANSPORT_SMTP, SCRIPT(HELLO, "S: 250-srv", "S: 250 8BITMIME", "C: QUIT"),
	    RCPTS("\xc3\xb6@y.test"), "553", "needs SMTPUTF8");
	assert_string_equal(results[0].status.enhanced, "5.6.7");
}

/* The second job goes over the first one's connection; when that has died, over a new one. */
static void test_reuse(void **state)
{
	static const char *const again[] = { HELLO, "S: 250-srv", "S: 250 PIPELINING", "C: MAIL*",
		"C: RCPT*", "C: DATA", "S: 250 ok", "S: 250 ok", "S: 354 go", "D: ", "S: 250 one",
		"C: MAIL*", "C: RCPT*", "C: DATA", "S: 250 ok", "S: 550 no", "S: 503 bad",
		"C: RSET", "C: MAIL*", "C: RCPT*", "C: DATA", "S: 250 ok", "S: 250 ok", "S: 250 ok",
		"S: 354 go", "D: ", "S: 250 three",
		/* too late for a fourth */
		"C: MAIL*", "C: RCPT*", "C: DATA", "S: 421 idle for too long", "X", HELLO,
		"S: 250 srv", "C: MAIL*", "S: 250 ok", "C: RCPT*", "S: 250 ok", "C: DATA",
		"S: 354 go", "D: ", "S: 250 four", NULL };
	static const struct {
		int code;
		const char *text;
	} want[] = { { 250, "one" }, { 550, "no" }, { 250, "three" }, { 250, "four" } };
	pthread_t t;

	(void)state;
	script = again;
	pthread_create(&t, NULL, serve, NULL);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		send_job(TRANSPORT_SMTP, RCPTS("a@y.test"), body);
		wait_results();
		assert_string_equal(problem, "");
		assert_int_equal(results[0].status.code, want[i].code);
		assert_non_null(strstr(results[0].status.text, want[i].text));
	}
	pthread_join(t, NULL);
	assert_string_equal(problem, "");
}

static void tls_dialogue(
    const char *policy, const char *const *dialogue, const char *code, const char *text)
{
	tls_policy = policy;
	expect(TRANSPORT_SMTP, dialogue, RCPTS("a@y.test"), code, text);
	tls_policy = "";
}

/* What a server without TLS, or with one that does not work, means to each policy. Handshakes that
 * succeed are in tests/scenario. */
static void test_tls_policy(void **state)
{
	(void)state;
	tls_dialogue("none", SCRIPT(HELLO, "S: 250-srv", "S: 250 STARTTLS", MAIL), "250", "ok");
	tls_dialogue("may", SCRIPT(HELLO, "S: 250 srv", MAIL), "250", "ok");
	tls_dialogue("encrypt", SCRIPT(HELLO, "S: 250 srv", "E"), "451", "does not offer TLS");
	assert_string_equal(results[0].status.enhanced, "4.7.4");
	assert_true(fault_of_site(results[0].fault));
	tls_dialogue("may",
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 STARTTLS", "C: STARTTLS", "S: 454 no", MAIL), "250",
	    "ok");
	tls_dialogue("verify",
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 STARTTLS", "C: STARTTLS", "S: 502 5.5.1 no", "E"),
	    "451", "refused TLS: 502 5.5.1 no (TLS policy verify)");
	tls_dialogue("may",
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 STARTTLS", "C: STARTTLS", "S: 421 bye", "E"), "451",
	    "refused TLS: 421");
	tls_dialogue("often", SCRIPT("-"), "451", "TLS policy \"often\" is not valid");
	assert_string_equal(results[0].status.enhanced, "4.3.5");
}

/* What stands behind the answer to STARTTLS in plain text is somebody else's. */
static void test_tls_injection(void **state)
{
	static const char *const policies[] = { "may", "encrypt" };

	(void)state;
	for (size_t i = 0; i < 2; i++)
		tls_dialogue(policies[i],
		    SCRIPT(HELLO, "S: 250-srv", "S: 250 STARTTLS", "C: STARTTLS",
			"R: 220 go\r\n250 injected\r\n", "E"),
		    "451", "reply to no command");
}

/* A failed handshake, then the same address in plain text where that may be; the next time at once.
 */
static void test_tls_fallback(void **state)
{
	(void)state;
	lately_start(LATELY_NO_TLS, 60000);
	tls_dialogue("encrypt",
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 STARTTLS", "C: STARTTLS", "R: 220 go\r\n", "X"),
	    "451", "TLS handshake with 127.0.0.1[127.0.0.1]:");
	assert_string_equal(results[0].status.enhanced, "4.7.5");
	tls_dialogue("may",
	    SCRIPT(HELLO, "S: 250-srv", "S: 250 STARTTLS", "C: STARTTLS", "R: 220 go\r\n", "X",
		HELLO, "S: 250-srv", "S: 250 STARTTLS", MAIL),
	    "250", "ok");
	assert_true(results[0].tls.n == 0);
	tls_dialogue("may", SCRIPT(HELLO, "S: 250-srv", "S: 250 STARTTLS", MAIL), "250", "ok");
}

/* More jobs than connections: they wait, and none is forgotten. */
static void test_limit(void **state)
{
	pthread_t t;

	(void)state;
	settings_with("remote_connections", "1");
	script = SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "S: 550 first", "C: RSET", "S: 250 ok",
	    "C: MAIL*", "S: 550 second", "C: RSET", "S: 250 ok", "C: MAIL*", "S: 550 third");
	pthread_create(&t, NULL, serve, NULL);
	for (int i = 0; i < 3; i++)
		send_job(TRANSPORT_SMTP, RCPTS("a@y.test"), body);
	wait_results();
	assert_non_null(strstr(results[0].status.text, "first"));
	wait_results();
	assert_non_null(strstr(results[0].status.text, "second"));
	assert_int_equal(hop_connections(), 1);
	wait_results();
	assert_non_null(strstr(results[0].status.text, "third"));
	pthread_join(t, NULL);
	assert_string_equal(problem, "");
}

/* The queue dies: what is not out yet is broken off, so that its next life can send it once. */
static void test_queue_gone(void **state)
{
	pthread_t t;

	(void)state;
	script = SCRIPT(HELLO, "S: 250 srv", "C: MAIL*", "E");
	pthread_create(&t, NULL, serve, NULL);
	send_job(TRANSPORT_SMTP, RCPTS("a@y.test"), body);
	for (int i = 0; i < 200; i++) {
		static const struct timespec tick = { .tv_nsec = 500000 };

		loop_poll();
		nanosleep(&tick, NULL);
	}
	assert_int_equal(job_count(), 1);
	close(queue);
	for (int i = 0; i < 20; i++)
		loop_poll();
	assert_int_equal(job_count(), 0);
	pthread_join(t, NULL);
	assert_string_equal(problem, "");
	queue = -1;
}

static int start(void **state)
{
	struct conf *c = conf_new();

	(void)state;
	loop_init();
	starttls_open(c);
	conf_free(c);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_reuse),
		TEST(test_limit),
		TEST(test_queue_gone),
		/* from here on connections are closed when they become idle */
		TEST(test_plain),
		TEST(test_pipelining),
		TEST(test_chunking),
		TEST(test_helo),
		TEST(test_lmtp),
		TEST(test_refusals),
		TEST(test_announced_limits),
		TEST(test_lies),
		TEST(test_lost),
		TEST(test_unreachable),
		TEST(test_next_hops),
		TEST(test_8bit),
		TEST(test_tls_policy),
		TEST(test_tls_injection),
		TEST(test_tls_fallback),
	};

	return cmocka_run_group_tests(tests, start, NULL);
}
