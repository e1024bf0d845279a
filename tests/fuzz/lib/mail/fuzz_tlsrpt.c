/* Where reports are wanted: one record in each line. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "mail/tlsrpt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_bytes(data, size), text;
	struct tlsrpt t = { 0 };

	while (str_cut(&rest, '\n', &text))
		tlsrpt_add(&t, text);
	assert(t.n <= TLSRPT_PLACES && (t.n == 0 || t.found > 0));
	for (uint32_t i = 0; i < t.n; i++)
		for (const char *p = t.places[i]; *p != '\0'; p++)
			assert(*p > ' ' && *p <= '~');
	tlsrpt_has_mail(&t, STR("a@b.test"));
	return 0;
}
