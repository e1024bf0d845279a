/*
 * EXTERNAL (RFC 4422 A): the server's TLS has verified the client's certificate; whose account that
 * is, auth knows. A few lines of our own: the library would only hand the message back.
 */
#include "mech.h"
#include "proto/types.h"

void external_step(struct exchange *x, struct str message)
{
	struct put w = put_start();

	if (str_find(message, '\0') != -1) {
		exchange_end(x, SASL_MALFORMED);
	} else if (message.n > LOGIN_MAX) {
		exchange_end(x, SASL_REFUSED);
	} else {
		put_auth_certificate(
		    &w, &(struct auth_certificate){
			    .who = exchange_who(x, message), .name = str_of(x->certificate) });
		exchange_ask(x, AUTH_CERTIFICATE, &w, exchange_decide);
	}
}
