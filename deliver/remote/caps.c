/* What a server can do. See caps.h. */
#include "caps.h"

#include "proto/credentials.h"

enum { LIMIT_MAX = 999999 }; /* RFC 9422 section 4: at most six digits */

static void cap_starttls(struct caps *c, struct str args)
{
	(void)args;
	c->starttls = true;
}

static void cap_pipelining(struct caps *c, struct str args)
{
	(void)args;
	c->pipelining = true;
}

static void cap_chunking(struct caps *c, struct str args)
{
	(void)args;
	c->chunking = true;
}

static void cap_8bitmime(struct caps *c, struct str args)
{
	(void)args;
	c->eightbit = true;
}

static void cap_smtputf8(struct caps *c, struct str args)
{
	(void)args;
	c->utf8 = true;
}

static void cap_dsn(struct caps *c, struct str args)
{
	(void)args;
	c->dsn = true;
}

static void cap_requiretls(struct caps *c, struct str args)
{
	(void)args;
	c->requiretls = true;
}

static void cap_auth(struct caps *c, struct str args)
{
	struct str word;
	int m;

	c->auth_offered = true;
	while (str_word(&args, &word)) {
		m = login_mechanism(word);
		if (m != -1)
			c->auth |= 1u << m;
	}
}

static void cap_size(struct caps *c, struct str args)
{
	struct str word;

	c->size = true;
	c->size_limit = 0;
	if (str_word(&args, &word) && str_u64(word, UINT64_MAX, &c->size_limit) == -1)
		c->size_limit = 0;
}

static void cap_limits(struct caps *c, struct str args)
{
	const struct {
		struct str name;
		uint32_t *value;
	} limits[] = {
		{ STR("MAILMAX"), &c->mail_max },
		{ STR("RCPTMAX"), &c->rcpt_max },
		{ STR("RCPTDOMAINMAX"), &c->domain_max },
	};
	struct str word;

	while (str_word(&args, &word)) {
		struct str name;
		uint64_t v;

		if (!str_cut(&word, '=', &name) || word.p == NULL ||
		    str_u64(word, LIMIT_MAX, &v) == -1 || v == 0)
			continue;
		for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++)
			if (str_caseeq(name, limits[i].name))
				*limits[i].value = (uint32_t)v;
	}
}

static const struct {
	const char *keyword;
	void (*fn)(struct caps *c, struct str args);
} keywords[] = {
	{ "STARTTLS", cap_starttls },
	{ "PIPELINING", cap_pipelining },
	{ "CHUNKING", cap_chunking },
	{ "8BITMIME", cap_8bitmime },
	{ "SMTPUTF8", cap_smtputf8 },
	{ "DSN", cap_dsn },
	{ "REQUIRETLS", cap_requiretls },
	{ "AUTH", cap_auth },
	{ "SIZE", cap_size },
	{ "LIMITS", cap_limits },
};

void caps_line(struct caps *c, struct str line)
{
	struct str word, whole = line;

	if (!str_word(&line, &word))
		return;
	/* how it was written before RFC 2554; some do so still, for clients that read nothing else */
	if (str_casestarts(word, STR("AUTH="))) {
		cap_auth(c, str_skip(str_trim(whole), sizeof "AUTH=" - 1));
		return;
	}
	for (size_t i = 0; i < sizeof keywords / sizeof keywords[0]; i++)
		if (str_caseeq(word, str_of(keywords[i].keyword)))
			keywords[i].fn(c, line);
}
