/*
 * A full disk: clean errors, nothing half-done, what is there stays readable. Needs a small file
 * system of its own, so it runs as root only.
 */
#include "rig.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>

static int small_setup(void **state)
{
	struct rig *r = calloc(1, sizeof *r);

	snprintf(r->home, sizeof r->home, "/tmp/store-test.XXXXXX");
	if (mkdtemp(r->home) == NULL)
		return -1;
	if (mount("none", r->home, "tmpfs", 0, "size=2m,nr_inodes=200") == 0)
		rig_open(r);
	*state = r;
	return 0;
}

static int small_teardown(void **state)
{
	struct rig *r = *state;

	store_close(r->s);
	umount2(r->home, MNT_DETACH);
	rmdir(r->home);
	free(r);
	return 0;
}

static enum store_error append_error(struct rig *r, const char *text, size_t n)
{
	struct store_batch *b;
	struct store_added added;
	enum store_error e = store_append_begin(r->s, STR("INBOX"), &b);

	if (e != STORE_OK)
		return e;
	store_append_message(b, 0, NULL, 0, 1);
	store_append_write(b, text, n);
	return store_append_commit(b, &added);
}

static void full_disk(void **state)
{
	struct rig *r = *state;
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_DELETED };
	static char big[50000];
	struct store_view *v;
	uint32_t idx[] = { 0, 1 }, count, n = 0;
	enum store_result res[2];
	enum store_error e;
	char *text;

	if (r->s == NULL)
		skip();
	memset(big, 'x', sizeof big);
	big[0] = big[sizeof big - 2] = '\r';
	big[1] = big[sizeof big - 1] = '\n';
	while ((e = append_error(r, big, sizeof big)) == STORE_OK)
		n++;
	assert_int_equal(e, STORE_NOSPACE);
	assert_true(n > 5);
	assert_int_equal(rig_count(r, "Maildir/tmp"), 0);
	while (append_error(r, "x\r\n", 3) == STORE_OK)
		n++;
	assert_int_equal(rig_count(r, "Maildir/cur"), n);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, n);
	text = rig_text(v, 0);
	assert_int_equal(strlen(text), sizeof big);
	free(text);
	/* deleting must be possible: that is what the user is asked to do */
	assert_int_equal(store_change(v, idx, 2, &ch, res), STORE_OK);
	assert_int_equal(store_expunge(v, NULL, 0, &count), STORE_OK);
	assert_int_equal(count, 2);
	store_unselect(v);
	rig_reopen(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, n - 2);
	store_unselect(v);
}

/* No inodes left: the same. */
static void no_inodes(void **state)
{
	struct rig *r = *state;
	enum store_error e;
	uint32_t n = 0;
	struct store_view *v;

	if (r->s == NULL)
		skip();
	while ((e = append_error(r, "x\r\n", 3)) == STORE_OK)
		n++;
	assert_int_equal(e, STORE_NOSPACE);
	assert_true(n > 100);
	assert_int_equal(store_create(r->s, STR("a"), STORE_USE_NONE), STORE_NOSPACE);
	rig_reopen(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, n);
	store_unselect(v);
}

/* Mail that cannot be adopted for want of space waits; the mailbox can be read meanwhile. */
static void adoption_waits(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	struct store_changes c;
	char path[100];
	int fd;

	if (r->s == NULL)
		skip();
	assert_int_equal(rig_append(r, "INBOX", "x\r\n", 0), 1);
	v = rig_select(r, "INBOX");
	for (int i = 0; i < 100; i++) {
		snprintf(path, sizeof path, "Maildir/new/%d.Qwaits.mx", i);
		rig_file(r, path, "y\n");
	}
	snprintf(path, sizeof path, "%s/fill", r->home);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	while (write(fd, path, 1) == 1)
		continue;
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_true(v->n >= 1);
	assert_int_equal(ftruncate(fd, 0), 0);
	close(fd);
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	store_unselect(v);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 101);
	store_unselect(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_disk, small_setup, small_teardown),
		cmocka_unit_test_setup_teardown(no_inodes, small_setup, small_teardown),
		cmocka_unit_test_setup_teardown(adoption_waits, small_setup, small_teardown),
	};

	/* mounts are seen by this process only */
	if (unshare(CLONE_NEWNS) == 0)
		mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
