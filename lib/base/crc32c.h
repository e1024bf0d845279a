/* CRC-32C (Castagnoli, as in RFC 3720): finds damage in small records; not a defence against
 * forgery. */
#ifndef BASE_CRC32C_H
#define BASE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* crc is 0 at the start, or what the bytes before gave. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

#endif
