/* Small files of the spool. See state.h. */
#include "state.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "base/log.h"

static struct state *state_of(struct task *t)
{
	return (struct state *)((char *)t - offsetof(struct state, task));
}

static int run(struct task *t)
{
	struct state *s = state_of(t);

	return spool_write_state(s->file, buf_view(&s->text)) == -1 ? errno : 0;
}

static void done(struct task *t, int error)
{
	struct state *s = state_of(t);

	t->run = NULL;
	if (error != 0)
		log_warning(NULL, s->failed, KZ("error", strerror(error)));
	buf_clear(&s->text);
	if (s->again)
		state_write(s);
}

void state_write(struct state *s)
{
	s->again = s->task.run != NULL;
	if (s->again)
		return;
	buf_init(&s->text, s->max);
	(void)s->encode(&s->text);
	s->task = (struct task){ .run = run, .done = done, .sync_dir = POOL_NO_DIR };
	pool_submit(&s->task, POOL_WORK);
}

int64_t state_number(struct str *line)
{
	struct str word;
	uint64_t n;

	return str_cut(line, ' ', &word) && str_u64(word, INT64_MAX, &n) == 0 ? (int64_t)n : -1;
}
