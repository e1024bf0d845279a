/* The names of Postfix's tools. See compat.h. */
#include "compat.h"

#include <stddef.h>
#include <string.h>

static const struct compat compats[] = {
	{ "mailq", compat_mailq },
	{ "postqueue", compat_postqueue },
	{ "postsuper", compat_postsuper },
	{ "postcat", compat_postcat },
	{ "postmap", compat_postmap },
	{ "postalias", compat_postalias },
	{ "newaliases", compat_newaliases },
};

const struct compat *compat_find(const char *argv0)
{
	const char *slash = strrchr(argv0, '/'), *base = slash != NULL ? slash + 1 : argv0;

	for (size_t i = 0; i < sizeof compats / sizeof compats[0]; i++)
		if (strcmp(base, compats[i].name) == 0)
			return &compats[i];
	return NULL;
}
