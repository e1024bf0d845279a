/* The layout of mailq, byte for byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "../../../../tools/thurn/listing.h"

static void check(const char *const *records, const char *want)
{
	char *text;
	size_t size;
	struct listing l = { .out = open_memstream(&text, &size) };

	for (; *records != NULL; records++)
		listing_add(&l, str_of(*records));
	listing_end(&l);
	fclose(l.out);
	assert_string_equal(text, want);
	free(text);
}

static void empty(void **state)
{
	(void)state;
	check((const char *[]){ NULL }, "Mail queue is empty\n");
	check((const char *[]){ "{\"x\":1}", "not json", NULL }, "Mail queue is empty\n");
}

static void one(void **state)
{
	(void)state;
	check(
	    (const char *[]){
		"{\"queue_name\":\"active\",\"queue_id\":\"abcdefghijklm\",\"arrival_time\":0,"
		"\"message_size\":812,\"forced_expire\":false,\"sender\":\"a@x.y\","
		"\"recipients\":[{\"address\":\"b@x.y\"}]}",
		NULL },
	    "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
	    "abcdefghijklm*         812 Thu Jan  1 00:00:00 a@x.y\n"
	    "                                               b@x.y\n"
	    "\n"
	    "-- 0 Kbytes in 1 Request.\n");
}

static void several(void **state)
{
	(void)state;
	check(
	    (const char *[]){
		"{\"queue_name\":\"deferred\",\"queue_id\":\"abcdefghijklm\",\"arrival_time\":"
		"86400,"
		"\"message_size\":2048,\"forced_expire\":true,\"sender\":\"\",\"recipients\":["
		"{\"address\":\"b@x.y\",\"delay_reason\":\"connection refused\"},"
		"{\"address\":\"c@x.y\",\"delay_reason\":\"connection refused\"},"
		"{\"address\":\"d@x.y\",\"delay_reason\":\"a reason that is longer than all of the "
		"seventy-six characters which it may have\"},"
		"{\"address\":\"e@x.y\"}]}",
		"{\"queue_name\":\"hold\",\"queue_id\":\"bbcdefghijklm\",\"arrival_time\":0,"
		"\"message_size\":1024,\"sender\":\"a@x.y\",\"recipients\":[]}",
		NULL },
	    "----Queue ID----- --Size-- ---Arrival Time---- --Sender/Recipient------\n"
	    "abcdefghijklm#        2048 Fri Jan  2 00:00:00 MAILER-DAEMON\n"
	    "                                                          (connection refused)\n"
	    "                                               b@x.y\n"
	    "                                               c@x.y\n"
	    "(a reason that is longer than all of the seventy-six characters which it may have)\n"
	    "                                               d@x.y\n"
	    "                                                          (reason unavailable)\n"
	    "                                               e@x.y\n"
	    "\n"
	    "bbcdefghijklm!        1024 Thu Jan  1 00:00:00 a@x.y\n"
	    "\n"
	    "-- 3 Kbytes in 2 Requests.\n");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(one),
		cmocka_unit_test(several),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
