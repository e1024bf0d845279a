/* A spool of a test's own, empty and marked as one. */
#ifndef TESTS_QUEUE_SPOOL_DIR_H
#define TESTS_QUEUE_SPOOL_DIR_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "../remove_tree.h"

static char spool_dir[] = "/tmp/thurn-unit-XXXXXX";

/* A descriptor of the directory, for spool_open(); remove_tree(spool_dir) ends it. */
static int spool_dir_make(void)
{
	char marker[sizeof spool_dir + 16];
	int fd;

	assert_non_null(mkdtemp(spool_dir));
	snprintf(marker, sizeof marker, "%s/thurn-spool", spool_dir);
	fd = open(marker, O_CREAT | O_WRONLY, 0600);
	assert_true(fd != -1);
	close(fd);
	return open(spool_dir, O_RDONLY | O_DIRECTORY);
}

#endif
