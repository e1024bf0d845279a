/* Any bytes as a message, in one piece and in small ones: the same structure, within the limits. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/mime.h"
#include "mail/mime_imap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void render(struct buf *b, const uint8_t *data, size_t n, size_t step)
{
	struct mime m;

	mime_init(&m, false);
	for (size_t i = 0; i < n; i += step)
		mime_feed(&m, (struct str){ (const char *)data + i, n - i < step ? n - i : step });
	mime_end(&m);
	for (uint32_t i = 0; i < m.n; i++) {
		const struct mime_node *p = &m.nodes[i];

		if (p->header.at > p->body.at || p->body.at > p->end.at || p->end.at > n)
			abort();
		if (m.texts[i].envelope != NULL)
			imap_put_envelope(b, &m, i);
	}
	imap_put_body(b, &m, false);
	imap_put_body(b, &m, true);
	mime_clear(&m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct buf whole, pieces;

	buf_init(&whole, 64 << 20);
	buf_init(&pieces, 64 << 20);
	render(&whole, data, n, n + 1);
	render(&pieces, data, n, 7);
	if (!str_eq(buf_view(&whole), buf_view(&pieces)))
		abort();
	buf_clear(&whole);
	buf_clear(&pieces);
	return 0;
}
