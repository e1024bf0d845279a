/*
 * The mechanisms that carry a password: PLAIN (RFC 4616) and LOGIN. Our own, because they are a few
 * lines, libgsasl leaves copies of the password in freed memory, and its LOGIN knows no initial
 * response, which clients send.
 */
#include <string.h>

#include "mech.h"

int plain_parse(struct str message, struct str *authzid, struct str *login, struct str *password)
{
	ssize_t first = str_find(message, '\0'), second;

	if (first == -1)
		return -1;
	*authzid = str_take(message, (size_t)first);
	message = str_skip(message, (size_t)first + 1);
	second = str_find(message, '\0');
	if (second == -1)
		return -1;
	*login = str_take(message, (size_t)second);
	*password = str_skip(message, (size_t)second + 1);
	return login->n == 0 || str_find(*password, '\0') != -1 ? -1 : 0;
}

void plain_step(struct exchange *x, struct str message)
{
	struct str authzid, authcid, password, login;

	if (plain_parse(message, &authzid, &authcid, &password) == -1)
		exchange_end(x, SASL_MALFORMED);
	else if (exchange_identity(authzid, authcid, &login) == -1)
		exchange_end(x, SASL_REFUSED);
	else
		exchange_password(x, login, password);
}

/* draft-murchison-sasl-login-00, with the prompts that clients look for. */
void login_step(struct exchange *x, struct str message)
{
	if (message.n == 0 || str_find(message, '\0') != -1)
		exchange_end(x, SASL_MALFORMED);
	else if (x->login[0] != '\0')
		exchange_password(x, str_of(x->login), message);
	else if (str_copy(message, x->login, sizeof x->login) == -1)
		exchange_end(x, SASL_REFUSED);
	else
		exchange_challenge(x, STR("Password:"));
}
