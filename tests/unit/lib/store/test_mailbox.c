/* Names of mailboxes, LIST, CREATE, DELETE, RENAME, SUBSCRIBE. */
#include "rig.h"

#include "store/folder.h"

/* --- names ----------------------------------------------------------------------------------- */

static void names_round_trip(void **state)
{
	static const struct {
		const char *name, *dir;
	} rows[] = {
		{ "INBOX", "" },
		{ "inbox", "" },
		{ "inbox/Sub", "INBOX.Sub" },
		{ "Sent", "Sent" },
		{ "Lists/thurn", "Lists.thurn" },
		{ "Release 1.2", "Release 1&AC4-2" },
		{ "Tom & Jerry", "Tom &- Jerry" },
		{ "Entw\xc3\xbcrfe", "Entw&APw-rfe" },
		{ "\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac", "&U,BTFw-.&ZeVnLA-" },
		{ "\xf0\x9f\x98\x80", "&2D3eAA-" },
		{ "a/b/c", "a.b.c" },
		{ ".hidden", "&AC4-hidden" },
	};
	struct folder f, g;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		assert_int_equal(folder_from_name(str_of(rows[i].name), true, &f), 0);
		assert_string_equal(f.dir, rows[i].dir);
		assert_int_equal(folder_from_dir(folder_dir(&f), &g), 0);
		assert_string_equal(g.name, f.name);
		assert_string_equal(g.dir, f.dir);
	}
}

static void bad_names(void **state)
{
	static const char *const names[] = { "", "/", "a/", "/a", "a//b", ".", "..", "../u2",
		"a/../../b", "a/.", "~u2", "a\001b", "a\nb", "a\x7f", "\xff", "\xc0\xaf", "a%",
		"a*b", "\xed\xa0\x80", "\xe2\x80\xa8" };
	static const char *const dirs[] = { ".a", "a..b", "a.", "&", "&AC4", "&AC8-", "&AEE-",
		"&AAA-", "&2D0-", "&3gA-", "&A-", "\xff", "INBOX", "inbox", "&AC4-", "&AC4ALg-",
		"a/b" };
	char lots[STORE_NAME_MAX + 10];
	struct folder f;

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		assert_int_equal(folder_from_name(str_of(names[i]), true, &f), -1);
	assert_int_equal(folder_from_name(str_bytes("a\0b", 3), true, &f), -1);
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		assert_int_equal(folder_from_dir(str_of(dirs[i]), &f), -1);
	memset(lots, 'a', sizeof lots);
	assert_int_equal(folder_from_name(str_bytes(lots, STORE_NAME_MAX), true, &f), 0);
	assert_int_equal(folder_from_name(str_bytes(lots, STORE_NAME_MAX + 1), true, &f), -1);
	memset(lots, '.', sizeof lots);
	lots[0] = 'a';
	assert_int_equal(folder_from_name(str_bytes(lots, STORE_NAME_MAX), true, &f), -1);
	for (size_t i = 0; i < 100; i++)
		lots[i] = i % 2 != 0 ? '/' : 'a';
	assert_int_equal(folder_from_name(str_bytes(lots, 99), true, &f), -1);
	/* exists elsewhere: may be opened, not made */
	assert_int_equal(folder_from_name(STR("100%"), false, &f), 0);
	assert_int_equal(folder_from_dir(STR("caf\xc3\xa9"), &f), 0);
}

/* --- LIST ------------------------------------------------------------------------------------ */

/* "name:flags " of each, flags as letters N(oselect) C(hildren) S(ubscribed) */
static const char *listed(struct rig *r, bool subscribed)
{
	static char out[2048];
	const struct store_box *b;
	size_t n, at = 0;

	assert_int_equal(store_list(r->s, subscribed, &b, &n), STORE_OK);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(out + at, sizeof out - at, "%.*s:%s%s%s%s ",
		    STR_ARG(b[i].name), b[i].flags & STORE_BOX_NOSELECT ? "N" : "",
		    b[i].flags & STORE_BOX_CHILDREN ? "C" : "",
		    b[i].flags & STORE_BOX_SUBSCRIBED ? "S" : "", store_use_name(b[i].use));
	return out;
}

static void list_and_subscribe(void **state)
{
	struct rig *r = *state;

	assert_string_equal(listed(r, false), "INBOX: ");
	assert_int_equal(store_create(r->s, STR("Sent"), STORE_USE_NONE), STORE_OK);
	assert_int_equal(store_create(r->s, STR("a/b/c/"), STORE_USE_NONE), STORE_OK);
	assert_int_equal(store_create(r->s, STR("a b"), STORE_USE_JUNK), STORE_OK);
	assert_int_equal(store_create(r->s, STR("a/b/c"), STORE_USE_NONE), STORE_EXISTS);
	assert_int_equal(store_create(r->s, STR("Inbox"), STORE_USE_NONE), STORE_EXISTS);
	assert_int_equal(store_create(r->s, STR("../x"), STORE_USE_NONE), STORE_NONAME);
	assert_string_equal(listed(r, false), "INBOX: Sent:\\Sent a:NC a/b:NC a/b/c: a b:\\Junk ");
	assert_int_equal(store_subscribe(r->s, STR("Sent"), true), STORE_OK);
	assert_int_equal(store_subscribe(r->s, STR("inbox"), true), STORE_OK);
	assert_int_equal(store_subscribe(r->s, STR("not/there"), true), STORE_OK);
	assert_string_equal(
	    listed(r, false), "INBOX:S Sent:S\\Sent a:NC a/b:NC a/b/c: a b:\\Junk ");
	assert_string_equal(
	    listed(r, true), "INBOX:S Sent:S\\Sent a:NC a/b:NC a/b/c: a b:\\Junk not/there:NS ");
	assert_int_equal(store_subscribe(r->s, STR("not/there"), false), STORE_OK);
	assert_int_equal(store_subscribe(r->s, STR("not/there"), false), STORE_OK);
	rig_reopen(r);
	assert_string_equal(listed(r, true), "INBOX:S Sent:S\\Sent a:NC a/b:NC a/b/c: a b:\\Junk ");
	assert_int_equal(store_set_use(r->s, STR("a/b/c"), STORE_USE_ARCHIVE), STORE_OK);
	assert_non_null(strstr(listed(r, false), "a/b/c:\\Archive "));
}

/* Folders of others appear; what is not a folder does not. */
static void foreign_folders(void **state)
{
	struct rig *r = *state;
	char path[256];

	snprintf(path, sizeof path, "%s/Maildir/.Lists.dev", r->home);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/Maildir/.&bad", r->home);
	assert_int_equal(mkdir(path, 0700), 0);
	snprintf(path, sizeof path, "%s/Maildir/.link", r->home);
	assert_int_equal(symlink("/tmp", path), 0);
	rig_file(r, "Maildir/.file", "");
	assert_string_equal(listed(r, false), "INBOX: Lists:NC Lists/dev: ");
	assert_string_equal(r->events, "mailbox-skipped ");
	assert_int_equal(rig_append(r, "Lists/dev", "x\r\n", 0), 1);
	assert_int_equal(rig_append(r, "link", "x\r\n", 0), 0);
}

static void delete_mailboxes(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	struct store_changes c;
	struct store_status was, now;
	struct store_usage u;
	enum store_result res;
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_SEEN };
	uint32_t zero = 0;

	store_create(r->s, STR("a"), STORE_USE_NONE);
	store_create(r->s, STR("a/b"), STORE_USE_NONE);
	for (int i = 0; i < 300; i++)
		rig_append(r, i % 2 ? "a" : "a/b", "x\r\n", 0);
	v = rig_select(r, "a");
	assert_int_equal(store_status(r->s, STR("a"), &was), STORE_OK);
	assert_int_equal(store_delete(r->s, STR("INBOX")), STORE_INUSE);
	assert_int_equal(store_delete(r->s, STR("none")), STORE_NOTFOUND);
	assert_int_equal(store_delete(r->s, STR("a")), STORE_OK);
	assert_string_equal(listed(r, false), "INBOX: a:NC a/b: ");
	assert_int_equal(store_delete(r->s, STR("a")), STORE_INUSE);
	assert_int_equal(store_status(r->s, STR("a"), &now), STORE_NOSELECT);
	assert_int_equal(store_refresh(v, true, &c), STORE_GONE);
	assert_int_equal(store_change(v, &zero, 1, &ch, &res), STORE_GONE);
	store_unselect(v);
	assert_int_equal(store_usage(r->s, &u), STORE_OK);
	assert_int_equal(u.messages, 150);
	assert_int_equal(u.bytes, 300);
	assert_int_equal(store_create(r->s, STR("a"), STORE_USE_NONE), STORE_OK);
	assert_int_equal(store_status(r->s, STR("a"), &now), STORE_OK);
	assert_int_equal(now.messages, 0);
	assert_true(now.uidvalidity > was.uidvalidity);
	assert_true(now.id != was.id);
	assert_int_equal(store_delete(r->s, STR("a/b")), STORE_OK);
	assert_int_equal(store_delete(r->s, STR("a")), STORE_OK);
	assert_string_equal(listed(r, false), "INBOX: ");
	store_usage(r->s, &u);
	assert_int_equal(u.messages + u.bytes, 0);
}

static void rename_mailboxes(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	struct store_changes c;
	struct store_status was, now;

	store_create(r->s, STR("a"), STORE_USE_NONE);
	store_create(r->s, STR("a/b"), STORE_USE_NONE);
	store_create(r->s, STR("ab"), STORE_USE_NONE);
	rig_append(r, "a/b", "x\r\n", STORE_SEEN);
	v = rig_select(r, "a/b");
	store_status(r->s, STR("a/b"), &was);
	assert_int_equal(store_rename(r->s, STR("a"), STR("ab")), STORE_EXISTS);
	assert_int_equal(store_rename(r->s, STR("none"), STR("x")), STORE_NOTFOUND);
	assert_int_equal(store_rename(r->s, STR("a"), STR("INBOX")), STORE_EXISTS);
	assert_int_equal(store_rename(r->s, STR("a"), STR("x/y")), STORE_OK);
	assert_string_equal(listed(r, false), "INBOX: ab: x:NC x/y:C x/y/b: ");
	assert_int_equal(store_status(r->s, STR("x/y/b"), &now), STORE_OK);
	assert_int_equal(now.uidvalidity, was.uidvalidity);
	assert_true(now.id == was.id);
	assert_int_equal(now.messages, 1);
	/* a session that has it selected goes on */
	rig_append(r, "x/y/b", "y\r\n", 0);
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_int_equal(v->n, 2);
	assert_true(str_eq(v->folder, STR("x.y.b")));
	store_unselect(v);
	/* into itself */
	assert_int_equal(store_rename(r->s, STR("x/y"), STR("x/y/z")), STORE_OK);
	assert_string_equal(listed(r, false), "INBOX: ab: x:NC x/y:NC x/y/z:C x/y/z/b: ");
	rig_reopen(r);
	assert_string_equal(listed(r, false), "INBOX: ab: x:NC x/y:NC x/y/z:C x/y/z/b: ");
	assert_string_equal(r->events, "");
}

static void rename_inbox(void **state)
{
	struct rig *r = *state;
	struct store_status st;

	store_create(r->s, STR("INBOX/kept"), STORE_USE_NONE);
	rig_append(r, "INBOX", "x\r\n", STORE_SEEN);
	rig_append(r, "INBOX", "y\r\n", 0);
	assert_int_equal(store_rename(r->s, STR("INBOX"), STR("old")), STORE_OK);
	assert_string_equal(listed(r, false), "INBOX:C INBOX/kept: old: ");
	store_status(r->s, STR("old"), &st);
	assert_int_equal(st.messages, 2);
	assert_int_equal(st.unseen, 1);
	store_status(r->s, STR("INBOX"), &st);
	assert_int_equal(st.messages, 0);
}

/* Somebody renames a folder on disk: it is the same mailbox under another name. */
static void renamed_by_others(void **state)
{
	struct rig *r = *state;
	char from[256], to[256];
	struct store_status was, now;

	store_create(r->s, STR("a"), STORE_USE_NONE);
	rig_append(r, "a", "x\r\n", 0);
	store_status(r->s, STR("a"), &was);
	snprintf(from, sizeof from, "%s/Maildir/.a", r->home);
	snprintf(to, sizeof to, "%s/Maildir/.b", r->home);
	assert_int_equal(rename(from, to), 0);
	assert_string_equal(listed(r, false), "INBOX: b: ");
	assert_int_equal(store_status(r->s, STR("b"), &now), STORE_OK);
	assert_true(now.id == was.id);
	assert_int_equal(now.messages, 1);
	assert_int_equal(now.uidnext, was.uidnext);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_round_trip),
		cmocka_unit_test(bad_names),
		RIG_TEST(list_and_subscribe),
		RIG_TEST(foreign_folders),
		RIG_TEST(delete_mailboxes),
		RIG_TEST(rename_mailboxes),
		RIG_TEST(rename_inbox),
		RIG_TEST(renamed_by_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
