/* The text file beside a mailbox: what is understood is written and read back the same. */
#include <assert.h>

#include "store/boxfile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct boxfile f, again;
	struct arena a;
	struct buf out;

	arena_init(&a);
	buf_init(&out, BOXFILE_MAX);
	if (boxfile_parse(str_bytes(data, size), &a, &f) == 0) {
		boxfile_format(&f, &out);
		assert(!out.full);
		assert(boxfile_parse(buf_view(&out), &a, &again) == 0);
		assert(f.id == again.id && f.uidvalidity == again.uidvalidity);
		assert(f.uidfloor == again.uidfloor && f.modseqceiling == again.modseqceiling);
		assert(f.use == again.use);
		for (int i = 0; i < STORE_KEYWORDS_MAX; i++)
			assert(str_eq(f.keywords[i], again.keywords[i]));
	}
	buf_clear(&out);
	arena_clear(&a);
	return 0;
}
