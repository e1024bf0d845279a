/* What a taken-over peer may ask services/keys to sign: never anything but the text of a handshake. */
#include <openssl/ec.h>
#include <stdlib.h>

#include "../../../../services/keys/sign.h"
#include "proto/keys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static EVP_PKEY *keys[2];
	enum { MAY = SIGN_SERVER_13 | SIGN_SERVER_12 };
	struct get g = get_start(str_bytes(data, size));
	struct keys_question q;
	uint8_t out[TLS_SIGNATURE_MAX];
	size_t n;

	if (keys[0] == NULL) {
		keys[0] = EVP_EC_gen("P-256");
		keys[1] = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	}
	if (get_keys_question(&g, &q) == -1)
		return 0;
	if (sign(keys[q.key % 2], q.scheme, q.text, MAY, out, &n) != NULL)
		return 0;
	if ((sign_text(q.text) & MAY) == 0 || n == 0 || n > sizeof out)
		abort();
	/* 64 blanks or 64 random bytes, and one of the lengths that a handshake has */
	if (q.text.n != 130 && q.text.n != 146 && q.text.n != 100 && q.text.n != 133 &&
	    q.text.n != 165)
		abort();
	return 0;
}
