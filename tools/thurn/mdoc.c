/* thurn.conf(5), made from the table of settings. See mdoc.h. */
#include "mdoc.h"

#include <string.h>

#include "proto/conf.h"

static const char head[] =
    ".Dd November 23, 2026\n"
    ".Dt THURN.CONF 5\n"
    ".Os\n"
    ".Sh NAME\n"
    ".Nm thurn.conf\n"
    ".Nd configuration of the Thurn mail suite\n"
    ".Sh DESCRIPTION\n"
    "One file configures the suite.\n"
    "It is a list of settings and sections:\n"
    ".Bd -literal -offset indent\n"
    "hostname = mx.example.org              # a comment\n"
    "trusted_networks = { 127.0.0.0/8, \"2001:db8::/32\" }\n"
    "listener mx {\n"
    "\tservice = smtp\n"
    "\tport = 25\n"
    "}\n"
    "include \"local.conf\"\n"
    ".Ed\n"
    ".Pp\n"
    "A value with blanks or any of\n"
    ".Ql # \\(dq ' { } ( ) = , + *\n"
    "in it, or with a final slash, stands in quotes.\n"
    "In double quotes a backslash quotes a double quote, a dollar sign, or itself;\n"
    "in single quotes everything is text.\n"
    "A string ends on its line.\n"
    "The path of an included file is relative to the file that includes it.\n"
    ".Pp\n"
    "An unknown or repeated setting, two sections of one title, a value out of its range,\n"
    "and settings that contradict each other are faults.\n"
    ".Xr thurn 8\n"
    "tells all of them with file and line\n"
    ".Pq Ic thurn config check ;\n"
    "a running suite keeps its configuration when the new one has a fault.\n"
    ".Pp\n"
    "Numbers of bytes may end in k, M, G or T (powers of 1024).\n"
    "Times need a unit: ms, s, m, h, d or w.\n"
    "Switches are yes or no.\n"
    ".Sh SETTINGS\n";

static const char foot[] = ".Sh FILES\n"
			   ".Bl -tag -width Ds\n"
			   ".It Pa " THURN_CONF "\n"
			   "The file that is read unless\n"
			   ".Fl c\n"
			   "or THURN_CONF in the environment names another.\n"
			   ".El\n"
			   ".Sh SEE ALSO\n"
			   ".Xr thurn 8\n";

/* Text with `words` in bold; a line of its own, so that nothing in it is a request. */
static void put_text(FILE *out, const char *s)
{
	bool bold = false;

	if (*s == '.' || *s == '\'')
		fputs("\\&", out);
	for (; *s != '\0'; s++) {
		if (*s == '`') {
			bold = !bold;
			fputs(bold ? "\\fB" : "\\fR", out);
		} else if (*s == '\\') {
			fputs("\\e", out);
		} else if (*s == '.' && s[1] == ' ') {
			fputs(".\n", out); /* a sentence, a line */
			s++;
		} else {
			fputc(*s, out);
		}
	}
	fputc('\n', out);
}

static const char *type_text(const struct setting *s)
{
	static const char *const types[] = {
		[SET_BOOL] = "yes | no",
		[SET_INT] = "number",
		[SET_SIZE] = "bytes",
		[SET_TIME] = "time",
		[SET_STR] = "text",
		[SET_LIST] = "list",
	};
	static const char *const forms[] = {
		[FORM_ANY] = NULL,
		[FORM_PATH] = "path",
		[FORM_HOST] = "host name",
		[FORM_ADDRESS] = "addresses",
		[FORM_NETWORK] = "networks",
		[FORM_USER] = "user name or number",
	};

	if ((s->type == SET_STR || s->type == SET_LIST) && forms[s->form] != NULL)
		return forms[s->form];
	return types[s->type];
}

/* A limit in the unit that it is best read in. */
static void put_number(FILE *out, const struct setting *s, int64_t v)
{
	static const struct {
		enum setting_type type;
		int64_t factor;
		const char *unit;
	} units[] = {
		{ SET_SIZE, INT64_C(1) << 40, "T" },
		{ SET_SIZE, INT64_C(1) << 30, "G" },
		{ SET_SIZE, INT64_C(1) << 20, "M" },
		{ SET_SIZE, INT64_C(1) << 10, "k" },
		{ SET_TIME, INT64_C(86400) * 1000, "d" },
		{ SET_TIME, 3600 * 1000, "h" },
		{ SET_TIME, 60 * 1000, "m" },
		{ SET_TIME, 1000, "s" },
		{ SET_TIME, 1, "ms" },
	};

	for (size_t i = 0; v != 0 && i < sizeof units / sizeof units[0]; i++)
		if (units[i].type == s->type && v % units[i].factor == 0) {
			fprintf(out, "%lld%s", (long long)(v / units[i].factor), units[i].unit);
			return;
		}
	fprintf(out, "%lld", (long long)v);
}

static void put_range(FILE *out, const struct setting *s)
{
	if (s->type != SET_INT && s->type != SET_SIZE && s->type != SET_TIME)
		return;
	if (s->max == 0 && s->min == 0)
		return;
	fputs(s->max == 0 ? "At least " : "From ", out);
	put_number(out, s, s->min);
	if (s->max != 0) {
		fputs(" to ", out);
		put_number(out, s, s->max);
	}
	fputs(".\n", out);
}

static void put_setting(FILE *out, const struct setting *s)
{
	if (s->type == SET_ENUM) {
		fprintf(out, ".It Ic %s Pq ", s->name);
		for (const char *c = s->choices; *c != '\0'; c++)
			fputs(*c == '|' ? " | " : (char[]){ *c, '\0' }, out);
		fputc('\n', out);
	} else {
		fprintf(out, ".It Ic %s Pq %s\n", s->name, type_text(s));
	}
	put_text(out, s->help);
	put_range(out, s);
	if (s->def == NULL || s->def[0] == '\0')
		fputs("Default: empty.\n", out);
	else
		fprintf(out, "Default: %s\n", s->def);
}

void mdoc_settings(FILE *out)
{
	const struct setting *row;
	bool open = false;

	fputs(head, out);
	for (size_t i = 0; (row = setting_at(i)) != NULL; i++) {
		if (row->topic != NULL) {
			if (open)
				fputs(".El\n", out);
			fprintf(out, ".Ss %s\n", row->topic);
			if (row->section != NULL)
				fprintf(
				    out, "In sections\n.Ic %s Ar title Brq ... .\n", row->section);
			fputs(".Bl -tag -width Ds\n", out);
			open = true;
		}
		if (row->origin == FROM_FILE)
			put_setting(out, row);
	}
	if (open)
		fputs(".El\n", out);
	fputs(foot, out);
}
