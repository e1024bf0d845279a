/*
 * thurn map -h -b -m: the lines of a message as keys, so that header_checks(5) and body_checks(5)
 * can be tried on it. See map.h.
 */
#include "mail/mime.h"
#include "map.h"

/* Where the next key begins, and which part of the message that is in. */
struct walk {
	const struct map_options *o;
	int (*key)(void *arg, struct str key);
	void *arg;
	struct str message;
	size_t at;
};

static struct str line_at(const struct walk *w, size_t at)
{
	struct str rest = str_skip(w->message, at);
	ssize_t end = str_find(rest, '\n');

	return end == -1 ? rest : str_take(rest, (size_t)end);
}

static size_t next_line(const struct walk *w, size_t at)
{
	size_t next = at + line_at(w, at).n + 1;

	return next < w->message.n ? next : w->message.n;
}

static bool continues(const struct walk *w, size_t at)
{
	return at < w->message.n && (w->message.p[at] == ' ' || w->message.p[at] == '\t');
}

/* "name:", RFC 5322 2.2; blanks before the colon are of old. */
static bool is_field(struct str line)
{
	size_t n = 0;

	while (n < line.n && line.p[n] > ' ' && line.p[n] <= '~' && line.p[n] != ':')
		n++;
	if (n == 0)
		return false;
	while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
		n++;
	return n < line.n && line.p[n] == ':';
}

/* A field with its continuation lines, without the last line end. */
static int header_key(struct walk *w)
{
	size_t from = w->at, last = w->at;

	w->at = next_line(w, w->at);
	while (continues(w, w->at)) {
		last = w->at;
		w->at = next_line(w, w->at);
	}
	return w->o->header ? w->key(w->arg,
				  str_bytes(w->message.p + from, last - from + line_at(w, last).n))
			    : 0;
}

static int body_key(struct walk *w)
{
	struct str line = line_at(w, w->at);

	w->at = next_line(w, w->at);
	return w->o->body ? w->key(w->arg, line) : 0;
}

/* The lines up to where a header begins. */
static int body_keys(struct walk *w, size_t end)
{
	int r = 0;

	while (w->at < end && r == 0)
		r = body_key(w);
	return r;
}

/* The fields of a header. Where that of the message lacks its empty line, there is one all the
 * same. */
static int header_keys(struct walk *w, size_t end, bool first)
{
	int r = 0;

	while (w->at < end && is_field(line_at(w, w->at)) && r == 0)
		r = header_key(w);
	if (r == 0 && first && w->o->body && w->at < w->message.n && line_at(w, w->at).n > 0)
		r = w->key(w->arg, STR_NONE);
	return r;
}

int map_message(const struct map_options *o, struct str message,
    int (*key)(void *arg, struct str key), void *arg)
{
	struct walk w = { .o = o, .key = key, .arg = arg, .message = message };
	struct mime m;
	int r = 0;

	mime_init(&m, true);
	mime_feed(&m, message);
	mime_end(&m);
	/* parts are in the order in which they begin */
	for (uint32_t i = 0; i < m.n && r == 0 && (i == 0 || o->mime); i++) {
		r = body_keys(&w, m.nodes[i].header.at);
		if (r == 0)
			r = header_keys(&w, m.nodes[i].body.at, i == 0);
	}
	if (r == 0)
		r = body_keys(&w, message.n);
	mime_clear(&m);
	return r;
}
