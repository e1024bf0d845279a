/* Reading a configuration file by the throwaway program. See confload.h. */
#include "proto/confload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "proto/plan.h"
#include "proto/root_types.h"

struct conf *conf_read(int fd)
{
	struct conf *c = NULL;
	struct stat st;
	char *bytes;

	if (fstat(fd, &st) == -1 || st.st_size < 0 || st.st_size > CONF_BYTES_MAX)
		return NULL;
	bytes = xmalloc((size_t)st.st_size);
	/* the descriptor's offset is shared with every other process that got it */
	if (pread(fd, bytes, (size_t)st.st_size, 0) == st.st_size)
		c = conf_decode(str_bytes(bytes, (size_t)st.st_size));
	free(bytes);
	return c;
}

static int take(void *arg, struct ipc_msg *m)
{
	struct conf **c = arg;

	if (m->type != CONFIG_SETTINGS || m->nfds != 1 || *c != NULL)
		return -1;
	*c = conf_read(m->fds[0]);
	return *c == NULL ? -1 : 0;
}

struct conf *conf_load(const char *program, const char *file, struct buf *text)
{
	static char lines[CONF_LINES_MAX];
	struct conf *c = NULL;

	if (access(program, X_OK) == -1) {
		buf_printf(text, "%s: %s\n", program, strerror(errno));
		return NULL;
	}
	if (config_ask(program, file, false, take, &c, lines, sizeof lines) == -1) {
		conf_free(c);
		c = NULL;
	}
	buf_z(text, lines);
	if (c == NULL && lines[0] == '\0')
		buf_printf(text, "%s has said nothing\n", program);
	return c;
}
