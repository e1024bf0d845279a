/* The login of a next hop, for thurn explain route: whose it is, never what it is. */
#include <stdio.h>

#include "command.h"
#include "explain.h"
#include "proto/credentials.h"
#include "proto/tls_wish.h"
#include "proto/types.h"

struct looked {
	struct arena *arena;
	struct credential_reply reply;
};

static int on_reply(void *arg, struct get *g)
{
	struct looked *l = arg;
	struct credential_reply *r = &l->reply;

	if (get_credential_reply(g, r) == -1)
		return -1;
	r->user = arena_str(l->arena, r->user);
	r->rule = arena_str(l->arena, r->rule);
	return 0;
}

/* Those that would do, in the order in which they are looked for. */
static json_t *mechanisms_of(uint8_t kind)
{
	const struct conf *c = tool_conf();
	json_t *list = json_array();

	for (size_t i = 0; i < conf_count(c, "remote_auth_mechanisms"); i++) {
		int m = login_mechanism(conf_item(c, "remote_auth_mechanisms", i));

		if (m != -1 && login_mechanism_kind((enum login_mechanism)m) == kind)
			json_array_append_new(
			    list, json_string(login_mechanism_name((enum login_mechanism)m)));
	}
	return list;
}

int explain_login(struct arena *a, struct str sender, const struct way_hop *h, json_t *hop)
{
	static uint8_t space[IPC_BODY_MAX];
	struct put w = put_into(space, sizeof space);
	struct looked l = { .arena = a };
	struct tls_wish wish;
	int status;

	if (tls_wish_parse(h->tls, &wish) == -1 || !wish.auth)
		return EX_OK;
	put_credential_look(
	    &w, &(struct credential_look){ .sender = sender, .nexthop = h->nexthop });
	status = explain_ask(CREDENTIALS_LOOK, &w, on_reply, &l);
	if (status != EX_OK)
		return status;
	if (l.reply.status.code != 0)
		json_object_set_new(
		    hop, "login", json_pack("{s:s}", "failure", l.reply.status.text));
	else
		json_object_set_new(hop, "login",
		    json_pack("{s:o, s:s, s:o, s:o}", "user", explain_text(l.reply.user), "kind",
			credential_kind_name(l.reply.kind), "rule", explain_text(l.reply.rule),
			"mechanisms", mechanisms_of(l.reply.kind)));
	return EX_OK;
}

static const char *text_of(json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "";
}

void explain_print_login(json_t *hop)
{
	json_t *login = json_object_get(hop, "login"), *m;
	size_t i;

	if (login == NULL)
		return;
	if (json_object_get(login, "failure") != NULL) {
		printf("      login: %s\n", text_of(login, "failure"));
		return;
	}
	printf("      login: %s, by %s (%s), as", text_of(login, "user"), text_of(login, "kind"),
	    text_of(login, "rule"));
	json_array_foreach(json_object_get(login, "mechanisms"), i, m)
	    printf(" %s", json_string_value(m));
	printf("\n");
}
