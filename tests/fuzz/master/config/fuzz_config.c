/* A configuration file of any bytes: scanned, parsed, checked, encoded, made a plan of. */
#include <stdint.h>
#include <stdlib.h>

#include "../../../../master/config/cross.h"
#include "../../../../master/config/parse.h"
#include "../../../../master/config/plan.h"
#include "../../../../master/config/resolve.h"
#include "../../../../master/config/scan.h"
#include "proto/role.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What the settings become for the tools, and what becomes of a plan on its way to master. */
static void round_trip(const struct conf *c)
{
	static struct plan plan, back;
	static uint8_t space[IPC_BODY_MAX];
	struct put w = put_into(space, sizeof space);
	struct buf b;
	struct conf *d;
	struct get g;

	buf_init(&b, 64 << 20);
	if (conf_encode(c, ROLE_TOOL, &b) == 0) {
		d = conf_decode(buf_view(&b));
		if (d == NULL)
			abort();
		conf_free(d);
	}
	buf_clear(&b);
	plan_make(c, &plan);
	put_plan(&w, &plan);
	g = get_start(put_view(&w));
	if (w.bad || get_plan(&g, &back) == -1)
		abort();
	for (uint32_t i = 0; i < plan.nlisteners; i++) {
		w = put_into(space, sizeof space);
		put_plan_listener(&w, &plan.listeners[i]);
		g = get_start(put_view(&w));
		if (w.bad || get_plan_listener(&g, &back.listeners[i]) == -1)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct faults f;
	struct scan s;
	struct conf *c = NULL;

	faults_init(&f);
	scan_init(&s, &f);
	scan_text(&s, "fuzz.conf", str_bytes(data, size));
	if (f.n == 0)
		c = parse(&s, &f);
	if (f.n == 0)
		resolve(c, "host.example.org", false, &f);
	if (f.n == 0)
		cross_check(c, &f);
	if (f.n == 0)
		round_trip(c);
	conf_free(c);
	scan_clear(&s);
	faults_clear(&f);
	return 0;
}
