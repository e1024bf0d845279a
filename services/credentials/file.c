/* The file of logins at other hosts. See file.h. */
#include "file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/siphash.h"
#include "mail/envelope.h"
#include "proto/fetch.h"
#include "proto/way.h"
#include "table/lines.h"

struct reader {
	struct file *f;
	const uint64_t *key;
	unsigned line;
	char *why;
	size_t room; /* of f->at */
};

static int fault(struct reader *r, unsigned line, const char *text)
{
	snprintf(r->why, FILE_WHY, "%u: %s", line, text);
	return -1;
}

/* --- storage --------------------------------------------------------------------------------- */

static struct str keep(struct file *f, struct str s)
{
	char *p = f->space + f->size;

	memcpy(p, s.p, s.n);
	f->size += s.n;
	return str_bytes(p, s.n);
}

static struct str keep_lower(struct file *f, struct str s)
{
	struct str kept = keep(f, s);
	char *p = f->space + f->size - s.n;

	for (size_t i = 0; i < s.n; i++)
		p[i] = ascii_lower(p[i]);
	return kept;
}

static struct entry *add(struct reader *r)
{
	struct file *f = r->f;

	if (f->n == r->room) {
		r->room = r->room == 0 ? 64 : 2 * r->room;
		f->at = xreallocarray(f->at, r->room, sizeof *f->at);
	}
	f->at[f->n] = (struct entry){ .line = r->line };
	return &f->at[f->n++];
}

void file_clear(struct file *f)
{
	if (f->space != NULL)
		explicit_bzero(f->space, f->size);
	free(f->space);
	free(f->at);
	*f = (struct file){ .n = 0 };
}

/* --- the key --------------------------------------------------------------------------------- */

static bool is_sender(struct str s)
{
	return str_find(s, '@') != -1 || str_starts(s, STR("<>"));
}

/* "sender", "nexthop" or "sender,nexthop" */
static int read_key(struct reader *r, struct str key, struct entry *e)
{
	struct str rest = key, sender = STR_NONE;

	if (is_sender(key)) {
		str_cut(&rest, ',', &sender);
		if (rest.p != NULL && rest.n == 0)
			return fault(r, r->line, "the next hop behind the comma is missing");
		if (rest.p == NULL)
			rest = STR_NONE;
	}
	if (sender.n > ADDRESS_MAX || rest.n > NEXTHOP_MAX)
		return fault(r, r->line, "a sender or a next hop is too long");
	if (is_sender(rest) || str_find(rest, ',') != -1)
		return fault(r, r->line, "wants SENDER, NEXTHOP or SENDER,NEXTHOP");
	e->sender = keep_lower(r->f, sender);
	e->nexthop = keep_lower(r->f, rest);
	return 0;
}

/* --- the value ------------------------------------------------------------------------------- */

static bool printable(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (((unsigned char)s.p[i] < ' ' && s.p[i] != '\t') || s.p[i] == 0x7f)
			return false;
	return true;
}

static int read_password(struct reader *r, struct str value, struct entry *e)
{
	struct str user;

	if (!str_cut(&value, ':', &user) || value.p == NULL || user.n == 0 || value.n == 0)
		return fault(r, r->line, "wants USER:PASSWORD, or oauth and its items");
	if (user.n > CREDENTIAL_USER_MAX || value.n > CREDENTIAL_SECRET_MAX)
		return fault(r, r->line, "the user or the password is too long");
	e->kind = CREDENTIAL_PASSWORD;
	e->user = keep(r->f, user);
	e->secret = keep(r->f, value);
	return 0;
}

static const struct item {
	const char *name;
	size_t offset, max;
	bool needed;
} items[] = {
	{ "user", offsetof(struct entry, user), CREDENTIAL_USER_MAX, true },
	{ "token_endpoint", offsetof(struct entry, endpoint), FETCH_URL_MAX, true },
	{ "client_id", offsetof(struct entry, client), 1024, true },
	{ "client_secret", offsetof(struct entry, client_secret), 4096, false },
	{ "refresh_token", offsetof(struct entry, secret), CREDENTIAL_SECRET_MAX, false },
	{ "scope", offsetof(struct entry, scope), 2048, false },
};
enum { ITEMS = sizeof items / sizeof items[0] };

static struct str *field(struct entry *e, const struct item *i)
{
	return (struct str *)(void *)((char *)e + i->offset);
}

static int item_fault(struct reader *r, const struct item *i, const char *text)
{
	char full[FILE_WHY / 2];

	snprintf(full, sizeof full, "%s %s", i->name, text);
	return fault(r, r->line, full);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* NAME=VALUE or NAME="VALUE WITH BLANKS" off the rest. 0 at the end. */
static int take_item(struct str *rest, struct str *name, struct str *value)
{
	ssize_t end;
	size_t n = 0;

	*rest = str_trim(*rest);
	if (rest->n == 0)
		return 0;
	if (!str_cut(rest, '=', name) || rest->p == NULL)
		return -1;
	if (rest->n > 0 && rest->p[0] == '"') {
		*rest = str_skip(*rest, 1);
		end = str_find(*rest, '"');
		if (end == -1)
			return -1;
		*value = str_take(*rest, (size_t)end);
		*rest = str_skip(*rest, (size_t)end + 1);
		return rest->n == 0 || is_blank(rest->p[0]) ? 1 : -1;
	}
	while (n < rest->n && !is_blank(rest->p[n]))
		n++;
	*value = str_take(*rest, n);
	*rest = str_skip(*rest, n);
	return 1;
}

static int set_item(struct reader *r, struct entry *e, struct str name, struct str value)
{
	for (size_t i = 0; i < ITEMS; i++) {
		if (!str_eq(name, str_of(items[i].name)))
			continue;
		if (field(e, &items[i])->n > 0)
			return item_fault(r, &items[i], "stands twice");
		if (value.n == 0 || value.n > items[i].max)
			return item_fault(r, &items[i], "is empty or too long");
		*field(e, &items[i]) = keep(r->f, value);
		return 0;
	}
	/* a word out of place may be part of a secret: it is not repeated */
	return fault(r, r->line, "has an item of no known name");
}

static int read_oauth(struct reader *r, struct str rest, struct entry *e)
{
	struct str name, value;
	int more;

	e->kind = CREDENTIAL_TOKEN;
	while ((more = take_item(&rest, &name, &value)) == 1)
		if (set_item(r, e, name, value) == -1)
			return -1;
	if (more == -1)
		return fault(r, r->line, "wants items NAME=VALUE behind oauth");
	for (size_t i = 0; i < ITEMS; i++)
		if (items[i].needed && field(e, &items[i])->n == 0)
			return item_fault(r, &items[i], "is missing");
	if (!str_casestarts(e->endpoint, STR("https://")))
		return fault(r, r->line, "token_endpoint is no https URL");
	return 0;
}

static uint64_t id_of(const struct entry *e, const uint64_t key[2])
{
	static uint8_t space[FILE_BYTES_MAX];
	struct put w = put_into(space, sizeof space);
	const struct str all[] = { e->user, e->secret, e->endpoint, e->client, e->client_secret,
		e->scope };
	uint64_t id;

	put_u8(&w, e->kind);
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		put_str(&w, all[i]);
	id = siphash(key, put_view(&w));
	explicit_bzero(space, w.n);
	return id == 0 ? 1 : id;
}

static int read_line(struct reader *r, struct str line)
{
	const char *why;
	struct str key, value, word, rest;
	struct entry *e;
	int bad;

	if (lines_entry(line, &key, &value, &why) == -1)
		return fault(r, r->line, why);
	if (!printable(line))
		return fault(r, r->line, "has a control character");
	if (r->f->n == FILE_ENTRIES_MAX)
		return fault(r, r->line, "is more than there may be");
	e = add(r);
	rest = value;
	str_word(&rest, &word);
	if (read_key(r, key, e) == -1)
		return -1;
	bad = str_eq(word, STR("oauth")) ? read_oauth(r, rest, e) : read_password(r, value, e);
	e->id = bad == 0 ? id_of(e, r->key) : 0;
	return bad;
}

/* --- the whole ------------------------------------------------------------------------------- */

static int compare(const void *pa, const void *pb)
{
	const struct entry *a = pa, *b = pb;
	int c = str_cmp(a->nexthop, b->nexthop);

	return c != 0 ? c : str_cmp(a->sender, b->sender);
}

static int check_twice(struct reader *r)
{
	const struct file *f = r->f;

	for (size_t i = 1; i < f->n; i++) {
		const struct entry *a = &f->at[i - 1], *b = &f->at[i];

		if (compare(a, b) == 0)
			return fault(r, a->line > b->line ? a->line : b->line,
			    "is for whom another line is already");
	}
	return 0;
}

static int read_lines(struct reader *r, struct lines *l)
{
	const char *why = "";
	struct str line;
	int more;

	buf_room(&l->line, l->rest.n + 1); /* so that nothing is left behind when it grows */
	while ((more = lines_next(l, &line, &why)) == 1) {
		r->line = l->start;
		if (read_line(r, line) == -1)
			return -1;
	}
	if (more == -1)
		return fault(r, l->next, why);
	return 0;
}

int file_parse(struct file *f, struct str text, const uint64_t key[2], char why[FILE_WHY])
{
	struct reader r = { .f = f, .key = key, .why = why };
	struct lines l;
	int bad;

	*f = (struct file){ .space = xmalloc(text.n + 1) };
	if (text.n > FILE_BYTES_MAX) {
		file_clear(f);
		return fault(&r, 1, "the file is too large");
	}
	lines_init(&l, text);
	bad = read_lines(&r, &l);
	if (l.line.p != NULL)
		explicit_bzero(l.line.p, l.line.cap);
	lines_clear(&l);
	if (f->n > 0)
		qsort(f->at, f->n, sizeof *f->at, compare);
	if (bad == 0)
		bad = check_twice(&r);
	if (bad == -1)
		file_clear(f);
	return bad;
}

static const struct entry *find(const struct file *f, struct str sender, struct str nexthop)
{
	const struct entry key = { .sender = sender, .nexthop = nexthop };

	return f->n == 0 ? NULL : bsearch(&key, f->at, f->n, sizeof *f->at, compare);
}

static struct str lower(struct str s, char *space, size_t size)
{
	s = str_take(s, size);
	for (size_t i = 0; i < s.n; i++)
		space[i] = ascii_lower(s.p[i]);
	return str_bytes(space, s.n);
}

const struct entry *file_find(const struct file *f, struct str sender, struct str nexthop)
{
	char sender_space[ADDRESS_MAX], nexthop_space[NEXTHOP_MAX];
	struct str who =
	    sender.n == 0 ? STR("<>") : lower(sender, sender_space, sizeof sender_space);
	struct str hop = lower(nexthop, nexthop_space, sizeof nexthop_space);
	ssize_t at = str_rfind(who, '@');
	struct str domain = at == -1 ? STR_NONE : str_skip(who, (size_t)at);
	const struct {
		struct str sender, nexthop;
		bool asked;
	} order[] = {
		{ who, hop, true },
		{ domain, hop, domain.n > 0 },
		{ who, STR_NONE, true },
		{ domain, STR_NONE, domain.n > 0 },
		{ STR_NONE, hop, true },
	};

	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		const struct entry *e =
		    order[i].asked ? find(f, order[i].sender, order[i].nexthop) : NULL;

		if (e != NULL)
			return e;
	}
	return NULL;
}
