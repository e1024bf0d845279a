/* thurn map -F: values that stand for the content of files. See map.h. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "map.h"
#include "table/file.h"

/* As much as a value may be long when it is in base64. */
enum { FILES_MAX = TABLE_VALUE_MAX / 4 * 3 };

static int add_file(struct buf *all, const char *name, char why[TABLE_WHY])
{
	int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK), r;
	struct buf one;

	if (fd == -1) {
		snprintf(why, TABLE_WHY, "open %.200s: %s", name, strerror(errno));
		return -1;
	}
	r = table_file_read(fd, FILES_MAX, &one, why);
	close(fd);
	if (r == -1)
		return -1;
	buf_str(all, buf_view(&one));
	buf_clear(&one);
	return 0;
}

int map_files_encode(struct str names, struct arena *a, struct str *out, char why[TABLE_WHY])
{
	struct buf all;
	struct str name;
	uint8_t *text;
	int r = 0, count = 0;

	buf_init(&all, FILES_MAX);
	while (r == 0 && table_list_item(&names, &name)) {
		if (count++ > 0)
			buf_char(&all, '\n');
		r = add_file(&all, arena_z(a, name), why);
	}
	if (r == 0 && (all.full || all.n == 0)) {
		snprintf(why, TABLE_WHY,
		    all.full ? "the files are larger than %d bytes together"
			     : "the files are empty",
		    FILES_MAX);
		r = -1;
	}
	if (r == 0) {
		text = arena_alloc(a, (all.n + 2) / 3 * 4 + 1);
		out->n = (size_t)EVP_EncodeBlock(text, (const uint8_t *)all.p, (int)all.n);
		out->p = (const char *)text;
	}
	buf_clear(&all);
	return r;
}

int map_files_decode(struct str value, struct arena *a, struct str *out)
{
	uint8_t *bytes = arena_alloc(a, value.n / 4 * 3 + 1);
	int n = value.n == 0 || value.n % 4 != 0
		    ? -1
		    : EVP_DecodeBlock(bytes, (const uint8_t *)value.p, (int)value.n);

	if (n <= 0)
		return -1;
	for (size_t i = value.n; i > value.n - 2 && value.p[i - 1] == '='; i--)
		n--;
	*out = str_bytes(bytes, (size_t)n);
	return 0;
}
