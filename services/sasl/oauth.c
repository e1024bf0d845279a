/*
 * OAUTHBEARER (RFC 7628) and XOAUTH2: a token vouches for the client. What it says, and whether it is
 * good, auth finds out; here a JSON web token is split for it.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "mech.h"
#include "proto/types.h"

enum { SEPARATOR = 1 };

static char *refusal; /* JSON, RFC 7628 3.2.2 */

void oauth_load(const struct conf *c)
{
	struct str scope = conf_str(c, "oauth_scope"), url = conf_str(c, "oauth_configuration_url");
	json_t *o = json_pack("{s:s, s:s}", "status", "invalid_token", "schemes", "bearer");

	if (scope.n > 0)
		json_object_set_new(o, "scope", json_stringn(scope.p, scope.n));
	if (url.n > 0)
		json_object_set_new(o, "openid-configuration", json_stringn(url.p, url.n));
	free(refusal);
	refusal = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_decref(o);
}

/* --- taking messages apart ------------------------------------------------------------------- */

/* Key-value pairs, each with a separator behind it, and one more at the end. */
static int parse_pairs(struct str pairs, struct bearer *out)
{
	static const struct str auth = { "auth=", 5 }, scheme = { "Bearer ", 7 };
	struct str pair;

	out->token = STR_NONE;
	if (!str_ends(pairs, STR("\1\1")))
		return -1;
	pairs.n -= 2;
	while (str_cut(&pairs, SEPARATOR, &pair)) {
		if (pair.n == 0)
			return -1;
		if (!str_casestarts(pair, auth))
			continue;
		pair = str_skip(pair, auth.n);
		if (out->token.n > 0 || !str_casestarts(pair, scheme))
			return -1;
		out->token = str_trim(str_skip(pair, scheme.n));
	}
	return out->token.n == 0 ? -1 : 0;
}

/* RFC 5801 4: "=2C" and "=3D" stand for what would end the name. */
static int unescape(struct str s, char *space, struct str *out)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++) {
		struct str rest = str_skip(s, i);

		if (s.p[i] != '=') {
			space[n++] = s.p[i];
			continue;
		}
		if (!str_starts(rest, STR("=2C")) && !str_starts(rest, STR("=3D")))
			return -1;
		space[n++] = s.p[i + 1] == '2' ? ',' : '=';
		i += 2;
	}
	*out = str_bytes(space, n);
	return 0;
}

int oauth_parse_bearer(struct str message, char *space, struct bearer *out)
{
	struct str flag, authzid, rest = message, head;

	out->authzid = STR_NONE;
	if (str_find(message, '\0') != -1 || !str_cut(&rest, SEPARATOR, &head) ||
	    !str_cut(&head, ',', &flag) || !str_cut(&head, ',', &authzid) || head.n > 0 ||
	    (!str_eq(flag, STR("n")) && !str_eq(flag, STR("y"))))
		return -1;
	if (authzid.n > 0 && (!str_starts(authzid, STR("a=")) ||
				 unescape(str_skip(authzid, 2), space, &out->authzid) == -1))
		return -1;
	return parse_pairs(rest, out);
}

int oauth_parse_xoauth2(struct str message, struct bearer *out)
{
	struct str rest = message, head;

	if (str_find(message, '\0') != -1 || !str_cut(&rest, SEPARATOR, &head) ||
	    !str_casestarts(head, STR("user=")))
		return -1;
	out->authzid = str_skip(head, 5);
	return parse_pairs(rest, out);
}

/* RFC 6750 2.1 */
bool oauth_token_valid(struct str token)
{
	while (token.n > 1 && token.p[token.n - 1] == '=')
		token.n--;
	for (size_t i = 0; i < token.n; i++)
		if (!ascii_alpha(token.p[i]) && !ascii_digit(token.p[i]) &&
		    (token.p[i] == '\0' || strchr("-._~+/", token.p[i]) == NULL))
			return false;
	return token.n > 0 && token.n <= TOKEN_MAX;
}

int oauth_parse_token(
    struct str token, char space[TOKEN_SIGNATURE_MAX], struct str *text, struct str *signature)
{
	ssize_t dot = str_rfind(token, '.'), n;
	struct str last;

	if (dot <= 0)
		return -1;
	*text = str_take(token, (size_t)dot);
	last = str_skip(token, (size_t)dot + 1);
	if (text->n > TOKEN_MAX || str_find(*text, '.') == -1 || last.n > TOKEN_SIGNATURE_MAX)
		return -1;
	for (size_t i = 0; i < text->n; i++)
		if (!ascii_alpha(text->p[i]) && !ascii_digit(text->p[i]) &&
		    strchr("-_.", text->p[i]) == NULL)
			return -1;
	n = base64url_decode(last, space);
	*signature = str_bytes(space, n > 0 ? (size_t)n : 0);
	return n > 0 ? 0 : -1;
}

/* --- the exchange ---------------------------------------------------------------------------- */

/* The client hears why, and answers with a message that says nothing. */
static void refuse(struct exchange *x)
{
	x->refused = true;
	exchange_challenge(x, str_of(refusal));
}

static void on_token(struct exchange *x, struct get *g)
{
	struct get copy = *g;
	struct auth_answer a;

	if (get_auth_answer(&copy, &a) == 0 && a.verdict == AUTH_REFUSED)
		refuse(x);
	else
		exchange_decide(x, g);
}

static void ask(struct exchange *x, const struct bearer *b)
{
	char space[TOKEN_SIGNATURE_MAX];
	struct auth_token t = { .who = exchange_who(x, b->authzid), .token = b->token };
	struct put w = put_start();

	if (b->authzid.n > LOGIN_MAX || b->token.n > TOKEN_MAX || !oauth_token_valid(b->token)) {
		refuse(x);
		return;
	}
	if (oauth_parse_token(b->token, space, &t.text, &t.signature) == -1)
		t.text = t.signature = STR_NONE;
	put_auth_token(&w, &t);
	exchange_ask(x, AUTH_TOKEN, &w, on_token);
	explicit_bzero(w.p, w.n);
}

static void take(struct exchange *x, int parsed, const struct bearer *b)
{
	if (x->refused)
		exchange_end(x, SASL_REFUSED);
	else if (parsed == -1)
		exchange_end(x, SASL_MALFORMED);
	else
		ask(x, b);
}

void oauthbearer_step(struct exchange *x, struct str message)
{
	static char space[SASL_MESSAGE_MAX];
	struct bearer b;

	take(x, oauth_parse_bearer(message, space, &b), &b);
}

void xoauth2_step(struct exchange *x, struct str message)
{
	struct bearer b;

	take(x, oauth_parse_xoauth2(message, &b), &b);
}
