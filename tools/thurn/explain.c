/* Asking for explanations. See explain.h. */
#include "explain.h"

#include <stdio.h>

#include "base/buf.h"
#include "candidate.h"
#include "command.h"
#include "proto/types.h"

struct parts {
	int (*part)(void *arg, struct get *g);
	void *arg;
	bool bad;
	unsigned n;
};

static void on_record(void *arg, struct str body, struct ipc_msg *m)
{
	struct parts *p = arg;
	struct get g = get_start(body);

	(void)m;
	p->n++;
	if (!p->bad && p->part(p->arg, &g) == -1)
		p->bad = true;
}

int explain_ask(
    uint16_t type, const struct put *question, int (*part)(void *arg, struct get *g), void *arg)
{
	static uint8_t space[IPC_BODY_MAX];
	struct put w = put_into(space, sizeof space);
	struct parts p = { .part = part, .arg = arg };
	int r;

	if (candidate_answers(type))
		return candidate_ask(type, question, part, arg);
	put_u16(&w, type);
	put_str(&w, put_view(question));
	w.bad = w.bad || question->bad;
	r = tool_ask("queue", QUEUE_CTL_ASK, &w, on_record, &p);
	if (r == EX_OK && (p.bad || p.n == 0))
		return tool_fail(EX_PROTOCOL, "the answer cannot be read");
	return r;
}

json_t *explain_text(struct str s)
{
	struct buf b;
	json_t *o;

	buf_init(&b, 8 * s.n + 1);
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= ' ' && c <= '~' && c != '\\')
			buf_char(&b, (char)c);
		else
			buf_printf(&b, "\\%03u", c); /* as master files have it (RFC 1035 5.1) */
	}
	o = json_stringn(b.n > 0 ? b.p : "", b.n);
	buf_clear(&b);
	return o;
}

json_t *explain_bytes(struct str s)
{
	struct buf b;
	json_t *o;

	buf_init(&b, 2 * s.n + 1);
	for (size_t i = 0; i < s.n; i++)
		buf_printf(&b, "%02x", (unsigned char)s.p[i]);
	o = json_stringn(b.n > 0 ? b.p : "", b.n);
	buf_clear(&b);
	return o;
}

json_t *explain_status(const struct status *st)
{
	return json_pack(
	    "{s:i, s:s, s:s}", "code", st->code, "enhanced", st->enhanced, "text", st->text);
}

void explain_print(json_t *o)
{
	json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(o);
}
