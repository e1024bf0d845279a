/* Messages as JSON. See record.h. */
#include "record.h"

#include <fcntl.h>
#include <unistd.h>

#include "base/id.h"
#include "spool.h"

enum {
	RCPT_ROOM = 2048, /* what one more recipient may need */
	ACTION_TEXT = 200, /* bytes of an action's value */
};

static const char *const queue_names[ENTRY_STATES] = {
	[ENTRY_INCOMING] = "incoming",
	[ENTRY_READY] = "active",
	[ENTRY_ACTIVE] = "active",
	[ENTRY_DEFERRED] = "deferred",
	[ENTRY_HELD] = "hold",
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

static void json_string(struct buf *b, struct str s)
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
	json_string(b, value);
}

/* --- records ---------------------------------------------------------------------------------- */

struct record_rcpt {
	const struct envelope_rcpt *rcpt;
	const struct route *route; /* NULL = not known */
	const struct status *status;
	struct str relay;
	uint8_t state;
	uint16_t attempts;
};

static void put_rcpt(struct buf *b, const struct record_rcpt *r, bool first)
{
	struct str addr = r->route != NULL ? r->route->addr : r->rcpt->addr;

	buf_z(b, first ? "{\"address\": " : ", {\"address\": ");
	json_string(b, addr);
	if (!str_eq(addr, r->rcpt->addr))
		json_text(b, "orig_address", r->rcpt->addr);
	if (r->status != NULL && r->status->code != 0) {
		bool failed = r->state == SLOT_FAILED || r->state == SLOT_BOUNCED;

		json_text(b, failed ? "bounce_reason" : "delay_reason", str_of(r->status->text));
		buf_printf(b, ", \"code\": %d", r->status->code);
		json_text(b, "dsn", str_of(r->status->enhanced));
	}
	if (r->relay.n > 0)
		json_text(b, "relay", r->relay);
	json_text(b, "status", str_of(state_names[r->state]));
	buf_printf(b, ", \"attempts\": %u}", r->attempts);
}

/* What rules want of the message, and which. */
static void put_actions_of(struct buf *b, const struct envelope *e)
{
	for (uint32_t i = 0; i < e->nactions; i++) {
		const struct action *a = &e->actions[i];

		buf_printf(b, i == 0 ? ", \"actions\": [{" : ", {");
		buf_printf(b, "\"action\": \"%s\"", action_name(a->kind));
		json_text(b, "value", str_take(a->value, ACTION_TEXT));
		json_text(b, "rule", a->rule);
		buf_z(b, "}");
	}
	if (e->nactions > 0)
		buf_z(b, "]");
}

static void put_head(struct buf *b, const struct record_head *h, const struct envelope *e,
    const struct spool_layout *l)
{
	char id[ID_TEXT + 1], trace[ID_TEXT + 1];

	id_format(h->id, id);
	id_format(e->trace, trace);
	buf_printf(b, "{\"queue_name\": \"%s\", \"queue_id\": \"%s\", \"arrival_time\": %lld",
	    queue_names[h->state], id, (long long)(e->arrival / 1000000));
	buf_printf(b, ", \"message_size\": %llu, \"forced_expire\": false",
	    (unsigned long long)l->body_size);
	buf_printf(b, ", \"body_offset\": %d, \"body_size\": %llu", SPOOL_HEADER,
	    (unsigned long long)l->body_size);
	json_text(b, "sender", e->sender);
	json_text(b, "trace", str_of(trace));
	json_text(b, "client", e->client);
	if (e->login.n > 0)
		json_text(b, "login", e->login);
	put_actions_of(b, e);
	if (e->release != 0)
		buf_printf(b, ", \"release_time\": %lld", (long long)e->release);
	if (h->next != 0)
		buf_printf(b, ", \"next_try\": %lld", (long long)h->next);
	if (l->parent != 0) {
		id_format(l->parent, id);
		json_text(b, "report_about", str_of(id));
	}
	buf_z(b, ", \"recipients\": [");
}

static void put_tail(struct buf *b, uint32_t left_out)
{
	buf_z(b, "]");
	if (left_out > 0)
		buf_printf(b, ", \"more_recipients\": %u", left_out);
	buf_z(b, "}");
}

/* ASCII case does not matter. */
static bool contains(struct str s, struct str what)
{
	for (size_t i = 0; i + what.n <= s.n; i++) {
		if (str_caseeq(str_take(str_skip(s, i), what.n), what))
			return true;
	}
	return false;
}

static bool at_site(struct str addr, struct str site)
{
	ssize_t at = str_rfind(addr, '@');

	return at != -1 && str_caseeq(str_skip(addr, (size_t)at + 1), site);
}

/* Does the envelope match, whoever its recipients are? */
static bool matches(const struct record_match *match, const struct envelope *e)
{
	if (match == NULL || match->text[0] == '\0')
		return true;
	if (match->by == MATCH_LOGIN)
		return str_caseeq(e->login, str_of(match->text));
	return match->by == MATCH_ADDRESS && contains(e->sender, str_of(match->text));
}

static bool rcpt_matches(const struct record_match *match, struct str addr)
{
	if (match == NULL || match->by == MATCH_LOGIN)
		return false;
	return match->by == MATCH_SITE ? at_site(addr, str_of(match->text))
				       : contains(addr, str_of(match->text));
}

/* As in Postfix, who has got it is not listed any more. */
static bool listed(uint8_t state)
{
	return state != SLOT_DONE && state != SLOT_BOUNCED;
}

int record_message(struct buf *b, const struct record_head *h, const struct message *m,
    const struct record_match *match)
{
	uint32_t shown = 0, left_out = 0;
	bool found;

	if (m->state == M_COLLECTING || m->state == M_LOADING || m->content.envelope.rcpts == NULL)
		return -1;
	found = matches(match, &m->content.envelope);
	put_head(b, h, &m->content.envelope, &m->layout);
	for (uint32_t i = 0; i < m->ntargets; i++) {
		const struct target *t = &m->targets[i];
		const struct record_rcpt r = {
			.rcpt = target_rcpt(m, t),
			.route = t->route,
			.status = t->status,
			.relay = t->relay,
			.state = t->state,
			.attempts = t->attempts,
		};

		if (t->expanded || !listed(t->state))
			continue;
		found |= rcpt_matches(match, target_rcpt(m, t)->addr);
		if (b->n + RCPT_ROOM > RECORD_JSON_MAX)
			left_out++;
		else
			put_rcpt(b, &r, shown++ == 0);
	}
	put_tail(b, left_out);
	return b->full ? -1 : found;
}

/* What has been put into a record so far. */
struct listed {
	const struct record_match *match;
	uint32_t shown, left_out;
	bool found;
};

/* The recipients of one part of a file; of the message itself only those that nobody stands for. */
static void put_part(struct buf *b, const struct spool_layout *l, const struct envelope *e,
    const struct spool_content *c, const struct slot *slots, const bool *expanded,
    struct listed *out)
{
	for (uint32_t i = 0; i < l->slots; i++) {
		bool member = l->kind == SPOOL_EXPANSION;
		const struct record_rcpt r = {
			.rcpt = &e->rcpts[member ? c->targets[i].rcpt : i],
			.route = member ? &c->targets[i].route : NULL,
			.status = &slots[i].status,
			.relay = slots[i].relay,
			.state = slots[i].state,
			.attempts = slots[i].attempts,
		};

		if ((!member && expanded[i]) || !listed(slots[i].state))
			continue;
		out->found |= rcpt_matches(out->match, r.rcpt->addr);
		if (b->n + RCPT_ROOM > RECORD_JSON_MAX)
			out->left_out++;
		else
			put_rcpt(b, &r, out->shown++ == 0);
	}
}

struct part {
	struct spool_layout layout;
	struct spool_content content;
	struct slot *slots;
};

static int read_part(uint64_t id, unsigned n, struct arena *a, struct part *p)
{
	int fd = spool_open_file(id, n, O_RDONLY), r = -1;
	const char *why;

	if (fd == -1)
		return -1;
	if (spool_check(fd, false, &p->layout, &why) == SPOOL_GOOD && p->layout.id == id &&
	    spool_read(fd, &p->layout, a, &p->content, &p->slots, &why) == SPOOL_GOOD)
		r = 0;
	close(fd);
	return r;
}

/* Which recipients others stand for; -1 when that makes no sense. */
static int find_expanded(const struct part *parts, unsigned n, bool *expanded)
{
	for (unsigned p = 1; p < n; p++) {
		for (uint32_t i = 0; i < parts[p].layout.slots; i++) {
			uint32_t rcpt = parts[p].content.targets[i].rcpt;

			if (rcpt >= parts[0].layout.slots)
				return -1;
			expanded[rcpt] = true;
		}
	}
	return 0;
}

static int put_parts(struct buf *b, const struct record_head *h, const struct part *parts,
    unsigned n, struct arena *a, const struct record_match *match)
{
	const struct envelope *e = &parts[0].content.envelope;
	struct listed out = { .match = match, .found = matches(match, e) };
	bool *expanded = arena_array(a, parts[0].layout.slots, sizeof *expanded);

	if (find_expanded(parts, n, expanded) == -1)
		return -1; /* damaged: noticed when it is loaded */
	put_head(b, h, e, &parts[0].layout);
	for (unsigned p = 0; p < n; p++)
		put_part(b, &parts[p].layout, e, &parts[p].content, parts[p].slots, expanded, &out);
	put_tail(b, out.left_out);
	return b->full ? -1 : out.found;
}

int record_file(struct buf *b, const struct record_head *h, const struct record_match *match)
{
	struct part parts[SPOOL_PARTS];
	unsigned n = 0;
	struct arena a;
	int r;

	arena_init(&a);
	while (n < SPOOL_PARTS && read_part(h->id, n, &a, &parts[n]) == 0)
		n++;
	r = n > 0 ? put_parts(b, h, parts, n, &a, match) : -1;
	arena_clear(&a);
	return r;
}

void record_login(struct buf *b, const struct login *l)
{
	static const char *const names[LOGIN_PERIODS] = { "hour", "day" };
	int64_t now = wall_seconds();

	buf_z(b, "{\"login\": ");
	json_string(b, l->name);
	for (int i = 0; i < LOGIN_PERIODS; i++) {
		const struct login_count *c = &l->counts[i];

		buf_printf(b, ", \"%s\": %u, \"%s_until\": %lld", names[i],
		    c->until > now ? c->n : 0, names[i], c->until > now ? (long long)c->until : 0);
	}
	buf_z(b, "}");
}

void record_summary(struct buf *b, bool complete, bool failed)
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
	};

	buf_z(b, "{");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		buf_printf(b, "\"%s\": %llu, \"%s_bytes\": %llu, ", rows[i].name,
		    (unsigned long long)counts.messages[rows[i].state], rows[i].name,
		    (unsigned long long)counts.bytes[rows[i].state]);
	buf_printf(b, "\"complete\": %s, \"volume_failed\": %s}", complete ? "true" : "false",
	    failed ? "true" : "false");
}
