/* STORE (RFC 3501 6.4.6, RFC 7162 3.1.3). */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "io.h"
#include "set.h"

struct store_args {
	struct set set;
	struct store_change change;
	struct flag_list flags;
	bool silent;
};

/* "(UNCHANGEDSINCE 123) " */
static bool take_modifier(struct parse *p, struct store_args *a)
{
	struct str name;

	if (!parse_skip(p, '('))
		return true;
	if (!parse_atom(p, &name) || !str_caseeq(name, STR("UNCHANGEDSINCE")))
		return parse_fail(p, "unknown modifier");
	a->change.conditional = true;
	return parse_sp(p) && parse_u63(p, &a->change.unchangedsince) && parse_char(p, ')') &&
	       parse_sp(p);
}

static bool take_arguments(struct parse *p, struct store_args *a)
{
	struct str name;

	if (!parse_sp(p) || !parse_set(p, &a->set) || !parse_sp(p) || !take_modifier(p, a))
		return false;
	a->change.op = STORE_REPLACE;
	if (parse_skip(p, '+'))
		a->change.op = STORE_ADD;
	else if (parse_skip(p, '-'))
		a->change.op = STORE_REMOVE;
	if (!parse_atom(p, &name))
		return false;
	a->silent = str_caseeq(name, STR("FLAGS.SILENT"));
	if (!a->silent && !str_caseeq(name, STR("FLAGS")))
		return parse_fail(p, "unknown item");
	return parse_sp(p) && parse_flags(p, &a->flags) && parse_end(p);
}

/* What became of them, as untagged FETCH; true if something has changed. */
static bool tell_results(struct session *s, const struct store_args *a, const uint32_t *idx,
    size_t n, const enum store_result *results)
{
	bool changed = false;

	for (size_t i = 0; i < n; i++) {
		changed |= results[i] == STORE_CHANGED;
		if (results[i] != STORE_CHANGED && results[i] != STORE_SAME)
			continue;
		if (!a->silent)
			out_flags_fetch(s, idx[i], true);
		else if (s->condstore && results[i] == STORE_CHANGED)
			out_flags_fetch(s, idx[i], false);
		io_commit(s);
	}
	return changed;
}

/* The numbers (of the kind that the client used) of messages with that result, ascending. */
static uint32_t *with_result(struct session *s, const uint32_t *idx, size_t n,
    const enum store_result *results, enum store_result wanted, size_t *count)
{
	uint32_t *v = arena_array(&s->arena, n, sizeof *v);

	*count = 0;
	for (size_t i = 0; i < n; i++) {
		if (results[i] == wanted)
			v[(*count)++] = s->uid ? s->view->msgs[idx[i]].uid : idx[i] + 1;
	}
	return v;
}

static void answer(
    struct session *s, const uint32_t *idx, size_t n, const enum store_result *results)
{
	size_t modified, expunged;
	uint32_t *numbers = with_result(s, idx, n, results, STORE_MODIFIED, &modified);
	struct buf text;

	with_result(s, idx, n, results, STORE_EXPUNGED, &expunged);
	/* before the numbers can change their meaning */
	buf_init(&text, (size_t)16 * n + 100);
	if (modified > 0) {
		buf_z(&text, "[MODIFIED ");
		set_put(&text, numbers, modified);
		buf_z(&text, "] Conditional STORE failed for some");
	}
	sync_view(s, s->uid);
	if (modified > 0 && (expunged == 0 || s->uid))
		reply_ok(s, buf_cstr(&text));
	else if (expunged > 0 && !s->uid)
		reply_no(s, "[EXPUNGEISSUED] Some of the messages no longer exist");
	else
		reply_ok(s, "STORE completed");
	buf_clear(&text);
}

void cmd_store(struct session *s, struct parse *p)
{
	struct store_args a = { 0 };
	enum store_result *results;
	uint32_t *idx;
	size_t n;
	enum store_error e;
	uint32_t known = s->view->nkeywords;

	if (!take_arguments(p, &a)) {
		reply_parse(s, p);
		return;
	}
	if (s->view->readonly) {
		reply_no(s, "[READ-ONLY] the mailbox is open for reading only");
		return;
	}
	if (sync_resolve(s, &a.set, &idx, &n) == -1)
		return;
	if (a.change.conditional)
		enable_condstore(s);
	e = store_keywords(s->view, a.flags.keywords, a.flags.nkeywords,
	    a.change.op != STORE_REMOVE, &a.change.keywords);
	if (e == STORE_OK && a.flags.nkeywords > 0 && s->view->nkeywords != known)
		sync_flags(s);
	a.change.flags = a.flags.flags;
	results = arena_array(&s->arena, n, sizeof *results);
	if (e == STORE_OK)
		e = store_change(s->view, idx, n, &a.change, results);
	if (e != STORE_OK) {
		reply_store(s, e, NULL);
		return;
	}
	if (tell_results(s, &a, idx, n, results))
		sync_tell(s, s->view->folder);
	answer(s, idx, n, results);
}
