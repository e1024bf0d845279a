/* Line ends on the way from the wire to the disk. See crlf.h. */
#include "crlf.h"

#include <string.h>

/* Puts out a run of bytes without CR and counts how a reader that wants CRLF will see it. */
static char *emit(struct crlf *c, char *o, const char *p, size_t n)
{
	const char *end = p + n;

	if (n == 0)
		return o;
	memcpy(o, p, n);
	c->size += n;
	c->wire += n;
	for (const char *lf = p; (lf = memchr(lf, '\n', (size_t)(end - lf))) != NULL; lf++)
		if ((lf == p ? c->last : lf[-1]) != '\r')
			c->wire++;
	c->last = end[-1];
	return o + n;
}

size_t crlf_feed(struct crlf *c, struct str in, char *out)
{
	const char *p = in.p;
	const char *end = in.p + in.n;
	char *o = out;

	if (c->cr && in.n > 0) {
		c->cr = false;
		if (*p != '\n')
			o = emit(c, o, "\r", 1);
	}
	while (p < end) {
		const char *cr = memchr(p, '\r', (size_t)(end - p));

		if (cr == NULL) {
			o = emit(c, o, p, (size_t)(end - p));
			break;
		}
		o = emit(c, o, p, (size_t)(cr - p));
		if (cr + 1 == end) {
			c->cr = true;
			break;
		}
		/* the LF behind it begins the next run */
		if (cr[1] != '\n')
			o = emit(c, o, cr, 1);
		p = cr + 1;
	}
	return (size_t)(o - out);
}

size_t crlf_end(struct crlf *c, char *out)
{
	if (!c->cr)
		return 0;
	c->cr = false;
	return (size_t)(emit(c, out, "\r", 1) - out);
}
