/* Whatever a stranger may send before login: commands found, taken apart. */
#include <stdint.h>

#include "../../../../imapd/login/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void command(struct str whole)
{
	static struct command cmd;
	struct str a;

	if (parse_command(whole, &cmd) == -1)
		return;
	while (parse_blank(&cmd) == 0) {
		if (parse_id(&cmd) == 0)
			continue;
		if (parse_astring(&cmd, &a) == -1 && parse_atom(&cmd, &a) == -1)
			return;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_bytes(data, size);
	struct scan s = { 0 };
	enum scan_result r;
	size_t end;

	while ((r = scan_command(&s, in, &end)) == SCAN_WHOLE || r == SCAN_CONTINUE) {
		if (r == SCAN_CONTINUE)
			continue;
		command(str_take(in, end));
		in = str_skip(in, end);
		s = (struct scan){ 0 };
	}
	parse_tag(in);
	return 0;
}
