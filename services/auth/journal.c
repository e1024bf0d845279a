/* The journal of changes. See journal.h. */
#include "journal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/ipc.h"

enum { FORMAT = 1, ENTRY_MAX = 60 * 1024, FIRST = 1 };

static struct {
	uint8_t space[ENTRY_MAX];
	struct put w;
	size_t count_at; /* where the number of items stands */
	unsigned items;
	const char *verb, *subject;
	struct change_by by;
} now;

/* Keys sort by number. */
static struct str number_key(uint32_t n, char out[4])
{
	for (int i = 0; i < 4; i++)
		out[i] = (char)(n >> (24 - 8 * i) & 0xff);
	return str_bytes(out, 4);
}

void change_begin(const char *verb, const char *subject, struct change_by by)
{
	now.w = put_into(now.space, sizeof now.space);
	now.items = 0;
	now.verb = verb;
	now.subject = subject;
	now.by = by;
	put_u8(&now.w, FORMAT);
	put_i64(&now.w, (int64_t)time(NULL));
	put_u32(&now.w, by.uid);
	put_u32(&now.w, by.pid);
	put_z(&now.w, verb);
	put_z(&now.w, subject);
	now.count_at = now.w.n;
	put_u8(&now.w, 0);
}

static void put_maybe(struct put *w, const struct str *s)
{
	put_u8(w, s != NULL);
	put_str(w, s != NULL ? *s : STR_NONE);
}

enum db_result change_put(enum db_table t, struct str key, const struct str *value)
{
	struct str before;
	enum db_result r = db_get(t, key, &before);

	assert(t < DB_MAKING && now.items < CHANGE_ITEMS);
	if (r == DB_FAULT)
		return r;
	if (r == DB_MISSING ? value == NULL : value != NULL && str_eq(before, *value))
		return DB_OK;
	put_u8(&now.w, (uint8_t)t);
	put_str(&now.w, key);
	put_maybe(&now.w, r == DB_OK ? &before : NULL);
	put_maybe(&now.w, value);
	now.items++;
	return db_put(t, key, value);
}

enum db_result change_end(void)
{
	char when[32] = "", line[LOGIN_MAX + 256], key[4];
	time_t t = time(NULL);
	uint32_t number;
	enum db_result r = db_number("next-change", FIRST, &number);
	struct tm tm;
	int n;

	if (now.items == 0)
		return DB_OK;
	if (r != DB_OK || now.w.bad || number == UINT32_MAX) {
		db_spoil();
		return DB_FAULT;
	}
	now.space[now.count_at] = (uint8_t)now.items;
	if (gmtime_r(&t, &tm) != NULL)
		(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	n = snprintf(line, sizeof line, "%s %u %s %s by-uid=%u by-pid=%u", when, number, now.verb,
	    now.subject, now.by.uid, now.by.pid);
	db_log(str_bytes(line, (size_t)n));
	r = db_put(
	    DB_JOURNAL, number_key(number, key), &(struct str){ (const char *)now.space, now.w.n });
	return r == DB_OK ? db_set_number("next-change", number + 1) : r;
}

/* --- reading --------------------------------------------------------------------------------- */

static struct str get_maybe(struct get *g, bool *there)
{
	*there = get_bool(g);
	return get_str(g, ENTRY_MAX);
}

int get_change_entry(struct str key, struct str value, struct change_entry *e)
{
	struct get g = get_start(value);

	if (key.n != 4 || get_u8(&g) != FORMAT)
		return -1;
	e->number = 0;
	for (int i = 0; i < 4; i++)
		e->number = e->number << 8 | (unsigned char)key.p[i];
	e->time = get_i64(&g);
	e->by.uid = get_u32(&g);
	e->by.pid = get_u32(&g);
	e->verb = get_line(&g, CHANGE_VERB_MAX);
	e->subject = get_line(&g, LOGIN_MAX);
	e->n = get_u8(&g);
	if (e->n > CHANGE_ITEMS)
		return -1;
	for (unsigned i = 0; i < e->n; i++) {
		struct change_item *item = &e->items[i];

		item->table = get_u8(&g);
		item->key = get_str(&g, LOGIN_MAX);
		item->before = get_maybe(&g, &item->had);
		item->after = get_maybe(&g, &item->has);
		if (item->table >= DB_MAKING)
			return -1;
	}
	return get_end(&g);
}

struct walk {
	bool (*fn)(const struct change_entry *e, void *arg);
	void *arg;
	bool bad;
};

static bool walk_one(struct str key, struct str value, void *arg)
{
	struct walk *w = arg;
	struct change_entry e;

	w->bad = get_change_entry(key, value, &e) == -1;
	return !w->bad && w->fn(&e, w->arg);
}

enum db_result change_each(
    uint32_t before, bool (*fn)(const struct change_entry *e, void *arg), void *arg)
{
	struct walk w = { .fn = fn, .arg = arg };
	char key[4];
	enum db_result r = db_each(
	    DB_JOURNAL, before == 0 ? STR_NONE : number_key(before, key), true, walk_one, &w);

	return w.bad ? DB_FAULT : r;
}

/* --- undoing --------------------------------------------------------------------------------- */

/* Is what the change left still there? */
static bool unchanged(const struct change_item *item)
{
	struct str value;
	enum db_result r = db_get(item->table, item->key, &value);

	return item->has ? r == DB_OK && str_eq(value, item->after) : r == DB_MISSING;
}

enum db_result change_find(uint32_t number, struct change_entry *e)
{
	struct str value;
	char key[4];
	enum db_result r = db_get(DB_JOURNAL, number_key(number, key), &value);

	return r == DB_OK && get_change_entry(str_bytes(key, sizeof key), value, e) == -1 ? DB_FAULT
											  : r;
}

/* The same in memory of its own: what is written moves the pages that an entry is borrowed from. */
static enum db_result keep_entry(uint32_t number, struct change_entry *e)
{
	static char copy[ENTRY_MAX];
	struct str value;
	char key[4];
	enum db_result r = db_get(DB_JOURNAL, number_key(number, key), &value);

	if (r != DB_OK)
		return r;
	if (value.n > sizeof copy)
		return DB_FAULT;
	memcpy(copy, value.p, value.n);
	return get_change_entry(str_bytes(key, sizeof key), str_bytes(copy, value.n), e) == -1
		   ? DB_FAULT
		   : DB_OK;
}

enum db_result change_undo(uint32_t number, struct change_by by)
{
	static char verb[CHANGE_VERB_MAX + 1], subject[LOGIN_MAX + 1];
	struct change_entry e;
	enum db_result r = keep_entry(number, &e);

	if (r == DB_OK && str_copy(e.subject, subject, sizeof subject) == -1)
		r = DB_FAULT;
	if (r != DB_OK)
		return r;
	for (unsigned i = 0; i < e.n; i++)
		if (!unchanged(&e.items[i]))
			return DB_EXISTS;
	(void)snprintf(verb, sizeof verb, "undo:%u", number);
	change_begin(verb, subject, by);
	for (unsigned i = e.n; i > 0; i--) {
		const struct change_item *item = &e.items[i - 1];

		if (change_put(item->table, item->key, item->had ? &item->before : NULL) ==
		    DB_FAULT)
			return DB_FAULT;
	}
	return change_end();
}
