/* thurn user import and export: many accounts at once. */
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "proto/types.h"
#include "table/build.h"
#include "user.h"

enum { LINE_SIZE = 8 * 1024, COLUMNS_MAX = 32, LIST_SIZE = SENDERS_TEXT_MAX + 1 };

/* --- lines of address and password ----------------------------------------------------------- */

static int add_line(struct account_batch *b, const struct user_options *o, const char *line)
{
	char address[LINE_SIZE];
	struct account_change c = o->change;
	size_t n = strcspn(line, " \t");

	if (line[0] == '\0' || line[0] == '#')
		return 0;
	memcpy(address, line, n);
	address[n] = '\0';
	line += n;
	line += strspn(line, " \t");
	if (*line == '\0') {
		account_report(b, address, EX_DATAERR, STR("the line has no password"));
		return 0;
	}
	c.address = str_of(address);
	c.password = str_of(line);
	return account_request(b, AUTH_CTL_ADD, address, &c);
}

/* Each line of a file; an exit status, or -1. */
static int each_line(const char *path, struct account_batch *b,
    int (*fn)(struct account_batch *b, const struct user_options *o, const char *line),
    const struct user_options *o)
{
	FILE *fp = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	char line[LINE_SIZE];
	int r = 0;

	if (fp == NULL)
		return tool_fail(EX_NOINPUT, "%s: %s", path, strerror(errno));
	while (r == 0 && password_line(fp, line, sizeof line) == 0)
		r = fn(b, o, line);
	if (r == 0 && !feof(fp))
		r = tool_fail(EX_DATAERR, "%s: a line is too long", path);
	explicit_bzero(line, sizeof line);
	if (fp != stdin)
		fclose(fp);
	return r;
}

int user_add_lines(struct account_batch *b, const struct user_options *o)
{
	return each_line(o->import, b, add_line, o);
}

/* --- CSV (RFC 4180; a field holds no line end) ------------------------------------------------ */

struct row {
	char space[LINE_SIZE];
	const char *fields[COLUMNS_MAX];
	unsigned n;
};

/* -1: an unfinished quote, or too many columns. */
static int split(const char *line, struct row *r)
{
	char *to = r->space;

	for (r->n = 0; r->n < COLUMNS_MAX; line++) {
		r->fields[r->n++] = to;
		if (*line == '"') {
			for (line++; *line != '"' || line[1] == '"'; line++) {
				if (*line == '\0')
					return -1;
				if (*line == '"')
					line++;
				*to++ = *line;
			}
			line++;
		} else {
			while (*line != ',' && *line != '\0')
				*to++ = *line++;
		}
		*to++ = '\0';
		if (*line == '\0')
			return 0;
		if (*line != ',')
			return -1;
	}
	return -1;
}

/* Each takes its field into the change; -1 = it is none of those. */
static int col_address(struct account_change *c, const char *text)
{
	c->address = str_of(text);
	return *text == '\0' ? -1 : 0;
}

static int col_password(struct account_change *c, const char *text)
{
	c->password = str_of(text);
	return *text == '\0' ? -1 : 0;
}

static int col_quota(struct account_change *c, const char *text)
{
	int64_t n = 0;

	if (*text != '\0' && (setting_number(SET_SIZE, str_of(text), &n) == -1 || n < 0))
		return -1;
	c->quota = (uint64_t)n;
	c->fields |= CHANGE_QUOTA;
	return 0;
}

static int count(const char *text, uint32_t *out)
{
	uint64_t n = 0;

	if (*text != '\0' && str_u64(str_of(text), INT32_MAX, &n) == -1)
		return -1;
	*out = (uint32_t)n;
	return 0;
}

static int col_per_hour(struct account_change *c, const char *text)
{
	c->fields |= CHANGE_PER_HOUR;
	return count(text, &c->per_hour);
}

static int col_per_day(struct account_change *c, const char *text)
{
	c->fields |= CHANGE_PER_DAY;
	return count(text, &c->per_day);
}

static int col_senders(struct account_change *c, const char *text)
{
	c->fields |= CHANGE_SENDERS;
	c->text = str_of(text);
	return 0;
}

/* 1, 0, and -1 for what is neither; "on" and "off" are the words of thurn user set. */
static int yes_or_no(const char *text)
{
	if (strcmp(text, "yes") == 0 || strcmp(text, "on") == 0)
		return 1;
	return strcmp(text, "no") == 0 || strcmp(text, "off") == 0 ? 0 : -1;
}

/* "yes" or empty leave it open, "no" closes it. */
static int closed(struct account_change *c, uint32_t flag, const char *text)
{
	int open = *text == '\0' ? 1 : yes_or_no(text);

	if (open == 0)
		c->flags |= flag;
	return open == -1 ? -1 : 0;
}

static int col_enabled(struct account_change *c, const char *text)
{
	return closed(c, ACCOUNT_DISABLED, text);
}

static int col_smtp(struct account_change *c, const char *text)
{
	return closed(c, ACCOUNT_NO_SMTP, text);
}

static int col_imap(struct account_change *c, const char *text)
{
	return closed(c, ACCOUNT_NO_IMAP, text);
}

static int col_certificate(struct account_change *c, const char *text)
{
	int may = *text == '\0' ? 0 : yes_or_no(text);

	if (may == 1)
		c->flags |= ACCOUNT_CERTIFICATE;
	return may == -1 ? -1 : 0;
}

static const struct column {
	const char *name;
	int (*take)(struct account_change *c, const char *text);
	const char *wants;
} columns[] = {
	{ "address", col_address, "user@domain" },
	{ "password", col_password, "a password, or {CRYPT} and a hash" },
	{ "quota", col_quota, "a size, such as 500M" },
	{ "recipients_per_hour", col_per_hour, "a number" },
	{ "recipients_per_day", col_per_day, "a number" },
	{ "send_as", col_senders, "addresses" },
	{ "enabled", col_enabled, "yes or no" },
	{ "smtp", col_smtp, "yes or no" },
	{ "imap", col_imap, "yes or no" },
	{ "certificate", col_certificate, "yes or no" },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static const struct column *heads[COLUMNS_MAX];
static unsigned nheads, line_number;

static int read_heads(const struct row *r)
{
	bool address = false, password = false;

	for (unsigned i = 0; i < r->n; i++) {
		heads[i] = NULL;
		for (size_t k = 0; k < COLUMNS; k++)
			if (strcmp(r->fields[i], columns[k].name) == 0)
				heads[i] = &columns[k];
		if (heads[i] == NULL)
			return tool_fail(
			    EX_DATAERR, "line 1: there is no column \"%s\"", r->fields[i]);
		address = address || heads[i]->take == col_address;
		password = password || heads[i]->take == col_password;
	}
	nheads = r->n;
	return address && password
		   ? 0
		   : tool_fail(EX_DATAERR, "line 1: the columns address and password are needed");
}

static int import_line(struct account_batch *b, const struct user_options *o, const char *line)
{
	static struct row row;
	struct account_change c = o->change;
	char where[64], why[128];

	line_number++;
	if (line[0] == '\0')
		return 0;
	(void)snprintf(where, sizeof where, "line %u", line_number);
	if (split(line, &row) == -1) {
		account_report(b, where, EX_DATAERR, STR("that is no line of CSV"));
		return 0;
	}
	if (nheads == 0)
		return read_heads(&row);
	if (row.n != nheads) {
		account_report(b, where, EX_DATAERR, STR("it has not as many fields as the first"));
		return 0;
	}
	for (unsigned i = 0; i < nheads; i++)
		if (heads[i]->take(&c, row.fields[i]) == -1) {
			(void)snprintf(why, sizeof why, "its %s has to be %s", heads[i]->name,
			    heads[i]->wants);
			account_report(b, where, EX_DATAERR, str_of(why));
			return 0;
		}
	c.dry = o->dry;
	return account_request(b, AUTH_CTL_ADD, c.address.p, &c);
}

int user_import(const char *path, const struct user_options *o)
{
	struct account_batch b;
	int r = account_begin(&b, o->json);

	if (r != 0)
		return r;
	nheads = line_number = 0;
	return account_end(&b, each_line(path, &b, import_line, o));
}

/* --- export ---------------------------------------------------------------------------------- */

static void print_field(const char *text)
{
	if (strpbrk(text, ",\"") == NULL) {
		fputs(text, stdout);
		return;
	}
	putchar('"');
	for (; *text != '\0'; text++) {
		if (*text == '"')
			putchar('"');
		putchar(*text);
	}
	putchar('"');
}

static const char *yes(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key)) ? "yes" : "no";
}

static void print_csv(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL), *senders = json_object_get(o, "send_as"),
	       *w;
	char list[LIST_SIZE] = "";
	size_t i, n = 0;

	(void)arg;
	(void)m;
	json_array_foreach(senders, i, w) n += (size_t)snprintf(
	    list + n, sizeof list - n, "%s%s", i == 0 ? "" : " ", json_string_value(w));
	print_field(json_string_value(json_object_get(o, "address")));
	fputs(",{CRYPT}", stdout);
	print_field(json_string_value(json_object_get(o, "hash")));
	printf(",%lld,%lld,%lld,", (long long)json_integer_value(json_object_get(o, "quota")),
	    (long long)json_integer_value(json_object_get(o, "recipients_per_hour")),
	    (long long)json_integer_value(json_object_get(o, "recipients_per_day")));
	print_field(list);
	printf(",%s,%s,%s,%s\n", yes(o, "enabled"), yes(o, "smtp"), yes(o, "imap"),
	    yes(o, "certificate"));
	json_decref(o);
}

struct table_export {
	struct table_build *build;
	char why[TABLE_WHY];
	bool bad;
};

static void put_entry(void *arg, struct str json, struct ipc_msg *m)
{
	struct table_export *t = arg;
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	struct str address = str_of(json_string_value(json_object_get(o, "address")));
	struct str home = str_of(json_string_value(json_object_get(o, "home")));

	(void)m;
	if (!t->bad && table_build_put(t->build, address, home, true, t->why) == -1)
		t->bad = true;
	json_decref(o);
}

static int export_table(const char *spec)
{
	struct table_export t = { 0 };
	struct str path = str_of(spec), type;
	int r;

	if (!str_cut(&path, ':', &type) || path.n == 0)
		return user_usage();
	t.build = table_build_new(type, path.p, 0, t.why);
	if (t.build == NULL)
		return tool_fail(EX_CANTCREAT, "%s: %s", spec, t.why);
	r = account_list("accounts", "", false, put_entry, &t);
	if (r != 0 || t.bad)
		table_build_abort(t.build);
	else
		t.bad = table_build_commit(t.build, 0644, t.why) == -1;
	return t.bad ? tool_fail(EX_CANTCREAT, "%s: %s", spec, t.why) : r;
}

int user_export(const struct user_options *o)
{
	if (o->table != NULL)
		return export_table(o->table);
	if (o->json)
		return account_list("accounts", "", true, NULL, NULL);
	for (size_t i = 0; i < COLUMNS; i++)
		printf("%s%s", i == 0 ? "" : ",", columns[i].name);
	putchar('\n');
	return account_list("accounts", "", true, print_csv, NULL);
}
