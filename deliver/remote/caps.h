/* What a server can do, out of its answer to EHLO or LHLO (RFC 5321 4.1.1.1). */
#ifndef REMOTE_CAPS_H
#define REMOTE_CAPS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

struct caps {
	bool starttls; /* RFC 3207 */
	bool pipelining; /* RFC 2920 */
	bool chunking; /* RFC 3030 */
	bool eightbit; /* RFC 6152 */
	bool utf8; /* RFC 6531 */
	bool dsn; /* RFC 3461 */
	bool requiretls; /* RFC 8689 */
	bool auth_offered; /* RFC 4954 */
	unsigned auth; /* bits of enum login_mechanism */
	bool size; /* RFC 1870 */
	uint64_t size_limit; /* 0 = none */
	/* RFC 9422; 0 = none */
	uint32_t mail_max, rcpt_max, domain_max;
};

/* Takes one line behind its code; not the first one, which is the server's name. Unknown ones pass.
 */
void caps_line(struct caps *c, struct str line);

#endif
