/* CRC-32C by four tables, four bytes a step. See crc32c.h. */
#include "base/crc32c.h"

#include <pthread.h>

enum { TABLES = 4 };

static uint32_t tables[TABLES][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_tables(void)
{
	for (uint32_t i = 0; i < 256; i++) {
		uint32_t v = i;

		for (int bit = 0; bit < 8; bit++)
			v = (v >> 1) ^ ((v & 1) != 0 ? 0x82f63b78u : 0);
		tables[0][i] = v;
	}
	for (int t = 1; t < TABLES; t++) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t v = tables[t - 1][i];

			tables[t][i] = (v >> 8) ^ tables[0][v & 255];
		}
	}
}

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
	const uint8_t *b = p;

	pthread_once(&once, make_tables);
	crc = ~crc;
	for (; n >= TABLES; n -= TABLES, b += TABLES) {
		crc ^= (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 |
		       (uint32_t)b[3] << 24;
		crc = tables[3][crc & 255] ^ tables[2][crc >> 8 & 255] ^
		      tables[1][crc >> 16 & 255] ^ tables[0][crc >> 24];
	}
	for (; n > 0; n--, b++)
		crc = (crc >> 8) ^ tables[0][(crc ^ *b) & 255];
	return ~crc;
}
