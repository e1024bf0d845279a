/* thurn user list, show and log. */
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "user.h"

static const char *when_of(json_int_t seconds, char out[32])
{
	time_t t = (time_t)seconds;
	struct tm tm;

	out[0] = '\0';
	if (localtime_r(&t, &tm) != NULL)
		(void)strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
	return out;
}

static const char *day_of(json_int_t seconds, char out[32])
{
	(void)when_of(seconds, out);
	out[sizeof "2026-01-01" - 1] = '\0';
	return out;
}

static const char *text(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static bool flag(const json_t *o, const char *key)
{
	return json_is_true(json_object_get(o, key));
}

static void print_heading(void)
{
	printf("%-32s %10s %12s %-10s %-8s %s\n", "ADDRESS", "UID", "QUOTA", "CREATED", "STATE",
	    "HOME");
}

static void print_line(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	bool *begun = arg;
	char when[32];

	(void)m;
	if (!*begun)
		print_heading();
	*begun = true;
	printf("%-32s %10lld %12lld %s %-8s %s\n", text(o, "address"), (long long)number(o, "uid"),
	    (long long)number(o, "quota"), day_of(number(o, "created"), when),
	    flag(o, "enabled") ? "" : "disabled", text(o, "home"));
	json_decref(o);
}

int user_list(int argc, char **argv, const struct user_options *o)
{
	bool begun = false;
	int r;

	(void)argv;
	if (argc > 0)
		return user_usage();
	r = account_list(
	    o->deleted ? "deleted" : "accounts", "", false, o->json ? NULL : print_line, &begun);
	if (r == EX_OK && !o->json && !begun)
		print_heading();
	return r;
}

static void print_words(const char *name, const json_t *words)
{
	const json_t *w;
	size_t i;

	json_array_foreach(words, i, w)
	    printf("%-20s %s\n", i == 0 ? name : "", json_string_value(w));
}

static void print_apps(const json_t *apps)
{
	const json_t *a;
	size_t i;

	json_array_foreach(apps, i, a)
	{
		json_int_t expires = number(a, "expires");
		char created[32], until[32];

		printf("%-20s %s (%s...): %s%s%s, since %s%s%s\n", i == 0 ? "app passwords" : "",
		    text(a, "name"), text(a, "id"), flag(a, "smtp") ? "smtp" : "",
		    flag(a, "smtp") && flag(a, "imap") ? " " : "", flag(a, "imap") ? "imap" : "",
		    day_of(number(a, "created"), created), expires == 0 ? "" : ", until ",
		    expires == 0 ? "" : day_of(expires, until));
	}
}

static void print_account(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	const char *key;
	json_t *v;

	(void)arg;
	(void)m;
	json_object_foreach(o, key, v)
	{
		char when[32];

		if (json_is_string(v))
			printf("%-20s %s\n", key, json_string_value(v));
		else if (json_is_boolean(v))
			printf("%-20s %s\n", key, json_is_true(v) ? "yes" : "no");
		else if (strcmp(key, "created") == 0)
			printf("%-20s %s\n", key, when_of(json_integer_value(v), when));
		else if (json_is_integer(v))
			printf("%-20s %lld\n", key, (long long)json_integer_value(v));
		else if (strcmp(key, "app_passwords") == 0)
			print_apps(v);
		else
			print_words(key, v);
	}
	json_decref(o);
}

int user_show(int argc, char **argv, const struct user_options *o)
{
	if (argc != 1)
		return user_usage();
	return account_list(o->deleted ? "deleted" : "accounts", argv[0], false,
	    o->json ? NULL : print_account, NULL);
}

static void print_change(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	char when[32];

	(void)arg;
	(void)m;
	printf("%8lld %s %-20s %-32s uid %lld\n", (long long)number(o, "number"),
	    when_of(number(o, "time"), when), text(o, "what"), text(o, "subject"),
	    (long long)number(o, "by_uid"));
	json_decref(o);
}

int user_log(int argc, char **argv, const struct user_options *o)
{
	if (argc > 1)
		return user_usage();
	return account_list(
	    "changes", argc == 1 ? argv[0] : "", false, o->json ? NULL : print_change, NULL);
}
