/* The file of logins: whatever is in it, it is read whole or not at all, and what is in it is found. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "../../../../services/credentials/file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint64_t key[2] = { 1, 2 };
	char why[FILE_WHY] = "";
	struct file f;

	if (file_parse(&f, str_bytes(data, size), key, why) == -1) {
		assert(why[0] != '\0' && f.n == 0 && f.space == NULL);
		return 0;
	}
	for (size_t i = 0; i < f.n; i++) {
		const struct entry *e = &f.at[i];

		assert(e->id != 0 && e->user.n > 0 && e->user.n <= CREDENTIAL_USER_MAX);
		assert(e->kind == CREDENTIAL_TOKEN || e->secret.n > 0);
		assert(e->secret.n <= CREDENTIAL_SECRET_MAX);
		if (e->sender.n > 0 && e->sender.p[0] != '@')
			assert(file_find(&f, str_eq(e->sender, STR("<>")) ? STR_NONE : e->sender,
				   e->nexthop) != NULL);
	}
	file_clear(&f);
	return 0;
}
