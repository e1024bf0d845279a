/*
 * Every packet that the queue exchanges with smtpd and deliver-*. The first byte chooses; what
 * decodes is encoded again and must decode to as much.
 */
#include <assert.h>
#include <stdlib.h>

#include "proto/deliver.h"
#include "proto/quirk.h"
#include "proto/queue.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void commit(struct get *g, struct arena *a)
{
	struct queue_commit c = { 0 }, again = { 0 };
	uint32_t from = 0;
	bool more;
	struct put w = put_start();

	if (get_commit_part(g, a, &c, &more) == -1)
		return;
	put_commit(&w, &c, &from);
	if (w.bad || more || from < c.envelope.nrcpts)
		return;
	*g = get_start(put_view(&w));
	assert(get_commit_part(g, a, &again, &more) == 0);
	assert(again.envelope.nrcpts == c.envelope.nrcpts && again.nedits == c.nedits);
}

static void job(struct get *g, struct arena *a)
{
	struct deliver_job j, again;
	struct put w = put_start();

	if (get_job(g, a, &j) == -1)
		return;
	put_job(&w, &j);
	*g = get_start(put_view(&w));
	assert(!w.bad && get_job(g, a, &again) == 0 && again.nrcpts == j.nrcpts);
}

static void results(struct get *g, struct arena *a)
{
	struct deliver_results r, again;
	struct put w = put_start();

	if (get_results(g, a, &r) == -1)
		return;
	put_results(&w, &r);
	*g = get_start(put_view(&w));
	assert(!w.bad && get_results(g, a, &again) == 0 && r.n == again.n);
}

static void small(struct get *g, struct arena *a)
{
	struct get copy = *g;
	struct queue_stock s;
	struct queue_large l;
	struct queue_answer q;
	struct reply_question question;
	struct reply_verdict verdict;
	struct quirk quirk;

	(void)a;
	(void)get_stock(&copy, &s);
	copy = *g;
	(void)get_large(&copy, &l);
	copy = *g;
	(void)get_reply_question(&copy, &question);
	copy = *g;
	(void)get_reply_verdict(&copy, &verdict);
	copy = *g;
	(void)get_quirk(&copy, &quirk);
	(void)get_queue_answer(g, &q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const kinds[])(
	    struct get *, struct arena *) = { commit, job, results, small };
	struct arena a;
	struct get g;

	if (size == 0 || size > IPC_BODY_MAX)
		return 0;
	arena_init(&a);
	g = get_start(str_bytes(data + 1, size - 1));
	kinds[data[0] % 4](&g, &a);
	arena_clear(&a);
	return 0;
}
