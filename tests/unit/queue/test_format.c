/* The spool file: what is written is read; every cut and every flipped bit is noticed. */
#include "../../../queue/format.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"

#define BODY "Subject: hello\r\n\r\nworld\r\n"

static struct envelope_rcpt rcpts[] = {
	{ STR("bob@example.org"), STR("rfc822;Bob@example.org"), NOTIFY_FAILURE },
	{ STR("carol@example.net"), STR(""), 0 },
};
static struct action actions[] = { { ACTION_HOLD, STR("look at it"), STR("hash:senders(x)") },
	{ ACTION_FILTER, STR("smtp:[192.0.2.9]:10025"), STR("pcre:p:2") } };
static struct edit edits[] = { { EDIT_INSERT, 0, STR("X-Note"), STR(" one\r\n\ttwo") } };

static struct spool_content content(void)
{
	return (struct spool_content){
		.envelope = { .trace = 99,
		    .arrival = 1700000000000000,
		    .sender = STR("alice@example.org"),
		    .ret = RET_HDRS,
		    .eightbit = true,
		    .tls = TLS_REQUIRED,
		    .envid = STR("env id"),
		    .client = STR("192.0.2.1"),
		    .helo = STR("client.example"),
		    .protocol = STR("ESMTP"),
		    .actions = actions,
		    .nactions = 2,
		    .rcpts = rcpts,
		    .nrcpts = 2 },
		.lane = LANE_BULK,
		.lane_rule = STR("hash:lanes(@example.org)"),
		.edits = edits,
		.nedits = 1,
	};
}

static int memory_file(void)
{
	int fd = memfd_create("test", MFD_CLOEXEC);

	assert_int_not_equal(fd, -1);
	return fd;
}

/* A sealed file of two recipients with the body BODY. */
static int make_file(struct spool_layout *l, bool body_first)
{
	struct spool_content c = content();
	struct slot slot = { .state = SLOT_PENDING };
	uint8_t slots[2 * 512];
	struct buf b;
	int fd = memory_file();

	buf_init(&b, SPOOL_RECORDS_MAX);
	assert_int_equal(records_encode(&b, &c), 0);
	*l = (struct spool_layout){ .id = 12345,
		.arrival = 7,
		.body_size = sizeof BODY - 1,
		.records_size = b.n,
		.slots = 2 };
	layout_fill(l);
	assert_int_equal(l->slot_size, 512);
	for (uint32_t i = 0; i < 2; i++)
		slot_encode(&slot, l->id, l->kind, i, slots + 512 * i, 512);
	if (body_first) {
		assert_int_equal(spool_begin(fd, l->id), 0);
		assert_int_equal(pwrite(fd, BODY, sizeof BODY - 1, SPOOL_HEADER), sizeof BODY - 1);
	}
	assert_int_equal(spool_write(fd, l, body_first ? NULL : BODY, buf_view(&b), slots), 0);
	buf_clear(&b);
	return fd;
}

static void same_content(const struct spool_content *got)
{
	const struct spool_content want = content();
	const struct envelope *g = &got->envelope, *w = &want.envelope;

	assert_int_equal(g->trace, w->trace);
	assert_int_equal(g->arrival, w->arrival);
	assert_true(str_eq(g->sender, w->sender) && str_eq(g->envid, w->envid) &&
		    str_eq(g->client, w->client) && str_eq(g->helo, w->helo) &&
		    str_eq(g->login, w->login) && str_eq(g->protocol, w->protocol));
	assert_int_equal(g->ret, w->ret);
	assert_true(g->eightbit && !g->utf8 && g->tls == TLS_REQUIRED);
	assert_int_equal(g->nrcpts, 2);
	assert_true(str_eq(g->rcpts[0].orcpt, rcpts[0].orcpt));
	assert_true(str_eq(g->rcpts[1].addr, rcpts[1].addr));
	assert_int_equal(g->nactions, w->nactions);
	for (uint32_t i = 0; i < g->nactions; i++)
		assert_true(g->actions[i].kind == actions[i].kind &&
			    str_eq(g->actions[i].value, actions[i].value) &&
			    str_eq(g->actions[i].rule, actions[i].rule));
	assert_int_equal(got->lane, LANE_BULK);
	assert_true(str_eq(got->lane_rule, want.lane_rule));
	assert_int_equal(got->nedits, 1);
	assert_true(str_eq(got->edits[0].value, edits[0].value));
}

/* A file from before there were lanes has no record of one, and one of a newer version may have others. */
static void test_optional_records(void **state)
{
	static const uint8_t unknown[] = { 0xff, 0x80, 1, 0, 0, 0, 'x' };
	struct spool_layout l = { .slots = 2 };
	struct spool_content c = content(), back;
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a);
	buf_init(&b, SPOOL_RECORDS_MAX);
	c.lane_rule = STR_NONE;
	assert_int_equal(records_encode(&b, &c), 0);
	buf_put(&b, unknown, sizeof unknown);
	assert_int_equal(records_decode(buf_view(&b), &a, &l, &back), 0);
	assert_int_equal(back.lane_rule.n, 0);
	assert_int_equal(back.envelope.nrcpts, 2);
	/* without that mark it has to be understood */
	b.p[b.n - sizeof unknown + 1] = 0;
	assert_int_equal(records_decode(buf_view(&b), &a, &l, &back), -1);
	buf_clear(&b);
	arena_clear(&a);
}

static void test_round_trip(void **state)
{
	for (int body_first = 0; body_first < 2; body_first++) {
		struct spool_layout l, back;
		struct spool_content c;
		struct slot *slots;
		struct arena a;
		const char *why;
		int fd = make_file(&l, body_first != 0);

		(void)state;
		arena_init(&a);
		assert_int_equal(spool_check(fd, true, &back, &why), SPOOL_GOOD);
		assert_memory_equal(&l, &back, sizeof l);
		assert_int_equal(spool_read(fd, &back, &a, &c, &slots, &why), SPOOL_GOOD);
		same_content(&c);
		assert_int_equal(slots[1].state, SLOT_PENDING);
		arena_clear(&a);
		close(fd);
	}
}

/* A file of a version that knew no actions is read as one without any; too many are damage. */
static void test_records_of_old(void **state)
{
	const struct spool_layout l = { .slots = 2 };
	struct action many[ACTIONS_MAX + 1];
	struct spool_content c = content(), back;
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a);
	buf_init(&b, SPOOL_RECORDS_MAX);
	c.envelope.nactions = 0;
	assert_int_equal(records_encode(&b, &c), 0);
	assert_int_equal(records_decode(buf_view(&b), &a, &l, &back), 0);
	assert_int_equal(back.envelope.nactions, 0);
	assert_int_equal(back.envelope.nrcpts, 2);
	buf_reset(&b);
	for (size_t i = 0; i <= ACTIONS_MAX; i++)
		many[i] = actions[0];
	c.envelope.actions = many;
	c.envelope.nactions = ACTIONS_MAX + 1;
	assert_int_equal(records_encode(&b, &c), 0);
	assert_int_equal(records_decode(buf_view(&b), &a, &l, &back), -1);
	buf_clear(&b);
	arena_clear(&a);
}

/* What smtpd's retained O_APPEND descriptor adds behind the trailer changes nothing. */
static void test_junk_behind(void **state)
{
	struct spool_layout l;
	const char *why;
	int fd = make_file(&l, true);

	(void)state;
	assert_int_equal(pwrite(fd, "junk", 4, (off_t)(l.trailer_offset + SPOOL_TRAILER)), 4);
	assert_int_equal(spool_check(fd, true, &l, &why), SPOOL_GOOD);
	close(fd);
}

static void test_slot(void **state)
{
	struct spool_layout l;
	struct spool_content c;
	struct slot *slots, s = { .generation = 3,
		.state = SLOT_FAILED,
		.flags = SLOT_WARNED,
		.attempts = 2,
		.early = 1440,
		.changed = 1700000001,
		.relay = STR("mx.example.org[192.0.2.7]:25") };
	struct arena a;
	const char *why;
	int fd = make_file(&l, false);

	(void)state;
	arena_init(&a);
	status_set(&s.status, 550, "5.1.1", "%0400d", 7);
	assert_int_equal(spool_put_slot(fd, &l, 1, &s), 0);
	assert_int_equal(spool_check(fd, true, &l, &why), SPOOL_GOOD);
	assert_int_equal(spool_read(fd, &l, &a, &c, &slots, &why), SPOOL_GOOD);
	assert_int_equal(slots[0].state, SLOT_PENDING);
	assert_int_equal(slots[1].state, SLOT_FAILED);
	assert_int_equal(slots[1].generation, 3);
	assert_int_equal(slots[1].early, 1440);
	assert_int_equal(slots[1].status.code, 550);
	assert_string_equal(slots[1].status.enhanced, "5.1.1");
	assert_string_equal(slots[1].status.text, s.status.text);
	assert_true(str_eq(slots[1].relay, s.relay));
	arena_clear(&a);
	close(fd);
}

/* The same slot bytes at another index, or in another file, are damage. */
static void test_slot_moved(void **state)
{
	uint8_t bytes[128];
	struct slot s = { .state = SLOT_DONE }, out;

	(void)state;
	slot_encode(&s, 1, SPOOL_MESSAGE, 4, bytes, sizeof bytes);
	assert_int_equal(slot_decode(&out, 1, SPOOL_MESSAGE, 4, bytes, sizeof bytes), 0);
	assert_int_equal(slot_decode(&out, 1, SPOOL_MESSAGE, 5, bytes, sizeof bytes), -1);
	assert_int_equal(slot_decode(&out, 2, SPOOL_MESSAGE, 4, bytes, sizeof bytes), -1);
	assert_int_equal(slot_decode(&out, 1, SPOOL_EXPANSION, 4, bytes, sizeof bytes), -1);
}

/* A text too long for a small slot is cut, not refused. */
static void test_slot_small(void **state)
{
	uint8_t bytes[128];
	struct slot s = { .state = SLOT_PENDING }, out;

	(void)state;
	status_set(&s.status, 450, "4.2.0", "%0400d", 7);
	slot_encode(&s, 1, SPOOL_MESSAGE, 0, bytes, sizeof bytes);
	assert_int_equal(slot_decode(&out, 1, SPOOL_MESSAGE, 0, bytes, sizeof bytes), 0);
	assert_int_equal(strlen(out.status.text), 88);
}

static enum spool_state look(int fd)
{
	struct spool_layout l;
	struct spool_content c;
	struct slot *slots;
	struct arena a;
	const char *why;
	enum spool_state state;

	arena_init(&a);
	state = spool_check(fd, true, &l, &why);
	if (state == SPOOL_GOOD && l.id != 12345)
		state = SPOOL_DAMAGED;
	if (state == SPOOL_GOOD)
		state = spool_read(fd, &l, &a, &c, &slots, &why);
	arena_clear(&a);
	return state;
}

static void test_every_cut(void **state)
{
	struct spool_layout l;
	int fd = make_file(&l, false);

	(void)state;
	for (off_t n = (off_t)(l.trailer_offset + SPOOL_TRAILER) - 1; n > 0; n--) {
		assert_int_equal(ftruncate(fd, n), 0);
		assert_int_equal(look(fd), SPOOL_DAMAGED);
	}
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(look(fd), SPOOL_UNFINISHED);
	close(fd);
}

static void test_every_bit(void **state)
{
	struct spool_layout l;
	int fd = make_file(&l, false);
	size_t size;
	uint8_t *p;

	(void)state;
	size = l.trailer_offset + SPOOL_TRAILER;
	p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	for (size_t bit = 0; bit < size * 8; bit++) {
		p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
		if (look(fd) != SPOOL_DAMAGED)
			fail_msg("bit %zu was not noticed", bit);
		p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
	}
	assert_int_equal(look(fd), SPOOL_GOOD);
	munmap(p, size);
	close(fd);
}

/* Receptions that were cut off: nothing was promised, nothing is kept. */
static void test_unfinished(void **state)
{
	int fd = memory_file();

	(void)state;
	assert_int_equal(spool_begin(fd, 12345), 0);
	assert_int_equal(look(fd), SPOOL_UNFINISHED);
	assert_int_equal(pwrite(fd, BODY, sizeof BODY - 1, SPOOL_HEADER), sizeof BODY - 1);
	assert_int_equal(look(fd), SPOOL_UNFINISHED);
	close(fd);
	fd = memory_file();
	assert_int_equal(ftruncate(fd, 4096), 0);
	assert_int_equal(look(fd), SPOOL_UNFINISHED);
	close(fd);
}

/* A complete file without the mark has one witness: set aside. */
static void test_one_witness(void **state)
{
	struct spool_layout l;
	int fd = make_file(&l, false);

	(void)state;
	assert_int_equal(spool_begin(fd, 12345), 0);
	assert_int_equal(look(fd), SPOOL_DAMAGED);
	close(fd);
}

/* Killed between the trailer and the mark: whole if the hash says so, unfinished without a trailer.
 */
static void test_unmarked(void **state)
{
	struct spool_layout l;
	uint8_t header[SPOOL_HEADER];
	int fd = make_file(&l, false);

	(void)state;
	l.sealed = false;
	header_encode(&l, header);
	assert_int_equal(pwrite(fd, header, sizeof header, 0), sizeof header);
	assert_int_equal(look(fd), SPOOL_GOOD);
	assert_int_equal(pwrite(fd, "x", 1, SPOOL_HEADER + 3), 1);
	assert_int_equal(look(fd), SPOOL_DAMAGED);
	assert_int_equal(ftruncate(fd, (off_t)l.trailer_offset + SPOOL_TRAILER - 1), 0);
	assert_int_equal(look(fd), SPOOL_UNFINISHED);
	close(fd);
}

static void test_expansion(void **state)
{
	struct spool_target t[] = {
		{ 0, { .transport = TRANSPORT_MAILDIR,
			 .addr = STR("x@example.org"),
			 .home = STR("example.org/x"),
			 .uid = 7 } },
		{ 1, { .transport = TRANSPORT_SMTP,
			 .addr = STR("y@example.com"),
			 .nexthop = STR("[h]:25"),
			 .way = STR("any\0bytes"),
			 .owner = STR("owner-list@example.org") } },
	};
	struct spool_content c = { .targets = t, .ntargets = 2 }, back;
	struct spool_layout l = { .kind = SPOOL_EXPANSION, .slots = 2 };
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a);
	buf_init(&b, SPOOL_RECORDS_MAX);
	assert_int_equal(records_encode(&b, &c), 0);
	assert_int_equal(records_decode(buf_view(&b), &a, &l, &back), 0);
	assert_int_equal(back.targets[1].rcpt, 1);
	assert_true(str_eq(back.targets[1].route.owner, t[1].route.owner));
	assert_true(str_eq(back.targets[1].route.way, t[1].route.way));
	assert_int_equal(back.targets[0].route.way.n, 0);
	assert_true(str_eq(back.targets[0].route.home, t[0].route.home));
	l.slots = 3;
	assert_int_equal(records_decode(buf_view(&b), &a, &l, &back), -1);
	for (size_t n = 0; n < b.n; n++) {
		l.slots = 2;
		assert_int_equal(records_decode(str_take(buf_view(&b), n), &a, &l, &back), -1);
	}
	buf_clear(&b);
	arena_clear(&a);
}

/* Records of expansions ended behind the way before there were pools. */
static void test_expansion_of_old(void **state)
{
	struct spool_target t = { 0, { .transport = TRANSPORT_SMTP,
					 .addr = STR("y@example.com"),
					 .nexthop = STR("example.com"),
					 .way = STR("any"),
					 .pool = STR("bulk") } };
	struct spool_content c = { .targets = &t, .ntargets = 1 }, back;
	struct spool_layout l = { .kind = SPOOL_EXPANSION, .slots = 1 };
	const size_t meta = 6 + 19, pool = 4 + t.route.pool.n;
	struct arena a;
	struct buf b;

	(void)state;
	arena_init(&a);
	buf_init(&b, SPOOL_RECORDS_MAX);
	assert_int_equal(records_encode(&b, &c), 0);
	assert_int_equal(records_decode(buf_view(&b), &a, &l, &back), 0);
	assert_true(str_eq(back.targets[0].route.pool, t.route.pool));
	/* its length, little-endian, stands behind its type */
	b.p[meta + 2] = (char)(b.p[meta + 2] - (char)pool);
	assert_int_equal(records_decode(str_take(buf_view(&b), b.n - pool), &a, &l, &back), 0);
	assert_int_equal(back.targets[0].route.pool.n, 0);
	assert_true(str_eq(back.targets[0].route.way, t.route.way));
	/* half a pool is none */
	b.p[meta + 2]++;
	assert_int_equal(records_decode(str_take(buf_view(&b), b.n - pool + 1), &a, &l, &back), -1);
	buf_clear(&b);
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_optional_records),
		cmocka_unit_test(test_records_of_old),
		cmocka_unit_test(test_junk_behind),
		cmocka_unit_test(test_slot),
		cmocka_unit_test(test_slot_moved),
		cmocka_unit_test(test_slot_small),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_every_bit),
		cmocka_unit_test(test_unfinished),
		cmocka_unit_test(test_one_witness),
		cmocka_unit_test(test_unmarked),
		cmocka_unit_test(test_expansion),
		cmocka_unit_test(test_expansion_of_old),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
