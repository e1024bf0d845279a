/*
 * Whole exchanges: the first byte chooses the mechanism, then come the client's messages, each
 * behind two bytes of length; auth at the other end of a real channel answers what each byte of
 * `replies` says.
 */
#include <stdint.h>
#include <string.h>

#include "../../../../services/sasl/mech.h"
#include "proto/proc.h"
#include "proto/types.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct chan to_auth, auth;
static bool over, waiting;
static uint8_t verdict;

struct chan *proc_peer(enum role r)
{
	return r == ROLE_AUTH ? &to_auth : NULL;
}

static int on_question(struct chan *c, struct ipc_msg *m)
{
	struct put w = put_start();
	const struct auth_answer a = { .verdict = verdict % 3, .address = STR("a@b.test") };

	if (m->type == AUTH_SALT)
		put_auth_salt_answer(
		    &w, &(struct auth_salt_answer){ a.verdict, STR("0123456789abcdef"), 4096 });
	else if (m->type == AUTH_PROOF)
		put_auth_proof_answer(
		    &w, &(struct auth_proof_answer){ a, STR("01234567890123456789") });
	else
		put_auth_answer(&w, &a);
	return chan_reply(c, m, m->type, &w, NULL, 0);
}

static const struct chan_row rows[] = { { AUTH_CHECK, 0, on_question },
	{ AUTH_SALT, 0, on_question }, { AUTH_PROOF, 0, on_question },
	{ AUTH_TOKEN, 0, on_question }, { AUTH_CERTIFICATE, 0, on_question }, { 0 } };
static const struct chan_row no_rows[] = { { 0 } };

static void answer(struct asker *a, struct exchange *x, const struct sasl_answer *said)
{
	(void)a;
	(void)x;
	over = said->verdict != SASL_CONTINUE;
	waiting = false;
}

static void start_once(void)
{
	static bool started;
	struct conf *c;
	int ends[2];

	if (started)
		return;
	started = true;
	loop_init();
	if (ipc_pair(ends) == -1 || scram_open() == -1)
		__builtin_trap();
	chan_init(&to_auth, &ends[0], no_rows, NULL);
	chan_init(&auth, &ends[1], rows, NULL);
	c = conf_new();
	oauth_load(c);
	conf_free(c);
}

static struct str next_message(struct str *rest)
{
	struct str s;
	size_t n;

	if (rest->n < 2)
		return STR_NONE;
	n = (size_t)(uint8_t)rest->p[0] << 8 | (uint8_t)rest->p[1];
	s = str_take(str_skip(*rest, 2), n);
	*rest = str_skip(*rest, 2 + n);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const names[] = { "PLAIN", "LOGIN", "SCRAM-SHA-256",
		"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1", "OAUTHBEARER", "XOAUTH2", "EXTERNAL" };
	struct asker asker = { .answer = answer };
	struct sasl_start s = { .id = 1, .service = STR("imap"), .certificate = STR("a@b.test") };
	struct str rest;

	if (size < 2)
		return 0;
	start_once();
	s.mechanism = str_of(names[data[0] % 8]);
	if (data[0] / 8 % 2 == 1)
		s.exporter = STR("01234567890123456789012345678901");
	verdict = data[1];
	rest = str_bytes(data + 2, size - 2);
	s.has_initial = rest.n > 0;
	s.initial = next_message(&rest);
	over = false;
	waiting = true;
	exchange_start(&asker, &s, (struct chan_ref){ 0 });
	while (!over) {
		struct exchange *x = exchange_find(&asker, 1);

		for (int i = 0; waiting && i < 10; i++)
			loop_poll();
		if (over || rest.n == 0)
			break;
		waiting = true;
		exchange_more(x, (struct chan_ref){ 0 }, next_message(&rest));
	}
	exchange_cancel_all(&asker);
	return 0;
}
