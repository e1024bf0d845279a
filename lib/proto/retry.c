/* When what has failed is tried again. See retry.h. */
#include "proto/retry.h"

#include "proto/conf.h"

enum { LONGEST_S = 7 * 86400 };

static int fault_parse(struct str name)
{
	for (uint8_t f = 0; f < FAULTS; f++) {
		if (str_eq(name, str_of(fault_name(f))))
			return f;
	}
	return -1;
}

int retry_parse(struct str text, struct retry_times *r)
{
	struct str word;
	int fault = str_word(&text, &word) ? fault_parse(word) : -1;
	uint8_t n = 0;

	/* what is our own fault is over soon, or lasts */
	if (fault <= FAULT_NONE)
		return -1;
	while (str_word(&text, &word)) {
		int64_t ms;

		if (n == RETRY_STEPS || setting_number(SET_TIME, word, &ms) == -1 || ms < 1000 ||
		    ms > (int64_t)LONGEST_S * 1000)
			return -1;
		r->of[fault].seconds[n++] = (uint32_t)(ms / 1000);
	}
	r->of[fault].n = n;
	return n > 0 ? 0 : -1;
}

uint32_t retry_seconds(const struct retry_times *r, uint8_t fault, unsigned attempts)
{
	unsigned n = r->of[fault].n, i = attempts > 0 ? attempts - 1 : 0;

	return n == 0 ? 0 : r->of[fault].seconds[i < n ? i : n - 1];
}
