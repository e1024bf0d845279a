/* Where this installation has its things. See place.h. */
#include "proto/place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/str.h"

static int fits(int n)
{
	if (n >= 0 && n < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

int place_conf(const char *given, char out[PATH_MAX])
{
	const char *env = getenv("THURN_CONF");
	char cwd[PATH_MAX];

	if (given == NULL)
		given = env != NULL && env[0] != '\0' ? env : THURN_CONF;
	if (given[0] == '/')
		return fits(snprintf(out, PATH_MAX, "%s", given));
	if (getcwd(cwd, sizeof cwd) == NULL)
		return -1;
	return fits(snprintf(out, PATH_MAX, "%s/%s", cwd, given));
}

/* The directory of the running program, without a final slash. */
static int own_directory(char out[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", out, PATH_MAX - 1);

	while (n > 0 && out[n - 1] != '/')
		n--;
	if (n <= 0)
		return -1;
	out[n - 1] = '\0';
	return 0;
}

/* A build tree's libexec has the program that an installed one does not have beside bin. */
static int build_tree(char out[PATH_MAX])
{
	char dir[PATH_MAX], probe[PATH_MAX];

	if (own_directory(dir) == -1 || strrchr(dir, '/') == NULL)
		return -1;
	*strrchr(dir, '/') = '\0';
	if (fits(snprintf(probe, sizeof probe, "%s/libexec/master-config", dir)) == -1 ||
	    access(probe, X_OK) == -1)
		return -1;
	return fits(snprintf(out, PATH_MAX, "%s/libexec", dir));
}

void place_libexec(char out[PATH_MAX])
{
	const char *env = geteuid() == 0 ? NULL : getenv("THURN_LIBEXEC");

	if (env != NULL && env[0] == '/' && fits(snprintf(out, PATH_MAX, "%s", env)) == 0)
		return;
	if (build_tree(out) == -1)
		snprintf(out, PATH_MAX, "%s", THURN_LIBEXEC);
}

int place_sibling(const char *name, char out[PATH_MAX])
{
	static const char *const dirs[] = { ".", "../bin", "../sbin" };
	char dir[PATH_MAX];

	if (own_directory(dir) == -1)
		return -1;
	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		if (fits(snprintf(out, PATH_MAX, "%s/%s/%s", dir, dirs[i], name)) == 0 &&
		    access(out, X_OK) == 0)
			return 0;
	return -1;
}
