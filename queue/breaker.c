/* The breaker. See breaker.h. */
#include "breaker.h"

static uint64_t bucket_number(const struct breaker_limits *l, uint64_t now)
{
	uint64_t length = l->window / BREAKER_BUCKETS;

	/* 0 is a bucket that was never used */
	return now / (length > 0 ? length : 1) + 1;
}

static void count(struct breaker *b, uint64_t number, bool failure)
{
	unsigned i = (unsigned)(number % BREAKER_BUCKETS);

	if (b->buckets[i].number != number) {
		b->buckets[i].number = number;
		b->buckets[i].all = b->buckets[i].failures = 0;
	}
	b->buckets[i].all++;
	b->buckets[i].failures += failure;
}

static bool too_many(const struct breaker *b, const struct breaker_limits *l, uint64_t number)
{
	uint64_t all = 0, failures = 0;

	for (unsigned i = 0; i < BREAKER_BUCKETS; i++) {
		if (b->buckets[i].number + BREAKER_BUCKETS <= number)
			continue;
		all += b->buckets[i].all;
		failures += b->buckets[i].failures;
	}
	return failures >= l->failures && failures * 100 >= all * l->percent;
}

void breaker_note(struct breaker *b, const struct breaker_limits *l, uint64_t now)
{
	count(b, bucket_number(l, now), false);
}

bool breaker_failure(
    struct breaker *b, const struct breaker_limits *l, bool first, uint64_t now, bool *opened)
{
	uint64_t number = bucket_number(l, now);

	*opened = false;
	if (first)
		count(b, number, true);
	if (l->failures == 0)
		return false;
	if (!breaker_open(b, now) && first && too_many(b, l, number)) {
		b->open_until = now + l->hold;
		*opened = true;
	}
	if (!breaker_open(b, now))
		return false;
	b->held++;
	return true;
}
