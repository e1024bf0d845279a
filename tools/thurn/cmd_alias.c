/* thurn alias: addresses that lead to others, in the account database. */
#include <jansson.h>
#include <string.h>

#include "account.h"
#include "proto/types.h"

static int usage(void)
{
	return tool_usage("thurn alias set ADDRESS TARGET...\n"
			  "       thurn alias delete ADDRESS...\n"
			  "       thurn alias list\n"
			  "       thurn alias show ADDRESS\n"
			  "each with [--json]");
}

static void print_alias(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL), *targets = json_object_get(o, "targets"),
	       *t;
	size_t i;

	(void)arg;
	(void)m;
	json_array_foreach(targets, i, t) printf("%-32s %s\n",
	    i == 0 ? json_string_value(json_object_get(o, "address")) : "", json_string_value(t));
	json_decref(o);
}

static int set(bool json, const char *address, int argc, char **argv)
{
	struct account_change c = { .address = str_of(address) };
	char text[TARGETS_TEXT_MAX + 1] = "";
	size_t n = 0;

	for (int i = 0; i < argc; i++) {
		int more = snprintf(text + n, sizeof text - n, "%s%s", i == 0 ? "" : " ", argv[i]);

		if (more < 0 || n + (size_t)more >= sizeof text)
			return tool_fail(EX_DATAERR, "%s: too many targets", address);
		n += (size_t)more;
	}
	if (str_trim(str_bytes(text, n)).n == 0)
		return usage();
	c.text = str_bytes(text, n);
	return account_change(AUTH_CTL_ALIAS, json, address, &c);
}

static int delete (bool json, int argc, char **argv)
{
	struct account_batch b;
	int r = account_begin(&b, json);

	if (r != 0)
		return r;
	for (int i = 0; r == 0 && i < argc; i++)
		r = account_request(&b, AUTH_CTL_ALIAS, argv[i],
		    &(struct account_change){ .address = str_of(argv[i]) });
	return account_end(&b, r);
}

int cmd_alias(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return account_list("aliases", "", false, json ? NULL : print_alias, NULL);
	if (argc == 3 && strcmp(argv[1], "show") == 0)
		return account_list("aliases", argv[2], false, json ? NULL : print_alias, NULL);
	if (argc > 3 && strcmp(argv[1], "set") == 0)
		return set(json, argv[2], argc - 3, argv + 3);
	if (argc > 2 && strcmp(argv[1], "delete") == 0)
		return delete (json, argc - 2, argv + 2);
	return usage();
}
