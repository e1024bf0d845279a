/* A home directory of its own for each test of lib/store, and short ways to look into it. */
#ifndef TEST_STORE_RIG_H
#define TEST_STORE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../../remove_tree.h"
#include "store/store.h"

struct rig {
	char home[64];
	struct store *s;
	struct store_options opt;
	char events[1024]; /* reported event names, space after each */
};

static inline void rig_report(void *arg, const char *event, struct str name, int error)
{
	struct rig *r = arg;
	size_t n = strlen(r->events);

	(void)name;
	(void)error;
	snprintf(r->events + n, sizeof r->events - n, "%s ", event);
}

static inline void rig_open(struct rig *r)
{
	r->opt.report = rig_report;
	r->opt.arg = r;
	assert_int_equal(store_open(r->home, &r->opt, &r->s), STORE_OK);
}

static inline void rig_reopen(struct rig *r)
{
	store_close(r->s);
	rig_open(r);
}

static inline int rig_setup(void **state)
{
	struct rig *r = calloc(1, sizeof *r);

	snprintf(r->home, sizeof r->home, "/tmp/store-test.XXXXXX");
	if (mkdtemp(r->home) == NULL)
		return -1;
	rig_open(r);
	*state = r;
	return 0;
}

static inline int rig_teardown(void **state)
{
	struct rig *r = *state;

	store_close(r->s);
	remove_tree(r->home);
	free(r);
	return 0;
}

/* Appends one message to a mailbox; its UID, or 0. */
static inline uint32_t rig_append(struct rig *r, const char *box, const char *text, uint32_t flags)
{
	struct store_batch *b;
	struct store_added added;

	if (store_append_begin(r->s, str_of(box), &b) != STORE_OK)
		return 0;
	store_append_message(b, flags, NULL, 0, 1000000000);
	store_append_write(b, text, strlen(text));
	return store_append_commit(b, &added) == STORE_OK ? added.first : 0;
}

static inline struct store_view *rig_select(struct rig *r, const char *box)
{
	struct store_view *v = NULL;

	assert_int_equal(store_select(r->s, str_of(box), false, &v), STORE_OK);
	return v;
}

/* Puts a file where somebody else might: path is relative to the home. */
static inline void rig_file(struct rig *r, const char *path, const char *text)
{
	char full[512];
	FILE *f;

	snprintf(full, sizeof full, "%s/%s", r->home, path);
	f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

/* The n-th (from 0) name in a directory below the home, in byte order; NULL behind the last. */
static inline const char *rig_name(struct rig *r, const char *dir, unsigned n)
{
	static char out[256];
	char full[512];
	struct dirent **list;
	int count;

	snprintf(full, sizeof full, "%s/%s", r->home, dir);
	count = scandir(full, &list, NULL, alphasort);
	out[0] = '\0';
	for (int i = 0; i < count; i++) {
		if (list[i]->d_name[0] != '.' && n-- == 0)
			snprintf(out, sizeof out, "%s", list[i]->d_name);
		free(list[i]);
	}
	if (count >= 0)
		free(list);
	return out[0] != '\0' ? out : NULL;
}

static inline unsigned rig_count(struct rig *r, const char *dir)
{
	unsigned n = 0;

	while (rig_name(r, dir, n) != NULL)
		n++;
	return n;
}

static inline char *rig_text(struct store_view *v, uint32_t idx)
{
	struct store_body b;
	struct buf out;
	char *z;

	if (store_body_open(v, idx, &b) != STORE_OK)
		return NULL;
	buf_init(&out, 1 << 24);
	assert_int_equal(store_body_read(&b, 0, b.size, &out), STORE_OK);
	store_body_close(&b);
	z = str_dup(buf_view(&out));
	buf_clear(&out);
	return z;
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_setup, rig_teardown)

#endif
