/* Names of message files in a Maildir. See name.h. */
#include "name.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/id.h"

static bool safe(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-' || c == '.' || c == '_';
}

void name_make(struct name *n, int64_t arrival, uint64_t id, uint32_t slot, struct str host)
{
	char text[ID_TEXT + 1];
	char where[NAME_HOST_MAX + 1];
	int key;

	host = str_take(host.n > 0 ? host : STR("localhost"), NAME_HOST_MAX);
	for (size_t i = 0; i < host.n; i++)
		where[i] = safe(host.p[i]) ? host.p[i] : '_';
	where[host.n] = '\0';
	id_format(id, text);
	key = snprintf(n->stem, sizeof n->stem, "%lld.Q%sR%u.",
	    (long long)(arrival > 0 ? arrival / 1000000 : 0), text, slot);
	n->key = (size_t)key;
	snprintf(n->stem + key, sizeof n->stem - n->key, "%s", where);
	/* the stem has at most 19 + 18 + 11 + 64 characters; a pid 7, the sizes below 2 x 23 */
	key = snprintf(n->tmp, sizeof n->tmp, "%s", n->stem);
	snprintf(n->tmp + key, sizeof n->tmp - (size_t)key, ".%ld", (long)getpid());
	n->full[0] = '\0';
}

void name_sizes(struct name *n, uint64_t size, uint64_t wire)
{
	size_t len = strlen(n->stem);

	memcpy(n->full, n->stem, len);
	snprintf(n->full + len, sizeof n->full - len, ",S=%llu,W=%llu", (unsigned long long)size,
	    (unsigned long long)wire);
}

bool name_has_size(const char *entry, uint64_t size)
{
	char field[32];
	const char *at;

	snprintf(field, sizeof field, ",S=%llu,", (unsigned long long)size);
	at = strstr(entry, ",S=");
	return at == NULL || strncmp(at, field, strlen(field)) == 0;
}

bool name_matches(const struct name *n, const char *entry)
{
	return strncmp(entry, n->stem, n->key) == 0;
}
