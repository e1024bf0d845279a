/* A line of the Dovecot authentication protocol. */
#include <stdint.h>

#include "../../../../services/sasl/dovecot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dovecot_line l;

	if (dovecot_parse(str_bytes(data, size), &l) == 0 && l.verb == DOVECOT_AUTH &&
	    l.mechanism.n == 0)
		__builtin_trap();
	return 0;
}
