/* APPEND (RFC 3501 6.3.11, RFC 3502, RFC 4315): from the socket straight into the store's file. */
#include <stdio.h>
#include <string.h>

#include "commands.h"
#include "io.h"

struct append {
	struct store_batch *batch; /* NULL after an error */
	enum store_error error;
	const char *refused; /* why, if it is not an error of the store */
};

static void give_up(struct append *a)
{
	store_append_abort(a->batch);
	a->batch = NULL;
}

static void failed(struct append *a, enum store_error e)
{
	if (a->error == STORE_OK)
		a->error = e;
	give_up(a);
}

static void refused(struct append *a, const char *why)
{
	a->refused = why;
	give_up(a);
}

/* Takes the bytes of a literal; after an error it only takes them from the wire. */
static bool take_content(struct session *s, struct append *a, uint64_t n)
{
	enum store_error e;

	while (n > 0) {
		struct str got = io_bytes(s, n);

		if (got.n == 0)
			return false;
		if (a->batch != NULL && memchr(got.p, '\0', got.n) != NULL)
			refused(a, "[CANNOT] a message with a NUL cannot be kept");
		if (a->batch != NULL &&
		    (e = store_append_write(a->batch, got.p, got.n)) != STORE_OK)
			failed(a, e);
		n -= got.n;
		buf_drop(&s->in, got.n);
	}
	return true;
}

static bool take_options(struct parse *p, struct flag_list *flags, int64_t *date)
{
	*flags = (struct flag_list){ 0 };
	*date = INT64_MIN;
	if (parse_at(p, '(') && (!parse_flags(p, flags) || !parse_sp(p)))
		return false;
	return !parse_at(p, '"') || (parse_date_time(p, date) && parse_sp(p));
}

/* Announces a literal of that size to the store, or finds a reason not to. */
static void begin_message(
    struct session *s, struct append *a, const struct flag_list *flags, int64_t date, uint64_t n)
{
	enum store_error e;

	if (a->batch == NULL)
		return;
	if (n == 0) { /* RFC 3502 6.3.11 */
		refused(a, "without a message the command is cancelled");
		return;
	}
	if (n > s->literal_max)
		e = STORE_TOOBIG;
	else
		e = store_append_message(
		    a->batch, flags->flags, flags->keywords, flags->nkeywords, date);
	if (e != STORE_OK)
		failed(a, e);
}

/*
 * One message and the line behind it. False when the command is over: p->error says why, or a has
 * the error, or the client has gone.
 */
static bool take_message(struct session *s, struct parse *p, struct append *a)
{
	struct flag_list flags;
	int64_t date;
	uint64_t n;
	bool sync;

	if (!take_options(p, &flags, &date))
		return false;
	if (!parse_literal_head(p, &n, &sync))
		return false;
	begin_message(s, a, &flags, date, n);
	/* What is on its way is read, within reason; what is not need not come. */
	if (a->batch == NULL && sync)
		return false;
	if (n > s->literal_max && n > LIMIT_SKIP) {
		s->end = END_REFUSED;
		return false;
	}
	io_go_ahead(s, sync);
	if (!take_content(s, a, n))
		return false;
	buf_reset(&s->cmd);
	if (io_line(s) != 1)
		return s->end == END_NONE && parse_fail(p, "command is too long");
	p->p = s->cmd.p;
	p->end = s->cmd.p + s->cmd.n;
	return true;
}

static void commit(struct session *s, struct append *a, struct str mailbox)
{
	struct store_added added;
	enum store_error e = store_append_commit(a->batch, &added);
	char text[100];

	if (e != STORE_OK) {
		reply_store(s, e, "[TRYCREATE]");
		return;
	}
	sync_tell_name(s, mailbox);
	sync_view(s, true);
	if (added.n == 1)
		snprintf(text, sizeof text, "[APPENDUID %u %u] APPEND completed", added.uidvalidity,
		    added.first);
	else
		snprintf(text, sizeof text, "[APPENDUID %u %u:%u] APPEND completed",
		    added.uidvalidity, added.first, added.first + added.n - 1);
	reply_ok(s, text);
}

void cmd_append(struct session *s, struct parse *p)
{
	struct append a = { 0 };
	struct str mailbox;
	enum store_error e;

	if (!parse_sp(p) || !parse_mailbox(p, &mailbox) || !parse_sp(p)) {
		reply_parse(s, p);
		return;
	}
	e = store_append_begin(s->store, mailbox, &a.batch);
	if (e != STORE_OK) {
		a.batch = NULL;
		a.error = e;
	}
	do {
		if (!take_message(s, p, &a))
			break;
	} while (parse_skip(p, ' '));
	if (a.batch != NULL && s->end == END_NONE && p->error == NULL && parse_end(p)) {
		commit(s, &a, mailbox);
		return;
	}
	store_append_abort(a.batch);
	if (p->error != NULL)
		reply_parse(s, p);
	else if (a.refused != NULL)
		reply_no(s, a.refused);
	else if (a.error != STORE_OK)
		reply_store(s, a.error, "[TRYCREATE]");
}
