/* What clients send with OAUTHBEARER and XOAUTH2, and PLAIN: the first byte chooses. */
#include <stdint.h>
#include <stdlib.h>

#include "../../../../services/sasl/mech.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void token(struct str s)
{
	char space[TOKEN_SIGNATURE_MAX];
	struct str text, signature;

	oauth_parse_token(s, space, &text, &signature);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str s, authzid, login, password;
	struct bearer b;
	char *space;

	if (size == 0)
		return 0;
	s = str_bytes(data + 1, size - 1);
	space = malloc(size);
	switch (data[0] % 4) {
	case 0:
		if (oauth_parse_bearer(s, space, &b) == 0)
			token(b.token);
		break;
	case 1:
		if (oauth_parse_xoauth2(s, &b) == 0)
			token(b.token);
		break;
	case 2:
		token(s);
		break;
	default:
		plain_parse(s, &authzid, &login, &password);
	}
	free(space);
	return 0;
}
