/* Reading built files page by page. See pages.h. */
#include "table/pages.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"

enum { CACHE_BYTES = 1024 * 1024 };

int pages_fault(struct pages *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(p->why, sizeof p->why, fmt, ap);
	va_end(ap);
	return -1;
}

int pages_init(struct pages *p, int fd, uint32_t size)
{
	struct stat st;

	if (size < 512 || size > 65536 || (size & (size - 1)) != 0)
		return pages_fault(p, "damaged: a page size of %u bytes", size);
	if (fstat(fd, &st) == -1)
		return pages_fault(p, "%s", strerror(errno));
	p->fd = fd;
	p->size = size;
	p->count = (uint64_t)st.st_size / size;
	p->slots = CACHE_BYTES / size;
	while (p->slots > 1 && p->slots / 2 >= p->count)
		p->slots /= 2;
	p->cache = xmalloc((size_t)p->slots * size);
	p->cached = xcalloc(p->slots, sizeof *p->cached);
	return 0;
}

void pages_clear(struct pages *p)
{
	free(p->cache);
	free(p->cached);
	p->cache = NULL;
	p->cached = NULL;
}

int pages_read(struct pages *p, uint64_t number, uint64_t bytes, uint8_t *space)
{
	uint64_t done = 0;
	ssize_t n;

	if (number >= p->count || bytes > (p->count - number) * p->size)
		return pages_fault(
		    p, "damaged: page %llu is behind the end", (unsigned long long)number);
	while (done < bytes) {
		n = pread(p->fd, space + done, bytes - done, (off_t)(number * p->size + done));
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return pages_fault(
			    p, "page %llu: %s", (unsigned long long)number, strerror(errno));
		if (n == 0)
			return pages_fault(
			    p, "damaged: ends within page %llu", (unsigned long long)number);
		done += (uint64_t)n;
	}
	return 0;
}

const uint8_t *pages_get(struct pages *p, uint64_t number)
{
	unsigned slot = (unsigned)(number & (p->slots - 1));
	uint8_t *page = p->cache + (size_t)slot * p->size;

	if (p->cached[slot] == number + 1)
		return page;
	p->cached[slot] = 0;
	if (pages_read(p, number, p->size, page) == -1)
		return NULL;
	if (p->check != NULL && !p->check(p, page)) {
		pages_fault(p, "damaged: wrong checksum in page %llu", (unsigned long long)number);
		return NULL;
	}
	p->cached[slot] = number + 1;
	return page;
}
