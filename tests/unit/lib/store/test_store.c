/* Appending, selecting, refreshing, flags, expunging, copying, moving. */
#include "rig.h"

static void append_and_read(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	char *text;

	assert_int_equal(rig_append(r, "INBOX", "Subject: a\r\n\r\nhello\r\n", STORE_SEEN), 1);
	assert_int_equal(rig_append(r, "inbox", "Subject: b\r\n\r\nbare\nlf\r\n", 0), 2);
	assert_int_equal(rig_append(r, "INBOX", "Subject: c\r\n\r\nbare\rcr\r\nend\r", 0), 3);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 3);
	assert_int_equal(v->unseen, 2);
	assert_int_equal(v->recent, 3);
	assert_int_equal(v->uidnext, 4);
	assert_int_equal(v->msgs[0].size, 21);
	assert_int_equal(v->msgs[0].disk, 18);
	assert_int_equal(v->msgs[0].date, 1000000000);
	assert_true(v->msgs[1].flags & STORE_RAW);
	text = rig_text(v, 0);
	assert_string_equal(text, "Subject: a\r\n\r\nhello\r\n");
	free(text);
	text = rig_text(v, 1);
	assert_string_equal(text, "Subject: b\r\n\r\nbare\nlf\r\n");
	free(text);
	text = rig_text(v, 2);
	assert_string_equal(text, "Subject: c\r\n\r\nbare\rcr\r\nend\r");
	free(text);
	store_unselect(v);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->recent, 0);
	store_unselect(v);
}

/* However the content is cut into writes, what is read is what was written. */
static void append_in_pieces(void **state)
{
	static const char *const texts[] = { "a\r\nb\r\n\r\nc\r\n", "a\r\n\rb\r\n", "a\r\nb\nc",
		"\r", "\n", "x\r\r\n\r\n", "" };
	struct rig *r = *state;
	struct store_batch *b;
	struct store_added added;
	struct store_view *v;
	uint32_t n = 0;

	for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
		for (size_t cut = 1; cut <= 3; cut++) {
			size_t len = strlen(texts[t]);

			assert_int_equal(store_append_begin(r->s, STR("INBOX"), &b), STORE_OK);
			store_append_message(b, 0, NULL, 0, INT64_MIN);
			for (size_t i = 0; i < len; i += cut)
				store_append_write(b, texts[t] + i, len - i < cut ? len - i : cut);
			assert_int_equal(store_append_commit(b, &added), STORE_OK);
		}
	}
	v = rig_select(r, "INBOX");
	for (size_t t = 0; t < sizeof texts / sizeof texts[0]; t++) {
		for (size_t cut = 1; cut <= 3; cut++) {
			char *text = rig_text(v, n);

			assert_string_equal(text, texts[t]);
			assert_int_equal(v->msgs[n++].size, strlen(texts[t]));
			free(text);
		}
	}
	store_unselect(v);
}

static void read_ranges(void **state)
{
	static const char text[] = "Subject: x\r\n\r\none\r\ntwo\r\n\r\nthree\r\n";
	struct rig *r = *state;
	struct store_view *v;
	struct store_body b;
	struct buf out;
	uint32_t len = sizeof text - 1;

	rig_append(r, "INBOX", text, 0);
	v = rig_select(r, "INBOX");
	buf_init(&out, 1000);
	assert_int_equal(store_body_open(v, 0, &b), STORE_OK);
	for (uint32_t from = 0; from <= len; from++) {
		for (uint32_t n = 0; n <= len + 2 - from; n++) {
			uint32_t want = n < len - from ? n : len - from;

			buf_reset(&out);
			assert_int_equal(store_body_read(&b, from, n, &out), STORE_OK);
			assert_int_equal(out.n, want);
			assert_memory_equal(buf_cstr(&out), text + from, want);
		}
	}
	buf_clear(&out);
	store_body_close(&b);
	store_unselect(v);
}

static void append_several(void **state)
{
	struct rig *r = *state;
	struct str words[] = { STR("$Forwarded"), STR("project-x") };
	struct store_batch *b;
	struct store_added added;
	struct store_view *v;
	uint64_t mask;

	assert_int_equal(store_append_begin(r->s, STR("INBOX"), &b), STORE_OK);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(store_append_message(b, STORE_FLAGGED, words, 2, 7), STORE_OK);
		assert_int_equal(store_append_write(b, "x\r\n", 3), STORE_OK);
	}
	assert_int_equal(store_append_commit(b, &added), STORE_OK);
	assert_int_equal(added.first, 1);
	assert_int_equal(added.n, 5);
	assert_int_equal(store_append_begin(r->s, STR("INBOX"), &b), STORE_OK);
	store_append_message(b, 0, NULL, 0, 7);
	store_append_write(b, "y", 1);
	store_append_abort(b);
	assert_int_equal(rig_count(r, "Maildir/tmp"), 0);
	assert_int_equal(store_append_begin(r->s, STR("none"), &b), STORE_NOTFOUND);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->n, 5);
	assert_int_equal(v->nkeywords, 2);
	assert_int_equal(store_keywords(v, words + 1, 1, false, &mask), STORE_OK);
	assert_int_equal(mask, 2);
	assert_int_equal(v->msgs[4].keywords, 3);
	assert_non_null(strstr(rig_name(r, "Maildir/cur", 0), ",S=2,W=3,U="));
	assert_non_null(strstr(rig_name(r, "Maildir/cur", 0), ":2,Fab"));
	store_unselect(v);
}

static void change_flags(void **state)
{
	struct rig *r = *state;
	struct store_view *v, *other;
	struct store_changes c;
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_SEEN };
	uint32_t idx[] = { 0, 2 };
	enum store_result res[2];
	uint64_t before;

	for (int i = 0; i < 3; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	v = rig_select(r, "INBOX");
	other = rig_select(r, "INBOX");
	before = v->modseq;
	assert_int_equal(store_change(v, idx, 2, &ch, res), STORE_OK);
	assert_int_equal(res[0], STORE_CHANGED);
	assert_true(v->msgs[2].flags & STORE_SEEN);
	assert_int_equal(v->unseen, 1);
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_int_equal(c.nchanged, 0); /* the one who did it is not told */
	assert_int_equal(store_refresh(other, true, &c), STORE_OK);
	assert_int_equal(c.nchanged, 2);
	assert_int_equal(c.changed[1], 2);
	assert_int_equal(other->unseen, 1);
	assert_true(other->modseq > before);
	assert_int_equal(store_change(v, idx, 2, &ch, res), STORE_OK);
	assert_int_equal(res[0], STORE_SAME);
	/* only what has not changed since then */
	ch = (struct store_change){ .op = STORE_REPLACE,
		.flags = STORE_DRAFT,
		.conditional = true,
		.unchangedsince = before };
	idx[1] = 1;
	assert_int_equal(store_change(v, idx, 2, &ch, res), STORE_OK);
	assert_int_equal(res[0], STORE_MODIFIED);
	assert_int_equal(res[1], STORE_CHANGED);
	assert_int_equal(v->msgs[1].flags & STORE_SYSTEM, STORE_DRAFT);
	/* names follow later */
	for (unsigned i = 0; i < 3; i++)
		assert_null(strstr(rig_name(r, "Maildir/cur", i), ":2,S"));
	assert_false(store_mirror(r->s, 100));
	{
		unsigned seen = 0, draft = 0;

		for (unsigned i = 0; i < 3; i++) {
			seen += strstr(rig_name(r, "Maildir/cur", i), ":2,S") != NULL;
			draft += strstr(rig_name(r, "Maildir/cur", i), ":2,D") != NULL;
		}
		assert_int_equal(seen, 2);
		assert_int_equal(draft, 1);
	}
	assert_int_equal(store_refresh(other, true, &c), STORE_OK);
	assert_int_equal(c.nchanged, 1);
	assert_string_equal(r->events, "");
	store_unselect(other);
	store_unselect(v);
}

static void expunge_and_tell(void **state)
{
	struct rig *r = *state;
	struct store_view *v, *other;
	struct store_changes c;
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_DELETED };
	uint32_t idx[] = { 1, 3 }, count;
	enum store_result res[2];
	struct store_status st;
	char *text;

	for (int i = 0; i < 5; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	v = rig_select(r, "INBOX");
	other = rig_select(r, "INBOX");
	store_change(v, idx, 2, &ch, res);
	assert_int_equal(store_expunge(v, NULL, 0, &count), STORE_OK);
	assert_int_equal(count, 2);
	assert_int_equal(rig_count(r, "Maildir/cur"), 3);
	assert_int_equal(rig_count(r, "Maildir/gone"), 2);
	/* not yet told: may still be read, also by the other session */
	text = rig_text(other, 1);
	assert_string_equal(text, "x\r\n");
	free(text);
	assert_int_equal(store_refresh(other, false, &c), STORE_OK);
	assert_int_equal(c.nexpunged, 0);
	assert_int_equal(other->n, 5);
	assert_true(other->msgs[3].flags & STORE_VANISHED);
	assert_int_equal(store_change(other, idx, 2, &ch, res), STORE_OK);
	assert_int_equal(res[0], STORE_EXPUNGED);
	assert_int_equal(store_refresh(other, true, &c), STORE_OK);
	assert_int_equal(c.nexpunged, 2);
	assert_int_equal(c.expunged[0].seq, 4);
	assert_int_equal(c.expunged[0].uid, 4);
	assert_int_equal(c.expunged[1].seq, 2);
	assert_int_equal(other->n, 3);
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_int_equal(c.nexpunged, 2);
	assert_int_equal(store_status(r->s, STR("INBOX"), &st), STORE_OK);
	assert_int_equal(st.messages, 3);
	assert_int_equal(st.deleted, 0);
	assert_int_equal(st.uidnext, 6);
	assert_int_equal(st.modseq, v->modseq);
	assert_int_equal(st.size, 9);
	store_unselect(other);
	store_unselect(v);
}

static void copy_and_move(void **state)
{
	struct rig *r = *state;
	struct str word = STR("$Junk");
	struct store_view *v, *w;
	struct store_changes c;
	struct store_change ch = { .op = STORE_ADD, .flags = STORE_FLAGGED };
	struct store_copied copied;
	uint32_t idx[] = { 0, 1, 2 };
	enum store_result res[3];
	struct str item;

	for (int i = 0; i < 3; i++)
		rig_append(r, "INBOX", "x\r\n", 0);
	assert_int_equal(store_create(r->s, STR("Junk"), STORE_USE_NONE), STORE_OK);
	v = rig_select(r, "INBOX");
	assert_int_equal(store_keywords(v, &word, 1, true, &ch.keywords), STORE_OK);
	store_change(v, idx, 1, &ch, res);
	store_item_put(v, 0, STORE_ITEM_ENVELOPE, STR("(envelope)"));
	store_item_flush(v);
	assert_int_equal(store_copy(v, idx, 2, STR("Junk"), false, &copied), STORE_OK);
	assert_int_equal(copied.n, 2);
	assert_int_equal(copied.to[1], 2);
	w = rig_select(r, "Junk");
	assert_int_equal(w->n, 2);
	assert_int_equal(w->msgs[0].flags & STORE_SYSTEM, STORE_FLAGGED);
	assert_int_equal(w->msgs[0].date, 1000000000);
	assert_true(str_eq(w->keywords[0], word));
	assert_int_equal(w->msgs[0].keywords, 1);
	assert_true(store_item_get(w, 0, STORE_ITEM_ENVELOPE, &item));
	assert_true(str_eq(item, STR("(envelope)")));
	assert_false(store_item_get(w, 1, STORE_ITEM_ENVELOPE, &item));
	assert_int_equal(store_copy(v, idx, 3, STR("Junk"), true, &copied), STORE_OK);
	assert_int_equal(copied.n, 3);
	assert_int_equal(copied.from[2], 3);
	assert_int_equal(copied.to[2], 5);
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_int_equal(v->n, 0);
	assert_int_equal(c.nexpunged, 3);
	assert_int_equal(store_refresh(w, true, &c), STORE_OK);
	assert_int_equal(w->n, 5);
	assert_int_equal(c.first_new, 2);
	/* onto itself */
	assert_int_equal(store_copy(w, idx, 3, STR("junk"), false, &copied), STORE_NOTFOUND);
	assert_int_equal(store_copy(w, idx, 3, STR("Junk"), false, &copied), STORE_OK);
	assert_int_equal(store_refresh(w, true, &c), STORE_OK);
	assert_int_equal(w->n, 8);
	assert_int_equal(rig_count(r, "Maildir/.Junk/cur"), 8);
	assert_string_equal(r->events, "");
	store_unselect(w);
	store_unselect(v);
}

static void delivery_appears(void **state)
{
	struct rig *r = *state;
	struct store_view *v = rig_select(r, "INBOX"), *other = rig_select(r, "INBOX"), *reader;
	struct store_changes c;
	struct store_status st;
	char *text;

	rig_file(r, "Maildir/new/100.Qaaaaaaaaaaaaa1R0.mx", "Subject: d\n\nhi\n");
	rig_file(r, "Maildir/new/100.Qaaaaaaaaaaaaa2R0.mx,S=3,W=4", "ab\n");
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_int_equal(v->n, 2);
	assert_int_equal(c.first_new, 0);
	assert_int_equal(v->recent, 2);
	assert_int_equal(v->msgs[0].size + v->msgs[1].size, 18 + 4);
	assert_int_equal(rig_count(r, "Maildir/new"), 0);
	assert_non_null(strstr(rig_name(r, "Maildir/cur", 0), ".mx,S=15,W=18,U="));
	text = rig_text(v, 0);
	assert_non_null(text);
	free(text);
	assert_int_equal(store_refresh(other, true, &c), STORE_OK);
	assert_int_equal(other->n, 2);
	assert_int_equal(other->recent, 0);
	rig_file(r, "Maildir/new/101.Qaaaaaaaaaaaaa3R0.mx,S=3,W=4", "ab\n");
	assert_int_equal(store_status(r->s, STR("INBOX"), &st), STORE_OK);
	assert_int_equal(st.messages, 3);
	assert_int_equal(st.recent, 1);
	assert_int_equal(store_select(r->s, STR("INBOX"), true, &reader), STORE_OK);
	assert_int_equal(reader->recent, 1);
	assert_int_equal(store_refresh(v, true, &c), STORE_OK);
	assert_int_equal(v->recent, 3);
	rig_file(r, "Maildir/new/102.Qaaaaaaaaaaaaa4R0.mx,S=3,W=4", "ab\n");
	assert_int_equal(store_refresh(reader, true, &c), STORE_OK);
	assert_int_equal(reader->recent, 2);
	assert_int_equal(store_refresh(other, true, &c), STORE_OK);
	assert_int_equal(other->recent, 1);
	store_unselect(reader);
	store_unselect(other);
	store_unselect(v);
}

static void items_in_bulk(void **state)
{
	struct rig *r = *state;
	struct store_batch *b;
	struct store_added added;
	struct store_view *v;
	struct str s;
	char want[32];

	store_append_begin(r->s, STR("INBOX"), &b);
	for (int i = 0; i < 500; i++) {
		store_append_message(b, 0, NULL, 0, 1);
		store_append_write(b, "x\r\n", 3);
	}
	assert_int_equal(store_append_commit(b, &added), STORE_OK);
	v = rig_select(r, "INBOX");
	for (uint32_t i = 0; i < v->n; i++) {
		int n = snprintf(want, sizeof want, "item %u", i);

		if (i % 7 != 3)
			store_item_put(v, i, STORE_ITEM_STRUCTURE, str_bytes(want, (size_t)n));
	}
	store_item_flush(v);
	for (int step = 1; step < 4; step++) {
		for (uint32_t i = 0; i < v->n; i += (uint32_t)step) {
			snprintf(want, sizeof want, "item %u", i);
			assert_int_equal(
			    store_item_get(v, i, STORE_ITEM_STRUCTURE, &s), i % 7 != 3);
			if (i % 7 != 3)
				assert_true(str_eq(s, str_of(want)));
		}
		assert_true(store_item_get(v, 1, STORE_ITEM_STRUCTURE, &s));
		assert_true(str_eq(s, STR("item 1")));
	}
	store_unselect(v);
}

static void keyword_limit(void **state)
{
	struct rig *r = *state;
	struct store_view *v = rig_select(r, "INBOX");
	char name[16];
	uint64_t mask, all = 0;
	struct str s;

	for (int i = 0; i < STORE_KEYWORDS_MAX; i++) {
		snprintf(name, sizeof name, "word%d", i);
		s = str_of(name);
		assert_int_equal(store_keywords(v, &s, 1, true, &mask), STORE_OK);
		all |= mask;
	}
	assert_true(all == UINT64_MAX);
	s = STR("more");
	assert_int_equal(store_keywords(v, &s, 1, true, &mask), STORE_LIMIT);
	s = STR("WORD63");
	assert_int_equal(store_keywords(v, &s, 1, true, &mask), STORE_OK);
	assert_true(mask == UINT64_C(1) << 63);
	assert_int_equal(v->nkeywords, 64);
	store_unselect(v);
	rig_reopen(r);
	v = rig_select(r, "INBOX");
	assert_int_equal(v->nkeywords, 64);
	store_unselect(v);
}

static void quota(void **state)
{
	struct rig *r = *state;
	struct store_usage u;
	struct store_batch *b;
	struct store_added added;

	r->opt.quota_bytes = 10;
	rig_reopen(r);
	assert_int_equal(rig_append(r, "INBOX", "1234567\r\n", 0), 1);
	store_append_begin(r->s, STR("INBOX"), &b);
	store_append_message(b, 0, NULL, 0, 1);
	store_append_write(b, "12345\r\n", 7);
	assert_int_equal(store_append_commit(b, &added), STORE_OVERQUOTA);
	assert_int_equal(store_usage(r->s, &u), STORE_OK);
	assert_int_equal(u.bytes, 8);
	assert_int_equal(u.messages, 1);
	assert_int_equal(rig_count(r, "Maildir/tmp"), 0);
}

/* The map is small at first: it must grow without anybody noticing. */
static void growth(void **state)
{
	struct rig *r = *state;
	struct store_view *v;
	struct str s;
	char *item = malloc(100000);

	memset(item, 'x', 100000);
	r->opt.map_size = 1 << 20;
	rig_reopen(r);
	for (int i = 0; i < 100; i++)
		assert_true(rig_append(r, "INBOX", "x\r\n", 0) > 0);
	v = rig_select(r, "INBOX");
	for (uint32_t i = 0; i < v->n; i++)
		store_item_put(v, i, STORE_ITEM_ENVELOPE, str_bytes(item, 100000));
	store_item_flush(v);
	for (uint32_t i = 0; i < v->n; i++) {
		assert_true(store_item_get(v, i, STORE_ITEM_ENVELOPE, &s));
		assert_int_equal(s.n, 100000);
	}
	store_unselect(v);
	free(item);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(append_and_read),
		RIG_TEST(append_in_pieces),
		RIG_TEST(read_ranges),
		RIG_TEST(append_several),
		RIG_TEST(change_flags),
		RIG_TEST(expunge_and_tell),
		RIG_TEST(copy_and_move),
		RIG_TEST(delivery_appears),
		RIG_TEST(items_in_bulk),
		RIG_TEST(keyword_limit),
		RIG_TEST(quota),
		RIG_TEST(growth),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
