/* Files of messages in a real directory: what is set aside, what stands there already, and who syncs directories. */
#include "../../../queue/file.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../../queue/load.h"
#include "../../../queue/spool.h"
#include "../../../queue/trash.h"
#include "base/loop.h"
#include "spool_dir.h"

enum { LATE_MS = 5000 }; /* what is synced a little later is within that */

static volatile unsigned syncs[SPOOL_DIRS_ALL];
static volatile int sync_error;
static int result;

/* Directories have one who syncs them: a failure that somebody else had seen would be told to nobody. */
static int count_sync(unsigned dir)
{
	syncs[dir]++;
	errno = sync_error;
	return sync_error != 0 ? -1 : 0;
}

static void done(struct message *m, int error)
{
	(void)m;
	result = error;
}

static int setup(void **state)
{
	char why[256];

	(void)state;
	format_init();
	loop_init();
	assert_int_equal(spool_open(spool_dir_make(), why), 0);
	return pool_init(2, count_sync);
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(spool_dir);
}

static void wait_for_all(void)
{
	while (pool_busy() > 0)
		loop_poll();
}

static unsigned wait_for_sync(unsigned dir, unsigned before)
{
	for (uint64_t end = loop_now() + LATE_MS; syncs[dir] == before && loop_now() < end;)
		loop_poll();
	return syncs[dir] - before;
}

static bool is_there(const char *folder, uint64_t id)
{
	char name[SPOOL_NAME], path[128];

	spool_name(id, 0, name);
	snprintf(path, sizeof path, "%s/%s/%s", spool_dir, folder, name);
	return access(path, F_OK) == 0;
}

/* A report to one recipient, as file_seal() takes it. */
static struct message *small(uint64_t id)
{
	struct message *m = message_new(id);
	struct envelope *e = &m->content.envelope;

	e->client = e->protocol = STR("local");
	e->rcpts = arena_alloc(&m->arena, sizeof *e->rcpts);
	e->rcpts[0].addr = STR("them@example.test");
	e->nrcpts = 1;
	m->targets = arena_alloc(&m->arena, sizeof *m->targets);
	m->targets[0].state = SLOT_PENDING;
	m->ntargets = 1;
	buf_init(&m->text, 100);
	buf_put(&m->text, "Subject: x\r\n", 12);
	m->layout.body_size = m->text.n;
	return m;
}

static int sealed(uint64_t id)
{
	struct message *m = small(id);

	file_seal(m, done);
	wait_for_all();
	message_free(m);
	return result;
}

static int looked_at(uint64_t id)
{
	struct message *m = small(id);

	file_look(m, done);
	wait_for_all();
	message_free(m);
	return result;
}

static void damage(uint64_t id)
{
	int fd = spool_open_file(id, 0, O_WRONLY);

	assert_true(fd != -1);
	assert_int_equal(pwrite(fd, "?", 1, SPOOL_HEADER), 1);
	close(fd);
}

static void test_set_aside(void **state)
{
	struct message *m;
	unsigned here, there = syncs[SPOOL_CORRUPT];

	(void)state;
	assert_int_equal(sealed(0x1007), 0);
	damage(0x1007);
	here = syncs[7];
	m = message_new(0x1007);
	file_quarantine(m, done);
	wait_for_all();
	message_free(m);
	assert_int_equal(result, 0);
	assert_true(is_there("corrupt", 0x1007) && !is_there("07", 0x1007));
	assert_true(wait_for_sync(7, here) > 0);
	assert_true(wait_for_sync(SPOOL_CORRUPT, there) > 0);
}

static void test_whole_one_is_there(void **state)
{
	unsigned before;

	(void)state;
	assert_int_equal(sealed(0x1008), 0);
	before = syncs[8];
	assert_int_equal(sealed(0x1008), EEXIST);
	assert_int_equal(syncs[8], before + 1);
	assert_int_equal(looked_at(0x1008), EEXIST);
	assert_int_equal(syncs[8], before + 2);
	assert_true(is_there("08", 0x1008));
	/* its directory cannot be synced, so nobody may rely on it */
	sync_error = EIO;
	assert_int_equal(looked_at(0x1008), EIO);
	sync_error = 0;
	assert_true(is_there("08", 0x1008));
}

static void test_damaged_one_makes_room(void **state)
{
	unsigned here, there = syncs[SPOOL_CORRUPT];

	(void)state;
	assert_int_equal(sealed(0x1009), 0);
	damage(0x1009);
	here = syncs[9];
	assert_int_equal(looked_at(0x1009), EAGAIN);
	assert_int_equal(sealed(0x1009), 0);
	assert_true(is_there("corrupt", 0x1009) && is_there("09", 0x1009));
	assert_true(syncs[9] > here);
	assert_true(wait_for_sync(SPOOL_CORRUPT, there) > 0);
	assert_int_equal(looked_at(0x1009), EEXIST);
}

/* Its directory could not be synced, but there it is: its expansions are not those of a deleted one. */
static void test_restored_but_not_synced(void **state)
{
	struct entry *e;
	int fd, part;

	(void)state;
	load_init();
	assert_int_equal(sealed(0x100a), 0);
	fd = spool_open_file(0x100a, 0, O_RDWR);
	part = spool_new_file(0x100a, 1);
	assert_true(fd != -1 && part != -1);
	assert_int_equal(spool_set_next(fd, SPOOL_HOLD, false), 0);
	close(fd);
	close(part);
	e = entry_new(0x100a, 1000, ENTRY_HELD);
	trash_put(e, 1000);
	wait_for_all();
	assert_int_equal(e->state, ENTRY_TRASH);
	assert_false(is_there("0a", 0x100a));
	sync_error = EIO;
	trash_restore(e);
	wait_for_all();
	sync_error = 0;
	assert_true(is_there("0a", 0x100a));
	assert_int_equal(e->state, ENTRY_HELD);
	assert_int_equal(e->trashed, 0);
	/* whoever takes it for deleted nevertheless */
	assert_int_equal(spool_remove_trash(0x100a, 1000), 0);
	part = spool_open_file(0x100a, 1, O_RDONLY);
	assert_true(part != -1);
	close(part);
	entry_free(e);
}

/* On record, and then perhaps the queue dies. */
static void expand(struct message *m, struct str to)
{
	m->expansion = arena_alloc(&m->arena, sizeof *m->expansion);
	m->expansion[0].route = (struct route){ .transport = TRANSPORT_SMTP, .addr = to };
	m->nexpansion = 1;
	file_expand(m, done);
	wait_for_all();
	assert_int_equal(result, 0);
}

/* A second record stands for what was left of the first one, whose slots say nothing of it. */
static void test_expanded_again(void **state)
{
	struct message *m = small(0x100b);

	(void)state;
	file_seal(m, done);
	wait_for_all();
	expand(m, STR("first@example.test"));
	expand(m, STR("second@example.test"));
	message_free(m);
	m = message_new(0x100b);
	file_load(m, done);
	wait_for_all();
	assert_int_equal(result, 0);
	assert_int_equal(m->ntargets, 3);
	assert_true(m->targets[0].expanded && !m->targets[1].expanded && !m->targets[2].expanded);
	assert_int_equal(m->targets[1].state, SLOT_BOUNCED);
	assert_int_equal(m->targets[2].state, SLOT_PENDING);
	message_free(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_aside),
		cmocka_unit_test(test_whole_one_is_there),
		cmocka_unit_test(test_damaged_one_makes_room),
		cmocka_unit_test(test_restored_but_not_synced),
		cmocka_unit_test(test_expanded_again),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
