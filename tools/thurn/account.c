/* Requests about accounts. See account.h. */
#include "account.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "proto/types.h"

int account_begin(struct account_batch *b, bool json)
{
	*b = (struct account_batch){ .json = json };
	return tool_control(&b->control, "accounts") == -1 ? EX_UNAVAILABLE : 0;
}

void account_report(struct account_batch *b, const char *subject, uint32_t status, struct str text)
{
	if (status != 0 && b->status == 0)
		b->status = (int)status;
	if (b->json) {
		json_t *o = json_pack("{s:s, s:i, s:s%}", "address", subject, "status", (int)status,
		    "text", text.p, text.n);

		json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
		putchar('\n');
		json_decref(o);
	} else if (status != 0) {
		tool_warn("%s: %.*s", subject, STR_ARG(text));
	}
}

/* What came of a change: as JSON, or the one thing that somebody wants to see. */
static void print_record(const struct account_batch *b, struct str json)
{
	json_t *o;

	if (b->json) {
		tool_print_record(NULL, json, NULL);
		return;
	}
	o = json_loadb(json.p, json.n, 0, NULL);
	if (json_object_get(o, "password") != NULL)
		printf("%s\n", json_string_value(json_object_get(o, "password")));
	json_decref(o);
}

static int take(struct account_batch *b, const struct ipc_msg *m)
{
	struct get g = get_start(m->body);
	struct str text;
	uint32_t status;

	if (m->id == 0 || m->id > ACCOUNT_WINDOW || b->subjects[m->id - 1][0] == '\0')
		return -1;
	if (m->type == CONTROL_RECORD) {
		text = get_str(&g, IPC_BODY_MAX);
		if (get_end(&g) == -1)
			return -1;
		print_record(b, text);
		return 0;
	}
	status = get_u32(&g);
	text = get_str(&g, CONTROL_TEXT_MAX);
	if (m->type != CONTROL_END || get_end(&g) == -1)
		return -1;
	account_report(b, b->subjects[m->id - 1], status, text);
	b->subjects[m->id - 1][0] = '\0';
	b->under_way--;
	return 0;
}

/* Waits for one part of an answer, whichever comes first. -1: said why, there will be none. */
static int await(struct account_batch *b)
{
	static uint8_t space[IPC_PACKET_MAX];
	struct ipc_msg m;
	int r = ipc_recv(b->control.fd, &m, space);

	if (r != 1) {
		tool_warn("no answer: %s", r == 0 ? "the service has ended" : strerror(errno));
		return -1;
	}
	ipc_close_fds(&m);
	r = take(b, &m);
	ipc_wipe(&m);
	if (r == -1)
		tool_warn("an answer that fits no question");
	return r;
}

int account_request(
    struct account_batch *b, uint16_t type, const char *subject, const struct account_change *c)
{
	struct put w = put_start();
	struct ipc_msg m = { .type = type, .gen = 1 };
	unsigned i = 0;

	while (b->under_way == ACCOUNT_WINDOW)
		if (await(b) == -1)
			return -1;
	while (b->subjects[i][0] != '\0')
		i++;
	if (subject[0] == '\0' || str_copy(str_of(subject), b->subjects[i], LOGIN_MAX + 1) == -1) {
		b->subjects[i][0] = '\0';
		account_report(b, subject, EX_DATAERR, STR("that is no address"));
		return 0;
	}
	put_account_change(&w, c);
	m.id = i + 1;
	m.body = put_view(&w);
	if (ipc_send(b->control.fd, &m) == -1) {
		tool_warn("not sent: %s", strerror(errno));
		return -1;
	}
	explicit_bzero(w.p, w.n);
	b->under_way++;
	return 0;
}

int account_end(struct account_batch *b, int r)
{
	while (b->under_way > 0 && await(b) == 0)
		;
	control_close(&b->control);
	if (b->under_way > 0 || r == -1)
		return EX_UNAVAILABLE;
	return r == 0 ? b->status : r;
}

int account_change(uint16_t type, bool json, const char *subject, const struct account_change *c)
{
	struct account_batch b;
	int r = account_begin(&b, json);

	return r != 0 ? r : account_end(&b, account_request(&b, type, subject, c));
}

int account_list(const char *what, const char *key, bool secrets,
    void (*fn)(void *arg, struct str json, struct ipc_msg *m), void *arg)
{
	struct put w = put_start();

	put_account_listing(&w, &(struct account_listing){
				    .what = str_of(what), .key = str_of(key), .secrets = secrets });
	return tool_ask("accounts", AUTH_CTL_LIST, &w, fn != NULL ? fn : tool_print_record, arg);
}
