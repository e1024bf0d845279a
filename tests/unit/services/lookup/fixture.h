/* A policy from settings, a directory of tables, and accounts, for the tests of services/lookup. */
#ifndef TEST_LOOKUP_FIXTURE_H
#define TEST_LOOKUP_FIXTURE_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../../../services/lookup/access.h"
#include "../../../../services/lookup/accounts.h"
#include "../../../../services/lookup/rcpt.h"
#include "../../../../services/lookup/route.h"
#include "../../remove_tree.h"

static char tables[64];
static int tables_fd = -1;
static struct arena arena;
static struct strmap memos;
static struct conf *conf;
static struct policy *policy;

static inline int fixture_setup(void **state)
{
	(void)state;
	snprintf(tables, sizeof tables, "/tmp/thurn-lookup-XXXXXX");
	assert_non_null(mkdtemp(tables));
	tables_fd = open(tables, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	arena_init(&arena);
	accounts_init(64);
	conf = conf_new();
	return 0;
}

static inline int fixture_teardown(void **state)
{
	(void)state;
	policy_free(policy);
	policy = NULL;
	conf_free(conf);
	strmap_clear(&memos);
	arena_clear(&arena);
	accounts_clear();
	close(tables_fd);
	return remove_tree(tables);
}

static inline void file(const char *name, const char *text)
{
	int fd = openat(tables_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static unsigned set_line;

static inline void set(const char *name, const char *value)
{
	conf_set(conf, NULL, name, str_of(value), "thurn.conf", ++set_line);
}

static inline void load(void)
{
	char why[POLICY_WHY] = "";

	policy_free(policy);
	policy = policy_load(conf, tables_fd, tables, why);
	if (policy == NULL)
		print_error("%s\n", why);
	assert_non_null(policy);
}

static inline void refused(const char *part)
{
	char why[POLICY_WHY] = "";

	policy_free(policy);
	policy = policy_load(conf, tables_fd, tables, why);
	assert_null(policy);
	if (strstr(why, part) == NULL)
		print_error("\"%s\" lacks \"%s\"\n", why, part);
	assert_non_null(strstr(why, part));
}

static inline void account(const char *address, const char *home)
{
	struct account a = { .address = str_of(address),
		.home = str_of(home),
		.uid = 1900000000,
		.gid = 7,
		.enabled = true };

	accounts_learn(str_of(address), home == NULL ? NULL : &a);
}

static inline struct run new_run(void)
{
	arena_reset(&arena);
	return (struct run){ .policy = policy, .arena = &arena, .memos = &memos };
}

static inline const char *z(struct str s)
{
	static char out[4][1024];
	static unsigned turn;
	char *p = out[turn++ % 4];

	snprintf(p, 1024, "%.*s", STR_ARG(s));
	return p;
}

/* Unknown accounts are taken not to exist. */
static inline void no_more_accounts(struct run *r)
{
	for (unsigned i = 0; i < r->nwanted; i++)
		accounts_learn(r->wanted[i], NULL);
}

static inline struct access_answer ask_rcpt(const char *client, const char *rcpt)
{
	struct access_question q = { .client = str_of(client), .rcpt = str_of(rcpt) };
	struct access_answer a;
	struct run r;

	for (int i = 0; i < 5; i++) {
		r = new_run();
		rcpt_answer(&r, &q, &a);
		if (!run_waits(&r))
			break;
		no_more_accounts(&r);
	}
	return a;
}

static inline struct routes ask_route(const char *sender, const char *rcpt)
{
	struct route_question q = { .sender = str_of(sender), .rcpt = str_of(rcpt) };
	struct routes out;
	struct run r;

	for (int i = 0; i < 200; i++) {
		r = new_run();
		route_answer(&r, &q, &out);
		if (!run_waits(&r))
			break;
		no_more_accounts(&r);
	}
	return out;
}

/* All routes as text: "address transport nexthop-or-home-or-code [owner]", one a line. */
static inline const char *text_of(const struct routes *routes)
{
	static const char *const names[] = { "maildir", "smtp", "lmtp", "discard", "error",
		"hold" };
	static char out[8192];
	size_t n = 0;

	out[0] = '\0';
	for (const struct result *r = routes->first; r != NULL; r = r->next) {
		char code[32] = "";

		if (r->status != NULL)
			snprintf(code, sizeof code, "%d %s", r->status->code, r->status->enhanced);
		n += (size_t)snprintf(out + n, sizeof out - n, "%s%.*s %s %.*s%.*s%s%s%.*s%s",
		    n == 0 ? "" : "\n", STR_ARG(r->addr), names[r->transport], STR_ARG(r->nexthop),
		    STR_ARG(r->home), code, r->owner.n == 0 ? "" : " [", STR_ARG(r->owner),
		    r->owner.n == 0 ? "" : "]");
		if (n >= sizeof out)
			break;
	}
	return out;
}

static inline void route(const char *rcpt, const char *want)
{
	struct routes routes = ask_route("from@example.com", rcpt);

	assert_string_equal(text_of(&routes), want);
}

static inline void rcpt(const char *client, const char *address, int code, const char *enhanced)
{
	struct access_answer a = ask_rcpt(client, address);

	if (a.status.code != code || strcmp(a.status.enhanced, enhanced) != 0)
		print_error("%s: %d %s %s (%s)\n", address, a.status.code, a.status.enhanced,
		    a.status.text, z(a.rule));
	assert_int_equal(a.status.code, code);
	assert_string_equal(a.status.enhanced, enhanced);
}

#endif
