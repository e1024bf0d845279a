/* A database of services/policy in a folder of a test's own. */
#ifndef TESTS_POLICY_STORE_DIR_H
#define TESTS_POLICY_STORE_DIR_H

#include <fcntl.h>
#include <stdlib.h>

#include "../../../../services/policy/store.h"
#include "../../remove_tree.h"

static char store_dir[] = "/tmp/thurn-test-policy-XXXXXX";

/* NULL if that fails; remove_tree(store_dir) ends it. */
static struct store *store_dir_open(const char *name)
{
	char why[256];

	if (mkdtemp(store_dir) == NULL)
		return NULL;
	return store_open(store_dir, open(store_dir, O_RDONLY | O_DIRECTORY), name, why);
}

static int store_dir_remove(void **state)
{
	(void)state;
	return remove_tree(store_dir);
}

#endif
