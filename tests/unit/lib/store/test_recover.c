/* What is found on disk: loss or damage of the index, reboots, kills, other programs, odd files. */
#include "rig.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "store/internal.h"

static void shell(struct rig *r, const char *fmt, const char *arg)
{
	char path[512];

	snprintf(path, sizeof path, "%s/%s", r->home, arg);
	if (strcmp(fmt, "unlink") == 0)
		assert_int_equal(unlink(path), 0);
	else if (strcmp(fmt, "mkdir") == 0)
		assert_int_equal(mkdir(path, 0700), 0);
	else if (strcmp(fmt, "fifo") == 0)
		assert_int_equal(mkfifo(path, 0600), 0);
	else if (strcmp(fmt, "symlink") == 0)
		assert_int_equal(symlink("/etc/passwd", path), 0);
	else
		fail();
}

static void move(
    struct rig *r, const char *from_dir, const char *from, const char *to_dir, const char *to)
{
	char a[512], b[512];

	snprintf(a, sizeof a, "%s/%s/%s", r->home, from_dir, from);
	snprintf(b, sizeof b, "%s/%s/%s", r->home, to_dir, to);
	assert_int_equal(rename(a, b), 0);
}

static void lose_index(struct rig *r)
{
	store_close(r->s);
	shell(r, "unlink", "index/data.mdb");
	shell(r, "unlink", "index/lock.mdb");
	rig_open(r);
}

/* The machine was started an hour ago, as far as this mailbox knows. */
static void pretend_reboot(struct rig *r)
{
	store_close(r->s);
	rig_open(r);
	r->s->boot += 3600 * 1000;
}

static void index_lost(void **state)
{
	struct rig *r = *state;
	struct str word = STR("$Label1");
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_FLAGGED };
	struct store_view *v;
	uint32_t validity, idx[] = { 1 };
	uint64_t modseq, id;
	enum store_result res;

	for (int i = 0; i < 3; i++)
		rig_append(r, "INBOX", "x\r\n", STORE_SEEN);
	v = rig_select(r, "INBOX");
	store_keywords(v, &word, 1, true, &ch.keywords);
	assert_int_equal(store_change(v, idx, 1, &ch, &res), STORE_OK);
	assert_false(store_mirror(r->s, 10));
	validity = v->uidvalidity;
	modseq = v->modseq;
	id = v->id;
	store_unselect(v);
	shell(r, "unlink", "index/writer");
	lose_index(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 3);
	assert_int_equal(v->uidvalidity, validity);
	assert_true(v->id == id);
	assert_int_equal(v->msgs[0].uid, 1);
	assert_int_equal(v->msgs[2].uid, 3);
	assert_int_equal(v->msgs[0].flags & STORE_SYSTEM, STORE_SEEN);
	assert_int_equal(v->msgs[1].flags & STORE_SYSTEM, STORE_SEEN | STORE_FLAGGED);
	assert_int_equal(v->msgs[1].keywords, ch.keywords);
	assert_true(str_eq(v->keywords[0], word));
	assert_true(v->modseq > modseq);
	assert_true(v->msgs[0].modseq > modseq);
	assert_true(v->uidnext > 3);
	store_unselect(v);
	assert_true(rig_append(r, "INBOX", "x\r\n", 0) > 3);
}

static void index_damaged(void **state)
{
	struct rig *r = *state;
	char path[256];
	struct store_view *v;
	int fd;

	for (int i = 0; i < 50; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	store_close(r->s);
	snprintf(path, sizeof path, "%s/index/data.mdb", r->home);
	/* cut short */
	assert_int_equal(truncate(path, 3 * 4096), 0);
	rig_open(r);
	assert_string_equal(r->events, "index-rebuilt ");
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 50);
	assert_int_equal(v->msgs[49].uid, 50);
	store_unselect(v);
	/* nonsense in both meta pages */
	store_close(r->s);
	r->events[0] = '\0';
	fd = open(path, O_WRONLY);
	assert_int_equal(pwrite(fd, "nonsense", 8, 16), 8);
	assert_int_equal(pwrite(fd, "nonsense", 8, 4096 + 16), 8);
	close(fd);
	rig_open(r);
	assert_string_equal(r->events, "index-rebuilt ");
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 50);
	store_unselect(v);
	/* not a database at all */
	store_close(r->s);
	rig_file(r, "index/data.mdb", "hello");
	rig_open(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 50);
	assert_int_equal(v->msgs[0].uid, 1);
	store_unselect(v);
}

/* A child that may die of a signal, without what cmocka does about that. */
static bool child(void)
{
	const struct rlimit none = { 0, 0 };

	if (fork() != 0)
		return false;
	setrlimit(RLIMIT_CORE, &none);
	signal(SIGSEGV, SIG_DFL);
	signal(SIGBUS, SIG_DFL);
	signal(SIGABRT, SIG_DFL);
	return true;
}

/* Every page but the two first is overwritten: whoever meets that may die, but not everybody. */
static void pages_damaged(void **state)
{
	struct rig *r = *state;
	char path[256], junk[4096];
	struct store_view *v;
	struct stat st;
	int fd, status = 1;

	for (int i = 0; i < 300; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	store_close(r->s);
	snprintf(path, sizeof path, "%s/index/data.mdb", r->home);
	fd = open(path, O_RDWR);
	assert_int_equal(fstat(fd, &st), 0);
	for (off_t at = 2 * 4096; at < st.st_size; at += 4096) {
		for (size_t i = 0; i < sizeof junk; i++)
			junk[i] = (char)((size_t)at * 7 + i * i * 31);
		assert_int_equal(pwrite(fd, junk, sizeof junk, at), sizeof junk);
	}
	close(fd);
	for (int try = 0; try < 4 && status != 0; try++) {
		if (child()) {
			if (store_open(r->home, NULL, &r->s) != STORE_OK ||
			    store_select(r->s, STR("INBOX"), false, &v) != STORE_OK)
				_exit(1);
			_exit(v->n == 300 && v->msgs[299].uid == 300 ? 0 : 2);
		}
		wait(&status);
	}
	assert_int_equal(status, 0);
	rig_open(r);
}

/* A file that shrinks under the map: the process ends, and leaves a mark. */
static void shrinks_while_open(void **state)
{
	struct rig *r = *state;
	char path[256];
	struct store_view *v;
	int status;

	for (int i = 0; i < 300; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	snprintf(path, sizeof path, "%s/index/data.mdb", r->home);
	store_close(r->s);
	if (child()) {
		store_open(r->home, NULL, &r->s);
		if (truncate(path, 2 * 4096) == 0)
			store_select(r->s, STR("INBOX"), false, &v);
		_exit(0);
	}
	wait(&status);
	assert_true(WIFSIGNALED(status));
	rig_open(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 300);
	store_unselect(v);
}

/* Another process sets the index aside while we have it open and a mailbox selected. */
static void index_replaced(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	struct store_changes c;
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_SEEN };
	uint32_t idx[] = { 0, 1 };
	enum store_result res[2];

	store_create(r->s, STR("a"), STORE_USE_NONE);
	for (int i = 0; i < 5; i++)
		rig_append(r, "a", "x\r\n", 0);
	v = rig_select(r, "a");
	move(r, "index", "data.mdb", "index", "damaged.mdb");
	shell(r, "unlink", "index/lock.mdb");
	assert_true(rig_append(r, "a", "y\r\n", 0) > 5);
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_int_equal(v->n, 6);
	assert_int_equal(c.first_new, 5);
	assert_int_equal(c.nexpunged, 0);
	move(r, "index", "data.mdb", "index", "damaged.mdb");
	shell(r, "unlink", "index/lock.mdb");
	/* the view's mailbox is found again */
	(void)store_change(v, idx, 2, &ch, res);
	assert_int_equal(store_change(v, idx, 2, &ch, res), STORE_OK);
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_true(v->msgs[0].flags & STORE_SEEN);
	assert_int_equal(v->n, 6);
	store_unselect(v);
}

static void after_reboot(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	char name[256], base[256];
	uint64_t modseq;

	for (int i = 0; i < 3; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	v = rig_select(r, "INBOX");
	modseq = v->modseq;
	store_unselect(v);
	/* an adoption's rename was undone; an append is on disk, not in the index */
	snprintf(name, sizeof name, "%s", rig_name(r, "Maildir/cur", 0));
	snprintf(base, sizeof base, "%.*s", (int)strcspn(name, ","), name);
	move(r, "Maildir/cur", name, "Maildir/new", base);
	rig_file(r, "Maildir/cur/9.late.mx,S=2,W=3,U=4:2,FS", "z\n");
	rig_file(r, "Maildir/new/8.fresh.mx,S=2,W=3", "f\n");
	pretend_reboot(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 5);
	for (uint32_t i = 0; i < 4; i++)
		assert_int_equal(v->msgs[i].uid, i + 1);
	assert_true(v->msgs[3].flags & STORE_FLAGGED);
	assert_true(v->msgs[4].uid > 1000); /* above all that may have been handed out */
	assert_true(v->modseq > modseq + 1000);
	assert_non_null(strstr(r->events, "index-recovered "));
	assert_int_equal(rig_count(r, "Maildir/new"), 0);
	store_unselect(v);
}

static void name_of(struct rig *r, unsigned uid, char out[256])
{
	char field[32];
	const char *name;

	snprintf(field, sizeof field, ",U=%u:", uid);
	for (unsigned i = 0; (name = rig_name(r, "Maildir/cur", i)) != NULL; i++)
		if (strstr(name, field) != NULL)
			snprintf(out, 256, "%s", name);
}

/* Cuts a file in Maildir/cur to one byte. */
static void cut_file(struct rig *r, const char *name)
{
	char path[512];

	snprintf(path, sizeof path, "%s/Maildir/cur/%s", r->home, name);
	assert_int_equal(truncate(path, 1), 0);
}

/* Appends that were not acknowledged when the power went: only a part is on disk, or the record. */
static void cut_while_appending(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	struct str was;
	char name[4][256];

	for (unsigned i = 0; i < 4; i++) {
		rig_append(r, "INBOX", "Subject: x\r\n\r\nwords\r\n", 0);
		name_of(r, i + 1, name[i]);
	}
	/* the first one came long ago: what is wrong with it has another reason */
	assert_int_equal(index_write(r->s, 0), STORE_OK);
	assert_int_equal(file_get(r->s, 1, 1, &was), 0);
	assert_int_equal(file_put(r->s, 1, 1, name[0], file_saved(was) - 7200), 0);
	assert_int_equal(index_commit(r->s, true), STORE_OK);
	cut_file(r, name[0]);
	cut_file(r, name[1]);
	move(r, "Maildir/cur", name[2], "Maildir/tmp", name[2]);
	rig_file(r, "Maildir/cur/9.late.thurn,S=20,W=21,U=5:2,F", "part\n");
	rig_file(r, "Maildir/cur/9.other.mx,S=20,W=21:2,F", "counted otherwise\n");
	pretend_reboot(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 3);
	assert_int_equal(v->msgs[0].uid, 1);
	assert_int_equal(v->msgs[1].uid, 4);
	assert_int_equal(v->msgs[2].disk, 18);
	assert_true(v->msgs[2].uid > 5);
	assert_int_equal(rig_count(r, "Maildir/gone"), 2);
	assert_non_null(strstr(r->events, "message-short message-short "));
	assert_non_null(strstr(r->events, "message-lost "));
	store_unselect(v);
}

static void expunge_undone(void **state)
{
	struct rig *r = *state;
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_DELETED };
	struct store_view *v;
	uint32_t idx[] = { 0 }, count;
	enum store_result res;
	char name[256];

	for (int i = 0; i < 2; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	v = rig_select(r, "INBOX");
	store_change(v, idx, 1, &ch, &res);
	assert_int_equal(store_expunge(v, NULL, 0, &count), STORE_OK);
	store_unselect(v);
	snprintf(name, sizeof name, "%s", rig_name(r, "Maildir/gone", 0));
	move(r, "Maildir/gone", name, "Maildir/cur", name);
	pretend_reboot(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 1);
	assert_int_equal(rig_count(r, "Maildir/gone"), 1);
	store_unselect(v);
	/* without a reboot it is an administrator who has brought it back */
	move(r, "Maildir/gone", name, "Maildir/cur", name);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 2);
	assert_true(v->msgs[1].uid > 1);
	store_unselect(v);
}

/* Another program works in cur/. */
static void other_programs(void **state)
{
	struct rig *r = *state;
	struct store_view *v, *w;
	struct store_changes c;
	char name[256], to[300];
	char *text;

	for (int i = 0; i < 4; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	w = rig_select(r, "INBOX");
	snprintf(name, sizeof name, "%s", rig_name(r, "Maildir/cur", 0));
	snprintf(to, sizeof to, "%sRS", name);
	move(r, "Maildir/cur", name, "Maildir/cur", to);
	snprintf(name, sizeof name, "Maildir/cur/%s", rig_name(r, "Maildir/cur", 1));
	shell(r, "unlink", name);
	rig_file(r, "Maildir/cur/77.foreign:2,F", "Subject: foreign\n\n\n");
	rig_file(r, "Maildir/cur/78.copied,S=4,W=5,U=2:2,", "abc\n");
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 5);
	assert_int_equal(v->uidnext, 7);
	assert_int_equal(v->msgs[3].uid, 5);
	assert_int_equal(v->msgs[4].uid, 6);
	assert_string_equal(r->events, "message-lost ");
	assert_int_equal(store_refresh(w, true, &c), STORE_OK);
	assert_int_equal(c.nexpunged, 1);
	assert_int_equal(c.nchanged, 1);
	assert_int_equal(w->msgs[c.changed[0]].flags & STORE_SYSTEM, STORE_ANSWERED | STORE_SEEN);
	assert_int_equal(w->n, 5);
	/* a file is renamed under our hands: reading finds it */
	snprintf(name, sizeof name, "%s", rig_name(r, "Maildir/cur", 0));
	snprintf(to, sizeof to, "%sT", name);
	move(r, "Maildir/cur", name, "Maildir/cur", to);
	for (uint32_t i = 0; i < w->n; i++) {
		text = rig_text(w, i);
		assert_non_null(text);
		free(text);
	}
	store_unselect(w);
	store_unselect(v);
}

static void odd_files(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	struct store_body b;
	char name[300];
	uint32_t bad = 0;

	rig_append(r, "INBOX", "x\r\n", 0);
	rig_append(r, "INBOX", "y\r\n", 0);
	shell(r, "fifo", "Maildir/new/1.fifo");
	shell(r, "mkdir", "Maildir/new/2.dir");
	shell(r, "symlink", "Maildir/new/3.link");
	shell(r, "fifo", "Maildir/cur/1.fifo:2,S");
	shell(r, "mkdir", "Maildir/cur/2.dir:2,");
	shell(r, "symlink", "Maildir/cur/3.link:2,");
	rig_file(r, "Maildir/cur/4.none:2,", "x\n");
	snprintf(name, sizeof name, "%s/Maildir/cur/4.none:2,", r->home);
	assert_int_equal(chmod(name, 0), 0);
	rig_file(r, "Maildir/new/5.good", "good\n");
	rig_file(r, "Maildir/new/6.empty", "");
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 4);
	assert_non_null(strstr(r->events, "message-skipped "));
	store_unselect(v);
	/* a message's file becomes something else */
	snprintf(name, sizeof name, "Maildir/cur/%s", rig_name(r, "Maildir/cur", 0));
	for (unsigned i = 0; rig_name(r, "Maildir/cur", i) != NULL; i++)
		if (strstr(rig_name(r, "Maildir/cur", i), ",U=1:") != NULL)
			snprintf(
			    name, sizeof name, "Maildir/cur/%s", rig_name(r, "Maildir/cur", i));
	shell(r, "unlink", name);
	shell(r, "fifo", name);
	v = rig_select(r, "INBOX");
	for (uint32_t i = 0; i < v->n; i++) {
		if (store_body_open(v, i, &b) == STORE_OK)
			store_body_close(&b);
		else
			bad++;
	}
	assert_int_equal(bad, 1);
	store_unselect(v);
}

/* Foreign names: other fields, flags, too long, CRLF inside. */
static void foreign_messages(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	char name[300], *text;

	rig_file(r, "Maildir/cur/1.M1P2.host,S=9,W=99:2,FPS", "a\nb\n"); /* sizes lie */
	rig_file(r, "Maildir/new/2.crlf", "a\r\nb\n");
	memset(name, 'x', sizeof name);
	snprintf(name, sizeof name, "Maildir/new/3.%0230d", 7);
	rig_file(r, name, "c\n");
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 3);
	for (uint32_t i = 0; i < 3; i++) {
		text = rig_text(v, i);
		assert_non_null(text);
		assert_int_equal(strlen(text), v->msgs[i].size);
		assert_int_equal(text[strlen(text) - 2], '\r');
		free(text);
		if (v->msgs[i].flags & STORE_PASSED)
			assert_int_equal(
			    v->msgs[i].flags & STORE_SYSTEM, STORE_FLAGGED | STORE_SEEN);
	}
	store_unselect(v);
}

/* A message delivered while new/ was being read shows up at the next look at the latest. */
static void many_deliveries(void **state)
{
	struct rig *r = *state;
	struct store_view *v = rig_select(r, "INBOX");
	struct store_changes c;
	char name[64];

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "Maildir/new/%d.Qx.mx", i);
		rig_file(r, name, "x\n");
		assert_int_equal(store_refresh(v, true, &c), STORE_OK);
		assert_int_equal(v->n, i + 1);
	}
	store_unselect(v);
}

/* Expunged mail and leftovers go after their time. */
static void cleaning(void **state)
{
	struct rig *r = *state;
	struct timeval old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_DELETED };
	struct store_view *v;
	uint32_t idx[] = { 0 }, count;
	enum store_result res;
	char path[256];

	rig_append(r, "INBOX", "x\r\n", 0);
	store_create(r->s, STR("a"), STORE_USE_NONE);
	rig_append(r, "a", "x\r\n", 0);
	store_delete(r->s, STR("a"));
	v = rig_select(r, "INBOX");
	store_change(v, idx, 1, &ch, &res);
	store_expunge(v, NULL, 0, &count);
	store_unselect(v);
	rig_file(r, "Maildir/tmp/left", "x");
	rig_file(r, "Maildir/tmp/young", "x");
	snprintf(path, sizeof path, "%s/Maildir/tmp/left", r->home);
	utimes(path, old);
	store_clean(r->s);
	assert_int_equal(rig_count(r, "Maildir/tmp"), 1);
	assert_int_equal(rig_count(r, "Maildir/gone"), 1);
	assert_int_equal(rig_count(r, "index/deleted"), 1);
	store_close(r->s);
	r->opt.gone_keep = 1;
	rig_open(r);
	sleep(3);
	/* it was cleaned today: look as if that was long ago */
	lose_index(r);
	store_clean(r->s);
	assert_int_equal(rig_count(r, "Maildir/gone"), 0);
	assert_int_equal(rig_count(r, "index/deleted"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(index_lost),
		RIG_TEST(index_damaged),
		RIG_TEST(pages_damaged),
		RIG_TEST(shrinks_while_open),
		RIG_TEST(index_replaced),
		RIG_TEST(after_reboot),
		RIG_TEST(cut_while_appending),
		RIG_TEST(expunge_undone),
		RIG_TEST(other_programs),
		RIG_TEST(odd_files),
		RIG_TEST(foreign_messages),
		RIG_TEST(many_deliveries),
		RIG_TEST(cleaning),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
