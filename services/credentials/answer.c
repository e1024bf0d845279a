/* What a token endpoint answers. See answer.h. */
#include "answer.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

/* RFC 6750 2.1 has less; what is used in fact has no blanks and no control characters either. */
static bool token_like(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n > 0;
}

/* 1 = taken, 0 = it is not there, -1 = it is no token. */
static int take_token(json_t *o, const char *name, char out[CREDENTIAL_SECRET_MAX + 1])
{
	json_t *v = json_object_get(o, name);
	size_t n = json_string_length(v);

	if (v == NULL || json_is_null(v))
		return 0;
	if (!json_is_string(v) || n > CREDENTIAL_SECRET_MAX || !token_like(json_string_value(v), n))
		return -1;
	memcpy(out, json_string_value(v), n + 1);
	return 1;
}

static bool is_bearer(json_t *o)
{
	json_t *v = json_object_get(o, "token_type");

	return json_is_string(v) && str_caseeq(str_of(json_string_value(v)), STR("Bearer"));
}

static uint64_t seconds_of(json_t *o)
{
	json_t *v = json_object_get(o, "expires_in");
	uint64_t n = ANSWER_SECONDS;

	if (json_is_integer(v) && json_integer_value(v) >= 0)
		n = (uint64_t)json_integer_value(v);
	else if (json_is_string(v)) /* some write it so */
		str_u64(str_of(json_string_value(v)), UINT64_MAX, &n);
	return n < ANSWER_SECONDS_MAX ? n : ANSWER_SECONDS_MAX;
}

/* Words of the server, for a line of the log. */
static void add_words(char why[ANSWER_WHY], json_t *o, const char *name)
{
	const char *s = json_string_value(json_object_get(o, name));
	size_t at = strlen(why);

	for (; s != NULL && *s != '\0' && at + 1 < ANSWER_WHY; s++)
		why[at++] = *s < ' ' || *s > '~' ? '?' : *s;
	why[at] = '\0';
}

static void refused(json_t *o, unsigned http_status, char why[ANSWER_WHY])
{
	snprintf(why, ANSWER_WHY, "HTTP status %u ", http_status);
	add_words(why, o, "error");
	if (json_is_string(json_object_get(o, "error_description")) && strlen(why) + 2 < ANSWER_WHY)
		snprintf(why + strlen(why), ANSWER_WHY - strlen(why), ": ");
	add_words(why, o, "error_description");
}

static int read_object(json_t *o, unsigned http_status, struct answer *a)
{
	if (http_status != 200) {
		refused(o, http_status, a->why);
		return -1;
	}
	a->seconds = seconds_of(o);
	if (take_token(o, "access_token", a->access) == 1 && is_bearer(o) &&
	    take_token(o, "refresh_token", a->refresh) != -1)
		return 0;
	explicit_bzero(a, sizeof *a);
	snprintf(a->why, sizeof a->why, "the answer has no bearer token");
	return -1;
}

int answer_read(struct str json, unsigned http_status, struct answer *a)
{
	json_t *o = json_loadb(json.p, json.n, JSON_REJECT_DUPLICATES, NULL);
	int r = -1;

	explicit_bzero(a, sizeof *a);
	if (json_is_object(o))
		r = read_object(o, http_status, a);
	else if (http_status == 200)
		snprintf(a->why, sizeof a->why, "the answer is no JSON object");
	else
		snprintf(a->why, sizeof a->why, "HTTP status %u", http_status);
	json_decref(o);
	return r;
}
