/* Events from packets to lines, and lines to their file. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include <jansson.h>

#include "base/id.h"
#include "base/loop.h"
#include "../../../../services/log/counters.h"
#include "../../../../services/log/event.h"
#include "../../../../services/log/render.h"
#include "../../../../services/log/sink.h"

static uint8_t packet_space[IPC_PACKET_MAX];

/* What log_event() and log_flush() send for one event, as base/log.h says. */
static struct str packet(
    const struct tag *tag, enum log_level level, const char *name, const struct kv *kv)
{
	struct ipc_msg m;
	int pair[2];

	assert_int_equal(ipc_pair(pair), 0);
	log_open(&pair[0], "test");
	log_event(level, tag, name, kv);
	log_flush();
	assert_int_equal(ipc_recv(pair[1], &m, packet_space), 1);
	close(pair[1]);
	return m.body;
}

static void first_event(struct str body, struct entry *e)
{
	struct get g = get_start(body);

	assert_int_equal(get_dropped(&g), 0);
	assert_int_equal(get_event(&g, e), 1);
	assert_ptr_equal(g.p, g.end);
}

static const struct origin smtpd = { "smtpd", 1, 4711, -1 };
static const struct tag no_tag, a_tag = { .trace = 1, .queue = 2 };
#define ID    "aaaaaaaaaaaac"
#define TRACE "aaaaaaaaaaaab"

static void fields(void **state)
{
	struct entry e;
	struct str body = packet(&a_tag, LEVEL_WARNING, "rcpt-refused",
	    LOG_KVS(KZ("to", "a@example.org"), KI("code", 550), KS("odd", STR("x\0y\n"))));
	struct get g;

	(void)state;
	first_event(body, &e);
	assert_int_equal(e.level, LEVEL_WARNING);
	assert_int_equal(e.tag.trace, 1);
	assert_int_equal(e.tag.queue, 2);
	assert_true(str_eq(e.name, STR("rcpt-refused")));
	assert_true(str_eq(event_str(&e, "to"), STR("a@example.org")));
	assert_int_equal(event_int(&e, "code", 0), 550);
	assert_int_equal(event_int(&e, "to", -7), -7);
	assert_int_equal(event_str(&e, "none").n, 0);
	for (size_t n = 4; n < body.n; n++) {
		g = get_start(str_take(body, n));
		get_dropped(&g);
		assert_int_equal(get_event(&g, &e), n == 4 ? 0 : -1);
	}
}

static void bad_names(void **state)
{
	static const char *const names[] = { "two words", "new\nline", "", "semi;",
		"uml\xc3\xa4ut" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct str body = packet(NULL, LEVEL_INFO, names[i], LOG_KVS(KI("n", 1)));
		struct get g = get_start(body);
		struct entry e;

		get_dropped(&g);
		assert_int_equal(get_event(&g, &e), -1);
		body = packet(NULL, LEVEL_INFO, "fine", LOG_KVS(KI(names[i], 1)));
		g = get_start(body);
		get_dropped(&g);
		assert_int_equal(get_event(&g, &e), -1);
	}
}

/* name, level, fields, and the line behind "thurn/smtpd[4711]: " */
static void lines(void **state)
{
	const struct {
		const struct tag *tag;
		enum log_level level;
		const char *name;
		const struct kv *kv;
		const char *want;
	} rows[] = {
		{ &no_tag, LEVEL_INFO, "connect", LOG_KVS(KZ("client", "192.0.2.1")),
		    "connect from unknown[192.0.2.1]" },
		{ &a_tag, LEVEL_INFO, "mail-accepted",
		    LOG_KVS(KZ("client", "192.0.2.1"), KZ("client_name", "a.example"),
			KZ("login", "u@x.y")),
		    ID ": client=a.example[192.0.2.1], sasl_username=u@x.y, trace=" TRACE },
		{ &no_tag, LEVEL_INFO, "tls",
		    LOG_KVS(KZ("client", "192.0.2.1"), KZ("version", "TLSv1.3"),
			KZ("cipher", "TLS_AES_256_GCM_SHA384"), KI("bits", 256)),
		    "Anonymous TLS connection established from unknown[192.0.2.1]: TLSv1.3 with "
		    "cipher TLS_AES_256_GCM_SHA384 (256/256 bits)" },
		{ &a_tag, LEVEL_INFO, "message-accepted",
		    LOG_KVS(KZ("from", ""), KI("size", 812), KI("nrcpt", 2)),
		    ID ": from=<>, size=812, nrcpt=2 (queue active)" },
		{ &a_tag, LEVEL_INFO, "delivered",
		    LOG_KVS(KZ("to", "a@x.y"), KZ("orig_to", "b@x.y"),
			KZ("relay", "mx[192.0.2.9]:25"), KI("delay", 1234),
			KZ("delays", "0.1/0/1/0"), KZ("dsn", "2.0.0"), KZ("status", "250 ok")),
		    ID ": to=<a@x.y>, orig_to=<b@x.y>, relay=mx[192.0.2.9]:25, delay=1.23, "
		       "delays=0.1/0/1/0, dsn=2.0.0, status=sent (250 ok)" },
		{ &a_tag, LEVEL_INFO, "deferred",
		    LOG_KVS(KZ("to", "a@x.y"), KI("delay", 99000), KZ("dsn", "4.4.1"),
			KZ("status", "connection refused")),
		    ID ": to=<a@x.y>, relay=none, delay=99, delays=0/0/0/0, dsn=4.4.1, "
		       "status=deferred (connection refused)" },
		{ &no_tag, LEVEL_INFO, "rcpt-refused",
		    LOG_KVS(KZ("client", "192.0.2.1"), KI("code", 550), KZ("enhanced", "5.1.1"),
			KZ("to", "a@x.y"), KZ("text", "no such mailbox"), KZ("from", "s@t.u"),
			KZ("protocol", "ESMTP"), KZ("helo", "h")),
		    "NOQUEUE: reject: RCPT from unknown[192.0.2.1]: 550 5.1.1 <a@x.y>: no such "
		    "mailbox; "
		    "from=<s@t.u> to=<a@x.y> proto=ESMTP helo=<h>" },
		{ &a_tag, LEVEL_INFO, "removed", LOG_KVS(), ID ": removed" },
		{ &no_tag, LEVEL_NOTICE, "auth-refused",
		    LOG_KVS(KZ("client", "192.0.2.1"), KZ("login", "eve")),
		    "warning: unknown[192.0.2.1]: SASL LOGIN authentication failed: wrong login or "
		    "password, "
		    "sasl_username=eve" },
		{ &a_tag, LEVEL_ERROR, "store-failed",
		    LOG_KVS(KZ("error", "no space"), KI("n", -3)),
		    ID ": error: store-failed trace=" TRACE " error=\"no space\" n=-3" },
		{ &no_tag, LEVEL_INFO, "client-said",
		    LOG_KVS(KZ("text", "a\r\nthurn/queue[1]: \033[2Jx\xff")),
		    "client-said text=\"a\\x0d\\x0athurn/queue[1]: \\x1b[2Jx\\xff\"" },
		{ &no_tag, LEVEL_INFO, "client-said",
		    LOG_KVS(KZ("text", "gr\xc3\xbc\xc3\x9f \xc2\x85")),
		    "client-said text=\"gr\xc3\xbc\xc3\x9f \\xc2\\x85\"" },
	};
	struct buf b;

	(void)state;
	buf_init(&b, 4096);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct entry e;
		struct str got;

		first_event(packet(rows[i].tag, rows[i].level, rows[i].name, rows[i].kv), &e);
		buf_reset(&b);
		render_text(&b, "host.example", &smtpd, &e);
		got = str_trim(buf_view(&b));
		assert_int_equal(got.n + 1, b.n);
		got = str_skip(got, strlen("Nov 23 15:11:37"));
		assert_true(str_starts(got, STR(" host.example thurn/smtpd[4711]: ")));
		got = str_skip(got, strlen(" host.example thurn/smtpd[4711]: "));
		if (!str_eq(got, str_of(rows[i].want)))
			fail_msg("got:  %.*s\nwant: %s", STR_ARG(got), rows[i].want);
	}
	buf_clear(&b);
}

static void json_lines(void **state)
{
	struct entry e;
	struct buf b;
	json_t *o;

	(void)state;
	buf_init(&b, 4096);
	first_event(packet(&a_tag, LEVEL_INFO, "message-accepted",
			LOG_KVS(KS("from", STR("a\"\\\n\0\x7f\xc3\xa4\xff\xe2\x80\xa8@x")),
			    KI("size", -1))),
	    &e);
	e.time = INT64_C(1700000000123456);
	render_json(&b, "host", &(struct origin){ "imapd-session", 0, 9, 1000 }, &e);
	assert_true(str_ends(buf_view(&b), STR("\n")));
	assert_int_equal(str_find(buf_view(&b), '\n'), b.n - 1);
	o = json_loadb(b.p, b.n, JSON_ALLOW_NUL, NULL);
	assert_non_null(o);
	assert_int_equal(json_integer_value(json_object_get(o, "v")), JSON_SCHEMA);
	assert_string_equal(
	    json_string_value(json_object_get(o, "time")), "2023-11-14T22:13:20.123456Z");
	assert_string_equal(json_string_value(json_object_get(o, "trace")), TRACE);
	assert_string_equal(json_string_value(json_object_get(o, "queue")), ID);
	assert_string_equal(json_string_value(json_object_get(o, "program")), "imapd-session");
	assert_int_equal(json_integer_value(json_object_get(o, "uid")), 1000);
	assert_int_equal(
	    json_integer_value(json_object_get(json_object_get(o, "fields"), "size")), -1);
	assert_true(str_search(buf_view(&b),
			STR("a\\\"\\\\\\u000a\\u0000\\u007f\xc3\xa4\\\\xff\\u2028@x")) != -1);
	json_decref(o);
	/* what does not fit leaves nothing behind */
	buf_clear(&b);
	buf_init(&b, 100);
	render_json(&b, "host", &smtpd, &e);
	assert_int_equal(b.n, 0);
	buf_clear(&b);
}

static void counting(void **state)
{
	struct buf b;
	char name[32];

	(void)state;
	buf_init(&b, 1 << 20);
	count_event(STR("a"));
	count_event(STR("b"));
	count_event(STR("a"));
	counters_write(&b);
	assert_string_equal(buf_cstr(&b), "event.a 2\nevent.b 1\n");
	for (int i = 0; i < COUNTERS_MAX + 10; i++) {
		snprintf(name, sizeof name, "n%d", i);
		count_event(str_of(name));
	}
	buf_reset(&b);
	counters_write(&b);
	assert_true(str_ends(buf_view(&b), STR("\nevent.other 12\n")));
	buf_clear(&b);
}

static size_t file_size(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, 0) == -1 ? 0 : (size_t)st.st_size;
}

static void rotation(void **state)
{
	char dir[] = "/tmp/thurn-test-XXXXXX";
	int fd;

	(void)state;
	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(sink_open(SINK_FILE, fd, NULL), 0);
	sink_line(STR("one\n"));
	assert_int_equal(file_size(fd, SINK_FILE_NAME), 0);
	sink_flush();
	assert_int_equal(file_size(fd, SINK_FILE_NAME), 4);
	assert_int_equal(renameat(fd, SINK_FILE_NAME, fd, "old"), 0);
	for (int i = 0; i < 30 && file_size(fd, SINK_FILE_NAME) == 0; i++) {
		struct timespec ts = { .tv_nsec = 100000000 };

		nanosleep(&ts, NULL);
		loop_poll();
		sink_line(STR("two\n"));
		sink_flush();
	}
	assert_true(file_size(fd, SINK_FILE_NAME) > 0);
	unlinkat(fd, "old", 0);
	unlinkat(fd, SINK_FILE_NAME, 0);
	sink_close();
	close(fd);
	rmdir(dir);
}

/* Nowhere to write: it is bounded, nothing blocks, and what is lost is counted. */
static void no_room(void **state)
{
	static char text[65536];

	(void)state;
	memset(text, 'x', sizeof text);
	assert_int_equal(sink_open(SINK_FILE, -1, NULL), 0);
	for (int i = 0; i < 1000; i++) {
		sink_line(str_bytes(text, sizeof text));
		sink_flush();
	}
	assert_int_equal(sink_take_lost(), 0); /* no room to tell it either */
	sink_close();
	assert_true(sink_take_lost() > 900);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields),
		cmocka_unit_test(bad_names),
		cmocka_unit_test(lines),
		cmocka_unit_test(json_lines),
		cmocka_unit_test(counting),
		cmocka_unit_test(rotation),
		cmocka_unit_test(no_room),
	};

	loop_init();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
