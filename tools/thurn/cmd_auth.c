/* thurn auth test: would that password be taken? */
#include <getopt.h>
#include <string.h>

#include "account.h"
#include "proto/types.h"

static int usage(void)
{
	return tool_usage("thurn auth test [--json] [--service imap|smtp] "
			  "[--password-file FILE | --password-stdin] LOGIN");
}

static int test(const char *service, const char *file, const char *login)
{
	char password[PASSWORD_SIZE];
	struct put w;
	int r =
	    file != NULL ? password_file(file, password) : password_prompt(login, false, password);

	if (r == -1)
		return EX_NOINPUT;
	if (strlen(login) > LOGIN_MAX)
		return tool_fail(EX_DATAERR, "that login is too long");
	w = put_start();
	put_auth_check(&w, &(struct auth_check){ .who = { .service = str_of(service),
						     .client = STR("tool"),
						     .mechanism = STR("PLAIN"),
						     .login = str_of(login) },
			       .password = str_of(password) });
	r = tool_ask("accounts", AUTH_CTL_TEST, &w, NULL, NULL);
	explicit_bzero(password, sizeof password);
	return r;
}

int cmd_auth(int argc, char **argv)
{
	static const struct option longs[] = {
		{ "service", required_argument, NULL, 'S' },
		{ "password-file", required_argument, NULL, 'f' },
		{ "password-stdin", no_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	const char *service = "imap", *file = NULL;
	int which;

	tool_json(&argc, argv);
	while ((which = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		if (which == 'S' && (strcmp(optarg, "imap") == 0 || strcmp(optarg, "smtp") == 0))
			service = optarg;
		else if (which == 'f')
			file = optarg;
		else if (which == 's')
			file = "-";
		else
			return usage();
	}
	if (argc - optind != 2 || strcmp(argv[optind], "test") != 0)
		return usage();
	return test(service, file, argv[optind + 1]);
}
