/* A configuration file of any bytes: scanned, parsed, checked, encoded. */
#include <stdint.h>
#include <stdlib.h>

#include "../../../../master/config/cross.h"
#include "../../../../master/config/parse.h"
#include "../../../../master/config/resolve.h"
#include "../../../../master/config/scan.h"
#include "proto/role.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct conf *c)
{
	struct buf b;
	struct conf *d;

	buf_init(&b, 64 << 20);
	if (conf_encode(c, ROLE_MASTER, &b) == 0) {
		d = conf_decode(buf_view(&b));
		if (d == NULL || !conf_same(c, d, ROLE_MASTER))
			abort();
		conf_free(d);
	}
	buf_clear(&b);
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
