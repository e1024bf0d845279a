/*
 * EXTERNAL (RFC 4422 A): the server's TLS has verified the client's certificate. A few lines of our
 * own: the library would only hand the message back.
 */
#include "mech.h"
#include "proto/types.h"

void external_step(struct exchange *x, struct str message)
{
	struct str name = str_of(x->certificate);
	struct put w = put_start();
	struct auth_who who;

	if (str_find(message, '\0') != -1) {
		exchange_end(x, SASL_MALFORMED);
	} else if (message.n > 0 && !str_caseeq(message, name)) {
		exchange_end(x, SASL_REFUSED);
	} else {
		who = exchange_who(x, name);
		put_auth_certificate(&w, &who);
		exchange_ask(x, AUTH_CERTIFICATE, &w, exchange_decide);
	}
}
