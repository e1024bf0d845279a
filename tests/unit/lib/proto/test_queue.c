/* Packets between smtpd, queue and deliver-*: what is put is got, and every cut is refused. */
#include "proto/queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "proto/deliver.h"

static struct envelope_rcpt rcpts[ENVELOPE_RCPTS];

static struct queue_commit big_commit(struct arena *a, uint32_t n)
{
	static struct edit edits[] = {
		{ EDIT_INSERT, 0, STR("X-One"), STR(" 1") },
		{ EDIT_DELETE, 2, STR("Subject"), STR("") },
	};
	struct queue_commit c = {
		.id = 77,
		.size = 4096,
		.envelope = { .trace = 5,
		    .arrival = 1234567,
		    .sender = STR("alice@example.org"),
		    .client = STR("192.0.2.1"),
		    .protocol = STR("ESMTP"),
		    .rcpts = rcpts,
		    .nrcpts = n },
		.edits = edits,
		.nedits = 2,
	};

	for (uint32_t i = 0; i < n; i++) {
		char local[201];

		memset(local, 'x', sizeof local - 1);
		local[sizeof local - 1] = '\0';
		rcpts[i].addr = arena_printf(a, "%s%u@example.org", local, i);
		rcpts[i].orcpt = arena_printf(a, "rfc822;%u", i);
		rcpts[i].notify = NOTIFY_SUCCESS;
	}
	return c;
}

/* Sends c in as many parts as it takes and reads them back; returns how many there were. */
static int carry(const struct queue_commit *c, struct arena *a, struct queue_commit *out)
{
	uint32_t from = 0;
	bool more = true;
	int parts = 0;

	*out = (struct queue_commit){ 0 };
	while (from < c->envelope.nrcpts) {
		struct put w = put_start();
		struct get g;

		assert_true(more);
		put_commit(&w, c, &from);
		assert_false(w.bad);
		g = get_start(put_view(&w));
		assert_int_equal(get_commit_part(&g, a, out, &more), 0);
		parts++;
	}
	assert_false(more);
	return parts;
}

static void same_commit(const struct queue_commit *a, const struct queue_commit *b)
{
	assert_int_equal(a->id, b->id);
	assert_int_equal(a->size, b->size);
	assert_int_equal(a->nedits, b->nedits);
	assert_true(str_eq(a->edits[0].value, b->edits[0].value));
	assert_true(str_eq(a->envelope.sender, b->envelope.sender));
	assert_int_equal(a->envelope.arrival, b->envelope.arrival);
	assert_int_equal(a->envelope.nrcpts, b->envelope.nrcpts);
	for (uint32_t i = 0; i < a->envelope.nrcpts; i++) {
		assert_true(str_eq(a->envelope.rcpts[i].addr, b->envelope.rcpts[i].addr));
		assert_true(str_eq(a->envelope.rcpts[i].orcpt, b->envelope.rcpts[i].orcpt));
		assert_int_equal(a->envelope.rcpts[i].notify, b->envelope.rcpts[i].notify);
	}
}

static void test_commit_parts(void **state)
{
	struct arena a;
	struct queue_commit c, out;

	(void)state;
	arena_init(&a);
	c = big_commit(&a, 1);
	assert_int_equal(carry(&c, &a, &out), 1);
	same_commit(&c, &out);
	c = big_commit(&a, ENVELOPE_RCPTS);
	assert_true(carry(&c, &a, &out) > 1);
	same_commit(&c, &out);
	arena_clear(&a);
}

/* A part of another commit, a part twice, and a part cut anywhere are malformed. */
static void test_commit_refused(void **state)
{
	struct arena a;
	struct queue_commit c, out = { 0 };
	uint32_t from = 0;
	bool more;
	struct put w = put_start();
	struct get g;

	(void)state;
	arena_init(&a);
	c = big_commit(&a, 2);
	put_commit(&w, &c, &from);
	for (size_t n = 0; n < w.n; n++) {
		struct queue_commit cut = { 0 };

		g = get_start(str_take(put_view(&w), n));
		assert_int_equal(get_commit_part(&g, &a, &cut, &more), -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_commit_part(&g, &a, &out, &more), 0);
	g = get_start(put_view(&w));
	assert_int_equal(get_commit_part(&g, &a, &out, &more), -1);
	arena_clear(&a);
}

static void test_stock(void **state)
{
	struct queue_stock s = { .room = 9, .n = 2, .ids = { 1, 2 } }, out;
	struct queue_answer ans = { .fresh = 3 }, aout;
	struct put w = put_start();
	struct get g;

	(void)state;
	put_stock(&w, &s);
	g = get_start(put_view(&w));
	assert_int_equal(get_stock(&g, &out), 0);
	assert_memory_equal(&s, &out, sizeof s);
	w = put_start();
	s.n = STOCK_PACKET + 1;
	put_u64(&w, 0);
	put_u32(&w, s.n);
	g = get_start(put_view(&w));
	assert_int_equal(get_stock(&g, &out), -1);

	w = put_start();
	status_set(&ans.status, 250, "2.0.0", "Ok");
	put_queue_answer(&w, &ans);
	g = get_start(put_view(&w));
	assert_int_equal(get_queue_answer(&g, &aout), 0);
	assert_int_equal(aout.status.code, 250);
	assert_int_equal(aout.fresh, 3);
}

static void test_job(void **state)
{
	struct arena a;
	struct deliver_rcpt r = {
		.slot = 4, .addr = STR("a@b"), .home = STR("b/a"), .maybe = true
	};
	struct deliver_job j = { .id = 1,
		.sender = STR("s@t"),
		.way = STR("any\0bytes"),
		.body_size = 10,
		.rcpts = &r,
		.nrcpts = 1 },
			   out;
	struct deliver_result res = { .slot = 4,
		.relay = STR("mx[::1]:25"),
		.hop = 3,
		.tls = STR("TLSv1.3 X verified"),
		.fault = FAULT_TLS,
		.reused = true };
	struct deliver_results rs;
	struct put w = put_start();
	struct get g;

	(void)state;
	arena_init(&a);
	put_job(&w, &j);
	for (size_t i = 0; i < w.n; i++) {
		g = get_start(str_take(put_view(&w), i));
		assert_int_equal(get_job(&g, &a, &out), -1);
	}
	g = get_start(put_view(&w));
	assert_int_equal(get_job(&g, &a, &out), 0);
	assert_true(str_eq(out.rcpts[0].home, r.home) && out.rcpts[0].maybe);
	assert_true(str_eq(out.way, j.way));
	status_set(&res.status, 250, "2.0.0", "stored");
	w = put_start();
	put_results(&w,
	    &(struct deliver_results){
		.at = &res, .n = 1, .reaction = STR("slow-down"), .reply = STR("421 4.7.0 no") });
	g = get_start(put_view(&w));
	assert_int_equal(get_results(&g, &a, &rs), 0);
	assert_true(rs.n == 1 && rs.at[0].fault == FAULT_TLS && rs.at[0].reused && !rs.at[0].dsn);
	assert_true(rs.at[0].hop == 3 && rs.at[0].slot == 4);
	assert_true(str_eq(rs.reaction, STR("slow-down")) && str_eq(rs.reply, STR("421 4.7.0 no")));
	arena_clear(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commit_parts),
		cmocka_unit_test(test_commit_refused),
		cmocka_unit_test(test_stock),
		cmocka_unit_test(test_job),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
