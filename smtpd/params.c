/* The parameters of MAIL and RCPT. See params.h. */
#include "params.h"

#include <string.h>
#include <time.h>

#include "mail/date.h"
#include "mail/utf8.h"
#include "mail/xtext.h"

struct param {
	struct str name;
	bool has_value;
	const char *expect; /* for the reply when set() says no */
	bool (*set)(struct transaction *t, struct str value);
	unsigned needs; /* one of PARAMS_..., or 0 */
};

/* --- MAIL ------------------------------------------------------------------------------------- */

static bool set_size(struct transaction *t, struct str value)
{
	return value.n <= 20 && str_u64(value, INT64_MAX, &t->size) == 0;
}

static bool set_body(struct transaction *t, struct str value)
{
	t->envelope.eightbit = str_caseeq(value, STR("8BITMIME"));
	return t->envelope.eightbit || str_caseeq(value, STR("7BIT"));
}

static bool set_utf8(struct transaction *t, struct str value)
{
	(void)value;
	t->envelope.utf8 = true;
	return true;
}

static bool set_ret(struct transaction *t, struct str value)
{
	if (str_caseeq(value, STR("FULL")))
		t->envelope.ret = RET_FULL;
	else if (str_caseeq(value, STR("HDRS")))
		t->envelope.ret = RET_HDRS;
	return t->envelope.ret != RET_UNSET;
}

static bool set_envid(struct transaction *t, struct str value)
{
	char id[ENVID_MAX];
	size_t n;

	if (xtext_decode(value, false, id, sizeof id, &n) == -1 || n == 0)
		return false;
	t->envelope.envid = arena_str(&t->arena, str_bytes(id, n));
	return true;
}

/* RFC 4865 4: one of the two. Whether it is too late, cmd_mail() knows. */
static bool set_holdfor(struct transaction *t, struct str value)
{
	uint64_t n;

	if (t->envelope.release != 0 || value.n > 9 || str_u64(value, 999999999, &n) == -1 ||
	    n == 0)
		return false;
	t->envelope.hold_for = (uint32_t)n;
	t->envelope.release = time(NULL) + 1 + (int64_t)n; /* a second late rather than early */
	return true;
}

static bool set_holduntil(struct transaction *t, struct str value)
{
	int64_t at;

	if (t->envelope.release != 0 || date_parse(value, &at) == -1 || at <= time(NULL))
		return false;
	t->envelope.release = at;
	return true;
}

static bool set_requiretls(struct transaction *t, struct str value)
{
	(void)value;
	t->envelope.tls = TLS_REQUIRED;
	return true;
}

/* RFC 4954 5: who has submitted it first, for all the client knows. What it is we know by its login. */
static bool set_auth(struct transaction *t, struct str value)
{
	char who[ADDRESS_MAX];
	size_t n;

	(void)t;
	return str_eq(value, STR("<>")) ||
	       (xtext_decode(value, false, who, sizeof who, &n) == 0 && n > 0);
}

static const struct param mail_params[] = {
	{ STR("SIZE"), true, "a number of bytes", set_size },
	{ STR("BODY"), true, "7BIT or 8BITMIME", set_body },
	{ STR("SMTPUTF8"), false, "no value", set_utf8 },
	{ STR("RET"), true, "FULL or HDRS", set_ret },
	{ STR("ENVID"), true, "up to 100 characters as xtext", set_envid },
	{ STR("HOLDFOR"), true, "seconds, and no HOLDUNTIL beside it", set_holdfor,
	    PARAMS_RELEASE },
	{ STR("HOLDUNTIL"), true, "a date and time to come, and no HOLDFOR beside it",
	    set_holduntil, PARAMS_RELEASE },
	{ STR("REQUIRETLS"), false, "no value", set_requiretls, PARAMS_REQUIRETLS },
	{ STR("AUTH"), true, "an address as xtext, or <>", set_auth, PARAMS_AUTH },
	{ .set = NULL },
};

/* --- RCPT ------------------------------------------------------------------------------------- */

static bool set_notify(struct transaction *t, struct str value)
{
	static const struct {
		struct str word;
		uint8_t bit;
	} words[] = { { STR("NEVER"), NOTIFY_NEVER }, { STR("SUCCESS"), NOTIFY_SUCCESS },
		{ STR("FAILURE"), NOTIFY_FAILURE }, { STR("DELAY"), NOTIFY_DELAY } };
	struct str word;

	while (str_cut(&value, ',', &word)) {
		uint8_t bit = 0;

		for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
			if (str_caseeq(word, words[i].word))
				bit = words[i].bit;
		}
		if (bit == 0)
			return false;
		t->asked.notify |= bit;
	}
	return (t->asked.notify & NOTIFY_NEVER) == 0 || t->asked.notify == NOTIFY_NEVER;
}

static bool type_valid(struct str type)
{
	for (size_t i = 0; i < type.n; i++) {
		if (!ascii_alpha(type.p[i]) && !ascii_digit(type.p[i]) && type.p[i] != '-')
			return false;
	}
	return type.n > 0 && type.n <= 30;
}

/* "rfc822;user+2Bx@example.org"; kept with its xtext decoded. UTF-8 as in RFC 6533. */
static bool set_orcpt(struct transaction *t, struct str value)
{
	ssize_t semi = str_find(value, ';');
	char *out = t->asked_orcpt;
	size_t n;

	if (semi == -1 || !type_valid(str_take(value, (size_t)semi)))
		return false;
	memcpy(out, value.p, (size_t)semi + 1);
	if (xtext_decode(str_skip(value, (size_t)semi + 1), t->envelope.utf8, out + semi + 1,
		ORCPT_MAX - (size_t)semi - 1, &n) == -1 ||
	    n == 0)
		return false;
	t->asked.orcpt = str_bytes(out, (size_t)semi + 1 + n);
	return utf8_valid(t->asked.orcpt);
}

static const struct param rcpt_params[] = {
	{ STR("NOTIFY"), true, "NEVER, or SUCCESS, FAILURE and DELAY", set_notify },
	{ STR("ORCPT"), true, "a type, a semicolon, and an address as xtext", set_orcpt },
	{ .set = NULL },
};

/* --- both ------------------------------------------------------------------------------------- */

struct reading {
	const struct param *table;
	struct transaction *t;
	unsigned offered; /* PARAMS_... */
	unsigned seen; /* bits of rows */
};

static int set_one(struct reading *r, struct str word, struct status *st)
{
	ssize_t eq = str_find(word, '=');
	struct str name = eq == -1 ? word : str_take(word, (size_t)eq);
	struct str value = eq == -1 ? STR_NONE : str_skip(word, (size_t)eq + 1);

	for (unsigned i = 0; r->table[i].set != NULL; i++) {
		const struct param *p = &r->table[i];

		if (!str_caseeq(name, p->name) || (p->needs & ~r->offered) != 0)
			continue;
		if ((r->seen & 1u << i) != 0)
			return status_set(
			    st, 501, "5.5.4", "%.*s is given twice", STR_ARG(p->name));
		r->seen |= 1u << i;
		if (p->has_value != (eq != -1) || !p->set(r->t, value))
			return status_set(
			    st, 501, "5.5.4", "%.*s takes %s", STR_ARG(p->name), p->expect);
		return 0;
	}
	return status_set(st, 555, "5.5.4", "unknown parameter %.*s", STR_ARG(str_take(name, 40)));
}

static int set_all(struct reading *r, struct str text, struct status *st)
{
	struct str word;

	while (str_word(&text, &word)) {
		if (set_one(r, word, st) == -1)
			return -1;
	}
	return 0;
}

int params_mail(struct transaction *t, struct str text, unsigned offered, struct status *st)
{
	struct reading r = { .table = mail_params, .t = t, .offered = offered };

	return set_all(&r, text, st);
}

int params_rcpt(struct transaction *t, struct str text, struct status *st)
{
	struct reading r = { .table = rcpt_params, .t = t };

	return set_all(&r, text, st);
}
