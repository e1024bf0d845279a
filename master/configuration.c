/* The configuration of the suite. See configuration.h. */
#include "configuration.h"

#include <stdio.h>

#include "base/log.h"
#include "proto/boot.h"
#include "proto/confload.h"

struct conf *configuration_read(const struct suite *s, char *why, size_t size)
{
	char program[BOOT_PATH_MAX];
	struct conf *c;
	struct buf text;
	struct str lines;

	snprintf(program, sizeof program, "%s/master-config", s->libexec);
	buf_init(&text, CONF_LOAD_TEXT_MAX * 2);
	c = conf_load(program, s->conf_path, &text);
	lines = str_trim(buf_view(&text));
	if (c == NULL)
		snprintf(why, size, "%.*s", lines.n < size ? (int)lines.n : (int)size - 1, lines.p);
	else if (lines.n > 0)
		log_warning(NULL, EV("configuration-doubtful"), KS("text", lines));
	buf_clear(&text);
	return c;
}
