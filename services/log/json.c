/* Events as JSON. See render.h. */
#include <time.h>

#include "base/id.h"
#include "mail/utf8.h"
#include "render.h"

static const char *const levels[] = { "debug", "info", "notice", "warning", "error" };

/* C1 controls, line separators and the like are not wanted in a terminal. */
static bool plain(uint32_t code)
{
	return code >= 0xa0 && code != 0x2028 && code != 0x2029 && code != 0xfeff;
}

/* How many bytes from the start of s stand for themselves. */
static size_t plain_run(struct str s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] >= ' ' && s.p[n] < 127 && s.p[n] != '"' && s.p[n] != '\\')
		n++;
	return n;
}

/* One character that may not stand for itself; its length. */
static size_t put_special(struct buf *b, struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	uint32_t code;
	size_t n = utf8_char(s, &code);

	if (c == '"' || c == '\\')
		buf_printf(b, "\\%c", c);
	else if (n == 0)
		buf_printf(b, "\\\\x%02x", c); /* not UTF-8: the byte, as text */
	else if (plain(code))
		buf_put(b, s.p, n);
	else
		buf_printf(b, "\\u%04x", code);
	return n > 0 ? n : 1;
}

static void put_string(struct buf *b, struct str s)
{
	buf_char(b, '"');
	while (s.n > 0) {
		size_t n = plain_run(s);

		if (n > 0)
			buf_put(b, s.p, n);
		else
			n = put_special(b, s);
		s = str_skip(s, n);
	}
	buf_char(b, '"');
}

static void put_time(struct buf *b, int64_t us)
{
	static char text[40]; /* of the last second: events come in bursts */
	static time_t second = -1;
	time_t t = (time_t)(us / 1000000);
	struct tm tm;

	if (us < 0 || gmtime_r(&t, &tm) == NULL) {
		buf_z(b, "\"1970-01-01T00:00:00.000000Z\"");
		return;
	}
	if (t != second && strftime(text, sizeof text, "%FT%T", &tm) > 0)
		second = t;
	buf_printf(b, "\"%s.%06dZ\"", text, (int)(us % 1000000));
}

static void put_id(struct buf *b, const char *key, uint64_t id)
{
	char text[ID_TEXT + 1];

	if (id == 0)
		return;
	id_format(id, text);
	buf_printf(b, ",\"%s\":\"%s\"", key, text);
}

void render_json(struct buf *b, const char *host, const struct origin *o, const struct entry *e)
{
	size_t begin = b->n;

	buf_printf(b, "{\"v\":%d,\"time\":", JSON_SCHEMA);
	put_time(b, e->time);
	buf_z(b, ",\"host\":");
	put_string(b, str_of(host));
	buf_printf(
	    b, ",\"program\":\"%s\",\"instance\":%u,\"pid\":%d", o->program, o->instance, o->pid);
	if (o->uid >= 0)
		buf_printf(b, ",\"uid\":%lld", (long long)o->uid);
	buf_printf(b, ",\"level\":\"%s\",\"event\":\"%.*s\"", levels[e->level], STR_ARG(e->name));
	put_id(b, "trace", e->tag.trace);
	put_id(b, "queue", e->tag.queue);
	buf_z(b, ",\"fields\":{");
	for (uint8_t i = 0; i < e->nfields; i++) {
		const struct kv *f = &e->fields[i];

		buf_z(b, i > 0 ? ",\"" : "\"");
		buf_z(b, f->key);
		buf_z(b, "\":");
		if (f->kind == KV_INT)
			buf_printf(b, "%lld", (long long)f->i);
		else
			put_string(b, f->s);
	}
	buf_z(b, "}}\n");
	if (b->full)
		b->n = begin;
}
