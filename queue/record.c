/* Messages as JSON. See record.h. */
#include "record.h"

#include "base/id.h"
#include "mail/said.h"
#include "message.h"
#include "proto/lane.h"
#include "query.h"

enum {
	RCPT_ROOM = 2048, /* what one more recipient may need */
	ACTION_TEXT = 200, /* bytes of an action's value */
};

static const char *const state_names[] = {
	[SLOT_PENDING] = "pending",
	[SLOT_DISPATCHED] = "dispatched",
	[SLOT_DONE] = "delivered",
	[SLOT_FAILED] = "failed",
	[SLOT_BOUNCED] = "bounced",
};

/* --- JSON ------------------------------------------------------------------------------------- */

/* Length of the UTF-8 sequence at s, or 0 if there is none. */
static size_t utf8_length(struct str s)
{
	unsigned char c = (unsigned char)s.p[0];
	size_t n = c < 0x80                ? 1
		   : c >= 0xc2 && c < 0xe0 ? 2
		   : c >= 0xe0 && c < 0xf0 ? 3
		   : c >= 0xf0 && c < 0xf5 ? 4
					   : 0;

	if (n > s.n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (((unsigned char)s.p[i] & 0xc0) != 0x80)
			return 0;
	}
	return n;
}

void record_string(struct buf *b, struct str s)
{
	buf_char(b, '"');
	while (s.n > 0) {
		size_t n = utf8_length(s);

		if (n == 0)
			buf_z(b, "\\ufffd");
		else if (n == 1 && (s.p[0] == '"' || s.p[0] == '\\'))
			buf_printf(b, "\\%c", s.p[0]);
		else if (n == 1 && ((unsigned char)s.p[0] < 0x20 || s.p[0] == 0x7f))
			buf_printf(b, "\\u%04x", (unsigned)(unsigned char)s.p[0]);
		else
			buf_put(b, s.p, n);
		s = str_skip(s, n > 0 ? n : 1);
	}
	buf_char(b, '"');
}

static void json_text(struct buf *b, const char *key, struct str value)
{
	buf_printf(b, ", \"%s\": ", key);
	record_string(b, value);
}

/* --- records ---------------------------------------------------------------------------------- */

static void put_rcpt(struct buf *b, const struct facts_rcpt *r, bool first)
{
	struct facts_status st = facts_status(r->status);

	buf_z(b, first ? "{\"address\": " : ", {\"address\": ");
	record_string(b, r->addr);
	if (r->given.n > 0)
		json_text(b, "orig_address", r->given);
	if (st.code != 0) {
		bool failed = r->state == SLOT_FAILED || r->state == SLOT_BOUNCED;
		char why[SAID_WHY_MAX];

		json_text(
		    b, failed ? "bounce_reason" : "delay_reason", said_why(r->relay, st.text, why));
		buf_printf(b, ", \"code\": %u", st.code);
		json_text(b, "dsn", st.dsn);
	}
	if (r->relay.n > 0)
		json_text(b, "relay", r->relay);
	json_text(b, "status", str_of(state_names[r->state]));
	buf_printf(b, ", \"attempts\": %u}", r->attempts);
}

/* What rules want of the message, and which. */
static void put_actions_of(struct buf *b, const struct facts *f)
{
	for (uint32_t i = 0; i < f->nactions; i++) {
		const struct action *a = &f->actions[i];

		buf_printf(b, i == 0 ? ", \"actions\": [{" : ", {");
		buf_printf(b, "\"action\": \"%s\"", action_name(a->kind));
		json_text(b, "value", str_take(a->value, ACTION_TEXT));
		json_text(b, "rule", a->rule);
		buf_z(b, "}");
	}
	if (f->nactions > 0)
		buf_z(b, "]");
}

static void put_head(struct buf *b, const struct facts *f)
{
	char id[ID_TEXT + 1], trace[ID_TEXT + 1];

	id_format(f->id, id);
	id_format(f->trace, trace);
	buf_printf(b, "{\"queue_name\": \"%s\", \"queue_id\": \"%s\", \"arrival_time\": %lld",
	    query_state(f->state), id, (long long)f->arrival);
	buf_printf(b, ", \"message_size\": %llu, \"forced_expire\": false",
	    (unsigned long long)f->body_size);
	buf_printf(b, ", \"body_offset\": %d, \"body_size\": %llu", SPOOL_HEADER,
	    (unsigned long long)f->body_size);
	json_text(b, "sender", f->sender);
	json_text(b, "trace", str_of(trace));
	json_text(b, "client", f->client);
	if (f->login.n > 0)
		json_text(b, "login", f->login);
	json_text(b, "lane", lane_name(f->lane));
	if (f->lane_rule.n > 0)
		json_text(b, "lane_rule", f->lane_rule);
	if (f->tls != TLS_BY_POLICY) /* as the words of RFC 8689 */
		json_text(b, "tls_required", f->tls == TLS_REQUIRED ? STR("yes") : STR("no"));
	put_actions_of(b, f);
	if (f->release != 0)
		buf_printf(b, ", \"release_time\": %lld", (long long)f->release);
	if (f->next != 0)
		buf_printf(b, ", \"%s\": %lld", f->trashed != 0 ? "removed_at" : "next_try",
		    (long long)f->next);
	if (f->trashed != 0)
		buf_printf(b, ", \"deleted_at\": %lld", (long long)f->trashed);
	if (f->parent != 0) {
		id_format(f->parent, id);
		json_text(b, "report_about", str_of(id));
	}
}

void record_facts(struct buf *b, const struct facts *f)
{
	uint32_t shown = 0;

	put_head(b, f);
	buf_z(b, ", \"recipients\": [");
	while (shown < f->nrcpts && b->n + RCPT_ROOM <= RECORD_JSON_MAX) {
		put_rcpt(b, &f->rcpts[shown], shown == 0);
		shown++;
	}
	buf_z(b, "]");
	if (shown < f->left)
		buf_printf(b, ", \"more_recipients\": %u", f->left - shown);
	buf_z(b, "}");
}

static const struct facts_rcpt *rcpt_of(const struct facts *f, uint32_t target)
{
	for (uint32_t i = 0; i < f->nrcpts; i++)
		if (f->rcpts[i].target == target)
			return &f->rcpts[i];
	return NULL;
}

bool record_transcript(struct buf *b, const struct facts *f, const struct transcript *t)
{
	bool any = false;

	buf_printf(b, "{\"time\": %lld.%03d, \"recipients\": [", (long long)(t->time / 1000),
	    (int)(t->time % 1000));
	for (uint32_t i = 0; i < t->n; i++) {
		const struct facts_rcpt *r = rcpt_of(f, t->targets[i]);

		if (r == NULL)
			continue;
		buf_z(b, any ? ", " : "");
		record_string(b, r->addr);
		any = true;
	}
	buf_z(b, "]");
	json_text(b, "transcript", t->text);
	buf_z(b, "}");
	return any;
}

void record_shape(struct buf *b, const char *kind, const struct shape_row *r)
{
	buf_printf(b, "{\"row\": \"%s\", \"domain\": ", kind);
	record_string(b, r->domain);
	buf_printf(b, ", \"total\": %llu, \"ages\": [", (unsigned long long)r->total);
	for (int i = 0; i < SHAPE_AGES; i++)
		buf_printf(b, "%s%llu", i > 0 ? ", " : "", (unsigned long long)r->ages[i]);
	buf_z(b, "]}");
}

void record_login(struct buf *b, const struct login *l)
{
	static const char *const names[LOGIN_PERIODS] = { "hour", "day" };
	int64_t now = wall_seconds();

	buf_z(b, "{\"login\": ");
	record_string(b, l->name);
	for (int i = 0; i < LOGIN_PERIODS; i++) {
		const struct login_count *c = &l->counts[i];

		buf_printf(b, ", \"%s\": %u, \"%s_until\": %lld", names[i],
		    c->until > now ? c->n : 0, names[i], c->until > now ? (long long)c->until : 0);
	}
	buf_z(b, "}");
}

void record_summary(struct buf *b, bool complete, bool failed, unsigned lost)
{
	static const struct {
		const char *name;
		enum entry_state state;
	} rows[] = {
		{ "incoming", ENTRY_INCOMING },
		{ "ready", ENTRY_READY },
		{ "active", ENTRY_ACTIVE },
		{ "deferred", ENTRY_DEFERRED },
		{ "hold", ENTRY_HELD },
		{ "trash", ENTRY_TRASH },
	};

	buf_z(b, "{");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		buf_printf(b, "\"%s\": %llu, \"%s_bytes\": %llu, ", rows[i].name,
		    (unsigned long long)counts.messages[rows[i].state], rows[i].name,
		    (unsigned long long)counts.bytes[rows[i].state]);
	buf_printf(b, "\"complete\": %s, \"volume_failed\": %s, \"directories_lost\": %u}",
	    complete ? "true" : "false", failed ? "true" : "false", lost);
}
