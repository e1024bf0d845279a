/* Token buckets. See bucket.h. */
#include "bucket.h"

/* --- buckets ---------------------------------------------------------------------------------- */

/* Microseconds for one. */
static double interval(const struct rate *r, double slow)
{
	return (double)r->ms * 1000 / r->n * slow;
}

/* Microseconds for as many as a bucket holds. */
static double depth(double one)
{
	return one > 1e6 ? one : 1e6;
}

/* Microseconds beyond what it holds by which more has been taken, when one more were. */
static double excess(
    const struct buckets *b, const struct rate *r, enum rate_kind k, double slow, uint64_t now)
{
	double one = interval(r, slow), debt = (double)b->full[k] - (double)now * 1000;

	return (debt > 0 ? debt : 0) + one - depth(one);
}

uint64_t buckets_wait(const struct buckets *b, const struct rates *r, double slow, uint64_t now,
    enum rate_kind *which)
{
	uint64_t longest = 0;

	for (int k = 0; k < RATES; k++) {
		double us;
		uint64_t ms;

		if (r->of[k].n == 0)
			continue;
		us = excess(b, &r->of[k], (enum rate_kind)k, slow, now);
		/* what has been rounded off must not become a millisecond */
		ms = us > 0.5 ? (uint64_t)(us / 1000 + 0.9999) : 0;
		if (ms > longest) {
			longest = ms;
			*which = (enum rate_kind)k;
		}
	}
	return longest;
}

uint32_t bucket_room(
    const struct buckets *b, const struct rates *r, enum rate_kind k, double slow, uint64_t now)
{
	double one, us;

	if (r->of[k].n == 0)
		return UINT32_MAX;
	one = interval(&r->of[k], slow);
	us = one - excess(b, &r->of[k], k, slow, now);
	return us <= 0 ? 0 : us / one >= UINT32_MAX ? UINT32_MAX : (uint32_t)(us / one + 1e-6);
}

void bucket_take(struct buckets *b, const struct rates *r, enum rate_kind k, double slow,
    uint32_t n, uint64_t now)
{
	if (r->of[k].n == 0)
		return;
	if (b->full[k] < now * 1000)
		b->full[k] = now * 1000;
	b->full[k] += (uint64_t)(interval(&r->of[k], slow) * n);
}

void bucket_give(
    struct buckets *b, const struct rates *r, enum rate_kind k, double slow, uint32_t n)
{
	uint64_t us = r->of[k].n == 0 ? 0 : (uint64_t)(interval(&r->of[k], slow) * n);

	b->full[k] -= us < b->full[k] ? us : b->full[k];
}
