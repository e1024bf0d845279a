/* thurn user: accounts. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "proto/types.h"
#include "user.h"

int user_usage(void)
{
	return tool_usage(
	    "thurn user add [FIELDS] [PASSWORD] ADDRESS...\n"
	    "       thurn user add [FIELDS] --import FILE\n"
	    "       thurn user passwd [PASSWORD] ADDRESS...\n"
	    "       thurn user set FIELDS ADDRESS...\n"
	    "       thurn user disable|enable|delete|undelete ADDRESS...\n"
	    "       thurn user list [--deleted]\n"
	    "       thurn user show ADDRESS\n"
	    "       thurn user log [ADDRESS]\n"
	    "       thurn user undo NUMBER\n"
	    "       thurn user app-password add [--scope smtp,imap] [--days N] ADDRESS NAME\n"
	    "       thurn user app-password delete ADDRESS NAME\n"
	    "       thurn user import [--dry-run] FILE\n"
	    "       thurn user export [--table TYPE:FILE]\n"
	    "FIELDS: --quota SIZE --recipients-per-hour N --recipients-per-day N --send-as LIST\n"
	    "        --smtp on|off --imap on|off --certificate on|off\n"
	    "PASSWORD: --password-file FILE | --password-stdin\n"
	    "each with [--json]");
}

/* --- changes --------------------------------------------------------------------------------- */

static int request_each(
    struct account_batch *b, uint16_t type, int argc, char **argv, const struct user_options *o)
{
	bool wants_password = type == AUTH_CTL_ADD || type == AUTH_CTL_PASSWD;
	char password[PASSWORD_SIZE] = "";
	struct account_change c = o->change;
	int r = 0;

	if (wants_password && o->password_file != NULL &&
	    password_file(o->password_file, password) == -1)
		return EX_NOINPUT;
	for (int i = 0; r == 0 && i < argc; i++) {
		if (wants_password && o->password_file == NULL &&
		    password_prompt(argv[i], true, password) == -1)
			r = EX_NOINPUT;
		c.address = str_of(argv[i]);
		c.password = str_of(password);
		if (r == 0)
			r = account_request(b, type, argv[i], &c);
	}
	explicit_bzero(password, sizeof password);
	return r;
}

static int change(uint16_t type, int argc, char **argv, const struct user_options *o)
{
	struct account_batch b;
	int r;

	if ((argc == 0) == (o->import == NULL) || (o->import != NULL && type != AUTH_CTL_ADD))
		return user_usage();
	r = account_begin(&b, o->json);
	if (r != 0)
		return r;
	r = o->import != NULL ? user_add_lines(&b, o) : request_each(&b, type, argc, argv, o);
	return account_end(&b, r);
}

static int user_add(int argc, char **argv, const struct user_options *o)
{
	return change(AUTH_CTL_ADD, argc, argv, o);
}

static int user_passwd(int argc, char **argv, const struct user_options *o)
{
	return change(AUTH_CTL_PASSWD, argc, argv, o);
}

static int user_set(int argc, char **argv, const struct user_options *o)
{
	const struct account_change *c = &o->change;

	if (c->fields == 0 && c->flags == 0 && c->no_flags == 0)
		return user_usage();
	return change(AUTH_CTL_SET, argc, argv, o);
}

static int set_disabled(int argc, char **argv, const struct user_options *o, bool disabled)
{
	struct user_options with = *o;

	with.change.flags = disabled ? ACCOUNT_DISABLED : 0;
	with.change.no_flags = disabled ? 0 : ACCOUNT_DISABLED;
	return change(AUTH_CTL_SET, argc, argv, &with);
}

static int user_disable(int argc, char **argv, const struct user_options *o)
{
	return set_disabled(argc, argv, o, true);
}

static int user_enable(int argc, char **argv, const struct user_options *o)
{
	return set_disabled(argc, argv, o, false);
}

static int user_delete(int argc, char **argv, const struct user_options *o)
{
	return change(AUTH_CTL_DELETE, argc, argv, o);
}

static int user_undelete(int argc, char **argv, const struct user_options *o)
{
	return change(AUTH_CTL_UNDELETE, argc, argv, o);
}

static int user_undo(int argc, char **argv, const struct user_options *o)
{
	struct account_change c = { 0 };
	uint64_t number;

	if (argc != 1 || str_u64(str_of(argv[0]), UINT32_MAX, &number) == -1)
		return user_usage();
	c.number = (uint32_t)number;
	return account_change(AUTH_CTL_UNDO, o->json, argv[0], &c);
}

static int scopes_of(const char *text, uint8_t *out)
{
	struct str rest = str_of(text), word;

	*out = 0;
	while (str_cut(&rest, ',', &word)) {
		if (str_eq(word, STR("smtp")))
			*out |= SCOPE_SMTP;
		else if (str_eq(word, STR("imap")))
			*out |= SCOPE_IMAP;
		else
			return -1;
	}
	return 0;
}

static int user_app_password(int argc, char **argv, const struct user_options *o)
{
	struct account_change c = o->change;
	uint16_t type = 0;

	if (argc == 3 && strcmp(argv[0], "add") == 0)
		type = AUTH_CTL_APP_ADD;
	else if (argc == 3 && strcmp(argv[0], "delete") == 0)
		type = AUTH_CTL_APP_DELETE;
	if (type == 0 || scopes_of(o->scopes, &c.scopes) == -1)
		return user_usage();
	c.address = str_of(argv[1]);
	c.name = str_of(argv[2]);
	return account_change(type, o->json, argv[1], &c);
}

static int user_import_file(int argc, char **argv, const struct user_options *o)
{
	return argc == 1 ? user_import(argv[0], o) : user_usage();
}

static int user_export_all(int argc, char **argv, const struct user_options *o)
{
	(void)argv;
	return argc == 0 ? user_export(o) : user_usage();
}

static const struct {
	const char *name;
	int (*fn)(int argc, char **argv, const struct user_options *o);
} commands[] = {
	{ "add", user_add },
	{ "passwd", user_passwd },
	{ "set", user_set },
	{ "disable", user_disable },
	{ "enable", user_enable },
	{ "delete", user_delete },
	{ "undelete", user_undelete },
	{ "list", user_list },
	{ "show", user_show },
	{ "log", user_log },
	{ "undo", user_undo },
	{ "app-password", user_app_password },
	{ "import", user_import_file },
	{ "export", user_export_all },
};

/* --- options --------------------------------------------------------------------------------- */

enum { DAY = 24 * 3600 };

static int take_flag(struct account_change *c, uint32_t flag, bool when_on, const char *text)
{
	bool on = strcmp(text, "on") == 0;

	if (!on && strcmp(text, "off") != 0)
		return -1;
	if (on == when_on)
		c->flags |= flag;
	else
		c->no_flags |= flag;
	return 0;
}

static int take_count(struct account_change *c, uint32_t field, uint32_t *out)
{
	uint64_t n;

	if (str_u64(str_of(optarg), INT32_MAX, &n) == -1)
		return -1;
	*out = (uint32_t)n;
	c->fields |= field;
	return 0;
}

static int take_quota(struct account_change *c)
{
	int64_t n;

	if (setting_number(SET_SIZE, str_of(optarg), &n) == -1 || n < 0)
		return -1;
	c->quota = (uint64_t)n;
	c->fields |= CHANGE_QUOTA;
	return 0;
}

/* A list with commas or blanks; blanks are what auth wants. */
static int take_senders(struct account_change *c)
{
	for (char *p = optarg; *p != '\0'; p++)
		if (*p == ',')
			*p = ' ';
	c->text = str_of(optarg);
	c->fields |= CHANGE_SENDERS;
	return 0;
}

static int take_days(struct account_change *c)
{
	uint64_t days;

	if (str_u64(str_of(optarg), 36500, &days) == -1 || days == 0)
		return -1;
	c->expires = (int64_t)time(NULL) + (int64_t)days * DAY;
	return 0;
}

static int take_text(struct user_options *o, int which)
{
	const char **const places[] = {
		['f'] = &o->password_file,
		['i'] = &o->import,
		['o'] = &o->scopes,
		['t'] = &o->table,
	};

	*places[which] = optarg;
	return 0;
}

static int take_option(int which, struct user_options *o)
{
	struct account_change *c = &o->change;

	switch (which) {
	case 'f':
	case 'i':
	case 'o':
	case 't':
		return take_text(o, which);
	case 's':
		o->password_file = "-";
		return 0;
	case 'j':
		return o->json = true, 0;
	case 'n':
		return o->dry = true, 0;
	case 'd':
		return o->deleted = true, 0;
	case 'q':
		return take_quota(c);
	case 'H':
		return take_count(c, CHANGE_PER_HOUR, &c->per_hour);
	case 'D':
		return take_count(c, CHANGE_PER_DAY, &c->per_day);
	case 'a':
		return take_senders(c);
	case 'e':
		return take_days(c);
	case 'S':
		return take_flag(c, ACCOUNT_NO_SMTP, false, optarg);
	case 'I':
		return take_flag(c, ACCOUNT_NO_IMAP, false, optarg);
	case 'C':
		return take_flag(c, ACCOUNT_CERTIFICATE, true, optarg);
	default:
		return -1;
	}
}

int cmd_user(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "password-file", required_argument, NULL, 'f' },
		{ "password-stdin", no_argument, NULL, 's' },
		{ "import", required_argument, NULL, 'i' },
		{ "table", required_argument, NULL, 't' },
		{ "json", no_argument, NULL, 'j' },
		{ "dry-run", no_argument, NULL, 'n' },
		{ "deleted", no_argument, NULL, 'd' },
		{ "quota", required_argument, NULL, 'q' },
		{ "recipients-per-hour", required_argument, NULL, 'H' },
		{ "recipients-per-day", required_argument, NULL, 'D' },
		{ "send-as", required_argument, NULL, 'a' },
		{ "scope", required_argument, NULL, 'o' },
		{ "days", required_argument, NULL, 'e' },
		{ "smtp", required_argument, NULL, 'S' },
		{ "imap", required_argument, NULL, 'I' },
		{ "certificate", required_argument, NULL, 'C' },
		{ NULL, 0, NULL, 0 },
	};
	struct user_options o = { .scopes = "smtp,imap" };
	int which, at = 0;

	while ((which = getopt_long(argc, argv, "", longs, &at)) != -1)
		if (take_option(which, &o) == -1)
			return which == '?' ? user_usage()
					    : tool_fail(EX_USAGE, "--%s cannot be \"%s\"",
						  longs[at].name, optarg);
	argc -= optind;
	argv += optind;
	for (size_t i = 0; argc > 0 && i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[0], commands[i].name) == 0)
			return commands[i].fn(argc - 1, argv + 1, &o);
	return user_usage();
}
