/* What is asked of fetch: a packet of a hostile peer, and the URL in it. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "../../../../services/fetch/kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever is let through leads to the host that was looked at. */
static void look_at(struct str url)
{
	struct place p, again;

	if (place_parse(url, 443, &p) == -1)
		return;
	assert(strncmp(p.url, "https://", 8) == 0 && p.host[0] != '\0' && p.port != 0);
	assert(place_parse(str_of(p.url), 443, &again) == 0);
	assert(strcmp(p.host, again.host) == 0 && p.port == again.port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct settings settings = { .port = 443 };
	struct get g = get_start(str_bytes(data, size));
	struct fetch_question q;
	struct fetch_reply r;
	struct place p;

	look_at(str_bytes(data, size));
	if (get_fetch_question(&g, &q) == 0)
		for (unsigned role = 0; role < 32; role++)
			kind_refuse(kind_of(q.kind), &settings, (uint8_t)role, &q, &p);
	g = get_start(str_bytes(data, size));
	get_fetch_reply(&g, &r);
	return 0;
}
