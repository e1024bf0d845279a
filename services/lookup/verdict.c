/* What a rule of access(5) says. See verdict.h. */
#include "verdict.h"

#include <stdio.h>
#include <string.h>

#include "mail/address.h"
#include "nexthop.h"
#include "proto/lookup.h"

/* "4.7.1 text": the enhanced code, if it fits the reply code. */
static struct str cut_enhanced(struct str text, int code, char out[STATUS_ENHANCED_MAX])
{
	struct str rest = text, word, part, dots;
	uint64_t number;
	int parts = 0;

	str_word(&rest, &word);
	dots = word;
	while (str_cut(&dots, '.', &part)) {
		if (str_u64(part, parts == 0 ? 5 : 999, &number) == -1)
			return text;
		if (parts++ == 0 && (int)number != code / 100)
			return text;
	}
	if (parts != 3 || str_copy(word, out, STATUS_ENHANCED_MAX) == -1)
		return text;
	return str_trim(rest);
}

static void refuse(struct verdict *v, enum verdict_kind kind, int code, const char *enhanced,
    const char *sentence, struct str text)
{
	char given[STATUS_ENHANCED_MAX];

	snprintf(given, sizeof given, "%s", enhanced);
	text = cut_enhanced(str_trim(text), code, given);
	v->kind = kind;
	if (text.n == 0)
		status_set(&v->status, code, given, "%s", sentence);
	else
		status_set(&v->status, code, given, "%.*s", STR_ARG(str_take(text, 400)));
}

static void on_ok(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)r;
	(void)text;
	(void)subject;
	v->kind = VERDICT_OK;
}

static void on_dunno(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)r;
	(void)text;
	(void)subject;
	(void)v;
}

static void on_reject(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)r;
	(void)subject;
	refuse(v, VERDICT_REFUSE, 554, "5.7.1", "Access denied", text);
}

static void on_defer(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)r;
	(void)subject;
	refuse(v, VERDICT_REFUSE, 450, "4.7.1", "Access denied for now, try again later", text);
}

static void on_defer_if_permit(
    struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)r;
	(void)subject;
	refuse(v, VERDICT_DEFER_IF_PERMIT, 450, "4.7.1", "Access denied for now, try again later",
	    text);
}

static void on_defer_if_reject(
    struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)r;
	(void)subject;
	refuse(v, VERDICT_DEFER_IF_REJECT, 450, "4.7.1", "Access denied for now, try again later",
	    text);
}

static void on_info(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	log_info(&r->tag, EV("access-info"), KS("rule", v->rule), KS("about", subject),
	    KS("text", text));
}

static void on_warn(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	log_warning(&r->tag, EV("access-warning"), KS("rule", v->rule), KS("about", subject),
	    KS("text", text));
}

/* --- what is done with the message ------------------------------------------------------------ */

/* What we do not know, we must not guess. */
static void misunderstood(struct run *r, struct str text, struct verdict *v)
{
	log_error(&r->tag, EV("access-action-unknown"), KS("rule", v->rule), KS("action", text));
	v->kind = VERDICT_REFUSE;
	status_set(&v->status, 451, "4.3.5", "Server configuration error, try again later");
}

static void act(struct verdict *v, enum action_kind kind, struct str value)
{
	v->acts = true;
	v->action = (struct action){ .kind = (uint8_t)kind, .value = value, .rule = v->rule };
}

static void on_hold(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)r;
	(void)subject;
	act(v, ACTION_HOLD, str_take(text, ACTION_VALUE_MAX));
}

static void on_discard(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)r;
	(void)subject;
	act(v, ACTION_DISCARD, str_take(text, ACTION_VALUE_MAX));
}

/* The address of REDIRECT and BCC; one without a domain gets ours. */
static void act_address(struct run *r, enum action_kind kind, struct str text, struct verdict *v)
{
	struct address a;

	if (address_parse(text, ADDRESS_UTF8 | ADDRESS_BARE, &a) != ADDRESS_OK)
		misunderstood(r, text, v);
	else
		act(v, kind,
		    a.domain.n > 0 ? arena_str(r->arena, a.text)
				   : run_join(r, a.text, r->policy->origin));
}

static void on_redirect(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)subject;
	act_address(r, ACTION_REDIRECT, text, v);
}

static void on_bcc(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)subject;
	act_address(r, ACTION_BCC, text, v);
}

/* Anything that a transport table may say, but a mailbox: whose would that be? */
static void on_filter(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	struct nexthop hop;

	(void)subject;
	if (nexthop_parse(text, &hop) == -1 || hop.transport == NEXTHOP_DEFAULT ||
	    hop.transport == TRANSPORT_MAILDIR || text.n > ACTION_VALUE_MAX)
		misunderstood(r, text, v);
	else
		act(v, ACTION_FILTER, text);
}

static void on_prepend(struct run *r, struct str text, struct str subject, struct verdict *v)
{
	(void)subject;
	if (action_is_field(text))
		act(v, ACTION_PREPEND, text);
	else
		misunderstood(r, text, v);
}

/* --- the whole -------------------------------------------------------------------------------- */

struct row {
	const char *name;
	void (*fn)(struct run *r, struct str text, struct str subject, struct verdict *v);
};
static const struct row rows[] = { { "OK", on_ok }, { "PERMIT", on_ok }, { "DUNNO", on_dunno },
	{ "REJECT", on_reject }, { "DEFER", on_defer }, { "DEFER_IF_PERMIT", on_defer_if_permit },
	{ "DEFER_IF_REJECT", on_defer_if_reject }, { "INFO", on_info }, { "WARN", on_warn },
	{ "HOLD", on_hold }, { "DISCARD", on_discard }, { "REDIRECT", on_redirect },
	{ "BCC", on_bcc }, { "FILTER", on_filter }, { "PREPEND", on_prepend } };

/* "550 text", "450 4.2.0 text". False when the word is no such code. */
static bool reply_code(struct str word, struct str text, struct verdict *v)
{
	uint64_t code;

	if (word.n != 3 || (word.p[0] != '4' && word.p[0] != '5') ||
	    str_u64(word, 599, &code) == -1)
		return false;
	refuse(v, VERDICT_REFUSE, (int)code, code < 500 ? "4.7.1" : "5.7.1", "Access denied", text);
	return true;
}

void verdict_read(
    struct run *r, struct str text, struct str rule, struct str subject, struct verdict *v)
{
	struct str rest = text, word;
	uint64_t number;

	*v = (struct verdict){ .kind = VERDICT_NONE, .rule = rule };
	str_word(&rest, &word);
	rest = str_trim(rest);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (str_caseeq(word, str_of(rows[i].name))) {
			rows[i].fn(r, rest, subject, v);
			return;
		}
	}
	if (reply_code(word, rest, v))
		return;
	if (rest.n == 0 && str_u64(word, UINT64_MAX, &number) == 0) {
		v->kind = VERDICT_OK;
		return;
	}
	misunderstood(r, text, v);
}
