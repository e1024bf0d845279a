/* What servers and sasl get from each other: the first byte chooses the message. */
#include <stdint.h>

#include "proto/sasl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int names(struct get *g)
{
	static struct buf text = { .max = 4096 };
	struct sasl_names x;

	if (get_sasl_names(g, &x) == 0) {
		buf_reset(&text);
		sasl_names_print(&x, ~0u, "", &text);
	}
	return 0;
}

static int start(struct get *g)
{
	struct sasl_start x;

	return get_sasl_start(g, &x) == 0 && sasl_needs(x.mechanism);
}

static int more(struct get *g)
{
	struct sasl_more x;

	return get_sasl_more(g, &x);
}

static int answer(struct get *g)
{
	struct sasl_answer x;

	return get_sasl_answer(g, &x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static int (*const gets[])(struct get *) = { names, start, more, answer };
	struct get g;

	if (size == 0)
		return 0;
	g = get_start(str_bytes(data + 1, size - 1));
	gets[data[0] % (sizeof gets / sizeof *gets)](&g);
	return 0;
}
