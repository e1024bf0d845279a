/* The table of settings, its checks, and the configuration on its way between processes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "proto/conf.h"
#include "proto/role.h"

static int check(const char *name, const char *text)
{
	char why[SETTING_WHY];
	const char *section = NULL;

	if (strncmp(name, "listener.", 9) == 0) {
		section = "listener";
		name += 9;
	}
	assert_non_null(setting_find(section, str_of(name)));
	return setting_check(setting_find(section, str_of(name)), str_of(text), why);
}

/* Every row can be found, has a help text, and a default that passes its own check. */
static void table_is_sound(void **state)
{
	const struct setting *s;
	char why[SETTING_WHY];

	(void)state;
	assert_non_null(setting_at(0)->topic);
	for (size_t i = 0; (s = setting_at(i)) != NULL; i++) {
		struct str rest = str_of(s->def), word;

		assert_int_equal(setting_index(s), i);
		assert_ptr_equal(setting_find(s->section, str_of(s->name)), s);
		assert_non_null(s->help);
		for (size_t k = 0; k < i; k++)
			if (str_eq(str_of(setting_at(k)->name), str_of(s->name)) &&
			    str_eq(str_of(setting_at(k)->section), str_of(s->section)))
				fail_msg("%s stands twice in the table", s->name);
		assert_true((s->type == SET_ENUM) == (s->choices != NULL));
		if (s->type != SET_LIST)
			assert_int_equal(setting_check(s, rest, why), 0);
		else
			while (str_word(&rest, &word))
				assert_int_equal(setting_check(s, word, why), 0);
	}
	assert_null(setting_find(NULL, STR("nonsense")));
	assert_null(setting_find("listener", STR("hostname")));
	assert_null(setting_find(NULL, STR("")));
	assert_true(setting_section(STR("listener")));
	assert_false(setting_section(STR("hostname")));
}

static void numbers(void **state)
{
	static const struct {
		enum setting_type type;
		const char *text;
		int64_t want; /* -1 = malformed */
	} rows[] = {
		{ SET_BOOL, "yes", 1 },
		{ SET_BOOL, "Off", 0 },
		{ SET_BOOL, "1", -1 },
		{ SET_INT, "42", 42 },
		{ SET_INT, "0x10", -1 },
		{ SET_INT, "", -1 },
		{ SET_INT, "9223372036854775807", INT64_MAX },
		{ SET_INT, "9223372036854775808", -1 },
		{ SET_SIZE, "10M", 10 * 1024 * 1024 },
		{ SET_SIZE, "4k", 4096 },
		{ SET_SIZE, "77", 77 },
		{ SET_SIZE, "9999999999G", -1 },
		{ SET_SIZE, "10MB", -1 },
		{ SET_TIME, "200ms", 200 },
		{ SET_TIME, "5m", 300000 },
		{ SET_TIME, "5d", 432000000 },
		{ SET_TIME, "0", 0 },
		{ SET_TIME, "5", -1 },
		{ SET_TIME, " 5s", -1 },
		{ SET_STR, "5", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t v;
		int rc = setting_number(rows[i].type, str_of(rows[i].text), &v);

		assert_int_equal(rc, rows[i].want == -1 ? -1 : 0);
		if (rc == 0)
			assert_int_equal(v, rows[i].want);
	}
}

static void checks(void **state)
{
	static const struct {
		const char *name, *text;
		int want;
	} rows[] = {
		{ "hostname", "mx.example.org", 0 },
		{ "hostname", "", 0 },
		{ "hostname", "mx..example.org", -1 },
		{ "hostname", "-mx.example.org", -1 },
		{ "hostname", "mx example", -1 },
		{ "hostname",
		    "b\xc3\xbc"
		    "cher.example",
		    0 },
		{ "spool_directory", "/var/spool/thurn", 0 },
		{ "spool_directory", "spool", -1 },
		{ "spool_directory", "/var/../etc", -1 },
		{ "spool_directory", "", -1 },
		{ "trusted_networks", "10.0.0.0/8", 0 },
		{ "trusted_networks", "10.0.0.0/33", -1 },
		{ "trusted_networks", "10.0.0.0/", -1 },
		{ "trusted_networks", "2001:db8::/32", 0 },
		{ "trusted_networks", "::1/129", -1 },
		{ "trusted_networks", "localhost", -1 },
		{ "log_format", "json", 0 },
		{ "log_format", "JSON", -1 },
		{ "log_format", "text|json", -1 },
		{ "shutdown_timeout", "30s", 0 },
		{ "shutdown_timeout", "30", -1 },
		{ "shutdown_timeout", "2d", -1 },
		{ "smtpd_workers", "0", -1 },
		{ "smtpd_workers", "64", 0 },
		{ "smtpd_workers", "65", -1 },
		{ "user_smtpd", "mail-in", 0 },
		{ "user_smtpd", "mail in", -1 },
		{ "origin", "example.org\nhostname = x", -1 },
		{ "listener.port", "65536", -1 },
		{ "listener.address", "127.0.0.1", 0 },
		{ "listener.address", "127.1", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if (check(rows[i].name, rows[i].text) != rows[i].want)
			fail_msg("%s = %s", rows[i].name, rows[i].text);
}

static struct conf *example(void)
{
	struct conf *c = conf_new();
	struct conf_section *s;

	conf_set(c, NULL, "hostname", STR("mx.example.org"), "/etc/thurn/thurn.conf", 3);
	conf_set(c, NULL, "shutdown_timeout", STR("5s"), "/etc/thurn/thurn.conf", 4);
	conf_set(c, NULL, "trusted_networks", STR("192.0.2.0/24"), "/etc/thurn/thurn.conf", 5);
	conf_set(c, NULL, "trusted_networks", STR("::1"), "/etc/thurn/thurn.conf", 5);
	conf_set(c, NULL, "spool_directory", STR("/srv/spool"), "/etc/thurn/thurn.conf", 6);
	s = conf_add_section(c, "listener", STR("mx"), "/etc/thurn/thurn.conf", 8);
	conf_set(c, s, "port", STR("2525"), "/etc/thurn/thurn.conf", 9);
	s = conf_add_section(c, "listener", STR("imap"), "/etc/thurn/thurn.conf", 11);
	conf_set(c, s, "service", STR("imap"), "/etc/thurn/thurn.conf", 12);
	return c;
}

static void look(const struct conf *c)
{
	const struct conf_section *s = conf_section(c, "listener", 0);

	assert_true(str_eq(conf_str(c, "hostname"), STR("mx.example.org")));
	assert_true(str_eq(conf_where(c, "hostname"), STR("thurn.conf:3")));
	assert_true(str_eq(conf_str(c, "log_level"), STR("info")));
	assert_true(str_eq(conf_where(c, "log_level"), STR("default")));
	assert_int_equal(conf_time(c, "shutdown_timeout"), 5000);
	assert_int_equal(conf_size(c, "message_size_limit"), 50 * 1024 * 1024);
	assert_int_equal(conf_count(c, "trusted_networks"), 2);
	assert_true(str_eq(conf_item(c, "trusted_networks", 0), STR("192.0.2.0/24")));
	assert_non_null(s);
	assert_true(str_eq(section_title(s), STR("mx")));
	assert_int_equal(section_int(s, "port"), 2525);
	assert_int_equal(section_count(s, "address"), 2);
	assert_true(str_eq(section_where(s, "port"), STR("thurn.conf:9")));
	s = conf_section(c, "listener", 1);
	assert_true(str_eq(section_str(s, "service"), STR("imap")));
	assert_null(conf_section(c, "listener", 2));
}

static struct conf *through(const struct conf *c, unsigned role)
{
	struct conf *d;
	struct buf b;

	buf_init(&b, 1 << 20);
	assert_int_equal(conf_encode(c, role, &b), 0);
	d = conf_decode(buf_view(&b));
	/* no prefix of it is a configuration, nor is anything longer */
	for (size_t n = 0; n < b.n; n++) {
		char *copy = test_malloc(n + 1);

		memcpy(copy, b.p, n);
		assert_null(conf_decode(str_bytes(copy, n)));
		test_free(copy);
	}
	buf_char(&b, 'x');
	assert_null(conf_decode(buf_view(&b)));
	buf_clear(&b);
	assert_non_null(d);
	return d;
}

static bool same(const struct conf *a, const struct conf *b, unsigned role)
{
	struct buf x, y;
	bool equal;

	buf_init(&x, 1 << 20);
	buf_init(&y, 1 << 20);
	assert_int_equal(conf_encode(a, role, &x), 0);
	assert_int_equal(conf_encode(b, role, &y), 0);
	equal = str_eq(buf_view(&x), buf_view(&y));
	buf_clear(&x);
	buf_clear(&y);
	return equal;
}

static void round_trip(void **state)
{
	struct conf *c = example(), *d;

	(void)state;
	look(c);
	d = through(c, ROLE_TOOL);
	look(d);
	assert_true(str_eq(conf_str(d, "spool_directory"), STR("/srv/spool")));
	assert_true(same(c, d, ROLE_TOOL));
	conf_free(d);
	d = through(c, ROLE_SMTPD);
	look(d);
	conf_free(d);
	conf_free(c);
}

static void what_a_role_sees(void **state)
{
	struct conf *c = example(), *d = example(), *log;

	(void)state;
	log = through(c, ROLE_LOG);
	assert_null(conf_section(log, "listener", 0));
	conf_free(log);
	conf_set(d, NULL, "spool_directory", STR("/other"), "thurn.conf", 99);
	assert_false(same(c, d, ROLE_TOOL));
	assert_true(same(c, d, ROLE_SMTPD));
	conf_set(d, NULL, "trusted_networks", STR("10.0.0.0/8"), "thurn.conf", 99);
	assert_false(same(c, d, ROLE_SMTPD));
	assert_true(same(c, d, ROLE_LOG));
	conf_free(c);
	conf_free(d);
}

static void lists_can_be_empty(void **state)
{
	struct conf *c = conf_new(), *d;

	(void)state;
	assert_int_equal(conf_count(c, "trusted_networks"), 2);
	conf_clear(c, NULL, "trusted_networks", "x.conf", 1);
	d = through(c, ROLE_LOOKUP);
	assert_int_equal(conf_count(d, "trusted_networks"), 0);
	assert_true(str_eq(conf_where(d, "trusted_networks"), STR("x.conf:1")));
	conf_free(c);
	conf_free(d);
}

static void as_text(void **state)
{
	struct conf *c = example();
	struct buf b;

	(void)state;
	buf_init(&b, 1024);
	conf_text(c, NULL, setting_find(NULL, STR("trusted_networks")), &b);
	buf_char(&b, ' ');
	conf_text(c, conf_any_section(c, 0), setting_find("listener", STR("port")), &b);
	assert_string_equal(buf_cstr(&b), "{\"192.0.2.0/24\", \"::1\"} 2525");
	assert_true(conf_is_set(c, NULL, setting_find(NULL, STR("hostname"))));
	assert_false(conf_is_set(c, NULL, setting_find(NULL, STR("log_level"))));
	buf_clear(&b);
	conf_free(c);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_sound),
		cmocka_unit_test(numbers),
		cmocka_unit_test(checks),
		cmocka_unit_test(round_trip),
		cmocka_unit_test(what_a_role_sees),
		cmocka_unit_test(lists_can_be_empty),
		cmocka_unit_test(as_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
