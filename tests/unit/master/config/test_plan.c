/* What master is told of a configuration, and what it takes for it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "../../../../master/config/plan.h"
#include "base/memfd.h"
#include "proto/types.h"

static struct plan plan, other;

static struct conf *example(void)
{
	struct conf *c = conf_new();
	struct conf_section *s;

	conf_set(c, NULL, "run_directory", STR("/run/x"), "t.conf", 1);
	conf_set(c, NULL, "spool_directory", STR("/srv/spool"), "t.conf", 2);
	conf_set(c, NULL, "smtpd_workers", STR("3"), "t.conf", 3);
	conf_set(c, NULL, "uid_smtpd_local", STR("77"), NULL, 0);
	s = conf_add_section(c, "listener", STR("mx"), "t.conf", 4);
	conf_set(c, s, "address", STR("192.0.2.1"), "t.conf", 5);
	conf_set(c, s, "address", STR("2001:db8::1"), "t.conf", 5);
	conf_set(c, s, "port", STR("2525"), "t.conf", 6);
	s = conf_add_section(c, "listener", STR("submit"), "t.conf", 8);
	conf_set(c, s, "service", STR("local"), "t.conf", 9);
	conf_set(c, s, "path", STR("submit"), "t.conf", 10);
	return c;
}

static void made(void **state)
{
	static const uint8_t four[16] = { 192, 0, 2, 1 };
	struct conf *c = example();

	(void)state;
	plan_make(c, &plan);
	assert_string_equal(plan.run, "/run/x");
	assert_string_equal(plan.dirs[DIR_SPOOL], "/srv/spool");
	assert_int_equal(plan.roles[ROLE_SMTPD].count, 3);
	assert_int_equal(plan.roles[ROLE_QUEUE].count, 1);
	assert_int_equal(plan.roles[ROLE_SESSION].count, 0); /* spawn starts those */
	assert_int_equal(plan.roles[ROLE_LOCAL].uid, 77);
	assert_int_equal(plan.nlisteners, 3);
	assert_int_equal(plan.listeners[0].role, ROLE_SMTPD);
	assert_int_equal(plan.listeners[0].family, 4);
	assert_int_equal(plan.listeners[0].port, 2525);
	assert_memory_equal(plan.listeners[0].address, four, 16);
	assert_string_equal(plan.listeners[0].name, "smtp 192.0.2.1 2525");
	assert_string_equal(plan.listeners[0].where, "t.conf:6");
	assert_int_equal(plan.listeners[1].family, 6);
	assert_int_equal(plan.listeners[2].role, ROLE_LOCAL);
	assert_int_equal(plan.listeners[2].section, 1);
	assert_string_equal(plan.listeners[2].path, "/run/x/submit");
	conf_free(c);
}

/* Whole, and no prefix of it. */
static void on_the_wire(void **state)
{
	struct conf *c = example();
	struct put w = put_start();
	struct get g;

	(void)state;
	plan_make(c, &plan);
	put_plan(&w, &plan);
	g = get_start(put_view(&w));
	assert_int_equal(get_plan(&g, &other), 0);
	assert_memory_equal(plan.roles, other.roles, sizeof plan.roles);
	assert_string_equal(other.dirs[DIR_LOGS], plan.dirs[DIR_LOGS]);
	for (size_t n = 0; n < w.n; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_plan(&g, &other), -1);
	}
	w = put_start();
	put_plan_listener(&w, &plan.listeners[2]);
	g = get_start(put_view(&w));
	assert_int_equal(get_plan_listener(&g, &other.listeners[0]), 0);
	assert_string_equal(other.listeners[0].path, "/run/x/submit");
	for (size_t n = 0; n < w.n; n++) {
		g = get_start(str_bytes(w.p, n));
		assert_int_equal(get_plan_listener(&g, &other.listeners[0]), -1);
	}
	conf_free(c);
}

static int refused(void)
{
	struct put w = put_start();
	struct get g;

	put_plan(&w, &other);
	g = get_start(put_view(&w));
	return get_plan(&g, &other);
}

/* Nothing that would lead master out of bounds or to a relative path. */
static void out_of_bounds(void **state)
{
	struct conf *c = example();
	struct put w;
	struct get g;

	(void)state;
	plan_make(c, &plan);
	other = plan;
	other.roles[ROLE_SMTPD].count = PLAN_WORKERS_MAX + 1;
	assert_int_equal(refused(), -1);
	other = plan;
	strcpy(other.dirs[DIR_MAIL], "mail");
	assert_int_equal(refused(), -1);
	other = plan;
	strcpy(other.run, "/run/x\n");
	assert_int_equal(refused(), -1);
	for (unsigned fault = 0; fault < 3; fault++) {
		struct plan_listener l = plan.listeners[2];

		w = put_start();
		if (fault == 0)
			l.role = ROLE_MAX;
		else if (fault == 1)
			strcpy(l.path, "submit");
		else
			l.family = 5, l.path[0] = '\0';
		put_plan_listener(&w, &l);
		g = get_start(put_view(&w));
		assert_int_equal(get_plan_listener(&g, &other.listeners[0]), -1);
	}
	conf_free(c);
}

static uint64_t mark(const struct conf *c, enum role r)
{
	struct buf b;
	uint64_t v;

	buf_init(&b, 1 << 20);
	assert_true(plan_settings(c, r, &b));
	plan_make(c, &plan);
	v = plan_mark(&plan, r, buf_view(&b));
	buf_clear(&b);
	return v;
}

/* A role's mark changes with what it is given, and with nothing else. */
static void marks(void **state)
{
	struct conf *c = example(), *d = example();

	(void)state;
	assert_true(mark(c, ROLE_SMTPD) == mark(d, ROLE_SMTPD));
	conf_set(d, NULL, "smtp_errors", STR("7"), "t.conf", 20);
	assert_true(mark(c, ROLE_SMTPD) != mark(d, ROLE_SMTPD));
	assert_true(mark(c, ROLE_LOG) == mark(d, ROLE_LOG));
	conf_set(d, NULL, "imap_workers", STR("5"), "t.conf", 21); /* which it cannot see */
	assert_true(mark(c, ROLE_LOGIN) != mark(d, ROLE_LOGIN));
	conf_set(d, NULL, "imap_sessions", STR("5"), "t.conf", 22);
	assert_true(mark(c, ROLE_SPAWN) != mark(d, ROLE_SPAWN));
	assert_true(mark(c, ROLE_LOG) == mark(d, ROLE_LOG));
	conf_free(c);
	conf_free(d);
}

/* --- the shipped program ---------------------------------------------------------------------- */

struct heard {
	unsigned settings, listeners, plans, unsealed;
};

static int hear(void *arg, struct ipc_msg *m)
{
	struct heard *h = arg;

	h->settings += m->type == CONFIG_SETTINGS;
	h->unsealed += m->type == CONFIG_SETTINGS && (m->nfds != 1 || !memfd_is_sealed(m->fds[0]));
	h->listeners += m->type == CONFIG_LISTENER;
	h->plans += m->type == CONFIG_PLAN;
	return 0;
}

static int ask(const char *text, bool suite, struct heard *h, char *lines, size_t size)
{
	char path[] = "/tmp/test_plan_XXXXXX", self[4096] = "", program[8192];
	int fd = mkstemp(path), r;

	assert_true(fd != -1);
	assert_int_equal(fchmod(fd, 0644), 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	assert_true(readlink("/proc/self/exe", self, sizeof self - 1) > 0);
	assert_non_null(strstr(self, "/unit/"));
	*strstr(self, "/unit/") = '\0';
	snprintf(program, sizeof program, "%s/libexec/master-config", self);
	*h = (struct heard){ 0 };
	r = config_ask(program, path, suite, hear, h, lines, size);
	unlink(path);
	return r;
}

static void answers(void **state)
{
	char lines[4096], users[4096] = "";
	struct heard h;

	(void)state;
	for (unsigned i = 0; geteuid() == 0 && i < ROLE_MAX; i++) {
		char name[64];

		snprintf(name, sizeof name, "user_%s", role_name(i));
		for (char *p = name; *p != '\0'; p++)
			*p = *p == '-' ? '_' : *p;
		if (setting_find(NULL, str_of(name)) != NULL)
			snprintf(users + strlen(users), sizeof users - strlen(users),
			    "%s = \"%u\"\n", name, 64200 + i);
	}
	assert_int_equal(ask(users, true, &h, lines, sizeof lines), 0);
	assert_int_equal(h.plans, 1);
	assert_int_equal(h.listeners, 1); /* the one for the host's own users */
	assert_true(h.settings >= 10);
	assert_int_equal(h.unsealed, 0);
	assert_non_null(strstr(lines, "no listener"));
	assert_int_equal(ask(users, false, &h, lines, sizeof lines), 0);
	assert_int_equal(h.settings, 1);
	assert_int_equal(h.plans, 0);
	assert_int_equal(ask("hostnme = x\n", true, &h, lines, sizeof lines), -1);
	assert_int_equal(h.settings + h.plans, 0);
	assert_non_null(strstr(lines, ":1: there is no setting"));
	assert_int_equal(config_ask("/bin/false", "/x", true, hear, &h, lines, sizeof lines), -1);
	assert_non_null(strstr(lines, "/bin/false failed"));
	assert_int_equal(config_ask("/nonexistent", "/x", true, hear, &h, lines, sizeof lines), -1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(made),
		cmocka_unit_test(on_the_wire),
		cmocka_unit_test(out_of_bounds),
		cmocka_unit_test(marks),
		cmocka_unit_test(answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
