/* The configuration file, from its text to the checked configuration or to faults by file and line.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../../../master/config/cross.h"
#include "../../../../master/config/nearest.h"
#include "../../../../master/config/parse.h"
#include "../../../../master/config/resolve.h"
#include "../../../../master/config/scan.h"

static struct conf *read_text(const char *text, struct faults *f)
{
	struct scan s;
	struct conf *c = NULL;

	faults_init(f);
	scan_init(&s, f);
	scan_text(&s, "t.conf", str_of(text));
	if (f->n == 0)
		c = parse(&s, f);
	if (f->n == 0)
		resolve(c, "host.example.org", false, f);
	if (f->n == 0)
		cross_check(c, f);
	scan_clear(&s);
	return c;
}

/* What must be refused, and the first line of the complaint (or its beginning). */
#define EIGHT "24, 25, 26, 27, 28, 29, 30, 31, "

static const struct {
	const char *text, *want;
} refused[] = {
	{ "hostnme = mx.example.org\n", "t.conf:1: there is no setting \"hostnme\"; did you mean" },
	{ "xyzzy = 1\n", "t.conf:1: there is no setting \"xyzzy\"\n" },
	{ "uid_log = 5\n", "t.conf:1: uid_log is worked out" },
	{ "\nhostname = a.b\n\nhostname = a.c\n",
	    "t.conf:4: hostname is set for the second time (first in t.conf:2)" },
	{ "trusted_networks = {::1}\ntrusted_networks = {::1}\n",
	    "t.conf:2: trusted_networks is set" },
	{ "trusted_networks = {::1}\ntrusted_networks += {::1}\n",
	    "t.conf:2: put a value with '+'" },
	{ "listener a {}\nlistener a {port = 26}\n", "t.conf:2: found duplicate title 'a'" },
	{ "listener a {\nport = 25\nport = 26\n}\n", "t.conf:3: port is set for the second time" },
	{ "listener \"\" {}\n", "t.conf:1: the title of a section" },
	{ "listener {}\n", "t.conf:1: missing title" },
	{ "listener a {}\nlistener|port = 26\n", "t.conf:2: there is no setting \"port\" here" },
	{ "listener a {\n\n hostname = x.y }\n",
	    "t.conf:3: there is no setting \"hostname\" in a section" },
	{ "listener a {\nport = 1\n", "t.conf:1: the '{' here is not closed" },
	{ "}\n", "t.conf:1: unexpected closing brace" },
	{ "hostname mx\n", "t.conf:1: missing equal sign" },
	{ "hostname = {a, b}\n", "t.conf:1: unexpected token" },
	{ "hostname =\n", "t.conf:2: premature end of file" },
	{ "smtpd_workers = 0\n", "t.conf:1: smtpd_workers must be between 1 and 64" },
	{ "smtpd_workers = two\n", "t.conf:1: smtpd_workers must be a whole number" },
	{ "log_format = xml\n", "t.conf:1: log_format must be one of" },
	{ "hostname = *\n", "t.conf:1: put a value with '*' here in quotes" },
	{ "hostname = a+b\n", "t.conf:1: put a value with '+' here in quotes" },
	{ "log_directory = /var/log/\n", "t.conf:1: put a value with '/' here in quotes" },
	{ "hostname = a//b\n", "t.conf:1: write a blank before a comment" },
	{ "hostname = a#b\n", "t.conf:1: write a blank before a comment" },
	{ "hostname = a/*b*/\n", "t.conf:1: write a blank before a comment" },
	{ "hostname = ${HOME}\n", "t.conf:1: variables like" },
	{ "hostname = \"${HOME}\"\n", "t.conf:1: variables like" },
	{ "hostname = \"a.b\nlog_level = info\n", "t.conf:1: the string is not closed" },
	{ "hostname = 'a.b\n", "t.conf:1: the string is not closed" },
	{ "hostname = \"a\\d\"\n", "t.conf:1: \\d in double quotes" },
	{ "hostname = \"a\\0b\"\n", "t.conf:1: \\0 in double quotes" },
	{ "hostname = \"a\tb\"\n", "t.conf:1: hostname must be printable" },
	{ "hostname = a\x01\n", "t.conf:1: control character 1" },
	{ "hostname = a\rb\n", "t.conf:1: control character 13" },
	{ "/* never\n\nclosed\n", "t.conf:1: the comment that begins here" },
	{ "# one\n/* two\n three */\n// four\nhostname = -\n",
	    "t.conf:5: hostname must be a host name" },
	{ "include \"/nonexistent/x.conf\"\n", "t.conf:1: /nonexistent/x.conf: No such file" },
	{ "include \"/\"\n", "t.conf:1: /: Is a directory" },
	{ "include \"/dev/null\"\n", "t.conf:1: /dev/null: Invalid argument" },
	{ "include x\n", "t.conf:1: write include \"FILE\"" },
	{ "spool_directory = /x\nmail_directory = \"//x/y\"\n",
	    "t.conf:2: mail_directory is inside spool_directory" },
	{ "listener a {port = 26}\nlistener b {port = 26\naddress = {127.0.0.1}}\n",
	    "t.conf:2: listener b: 127.0.0.1 port 26 is taken by listener a" },
	{ "sasl_mechanisms = {\"PLAIN\", \"CRAM-MD5\"}\n",
	    "t.conf:1: sasl_mechanisms: there is no mechanism \"CRAM-MD5\"" },
	{ "pam_domains = {\"example.org\"}\n",
	    "t.conf:1: pam_domains without pam_workers: PAM would not be asked" },
	{ "oauth_keys = {\"AA==\"}\noauth_audience = \"x\"\n",
	    "t.conf:1: oauth_keys without oauth_issuer: no token would be taken" },
	{ "tls_report_sender = \"no address\"\n",
	    "t.conf:1: tls_report_sender: \"no address\" is no mail address" },
	{ "dkim a {domain = a.test\nkey = /x}\n",
	    "t.conf:1: dkim a: its selector has to be named" },
	{ "dkim a {domain = a.test\nselector = s\nkey = \"/x\"}\n"
	  "dkim b {domain = A.test\nselector = S\nkey = \"/y\"}\n",
	    "t.conf:5: dkim b: dkim a has the same selector" },
	{ "listener a {service = local}\n", "t.conf:1: listener a: that service needs a path" },
	{ "listener a {path = x}\nlistener b {path = x}\n",
	    "t.conf:2: listener b: the path is taken by listener a" },
	{ "listener a {path = "
	  "0123456789012345678901234567890123456789012345678901234567890123456789"
	  "012345678901234567890123456789}\n",
	    "t.conf:1: listener a: the path is longer than 107 bytes" },
	{ "listener a {address = {}}\n", "t.conf:1: listener a has no address" },
	{ "remote_port = 2525\n", "t.conf:1: remote_port is not one of remote_ports" },
	{ "remote_ports = {25, smtp}\n", "t.conf:1: remote_ports: \"smtp\" is not a port" },
	{ "dns_ports = {53, 65536}\n", "t.conf:1: dns_ports: \"65536\" is not a port" },
	{ "fetch_ports = {443, 0}\n", "t.conf:1: fetch_ports: \"0\" is not a port" },
	{ "remote_ports = {" EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT EIGHT "25}\n",
	    "t.conf:1: remote_ports: more than 64 ports" },
	{ "dns_forwarders = {\"192.0.2.1\", \"[192.0.2.1]:5353\"}\n",
	    "t.conf:1: dns_forwarders: port 5353 is not one of dns_ports" },
	{ "dns_stub_zones = {\"a.test=192.0.2.1,[192.0.2.2]:54\"}\n",
	    "t.conf:1: dns_stub_zones: port 54 is not one of dns_ports" },
	{ "smtp_client_names = no\nreject_unknown_clients = reverse\n",
	    "t.conf:2: reject_unknown_clients needs smtp_client_names" },
	{ "run_directory = /12345678901234567890123456789012345678901234567890123456789012345678901"
	  "234567890123456789012345678901\n",
	    "t.conf:1: run_directory is longer" },
};

static void bad_files(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
		struct faults f;
		struct conf *c = read_text(refused[i].text, &f);

		if (f.n == 0 || !str_starts(buf_view(&f.faults), str_of(refused[i].want)))
			fail_msg("%s\ngave: %s", refused[i].text, buf_cstr(&f.faults));
		conf_free(c);
		faults_clear(&f);
	}
}

/* As many as anybody takes. */
static void number_of_sections(void **state)
{
	struct faults f;
	struct conf *c;
	struct buf b;

	(void)state;
	buf_init(&b, 1024 * 1024);
	for (int i = 0; i < CONF_SECTIONS_MAX; i++)
		buf_printf(
		    &b, "destination d%d {concurrency = 1\ndomains = {\"d%d.test\"}}\n", i, i);
	c = read_text(buf_cstr(&b), &f);
	assert_int_equal(f.n, 0);
	assert_non_null(conf_section(c, "destination", CONF_SECTIONS_MAX - 1));
	conf_free(c);
	faults_clear(&f);
	buf_z(&b, "destination more { concurrency = 1 }\n");
	c = read_text(buf_cstr(&b), &f);
	assert_true(str_starts(buf_view(&f.faults), STR("t.conf:2001: more than 1000 sections")));
	conf_free(c);
	faults_clear(&f);
	buf_clear(&b);
}

static void good_file(void **state)
{
	static const char text[] =
	    "# a comment, \"quoted\" ${X} and all\r\n"
	    "hostname = \"mx.example.org\" # behind\n"
	    "/* over\n * lines */ origin = 'example.org'\n"
	    "trusted_networks = {\n\t10.0.0.0/8, # office\n\t\"2001:db8::/32\" }\n"
	    "spool_directory = '/srv/${odd} name'\n"
	    "log_directory = \"/srv/\\$\\\\x\"\n"
	    "listener mx { address = 127.0.0.1 }\n"
	    "listener imap { service = imap port = 1143 }\n"
	    "shutdown_timeout\n=\n5s";
	struct faults f;
	struct conf *c = read_text(text, &f);
	const struct conf_section *s;

	(void)state;
	if (f.n > 0)
		fail_msg("%s", buf_cstr(&f.faults));
	assert_true(str_eq(conf_str(c, "hostname"), STR("mx.example.org")));
	assert_true(str_eq(conf_where(c, "hostname"), STR("t.conf:2")));
	assert_true(str_eq(conf_where(c, "origin"), STR("t.conf:4")));
	assert_int_equal(conf_count(c, "trusted_networks"), 2);
	assert_true(str_eq(conf_str(c, "spool_directory"), STR("/srv/${odd} name")));
	assert_true(str_eq(conf_str(c, "log_directory"), STR("/srv/$\\x")));
	assert_int_equal(conf_time(c, "shutdown_timeout"), 5000);
	s = conf_section(c, "listener", 0);
	assert_int_equal(section_int(s, "port"), 25);
	assert_int_equal(section_count(s, "address"), 1);
	assert_int_equal(section_int(conf_section(c, "listener", 1), "port"), 1143);
	assert_int_equal(f.warnings.n, 0);
	conf_free(c);
	faults_clear(&f);
}

/* Nobody could log in: that is said, but stops nothing. */
static void submission_without_tls(void **state)
{
	static const struct {
		const char *text;
		unsigned warnings;
	} rows[] = {
		{ "listener s { service = submission }\n", 1 },
		{ "listener s { service = submission }\nsubmission_plaintext_auth = yes\n", 0 },
		{ "listener s { service = submission }\n"
		  "certificate c { certificate = /a key = /b }\n",
		    0 },
	};
	struct faults f;

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct conf *c = read_text(rows[i].text, &f);

		assert_int_equal(f.n, 0);
		assert_int_equal(f.warnings.n > 0, rows[i].warnings);
		conf_free(c);
		faults_clear(&f);
	}
}

static void empty_file(void **state)
{
	struct faults f;
	struct conf *c = read_text("", &f);

	(void)state;
	assert_int_equal(f.n, 0);
	assert_true(str_eq(conf_str(c, "hostname"), STR("host.example.org")));
	assert_true(str_eq(conf_str(c, "origin"), STR("host.example.org")));
	assert_true(f.warnings.n > 0); /* no listener */
	assert_true(str_eq(section_str(conf_section(c, "listener", 0), "path"), STR("submit")));
	assert_null(conf_section(c, "listener", 1));
	conf_free(c);
	faults_clear(&f);
	c = read_text("trusted_networks = {}\n", &f);
	assert_int_equal(f.n, 0);
	assert_int_equal(conf_count(c, "trusted_networks"), 0);
	conf_free(c);
	faults_clear(&f);
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[512];
	FILE *fp;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	fp = fopen(path, "w");
	assert_non_null(fp);
	fputs(text, fp);
	fclose(fp);
}

static void read_dir_file(const char *dir, const char *name, struct faults *f, struct conf **c)
{
	char path[512];
	struct scan s;

	snprintf(path, sizeof path, "%s/%s", dir, name);
	faults_init(f);
	scan_init(&s, f);
	scan_file(&s, path);
	*c = f->n == 0 ? parse(&s, f) : NULL;
	scan_clear(&s);
}

static void includes(void **state)
{
	char dir[] = "/tmp/thurn-test-XXXXXX", want[600];
	static const char *const names[] = { "a.conf", "b.conf", "loop.conf", "bad.conf",
		"worse.conf" };
	struct faults f;
	struct conf *c;

	(void)state;
	assert_non_null(mkdtemp(dir));
	write_file(dir, "a.conf", "# 1\ninclude \"b.conf\" # 2\norigin = a.example\n");
	write_file(dir, "b.conf", "\n\nhostname = b.example");
	write_file(dir, "loop.conf", "\ninclude(\"loop.conf\")\n");
	write_file(dir, "bad.conf", "include 'worse.conf'\nhostname = b.example\n");
	write_file(dir, "worse.conf", "\nhostname =\n");
	read_dir_file(dir, "a.conf", &f, &c);
	assert_int_equal(f.n, 0);
	assert_true(str_eq(conf_where(c, "hostname"), STR("b.conf:3")));
	assert_true(str_eq(conf_where(c, "origin"), STR("a.conf:3")));
	conf_free(c);
	faults_clear(&f);
	read_dir_file(dir, "loop.conf", &f, &c);
	snprintf(want, sizeof want,
	    "%s/loop.conf:2: %s/loop.conf: too many files include each other\n", dir, dir);
	assert_string_equal(buf_cstr(&f.faults), want);
	faults_clear(&f);
	/* a value never comes out of the next file */
	read_dir_file(dir, "bad.conf", &f, &c);
	assert_true(f.n > 0);
	conf_free(c);
	faults_clear(&f);
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(want, sizeof want, "%s/%s", dir, names[i]);
		unlink(want);
	}
	rmdir(dir);
}

static void too_large(void **state)
{
	struct faults f;
	struct conf *c;
	char *text = malloc(2 * SCAN_TEXT_MAX);

	(void)state;
	memset(text, 'x', 2 * SCAN_TEXT_MAX - 1);
	text[2 * SCAN_TEXT_MAX - 1] = '\0';
	c = read_text(text, &f);
	assert_null(c);
	assert_true(str_starts(buf_view(&f.faults), STR("t.conf:1: the configuration is larger")));
	faults_clear(&f);
	text[SCAN_TEXT_MAX - 100] = '\0';
	memcpy(text, "origin=", 7);
	c = read_text(text, &f);
	assert_int_equal(f.n, 1);
	assert_true(str_starts(buf_view(&f.faults), STR("t.conf:1: origin is longer")));
	conf_free(c);
	faults_clear(&f);
	memset(text, 'x', 4000);
	text[4000] = '\0';
	c = read_text(text, &f);
	assert_int_equal(f.n, 1);
	assert_true(str_starts(buf_view(&f.faults), STR("t.conf:1: there is no setting \"xxx")));
	assert_true(f.faults.n < 300);
	conf_free(c);
	faults_clear(&f);
	free(text);
}

static void system_users(void **state)
{
	struct faults f;
	struct scan s;
	struct conf *c;

	(void)state;
	faults_init(&f);
	scan_init(&s, &f);
	scan_text(&s, "t.conf",
	    STR("user_log = root\nuser_auth = 61001\nuser_smtpd = \"no-such-user\"\n"
		"user_queue = 1879048192\n"));
	c = parse(&s, &f);
	assert_int_equal(f.n, 0);
	resolve(c, "a.b", true, &f);
	assert_int_equal(conf_int(c, "uid_auth"), 61001);
	assert_int_equal(conf_int(c, "gid_auth"), 61001);
	assert_true(
	    str_search(buf_view(&f.faults), STR("t.conf:1: user_log: \"root\" is root")) != -1);
	assert_true(str_search(buf_view(&f.faults), STR("no-such-user")) != -1);
	assert_true(str_search(buf_view(&f.faults), STR("t.conf:4: user_queue: uid")) != -1);
	conf_free(c);
	scan_clear(&s);
	faults_clear(&f);
}

static void nearest(void **state)
{
	(void)state;
	assert_string_equal(nearest_setting(NULL, STR("spool_directroy")), "spool_directory");
	assert_string_equal(nearest_setting("listener", STR("ports")), "port");
	assert_null(nearest_setting(NULL, STR("completely_else")));
	assert_null(nearest_setting(NULL, STR("")));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files),
		cmocka_unit_test(number_of_sections),
		cmocka_unit_test(good_file),
		cmocka_unit_test(submission_without_tls),
		cmocka_unit_test(empty_file),
		cmocka_unit_test(includes),
		cmocka_unit_test(too_large),
		cmocka_unit_test(system_users),
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
