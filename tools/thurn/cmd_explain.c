/* thurn explain: asks the running suite what it would do, and why. */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "explain.h"

static const struct {
	const char *name;
	int (*fn)(bool json, int argc, char **argv);
	const char *help;
} subjects[] = {
	{ "route", explain_route, "FROM TO           where a message would go, by which rules" },
	{ "reply", explain_reply,
	    "DESTINATION REPLY  what would be done if a host said that, by which rule" },
	{ "dns", explain_dns,
	    "NAME [TYPE ...]    what the resolver says of a name, and how sure that is" },
};

int cmd_explain(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');
	int status;

	for (size_t i = 0; argc > 1 && i < sizeof subjects / sizeof subjects[0]; i++)
		if (strcmp(argv[1], subjects[i].name) == 0)
			return subjects[i].fn(json, argc - 1, argv + 1);
	status = tool_usage("thurn explain [--json] SUBJECT ...");
	for (size_t i = 0; i < sizeof subjects / sizeof subjects[0]; i++)
		fprintf(tool_usage_file(), "  %-6s %s\n", subjects[i].name, subjects[i].help);
	return status;
}
