/* Lookup, queue, disk and clients that fail half-way. */
#include "dialogue.h"

static void test_no_lookup(void **state)
{
	(void)state;
	hello();
	chan_close(&rig.lookup_far);
	rig_turn();
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\nNOOP\r\n", "250 451 250");
	rig_connect(SERVICE_SMTP, "192.0.2.1");
	assert_true(str_starts(buf_view(&rig.heard), STR("421 4.3.0")));
}

static void test_lookup_dies(void **state)
{
	(void)state;
	hello();
	rig.lookup_silent = true;
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\n", "");
	chan_close(&rig.lookup_far);
	check("", "250 451");
	check_ready();
}

static void test_client_leaves_while_asked(void **state)
{
	(void)state;
	hello();
	rig.lookup_silent = true;
	check("MAIL FROM:<a@b.example>\r\nRCPT TO:<u@example.test>\r\n", "");
	close(rig.client);
	rig.client = -1;
	rig_turn();
	chan_close(&rig.lookup_far);
	rig_turn();
}

static void test_no_queue(void **state)
{
	(void)state;
	hello();
	envelope();
	chan_close(&rig.queue_far);
	rig_turn();
	check("DATA\r\n", "451");
	check("MAIL FROM:<a@b.example>\r\n", "451");
	check_ready();
}

static void test_queue_dies(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	check("X: y\r\n\r\n", "");
	chan_close(&rig.queue_far);
	rig_turn();
	check("body\r\n.\r\n", "451");
	chan_close(&rig.lookup_far);
	rig_turn();
	rig_connect_peers(); /* both are back */
	rig_turn();
	hello();
	envelope();
	rig.queue_silent = true;
	check("DATA\r\n", "354");
	check("X: y\r\n\r\n.\r\n", "");
	chan_close(&rig.queue_far);
	check("", "451");
	assert_int_equal(rig.nmessages, 1); /* the queue had it all the same: at most a repeat */
}

static void test_queue_says_no(void **state)
{
	(void)state;
	rig.queue_mean = true;
	hello();
	envelope();
	check("DATA\r\n", "354");
	check("x\r\n.\r\n", "452");
	check_ready();
}

static void test_no_room(void **state)
{
	struct queue_stock s = { .room = 1000 };
	struct put w = put_start();

	(void)state;
	hello();
	put_stock(&w, &s);
	chan_send(&rig.queue_far, QUEUE_STOCK, &w, NULL, 0);
	rig_turn();
	check("MAIL FROM:<a@b.example> SIZE=1001\r\n", "452");
	check("MAIL FROM:<a@b.example> SIZE=1000\r\n", "250");
	check("RSET\r\n", "250");
	s.room = 0;
	w = put_start();
	put_stock(&w, &s);
	chan_send(&rig.queue_far, QUEUE_STOCK, &w, NULL, 0);
	rig_turn();
	check("MAIL FROM:<a@b.example>\r\n", "452");
	check_ready();
}

/* What cannot be written is refused for now, and the session goes on. */
static void test_disk_full(void **state)
{
	(void)state;
	hello();
	for (int i = 0; i < 2; i++) { /* the bodies that are there already */
		envelope();
		check("DATA\r\n", "354");
		rig_bytes(STR("X: y\r\n\r\n"));
		rig.disk_full = true;
		send_lines(i == 0 ? 400000 : 10); /* one of them has to become a large one */
		check("\r\n.\r\n", i == 0 ? "452" : "250");
	}
	envelope();
	check("DATA\r\n", "354");
	check("X: y\r\n\r\nz\r\n.\r\n", "452");
	assert_non_null(strstr(buf_cstr(&rig.heard), "452 4.3.1"));
	rig.disk_full = false;
	rig_send_stock(1);
	rig_turn();
	envelope();
	check("BDAT 3 LAST\r\nx\r\n", "250");
	check_ready();
	assert_int_equal(rig.nmessages, 2);
}

/* More transactions at once than there are bodies. */
static void test_bodies_run_out(void **state)
{
	int held[20];

	(void)state;
	for (int i = 0; i < 20; i++) {
		rig_connect(SERVICE_SMTP, "127.0.0.1");
		check("EHLO x\r\n", "250");
		envelope();
		check("DATA\r\n", "354");
		held[i] = rig.client;
		rig.client = -1;
	}
	for (int i = 0; i < 20; i++) {
		rig.client = held[i];
		check("x\r\n.\r\n", "250");
		close(rig.client);
		rig.client = -1;
	}
	assert_int_equal(rig.nmessages, 20);
}

static void test_close_after_dot(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	rig_bytes(STR("X: y\r\n\r\n.\r\n")); /* list: 39 */
	close(rig.client);
	rig.client = -1;
	rig_turn();
	assert_int_equal(rig.nmessages, 1);
	assert_int_equal(session_count(), 0);
}

static void test_half_close(void **state)
{
	(void)state;
	hello();
	envelope();
	check("DATA\r\n", "354");
	rig_bytes(STR("X: y\r\n\r\nhalf a mess")); /* list: 40 */
	shutdown(rig.client, SHUT_WR);
	rig_turn();
	assert_true(rig.closed);
	assert_int_equal(rig.nmessages, 0);
	assert_int_equal(session_count(), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		DIALOGUE(test_no_lookup),
		DIALOGUE(test_lookup_dies),
		DIALOGUE(test_client_leaves_while_asked),
		DIALOGUE(test_no_queue),
		DIALOGUE(test_queue_dies),
		DIALOGUE(test_queue_says_no),
		DIALOGUE(test_no_room),
		DIALOGUE(test_disk_full),
		DIALOGUE(test_bodies_run_out),
		DIALOGUE(test_close_after_dot),
		DIALOGUE(test_half_close),
	};

	log_threshold(LEVEL_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
