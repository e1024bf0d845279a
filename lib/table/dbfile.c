/* Tables in built files. See dbfile.h. */
#include "table/dbfile.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"

int db_bad(struct dbfile *f, const char *what)
{
	return pages_fault(&f->pages, "damaged: %s", what);
}

enum table_result db_lookup(
    struct table *t, struct str key, struct arena *a, struct table_answer *out)
{
	struct dbfile *f = t->content;
	struct str stored = key, value;
	int r;

	/* arena_z() puts the NUL there */
	if (f->ends_nul)
		stored = (struct str){ arena_z(a, key), key.n + 1 };
	r = f->format->find(f, stored, a, &value);
	if (r == 0)
		return TABLE_NONE;
	if (r == -1)
		return table_fail(a, out, str_of(t->spec), "%s: %s", t->path, f->pages.why);
	return table_db_value(t, key, value, a, out);
}

int db_list(struct db_listing *l, struct str key, struct str value)
{
	if (l->file->ends_nul)
		key.n -= key.n > 0 && key.p[key.n - 1] == '\0';
	value.n -= value.n > 0 && value.p[value.n - 1] == '\0';
	return l->fn(l->arg, key, value);
}

int db_each(struct table *t, table_each_fn *fn, void *arg, char *why)
{
	struct dbfile *f = t->content;
	struct db_listing l = { .file = f, .fn = fn, .arg = arg };
	int r;

	arena_init(&l.arena);
	f->pages.why[0] = '\0';
	r = f->format->each(f, &l);
	if (r == -1)
		table_why(why, "%s: %s", t->path, f->pages.why);
	arena_clear(&l.arena);
	return r;
}

/* Postfix ends its keys with a NUL, others do not; one file is all of one kind: the first key
 * tells. */
static int probe(void *arg, struct str key, struct str value)
{
	bool *ends_nul = arg;

	(void)value;
	*ends_nul = key.n > 0 && key.p[key.n - 1] == '\0';
	return 1;
}

void *db_load(struct table *t, int fd, const struct db_format *format, char *why)
{
	struct dbfile *f = xcalloc(1, format->size);
	char fault[TABLE_WHY];
	void *before = t->content;
	bool ends_nul = false;
	int r;

	f->format = format;
	if (format->open(f, fd, fault) == -1) {
		table_why(why, "%s: %.200s", t->path, fault);
	} else {
		t->content = f;
		r = db_each(t, probe, &ends_nul, why);
		t->content = before;
		f->ends_nul = ends_nul;
		if (r != -1)
			return f;
	}
	pages_clear(&f->pages);
	free(f);
	return NULL;
}

void db_unload(void *content)
{
	struct dbfile *f = content;

	close(f->pages.fd);
	pages_clear(&f->pages);
	free(f);
}
