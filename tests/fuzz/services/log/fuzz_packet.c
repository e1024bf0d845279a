/* A packet of events of any bytes: each event becomes exactly one line, printable, and valid JSON.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "../../../../services/log/event.h"
#include "../../../../services/log/render.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one_line(const struct buf *b)
{
	if (b->n == 0)
		return;
	if (b->p[b->n - 1] != '\n')
		abort();
	for (size_t i = 0; i + 1 < b->n; i++)
		if ((unsigned char)b->p[i] < ' ' || b->p[i] == 127)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct origin o = { "fuzz", 0, 1, -1 };
	struct get g = get_start(str_bytes(data, size));
	struct entry e;
	struct buf b;

	buf_init(&b, 1 << 20);
	get_dropped(&g);
	while (get_event(&g, &e) == 1) {
		json_t *json;

		buf_reset(&b);
		render_text(&b, "host", &o, &e);
		one_line(&b);
		buf_reset(&b);
		render_syslog(&b, "host", &o, &e);
		one_line(&b);
		buf_reset(&b);
		render_json(&b, "host", &o, &e);
		one_line(&b);
		json = json_loadb(b.p, b.n, JSON_ALLOW_NUL, NULL);
		if (json == NULL)
			abort();
		json_decref(json);
	}
	buf_clear(&b);
	return 0;
}
