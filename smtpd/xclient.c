/* The arguments of XCLIENT. See xclient.h. */
#include "xclient.h"

#include "mail/xtext.h"

/* No value is kept for "[UNAVAILABLE]" and "[TEMPUNAVAIL]". */
static struct str known(struct str value)
{
	bool none =
	    str_caseeq(value, STR("[UNAVAILABLE]")) || str_caseeq(value, STR("[TEMPUNAVAIL]"));

	return none ? STR_NONE : value;
}

static int set_addr(struct xclient *x, struct str value)
{
	return value.n == 0 ? 0 : ip_parse(value, &x->ip);
}

static int set_helo(struct xclient *x, struct str value)
{
	return str_copy(value, x->helo, sizeof x->helo);
}

static int set_login(struct xclient *x, struct str value)
{
	return str_copy(value, x->login, sizeof x->login);
}

static int set_proto(struct xclient *x, struct str value)
{
	(void)x;
	return str_caseeq(value, STR("SMTP")) || str_caseeq(value, STR("ESMTP")) ||
		       str_caseeq(value, STR("LMTP"))
		   ? 0
		   : -1;
}

/* Names and ports are taken and not used: no rule of ours trusts what a proxy looked up. */
static int set_nothing(struct xclient *x, struct str value)
{
	(void)x;
	(void)value;
	return 0;
}

static const struct {
	struct str name;
	int (*set)(struct xclient *x, struct str value);
} attributes[] = {
	{ STR("ADDR"), set_addr },
	{ STR("HELO"), set_helo },
	{ STR("LOGIN"), set_login },
	{ STR("PROTO"), set_proto },
	{ STR("NAME"), set_nothing },
	{ STR("REVERSE_NAME"), set_nothing },
	{ STR("PORT"), set_nothing },
	{ STR("DESTADDR"), set_nothing },
	{ STR("DESTPORT"), set_nothing },
};

static int set(struct xclient *x, struct str name, struct str value, const char **why)
{
	for (size_t i = 0; i < sizeof attributes / sizeof attributes[0]; i++) {
		if (!str_caseeq(name, attributes[i].name))
			continue;
		*why = "bad value of an attribute";
		return attributes[i].set(x, known(value));
	}
	*why = "unknown attribute";
	return -1;
}

int xclient_parse(struct str args, struct xclient *x, const char **why)
{
	struct str word;

	*x = (struct xclient){ 0 };
	*why = "no attribute";
	if (args.n == 0)
		return -1;
	while (str_word(&args, &word)) {
		char value[512];
		struct str name = word;
		ssize_t eq = str_find(word, '=');
		size_t n;

		*why = "an attribute without a value";
		if (eq == -1)
			return -1;
		name = str_take(word, (size_t)eq);
		*why = "bad encoding of a value";
		if (xtext_decode(str_skip(word, (size_t)eq + 1), false, value, sizeof value, &n) ==
		    -1)
			return -1;
		if (set(x, name, str_bytes(value, n), why) == -1)
			return -1;
	}
	return 0;
}
