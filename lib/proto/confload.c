/* Reading a configuration file by the throwaway program. See confload.h. */
#include "proto/confload.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "proto/plan.h"
#include "proto/root_types.h"

/*
 * By reading to the end: most programs may not ask for the size, once they are confined. At a place of our own:
 * the descriptor's offset is shared with every other process that got it.
 */
struct conf *conf_read(int fd)
{
	enum { BLOCK = 64 * 1024 };
	struct conf *c = NULL;
	struct buf b;
	ssize_t n = -1;
	char *to;

	buf_init(&b, CONF_BYTES_MAX);
	while ((to = buf_room(&b, BLOCK)) != NULL && (n = pread(fd, to, BLOCK, (off_t)b.n)) > 0)
		b.n += (size_t)n;
	if (to != NULL && n == 0)
		c = conf_decode(buf_view(&b));
	buf_clear(&b);
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
