/* Files of a certificate and a key, one behind the other with a NUL between. */
#include <stdlib.h>
#include <string.h>

#include "../../../../services/keys/pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str all = str_bytes(data, size);
	ssize_t nul = str_find(all, '\0');
	size_t first = nul == -1 ? size : (size_t)nul;
	char why[KEYFILE_WHY];
	struct pair *p = pair_parse(str_take(all, first), str_skip(all, first + 1), why);

	if ((p == NULL) != (why[0] != '\0'))
		abort();
	if (p != NULL && (p->certificate.n == 0 || p->certificate.n > TLS_CHAIN || p->kind == NULL))
		abort();
	pair_free(p);
	return 0;
}
