/* Records of the account database and its journal: the first byte chooses. */
#include <stdint.h>

#include "../../../../services/auth/journal.h"
#include "../../../../services/auth/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t space[RECORD_MAX];
	struct account_record r;
	struct domain_record d;
	struct change_entry e;
	struct put w = put_into(space, sizeof space);
	struct str s, targets;

	if (size == 0)
		return 0;
	s = str_bytes(data + 1, size - 1);
	switch (data[0] % 4) {
	case 0: /* what can be read can be written */
		if (get_record(STR("a@b.test"), s, &r) == 0) {
			put_record(&w, &r);
			if (w.bad)
				__builtin_trap();
		}
		break;
	case 1:
		get_domain(s, &d);
		break;
	case 2:
		get_alias(s, &targets);
		break;
	default:
		get_change_entry(STR("\0\0\0\1"), s, &e);
	}
	return 0;
}
