/* The texts of MTA-STS. See sts.h. */
#include "sts.h"

#include "net/dns.h"

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct str trim(struct str s)
{
	while (s.n > 0 && blank(s.p[0]))
		s = str_skip(s, 1);
	while (s.n > 0 && blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

static bool alnum(char c)
{
	return ascii_alpha(c) || ascii_digit(c);
}

/* 1*32 of letters, digits and, but for the first one, what else may be in a name */
static bool valid_name(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]) &&
		    (i == 0 || (s.p[i] != '_' && s.p[i] != '-' && s.p[i] != '.')))
			return false;
	return s.n > 0 && s.n <= 32;
}

/* --- the record ------------------------------------------------------------------------------- */

static bool valid_id(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!alnum(s.p[i]))
			return false;
	return s.n > 0 && s.n <= STS_ID_MAX;
}

static bool valid_extension(struct str name, struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] <= ' ' || value.p[i] > '~' || value.p[i] == '=' || value.p[i] == ';')
			return false;
	return valid_name(name) && value.n > 0;
}

int sts_record(struct str text, struct str *id)
{
	struct str rest = text, field, name;

	*id = STR_NONE;
	if (!str_cut(&rest, ';', &field) || rest.p == NULL || !str_eq(trim(field), STR("v=STSv1")) ||
	    field.p[0] != 'v')
		return 0;
	while (str_cut(&rest, ';', &field)) {
		field = trim(field);
		if (field.n == 0 && rest.p == NULL)
			break; /* behind the last semicolon */
		if (!str_cut(&field, '=', &name) || field.p == NULL)
			return -1;
		if (str_eq(name, STR("id"))) {
			if (id->n > 0 || !valid_id(field))
				return -1;
			*id = field;
		} else if (!valid_extension(name, field)) {
			return -1;
		}
	}
	return id->n > 0 ? 1 : -1;
}

/* --- the policy ------------------------------------------------------------------------------- */

struct reading {
	struct sts_policy *p;
	bool version, mode, age;
	const char *why;
};

static int set_version(struct reading *r, struct str value)
{
	if (r->version)
		return 0; /* 3.2: of what is said twice, the first counts */
	r->version = str_eq(value, STR("STSv1"));
	r->why = "its version is not STSv1";
	return r->version ? 0 : -1;
}

static int set_mode(struct reading *r, struct str value)
{
	if (r->mode)
		return 0;
	for (uint8_t m = 0; m < STS_MODES; m++)
		if (str_eq(value, str_of(sts_mode_name(m)))) {
			r->p->mode = m;
			r->mode = true;
		}
	r->why = "its mode is not known";
	return r->mode ? 0 : -1;
}

static int set_age(struct reading *r, struct str value)
{
	uint64_t n;

	if (r->age)
		return 0;
	r->why = "its max_age is not a number";
	if (value.n > 10 || str_u64(value, UINT64_MAX, &n) == -1)
		return -1;
	r->p->max_age = n < STS_AGE_MAX ? (uint32_t)n : STS_AGE_MAX;
	r->age = true;
	return 0;
}

static bool valid_host(struct str pattern)
{
	if (str_starts(pattern, STR("*.")))
		pattern = str_skip(pattern, 2);
	return dns_name_valid(pattern) && str_find(pattern, '/') == -1 && !str_eq(pattern, STR("."));
}

static int add_host(struct reading *r, struct str value)
{
	r->why = "one of its mx lines has no host";
	if (!valid_host(value))
		return -1;
	r->why = "it has too many mx lines";
	return ++r->p->nhosts <= STS_HOSTS_MAX ? 0 : -1;
}

static const struct field {
	struct str name;
	int (*set)(struct reading *r, struct str value);
} fields[] = {
	{ { "version", 7 }, set_version },
	{ { "mode", 4 }, set_mode },
	{ { "max_age", 7 }, set_age },
	{ { "mx", 2 }, add_host },
};

/* The next line that is not empty, without its end; a bare CR is part of a line. */
static bool next_line(struct str *rest, struct str *line)
{
	while (str_cut(rest, '\n', line)) {
		if (line->n > 0 && line->p[line->n - 1] == '\r')
			line->n--;
		*line = trim(*line);
		if (line->n > 0)
			return true;
	}
	return false;
}

static int split(struct str line, struct str *name, struct str *value)
{
	*value = line;
	if (!str_cut(value, ':', name) || value->p == NULL)
		return -1;
	*name = trim(*name);
	*value = trim(*value);
	return 0;
}

/* The value of a field that others may define: printable, and UTF-8 */
static bool valid_value(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 127)
			return false;
	return s.n > 0;
}

static int take_line(struct reading *r, struct str line)
{
	struct str name, value;

	r->why = "one of its lines is not a field";
	if (split(line, &name, &value) == -1 || !valid_name(name) || !valid_value(value))
		return -1;
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (str_eq(name, fields[i].name))
			return fields[i].set(r, value);
	return 0;
}

int sts_parse(struct str text, struct sts_policy *p, const char **why)
{
	struct reading r = { .p = p };
	struct str line;

	*p = (struct sts_policy){ .mode = STS_NONE };
	while (next_line(&text, &line))
		if (take_line(&r, line) == -1) {
			*why = r.why;
			return -1;
		}
	*why = "it has no version, mode or max_age";
	if (!r.version || !r.mode || !r.age)
		return -1;
	*why = "it has no mx line";
	return p->nhosts > 0 || p->mode == STS_NONE ? 0 : -1;
}

bool sts_host(struct str *rest, struct str *pattern)
{
	struct str line, name;

	while (next_line(rest, &line))
		if (split(line, &name, pattern) == 0 && str_eq(name, STR("mx")))
			return true;
	return false;
}

bool sts_names(struct str text, struct str host)
{
	ssize_t dot = str_find(host, '.');
	struct str parent = dot > 0 ? str_skip(host, (size_t)dot + 1) : STR_NONE, pattern;

	while (sts_host(&text, &pattern)) {
		if (str_caseeq(pattern, host))
			return true;
		if (str_starts(pattern, STR("*.")) && parent.n > 0 &&
		    str_caseeq(str_skip(pattern, 2), parent))
			return true;
	}
	return false;
}
