/* The account database: batches, uids and homes that are never given twice, the change log. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../../../services/auth/accounts.h"

static char dir[64];
static int dir_fd;
static const struct change_by root = { 0, 42 };
static const struct account_owner own = { 0, 0 };

static void open_again(void)
{
	char why[256];

	db_close();
	if (db_open(dir, dir_fd, why) == -1)
		fail_msg("%s", why);
}

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/thurn-test-accounts.XXXXXX");
	assert_non_null(mkdtemp(dir));
	dir_fd = open(dir, O_RDONLY | O_DIRECTORY);
	open_again();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	db_close();
	unlinkat(dir_fd, "data.mdb", 0);
	unlinkat(dir_fd, "changes.log", 0);
	close(dir_fd);
	rmdir(dir);
	return 0;
}

static enum db_result add(const char *address, struct account_record *r)
{
	enum db_result result;

	*r = (struct account_record){ .hash = "$y$x", .quota = 7 };
	snprintf(r->address, sizeof r->address, "%s", address);
	assert_int_equal(db_begin(), DB_OK);
	result = accounts_reserve(r, own);
	assert_int_equal(db_commit(), 0);
	return result;
}

static void change(enum db_result (*fn)(const char *, struct change_by), const char *address)
{
	assert_int_equal(db_begin(), DB_OK);
	assert_int_equal(fn(address, root), DB_OK);
	assert_int_equal(db_commit(), 0);
}

static enum db_result set_hash(const char *address, const char *hash)
{
	struct account_record r;
	enum db_result result = accounts_find(address, &r);

	if (result != DB_OK)
		return result;
	snprintf(r.hash, sizeof r.hash, "%s", hash);
	return accounts_update(&r, "password", root);
}

static void test_life(void **state)
{
	struct account_record r, found;

	(void)state;
	assert_int_equal(accounts_find("alice@example.org", &found), DB_MISSING);
	assert_int_equal(accounts_find("", &found), DB_MISSING);
	assert_int_equal(add("alice@example.org", &r), DB_OK);
	assert_int_equal(r.uid, ACCOUNT_UID_MIN);
	assert_int_equal(r.gid, ACCOUNT_UID_MIN);
	open_again();
	assert_int_equal(accounts_find("alice@example.org", &found), DB_MISSING);
	change(accounts_add, "alice@example.org");
	open_again();
	assert_int_equal(accounts_find("alice@example.org", &found), DB_OK);
	assert_string_equal(found.home, "example.org/alice");
	assert_string_equal(found.hash, "$y$x");
	assert_int_equal(found.quota, 7);
	assert_int_equal(add("alice@example.org", &r), DB_EXISTS);
	assert_int_equal(db_begin(), DB_OK);
	assert_int_equal(set_hash("alice@example.org", "$6$y"), DB_OK);
	assert_int_equal(set_hash("bob@example.org", "$6$y"), DB_MISSING);
	assert_int_equal(db_commit(), 0);
	open_again();
	assert_int_equal(accounts_find("alice@example.org", &found), DB_OK);
	assert_string_equal(found.hash, "$6$y");
}

/* Everything that a record may hold comes back from the disk. */
static void test_record(void **state)
{
	struct account_record r, found;

	(void)state;
	add("alice@example.org", &r);
	change(accounts_add, "alice@example.org");
	assert_int_equal(accounts_find("alice@example.org", &r), DB_OK);
	r.flags = ACCOUNT_NO_IMAP | ACCOUNT_CERTIFICATE;
	r.per_hour = 10;
	r.per_day = 100;
	snprintf(r.senders, sizeof r.senders, "info@example.org @example.net");
	assert_int_equal(scram_make("secret", 4096, &r.scram), 0);
	r.napps = APPS_MAX;
	for (unsigned i = 0; i < r.napps; i++) {
		r.apps[i] =
		    (struct app_password){ .scopes = SCOPE_SMTP, .created = 1, .expires = 2 };
		snprintf(r.apps[i].name, sizeof r.apps[i].name, "%064u", i);
		snprintf(r.apps[i].id, sizeof r.apps[i].id, "%u", i);
	}
	assert_int_equal(db_begin(), DB_OK);
	assert_int_equal(accounts_update(&r, "set", root), DB_OK);
	assert_int_equal(db_commit(), 0);
	open_again();
	assert_int_equal(accounts_find("alice@example.org", &found), DB_OK);
	assert_memory_equal(&found, &r, sizeof r);
}

/* Records of the first format, as they were written: one that lives, one that is not there yet. */
static void test_former_format(void **state)
{
	struct account_record r;

	(void)state;
	for (uint8_t ready = 0; ready < 2; ready++) {
		uint8_t space[256];
		struct put w = put_into(space, sizeof space);
		struct str value;

		put_u8(&w, 1);
		put_u8(&w, ready);
		put_u8(&w, 0); /* disabled */
		put_u32(&w, ACCOUNT_UID_MIN + 7);
		put_u32(&w, ACCOUNT_UID_MIN + 7);
		put_u64(&w, 99);
		put_i64(&w, 1234);
		put_z(&w, "example.org/old");
		put_z(&w, "$y$old");
		value = put_view(&w);
		assert_int_equal(db_begin(), DB_OK);
		assert_int_equal(db_set_number("version", 1), DB_OK);
		assert_int_equal(db_put(DB_ACCOUNTS, STR("old@example.org"), &value), DB_OK);
		assert_int_equal(db_commit(), 0);
		open_again();
		assert_int_equal(accounts_find("old@example.org", &r), ready ? DB_OK : DB_MISSING);
	}
	assert_int_equal(r.flags, ACCOUNT_DISABLED);
	assert_int_equal(r.uid, ACCOUNT_UID_MIN + 7);
	assert_int_equal(r.quota, 99);
	assert_string_equal(r.home, "example.org/old");
	assert_int_equal(db_begin(), DB_OK);
	r.flags = 0;
	assert_int_equal(accounts_update(&r, "enable", root), DB_OK);
	assert_int_equal(db_commit(), 0);
	assert_int_equal(accounts_find("old@example.org", &r), DB_OK);
	assert_int_equal(r.flags, 0);
}

static bool last_change(const struct change_entry *e, void *arg)
{
	*(uint32_t *)arg = e->number;
	return false;
}

static enum db_result undo_last(void)
{
	struct change_entry e;
	enum db_result r;
	uint32_t number = 0;

	assert_int_equal(change_each(0, last_change, &number), DB_OK);
	assert_int_equal(change_find(number, &e), DB_OK);
	assert_true(str_eq(e.subject, STR("alice@example.org")));
	assert_int_equal(db_begin(), DB_OK);
	r = change_undo(number, root);
	assert_int_equal(db_commit(), 0);
	return r;
}

static void test_undo(void **state)
{
	struct account_record r;
	uint32_t number = 0;

	(void)state;
	add("alice@example.org", &r);
	change(accounts_add, "alice@example.org");
	assert_int_equal(db_begin(), DB_OK);
	assert_int_equal(set_hash("alice@example.org", "$6$new"), DB_OK);
	assert_int_equal(db_commit(), 0);
	assert_int_equal(change_each(0, last_change, &number), DB_OK);
	change(accounts_delete, "alice@example.org");
	/* the password was changed before: that is not the last word any more */
	assert_int_equal(db_begin(), DB_OK);
	assert_int_equal(change_undo(number, root), DB_EXISTS);
	assert_int_equal(change_undo(4711, root), DB_MISSING);
	assert_int_equal(db_commit(), 0);
	assert_int_equal(undo_last(), DB_OK); /* the deletion */
	assert_int_equal(accounts_find("alice@example.org", &r), DB_OK);
	assert_string_equal(r.hash, "$6$new");
	assert_int_equal(undo_last(), DB_OK); /* the undoing */
	assert_int_equal(accounts_find("alice@example.org", &r), DB_MISSING);
	change(accounts_undelete, "alice@example.org");
	assert_int_equal(db_begin(), DB_OK);
	assert_int_equal(change_undo(number, root), DB_OK); /* now it is */
	assert_int_equal(db_commit(), 0);
	assert_int_equal(accounts_find("alice@example.org", &r), DB_OK);
	assert_string_equal(r.hash, "$y$x");
}

static void test_aliases_and_domains(void **state)
{
	struct account_record r;
	struct domain_record d;
	struct str targets;

	(void)state;
	add("alice@example.org", &r);
	change(accounts_add, "alice@example.org");
	assert_int_equal(db_begin(), DB_OK);
	assert_int_equal(
	    aliases_set("info@example.org", STR("alice@example.org b@x.org"), root), DB_OK);
	assert_int_equal(aliases_set("alice@example.org", STR("b@x.org"), root), DB_EXISTS);
	assert_int_equal(aliases_set("nobody@example.org", STR_NONE, root), DB_MISSING);
	assert_int_equal(
	    domains_set("example.org", &(struct domain_record){ DOMAIN_SCRAM }, root), DB_OK);
	assert_int_equal(db_commit(), 0);
	open_again();
	assert_int_equal(aliases_find("info@example.org", &targets), DB_OK);
	assert_true(str_eq(targets, STR("alice@example.org b@x.org")));
	assert_int_equal(add("info@example.org", &r), DB_EXISTS);
	assert_int_equal(domains_find(STR("example.org"), &d), DB_OK);
	assert_int_equal(d.flags, DOMAIN_SCRAM);
	assert_int_equal(domains_find(STR("example.net"), &d), DB_OK);
	assert_int_equal(d.flags, 0);
}

/* Neither uid nor home comes back after a deletion, and a failed start keeps both for the next try.
 */
static void test_nothing_is_given_twice(void **state)
{
	struct account_record r;

	(void)state;
	assert_int_equal(add("alice@example.org", &r), DB_OK);
	assert_int_equal(add("alice@example.org", &r), DB_OK); /* taken up again */
	assert_int_equal(r.uid, ACCOUNT_UID_MIN);
	change(accounts_add, "alice@example.org");
	change(accounts_delete, "alice@example.org");
	assert_int_equal(accounts_find("alice@example.org", &r), DB_MISSING);
	open_again();
	assert_int_equal(add("alice@example.org", &r), DB_OK);
	assert_int_equal(r.uid, ACCOUNT_UID_MIN + 1);
	assert_string_equal(r.home, "example.org/alice~1");
}

static bool count(struct str key, struct str value, void *arg)
{
	unsigned *n = arg;

	(void)key;
	(void)value;
	return ++*n < 3;
}

static unsigned walk(const char *after, bool backwards)
{
	unsigned n = 0;

	assert_int_equal(db_each(DB_ACCOUNTS, str_of(after), backwards, count, &n), DB_OK);
	return n;
}

static void test_each(void **state)
{
	static const char *const names[] = { "a@x", "b@x", "c@x", "d@x" };
	struct account_record r;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(add(names[i], &r), DB_OK);
		change(accounts_add, names[i]);
	}
	assert_int_equal(walk("", false), 3);
	assert_int_equal(walk("b@x", false), 2);
	assert_int_equal(walk("bb@x", false), 2);
	assert_int_equal(walk("d@x", false), 0);
	assert_int_equal(walk("", true), 3);
	assert_int_equal(walk("b@x", true), 1);
	assert_int_equal(walk("z@x", true), 3);
	assert_int_equal(walk("a@x", true), 0);
}

static void test_change_log(void **state)
{
	struct account_record r;
	char text[1024];
	int fd;
	ssize_t n;

	(void)state;
	assert_int_equal(add("alice@example.org", &r), DB_OK);
	change(accounts_add, "alice@example.org");
	change(accounts_delete, "alice@example.org");
	fd = openat(dir_fd, "changes.log", O_RDONLY);
	n = read(fd, text, sizeof text - 1);
	close(fd);
	assert_true(n > 0);
	text[n] = '\0';
	assert_non_null(strstr(text, " 1 add alice@example.org by-uid=0 by-pid=42\n"));
	assert_non_null(strstr(text, " 2 delete alice@example.org "));
}

static void test_one_owner(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0) {
		execl("/proc/self/exe", "test_accounts", "second", dir, NULL);
		_exit(1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void test_links_are_refused(void **state)
{
	char why[256];

	(void)state;
	db_close();
	unlinkat(dir_fd, "changes.log", 0);
	assert_int_equal(symlinkat("/tmp/thurn-test-target", dir_fd, "changes.log"), 0);
	assert_int_equal(db_open(dir, dir_fd, why), -1);
	unlinkat(dir_fd, "changes.log", 0);
	open_again();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_record, setup, teardown),
		cmocka_unit_test_setup_teardown(test_former_format, setup, teardown),
		cmocka_unit_test_setup_teardown(test_undo, setup, teardown),
		cmocka_unit_test_setup_teardown(test_aliases_and_domains, setup, teardown),
		cmocka_unit_test_setup_teardown(test_nothing_is_given_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(test_each, setup, teardown),
		cmocka_unit_test_setup_teardown(test_change_log, setup, teardown),
		cmocka_unit_test_setup_teardown(test_one_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(test_links_are_refused, setup, teardown),
	};

	if (argc == 3) { /* the second process of test_one_owner */
		char why[256];

		return db_open(argv[2], open(argv[2], O_RDONLY | O_DIRECTORY), why) == -1 ? 0 : 1;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
