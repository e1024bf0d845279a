/* What is told of connections, and what is kept of them: the first byte chooses. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../../../../services/policy/report.h"
#include "proto/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct reporter who = { "mx.example.net", "Example", "a@example.net",
	"b@example.net" };

/* What can be read can be written, and reported. */
static void look_at_tally(struct str text)
{
	static uint8_t space[TALLY_BYTES_MAX];
	struct put w = put_into(space, sizeof space);
	struct get g = get_start(text);
	struct tally *t = get_tally(&g);
	struct buf out;

	if (t == NULL)
		return;
	put_tally(&w, t);
	assert(!w.bad);
	report_gzip(t, &who, &out);
	buf_clear(&out);
	tally_free(t);
}

static void look_at_result(struct str text)
{
	struct tally *t = tally_new(STR("example.org"), 0);
	struct get g = get_start(text);
	struct tls_result r;

	if (get_tls_result(&g, &r) == 0)
		tally_add(t, &r, STR("mode: none"), true);
	tally_free(t);
}

static void look_at_report(struct str text)
{
	struct get g = get_start(text);
	struct queue_report r;

	get_queue_report(&g, &r);
}

static void (*const looks[])(
    struct str) = { look_at_tally, look_at_result, look_at_report };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size > 0)
		looks[data[0] % (sizeof looks / sizeof looks[0])](str_bytes(data + 1, size - 1));
	return 0;
}
