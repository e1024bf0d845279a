/* The types that are text or stand in the configuration; opening, trust and change. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "table/file.h"
#include "table_dir.h"

static void test_texthash(void **state)
{
	struct table *t;

	(void)state;
	dir_text("v", "# comment\n\nAlice@Example.org  bob,\n  # a comment in between\n\tcarol\r\n"
		      "\"a b\"@x.org   quoted\nalice@example.org second\nlast value");
	t = dir_open("texthash:v");
	want(t, "alice@example.ORG", "bob,\tcarol", "texthash:v:3");
	want(t, "\"a b\"@x.org", "quoted", "texthash:v:6");
	want(t, "last", "value", "texthash:v:8");
	want(t, "other", NULL, NULL);
	want(t, "", NULL, NULL);
	table_close(t);
	dir_text("v", "good value\nalone\n");
	dir_refused("texthash:v", "v:2: the line wants a key");
	dir_text("v", " begins\n");
	dir_refused("texthash:v", "v:1: the line begins with white space");
	dir_write("v", "a b\0c\n", 6);
	dir_refused("texthash:v", "holds a NUL");
	dir_text("v", "\"open quote\n");
	dir_refused("texthash:v", "v:1: the line has an open quote");
	dir_text("v", "");
	table_close(dir_open("texthash:v"));
}

static void test_inline(void **state)
{
	struct table *t = dir_open("inline:{a=1, {B = two words, with comma} ,c=x=y}");

	(void)state;
	want(t, "A", "1", NULL);
	want(t, "b", "two words, with comma", NULL);
	want(t, "c", "x=y", NULL);
	want(t, "d", NULL, NULL);
	table_close(t);
	/* letters of any alphabet; what is no UTF-8 is only itself */
	t = dir_open("inline:{stra\u00dfe@x=s, \u00c4b@x=a, b\xff\x5f=raw}");
	want(t, "STRASSE@X", "s", NULL);
	want(t, "\u00e4B@x", "a", NULL);
	want(t, "B\xff\x5f", "raw", NULL);
	want(t, "\u00e5b@x", NULL, NULL);
	table_close(t);
	table_close(dir_open("inline:{}"));
	dir_refused("inline:a=b", "wants {");
	dir_refused("inline:{a}", "wants key=value");
	dir_refused("inline:{=a}", "wants key=value");
	dir_refused("inline:{a=}", "wants key=value");
	t = dir_open("static:{550 no thanks}");
	want(t, "anything", "550 no thanks", NULL);
	want(t, "", "550 no thanks", NULL);
	table_close(t);
	dir_refused("static:", "wants a value");
	dir_refused("hush:x", "known type");
	dir_refused("noname", "known type");
}

static void test_combine(void **state)
{
	struct table *t = dir_open("unionmap:{inline:{a=1,b=2}, inline:{b=3,c=4}}");
	char deep[2048] = "";

	(void)state;
	want(t, "a", "1", NULL);
	want(t, "b", "2,3", NULL);
	want(t, "c", "4", NULL);
	want(t, "d", NULL, NULL);
	table_close(t);
	t = dir_open("pipemap:{inline:{a=b,x=y}, inline:{b=c}}");
	want(t, "a", "c", NULL);
	want(t, "x", NULL, NULL);
	table_close(t);
	dir_refused("unionmap:{}", "no table");
	dir_refused("unionmap:inline:{}", "wants {");
	dir_refused("pipemap:{texthash:absent}", "absent: No such file");
	for (int i = 0; i < 20; i++)
		strncat(deep, "unionmap:{", sizeof deep - 1 - strlen(deep));
	dir_refused(deep, "wants {");
	strncat(deep, "static:x", sizeof deep - 1 - strlen(deep));
	for (int i = 0; i < 20; i++)
		strncat(deep, "}", sizeof deep - 1 - strlen(deep));
	dir_refused(deep, "nested too deeply");
	/* a part that fails makes the whole fail, never "not found" */
	dir_text("p", "/^(a+)+$/ x\n");
	t = dir_open("unionmap:{inline:{a=1}, pcre:p}");
	want_failed(t, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!",
	    "pcre:p:1", "limit");
	table_close(t);
}

static void test_cidr(void **state)
{
	struct table *t;

	(void)state;
	dir_text("c",
	    "192.0.2.1        first\n192.0.2.0/24     net\nif 10.0.0.0/8\n!10.1.0.0/16  other\n"
	    "if !10.1.2.0/24\n10.1.0.0/16 inner\nendif\nendif\n[2001:db8::]/32 six\n::/0 any6\n"
	    "198.51.100.0/0x\n");
	dir_refused("cidr:c", "c:11: ");
	dir_text("c",
	    "192.0.2.1        first\n192.0.2.0/24     net\nif 10.0.0.0/8\n!10.1.0.0/16  other\n"
	    "if !10.1.2.0/24\n10.1.0.0/16 inner\nendif\nendif\n[2001:db8::]/32 six\n::/0 any6\n");
	t = dir_open("cidr:c");
	want(t, "192.0.2.1", "first", "cidr:c:1");
	want(t, "192.0.2.2", "net", "cidr:c:2");
	want(t, "10.9.9.9", "other", "cidr:c:4");
	want(t, "10.1.9.9", "inner", "cidr:c:6");
	want(t, "10.1.2.9", NULL, NULL);
	want(t, "2001:DB8::1", "six", "cidr:c:9");
	want(t, "2001:db9::1", "any6", NULL);
	want(t, "not an address", NULL, NULL);
	table_close(t);
	/* turned round, a rule speaks of the other addresses of its family */
	dir_text("c", "!192.0.2.0/24 outside\nif !2001:db8::/32\n::/0 six\n0.0.0.0/0 four\nendif\n"
		      "::ffff:192.0.2.0/120 mapped\n");
	t = dir_open("cidr:c");
	want(t, "192.0.2.1", NULL, NULL);
	want(t, "10.0.0.1", "outside", "cidr:c:1");
	want(t, "2001:db9::1", "six", "cidr:c:3");
	want(t, "2001:db8::1", NULL, NULL);
	want(t, "::ffff:192.0.2.1", "six", "cidr:c:3");
	table_close(t);
	dir_text("c", "192.0.2.1/24 x\n");
	dir_refused("cidr:c", "c:1: \"192.0.2.1/24\": address bits");
	dir_text("c", "if 192.0.2.0/24\n");
	dir_refused("cidr:c", "c:1: if without endif");
	dir_text("c", "endif\n");
	dir_refused("cidr:c", "c:1: endif without if");
	dir_text("c", "192.0.2.0/33 x\n");
	dir_refused("cidr:c", "length must be");
	dir_text("c", "192.0.2.0/24\n");
	dir_refused("cidr:c", "wants a pattern and a value");
	dir_text("c", "0.0.0.0/0 four\n");
	t = dir_open("cidr:c");
	want(t, "255.255.255.255", "four", NULL);
	want(t, "2001:db8::1", NULL, NULL);
	table_close(t);
}

static void test_pcre(void **state)
{
	struct table *t;

	(void)state;
	dir_text("p", "/^(.*)-list@(.+)$/  $1@lists.${2} costs $$1\n"
		      "!/@/ no at sign\n"
		      "if /^owner/\n/foo/i  case\nendif\n"
		      "|^a\\|b$|x  bars\n"
		      "/^(x)?y$/ <$(1)>\n");
	t = dir_open("pcre:p");
	want(t, "Thurn-list@example.org", "Thurn@lists.example.org costs $1", "pcre:p:1");
	want(t, "plain", "no at sign", "pcre:p:2");
	want(t, "owner@FOO", NULL, NULL);
	want(t, "owner@foo", "case", "pcre:p:4");
	want(t, "a@|b", NULL, NULL);
	table_close(t);
	dir_text("p", "/^(x)?y$/ <$1>\n");
	t = dir_open("pcre:p");
	want(t, "y", "<>", NULL);
	want(t, "XY", "<X>", NULL);
	table_close(t);
	static const char *const wrong[][2] = { { "/a/ $1\n", "no group" },
		{ "/(a)/ $x\n", "a $ in the value" }, { "/(a)/ ${1\n", "a $ in the value" },
		{ "!/(a)/ $1\n", "has no $1" }, { "/(a/ x\n", "parenthes" },
		{ "/a x\n", "closing" }, { "/a/q x\n", "unknown flag" },
		{ "/a/\n", "a pattern and a value" }, { "word x\n", "wants /pattern/" },
		{ "if /a/ x\nendif\n", "behind the pattern of if" }, { "/(*UTF)a/ x\n", "p:1" },
		{ "/a\\Cb/ x\n", "p:1" } };
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		dir_text("p", wrong[i][0]);
		dir_refused("pcre:p", wrong[i][1]);
	}
}

/* Work that grows without bound is a failure that names its rule; never "no match". */
static void test_pcre_limits(void **state)
{
	char *long_key = malloc(65537);
	struct table *t;

	(void)state;
	memset(long_key, 'a', 65536);
	long_key[65536] = '\0';
	dir_text("p", "/^b/ x\n/(a+)+$/ evil\n/a/ behind\n");
	t = dir_open("pcre:p");
	want_failed(t, long_key, "pcre:p", "longer than 4096");
	long_key[40] = '!';
	long_key[41] = '\0';
	want(t, "aaaa", "evil", "pcre:p:2");
	table_close(t);
	dir_text("p", "/^b/ x\n/^(a+)+$/ evil\n/a/ behind\n");
	t = dir_open("pcre:p");
	want_failed(t, long_key, "pcre:p:2", "limit");
	want(t, "bcd", "x", NULL);
	table_close(t);
	dir_text("p", "/^(a|aa)+$/ evil\n");
	t = dir_open("pcre:p");
	want_failed(t, long_key, "pcre:p:1", "limit");
	memset(long_key, 'a', 4000);
	long_key[4000] = '\0';
	want_failed(t, long_key, "pcre:p:1", "limit");
	table_close(t);
	dir_text("p", "/^(a+)+$/ evil\n");
	t = dir_open("regexp:p");
	long_key[40] = '!';
	long_key[41] = '\0';
	want_failed(t, long_key, "regexp:p:1", "limit");
	table_close(t);
	free(long_key);
}

static void test_regexp(void **state)
{
	struct table *t;

	(void)state;
	dir_text("r", "/^([a-z0-9._]+)\\.([[:alpha:]]+)@example\\.org$/ $2.$1@example.net\n"
		      "|^[^@/]+$| bare\n/^CASE$/i upper\n/a{2,3}\\$/ twice\n/^b\\d$/ backslash\n");
	t = dir_open("regexp:r");
	want(t, "Jane.Doe@example.org", "Doe.Jane@example.net", "regexp:r:1");
	want(t, "jane.doe@exampleXorg", NULL, NULL);
	want(t, "abc", "bare", "regexp:r:2");
	want(t, "@aa$", "twice", NULL);
	table_close(t);
	dir_text("r", "/(a/ x\n");
	dir_refused("regexp:r", "r:1");
	dir_text("r", "/^\\(a*\\)b$/x basic $1\n");
	t = dir_open("regexp:r");
	want(t, "aab", "basic aa", NULL);
	table_close(t);
}

static void test_trust(void **state)
{
	(void)state;
	dir_text("v", "a b\n");
	table_close(dir_open("texthash:v"));
	assert_int_equal(chmod(dir_name("v"), 0666), 0);
	dir_refused("texthash:v", "changed by others");
	assert_int_equal(chmod(dir_name("v"), 0644), 0);
	assert_int_equal(fchmod(dir_fd, 0777), 0);
	dir_refused("texthash:v", "table directory may be changed by others");
	assert_int_equal(fchmod(dir_fd, 01777), 0);
	dir_refused("texthash:v", "table directory may be changed by others");
	assert_int_equal(fchmod(dir_fd, 0700), 0);
	assert_int_equal(mkdirat(dir_fd, "sub", 0755), 0);
	dir_text("sub/v", "a sub\n");
	table_close(dir_open("texthash:sub/v"));
	assert_int_equal(chmod(dir_name("sub"), 0777), 0);
	dir_refused("texthash:sub/v", "sub: may be changed by others");
	assert_int_equal(chmod(dir_name("sub"), 0755), 0);
	dir_refused("texthash:/etc/passwd", "not a name below");
	dir_refused("texthash:sub/../v", "not a name below");
	dir_refused("texthash:sub", "not a regular file");
	assert_int_equal(mkfifo(dir_name("fifo"), 0600), 0);
	dir_refused("texthash:fifo", "not a regular file");
	assert_int_equal(symlink("sub", dir_name("link")), 0);
	dir_refused("texthash:link/v", "link");
	if (geteuid() == 0) {
		assert_int_equal(chown(dir_name("v"), 12345, 12345), 0);
		dir_refused("texthash:v", "changed by others");
	}
}

static void test_change(void **state)
{
	struct table *t;
	uint64_t now = 1000;

	(void)state;
	dir_text("v", "a one\n");
	t = dir_open("texthash:v");
	assert_false(table_refresh(t, now));
	want(t, "a", "one", NULL);
	/* in place */
	dir_text("v", "a two, longer\n");
	assert_false(table_refresh(t, now + 500)); /* not looked at */
	assert_true(table_refresh(t, now += 1000));
	want(t, "a", "two, longer", NULL);
	/* renamed into place */
	dir_text("n", "a three, longr\n");
	assert_int_equal(renameat(dir_fd, "n", dir_fd, "v"), 0);
	assert_true(table_refresh(t, now += 1000));
	want(t, "a", "three, longr", NULL);
	/* broken: fails, does not answer from before; then good again */
	dir_text("v", "alone\n");
	assert_true(table_refresh(t, now += 1000));
	want_failed(t, "a", "texthash:v", "v:1:");
	assert_int_equal(unlinkat(dir_fd, "v", 0), 0);
	assert_false(table_refresh(t, now += 1000));
	want_failed(t, "a", "texthash:v", "v:1:");
	dir_text("v", "a four\n");
	assert_true(table_refresh(t, now += 1000));
	want(t, "a", "four", NULL);
	assert_int_equal(unlinkat(dir_fd, "v", 0), 0);
	assert_true(table_refresh(t, now += 1000));
	want_failed(t, "a", "texthash:v", "No such file");
	table_close(t);
}

/* A text that is being written in place is read once the writer has finished. */
static void test_half_written(void **state)
{
	struct table *t;
	uint64_t now = 1000;
	int fd;

	(void)state;
	dir_text("v", "a one\nb two\n");
	t = dir_open("texthash:v");
	fd = openat(dir_fd, "v", O_WRONLY | O_TRUNC | O_CLOEXEC);
	assert_int_equal(write(fd, "a n", 3), 3);
	assert_false(table_refresh(t, now += 1000));
	want(t, "b", "two", NULL);
	assert_int_equal(write(fd, "ew\nb new\n", 9), 9);
	close(fd);
	assert_false(table_refresh(t, now += 1000));
	usleep(1100 * 1000);
	assert_true(table_refresh(t, now += 1000));
	want(t, "a", "new", NULL);
	want(t, "b", "new", NULL);
	table_close(t);
}

static int count(void *arg, struct str key, struct str value)
{
	(void)key;
	(void)value;
	(*(int *)arg)++;
	return 0;
}

static void test_each(void **state)
{
	struct table *t;
	char why[TABLE_WHY];
	int n = 0;

	(void)state;
	dir_text("v", "a one\nb two\n");
	t = dir_open("texthash:v");
	assert_int_equal(table_each(t, count, &n, why), 0);
	assert_int_equal(n, 2);
	table_close(t);
	t = dir_open("static:x");
	assert_int_equal(table_each(t, count, &n, why), -1);
	table_close(t);
}

static void test_items(void **state)
{
	struct str rest = STR(" a,, b{ c, {d} } ,e"), item;

	(void)state;
	assert_true(table_list_item(&rest, &item) && str_eq(item, STR("a")));
	assert_true(table_list_item(&rest, &item) && str_eq(item, STR("b{ c, {d} }")));
	assert_true(table_list_item(&rest, &item) && str_eq(item, STR("e")));
	assert_false(table_list_item(&rest, &item));
	assert_true(table_is_spec(STR("hash:x")));
	assert_false(table_is_spec(STR("example.org")));
	assert_false(table_is_spec(STR("[::1]:25")));
}

int main(void)
{
#define ROW(f) cmocka_unit_test_setup_teardown(f, dir_setup, dir_teardown)
	static const struct CMUnitTest tests[] = { ROW(test_texthash), ROW(test_inline),
		ROW(test_combine), ROW(test_cidr), ROW(test_pcre), ROW(test_pcre_limits),
		ROW(test_regexp), ROW(test_trust), ROW(test_change), ROW(test_half_written),
		ROW(test_each), ROW(test_items) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
