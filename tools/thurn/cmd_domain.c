/* thurn domain: what is to hold for all accounts of a domain. */
#include <jansson.h>
#include <string.h>

#include "account.h"
#include "proto/types.h"

static int usage(void)
{
	return tool_usage("thurn domain set --scram on|off DOMAIN...\n"
			  "       thurn domain list\n"
			  "each with [--json]");
}

static void print_domain(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	(void)arg;
	(void)m;
	printf("%-40s%s\n", json_string_value(json_object_get(o, "domain")),
	    json_is_true(json_object_get(o, "scram")) ? " scram" : "");
	json_decref(o);
}

/* Keys alone let nobody log in by them. */
static void warn_unless_offered(void)
{
	const struct conf *c = tool_suite_conf();

	for (size_t i = 0; i < conf_count(c, "sasl_mechanisms"); i++)
		if (str_casestarts(conf_item(c, "sasl_mechanisms", i), STR("SCRAM-")))
			return;
	tool_warn("sasl_mechanisms does not offer SCRAM, so nobody can use it yet");
}

static int set(bool json, int argc, char **argv)
{
	struct account_batch b;
	struct account_change c = { 0 };
	int r;

	if (argc < 3 || strcmp(argv[0], "--scram") != 0)
		return usage();
	if (strcmp(argv[1], "on") == 0)
		c.flags = DOMAIN_SCRAM;
	else if (strcmp(argv[1], "off") == 0)
		c.no_flags = DOMAIN_SCRAM;
	else
		return usage();
	r = account_begin(&b, json);
	if (r != 0)
		return r;
	for (int i = 2; r == 0 && i < argc; i++) {
		c.address = str_of(argv[i]);
		r = account_request(&b, AUTH_CTL_DOMAIN, argv[i], &c);
	}
	r = account_end(&b, r);
	if (r == 0 && c.flags != 0)
		warn_unless_offered();
	return r;
}

int cmd_domain(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');

	if (argc == 2 && strcmp(argv[1], "list") == 0)
		return account_list("domains", "", false, json ? NULL : print_domain, NULL);
	if (argc > 2 && strcmp(argv[1], "set") == 0)
		return set(json, argc - 2, argv + 2);
	return usage();
}
