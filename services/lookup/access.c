/* access(5). See access.h. */
#include "access.h"

#include <stdio.h>
#include <string.h>

/* --- actions --------------------------------------------------------------------------------- */

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

struct action {
	const char *name;
	void (*fn)(struct run *r, struct str text, struct str subject, struct verdict *v);
};
static const struct action actions[] = { { "OK", on_ok }, { "PERMIT", on_ok },
	{ "DUNNO", on_dunno }, { "REJECT", on_reject }, { "DEFER", on_defer },
	{ "DEFER_IF_PERMIT", on_defer_if_permit }, { "DEFER_IF_REJECT", on_defer_if_reject },
	{ "INFO", on_info }, { "WARN", on_warn } };

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

void access_action(
    struct run *r, struct str text, struct str rule, struct str subject, struct verdict *v)
{
	struct str rest = text, word;
	uint64_t number;

	*v = (struct verdict){ .kind = VERDICT_NONE, .rule = rule };
	str_word(&rest, &word);
	rest = str_trim(rest);
	for (size_t i = 0; i < sizeof actions / sizeof actions[0]; i++) {
		if (str_caseeq(word, str_of(actions[i].name))) {
			actions[i].fn(r, rest, subject, v);
			return;
		}
	}
	if (reply_code(word, rest, v))
		return;
	if (rest.n == 0 && str_u64(word, UINT64_MAX, &number) == 0) {
		v->kind = VERDICT_OK;
		return;
	}
	/* what we do not know, we must not guess */
	log_error(&r->tag, EV("access-action-unknown"), KS("rule", rule), KS("action", text));
	v->kind = VERDICT_REFUSE;
	status_set(&v->status, 451, "4.3.5", "Server configuration error, try again later");
}

/* --- search order ---------------------------------------------------------------------------- */

/*
 * One key. FOUND when the search is over: a rule was there, whatever it says. *v is set then.
 */
static enum found try(struct run *r, const struct maps *m, struct str key, bool part,
    struct str subject, struct verdict *v)
{
	struct table_answer out;
	enum found f = run_find(r, m, key, part, &out);

	if (f == FOUND)
		access_action(r, out.value, out.rule, subject, v);
	return f;
}

/* A domain, then everything above it: "a.b.c", ".b.c", "b.c", ".c", "c". */
static enum found try_domain(struct run *r, const struct maps *m, struct str domain, bool part,
    struct str subject, struct verdict *v)
{
	enum found f = try(r, m, domain, part, subject, v);
	ssize_t dot;

	if (domain.n > 0 && domain.p[0] == '[')
		return f;
	while (f == FOUND_NONE && (dot = str_find(domain, '.')) != -1) {
		domain = str_skip(domain, (size_t)dot);
		f = try(r, m, domain, true, subject, v);
		domain = str_skip(domain, 1);
		if (f == FOUND_NONE)
			f = try(r, m, domain, true, subject, v);
	}
	return f;
}

enum found access_client(struct run *r, const struct maps *m, struct str client, struct verdict *v)
{
	struct str key = client;
	bool six = str_find(client, ':') != -1;
	enum found f;
	ssize_t cut;

	*v = (struct verdict){ .kind = VERDICT_NONE };
	if (m->n == 0)
		return FOUND_NONE;
	f = try(r, m, client, false, client, v);
	while (f == FOUND_NONE && (cut = str_rfind(key, six ? ':' : '.')) > 0) {
		key = str_take(key, (size_t)cut);
		while (key.n > 0 && key.p[key.n - 1] == ':')
			key.n--;
		if (key.n > 0)
			f = try(r, m, key, true, client, v);
	}
	return f;
}

enum found access_host(struct run *r, const struct maps *m, struct str name, struct verdict *v)
{
	*v = (struct verdict){ .kind = VERDICT_NONE };
	if (m->n == 0 || name.n == 0)
		return FOUND_NONE;
	return try_domain(r, m, run_lower(r, name), false, name, v);
}

enum found access_address(
    struct run *r, const struct maps *m, struct str address, struct verdict *v)
{
	struct parts p;
	enum found f;

	*v = (struct verdict){ .kind = VERDICT_NONE };
	if (m->n == 0)
		return FOUND_NONE;
	if (address.n == 0)
		return try(r, m, STR("<>"), false, STR("<>"), v);
	p = run_parts(r, address);
	f = try(r, m, p.full, false, address, v);
	if (f == FOUND_NONE && p.ext.n > 0)
		f = try(r, m, p.base, true, address, v);
	if (f == FOUND_NONE && p.domain.n > 0)
		f = try_domain(r, m, p.domain, true, address, v);
	if (f == FOUND_NONE)
		f = try(r, m, run_join(r, p.local, STR_NONE), true, address, v);
	if (f == FOUND_NONE && p.ext.n > 0)
		f = try(r, m, run_join(r, p.user, STR_NONE), true, address, v);
	return f;
}

/* --- answers --------------------------------------------------------------------------------- */

void access_unavailable(struct run *r, struct access_answer *a)
{
	status_set(&a->status, 451, "4.3.0", "Temporary lookup failure, try again later");
	a->rule = r->failed_rule;
}

/* What a verdict means where there is no later stage to leave it to. */
static void apply(const struct verdict *v, struct access_answer *a)
{
	if (v->kind == VERDICT_REFUSE || v->kind == VERDICT_DEFER_IF_PERMIT)
		a->status = v->status;
	if (v->kind != VERDICT_NONE)
		a->rule = v->rule;
}

void access_answer_client(struct run *r, const struct access_question *q, struct access_answer *a)
{
	struct verdict v;

	*a = (struct access_answer){ .rule = STR_NONE };
	status_set(&a->status, 250, "2.0.0", "Ok");
	if (access_client(r, &r->policy->client_access, q->client, &v) == FOUND_FAILED) {
		access_unavailable(r, a);
		return;
	}
	a->relay = q->trusted || run_trusted(r->policy, q->client);
	if (a->relay && !q->trusted)
		a->rule = arena_printf(
		    r->arena, "trusted_networks (%.*s)", STR_ARG(r->policy->trusted_where));
	apply(&v, a);
}

void access_answer_mail(struct run *r, const struct access_question *q, struct access_answer *a)
{
	struct verdict v;

	*a = (struct access_answer){ .rule = STR_NONE };
	status_set(&a->status, 250, "2.1.0", "Ok");
	if (access_host(r, &r->policy->helo_access, q->helo, &v) == FOUND_FAILED)
		goto failed;
	apply(&v, a);
	if (!status_good(&a->status))
		return;
	if (access_address(r, &r->policy->sender_access, q->sender, &v) == FOUND_FAILED)
		goto failed;
	apply(&v, a);
	return;
failed:
	access_unavailable(r, a);
}
