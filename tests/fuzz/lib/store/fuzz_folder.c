/* Names of mailboxes, both ways: what one direction accepts, the other gives back. */
#include <assert.h>

#include "store/folder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nothing may lead out of the Maildir, or name something else than itself. */
static void safe(struct str dir)
{
	assert(dir.n <= FOLDER_BYTES);
	assert(str_find(dir, '/') == -1 && str_find(dir, '\0') == -1);
	assert(dir.n == 0 || dir.p[0] != '.');
	assert(str_search(dir, STR("..")) == -1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct folder f, g;

	if (folder_from_name(str_bytes(data, size), true, &f) == 0) {
		safe(folder_dir(&f));
		assert(folder_from_dir(folder_dir(&f), &g) == 0);
		assert(str_eq(folder_name(&f), folder_name(&g)));
	}
	if (folder_from_dir(str_bytes(data, size), &f) == 0) {
		safe(folder_dir(&f));
		assert(f.nname <= FOLDER_BYTES);
		if (folder_from_name(folder_name(&f), false, &g) == 0)
			assert(str_eq(folder_name(&f), folder_name(&g)));
	}
	return 0;
}
