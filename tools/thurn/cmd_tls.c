/*
 * thurn tls: the certificates of the running suite (status, reload), what is known and reported of TLS
 * with other domains (policy, report), and what a server looks like to a client (check): its own
 * listeners, or another host.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "proto/service.h"
#include "proto/types.h"
#include "tls_dane.h"
#include "tls_probe.h"
#include "tls_report.h"

enum { DAY = 86400, EXPIRES_SOON = 14 * DAY, RSA_BITS = 2048 };

/* --- status and reload ------------------------------------------------------------------------ */

static void print_certificate(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	const char *fault;

	if (*(bool *)arg || o == NULL) {
		tool_print_record(NULL, json, m);
		json_decref(o);
		return;
	}
	fault = json_string_value(json_object_get(o, "fault"));
	printf("%-16s ", json_string_value(json_object_get(o, "certificate")));
	if (json_is_true(json_object_get(o, "in_use")))
		printf("%s %lld bits, %lld days left, %s",
		    json_string_value(json_object_get(o, "kind")),
		    (long long)json_integer_value(json_object_get(o, "bits")),
		    (long long)json_integer_value(json_object_get(o, "days")),
		    json_string_value(json_object_get(o, "hosts")));
	else
		printf("not in use");
	printf("%s%s\n", fault[0] == '\0' ? "" : "\n    ", fault);
	json_decref(o);
}

static int status(bool json, int argc, char **argv)
{
	struct put w = put_start();

	(void)argv;
	if (argc != 0)
		return tool_usage("thurn tls status [--json]");
	return tool_ask("keys", KEYS_CTL_STATUS, &w, print_certificate, &json);
}

static int reload(bool json, int argc, char **argv)
{
	struct put w = put_start();

	(void)argv;
	if (argc != 0)
		return tool_usage("thurn tls reload [--json]");
	return tool_ask("keys", KEYS_CTL_RELOAD, &w, print_certificate, &json);
}

/* --- policies of other domains ---------------------------------------------------------------- */

static void print_hosts(const json_t *o)
{
	const json_t *hosts = json_object_get(o, "mx"), *host;
	size_t i;

	json_array_foreach(hosts, i, host) printf(" %s", json_string_value(host));
}

static void print_policy(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);
	const char *note;
	time_t expires;
	char date[32];

	if (*(bool *)arg || o == NULL) {
		tool_print_record(NULL, json, m);
		json_decref(o);
		return;
	}
	note = json_string_value(json_object_get(o, "note"));
	printf("%s ", json_string_value(json_object_get(o, "domain")));
	if (json_is_true(json_object_get(o, "policy"))) {
		expires = (time_t)json_integer_value(json_object_get(o, "expires"));
		strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S", localtime(&expires));
		printf("%s, id %s, %s %s, hosts:", json_string_value(json_object_get(o, "mode")),
		    json_string_value(json_object_get(o, "id")),
		    json_is_true(json_object_get(o, "valid")) ? "until" : "expired", date);
		print_hosts(o);
	} else {
		printf("has no policy");
	}
	printf("%s%s\n", note[0] != '\0' ? "\n    " : "", note);
	json_decref(o);
}

static void print_count(void *arg, struct str json, struct ipc_msg *m)
{
	json_t *o = json_loadb(json.p, json.n, 0, NULL);

	if (*(bool *)arg || o == NULL)
		tool_print_record(NULL, json, m);
	else
		printf(
		    "%lld forgotten\n", (long long)json_integer_value(json_object_get(o, "count")));
	json_decref(o);
}

static int policy(bool json, int argc, char **argv)
{
	const char *verb = argc > 0 ? argv[0] : "list";
	bool all = tool_flag(&argc, argv, "all", '\0');
	const char *domain = argc > 1 ? argv[1] : "";
	struct put w = put_start();

	put_z(&w, domain);
	if (strcmp(verb, "list") == 0 && argc <= 1)
		return tool_ask("policy", POLICY_CTL_LIST, &w, print_policy, &json);
	if (strcmp(verb, "show") == 0 && argc == 2)
		return tool_ask("policy", POLICY_CTL_LIST, &w, print_policy, &json);
	if (strcmp(verb, "flush") == 0 && argc == (all ? 1 : 2))
		return tool_ask("policy", POLICY_CTL_FLUSH, &w, print_count, &json);
	return tool_usage(
	    "thurn tls policy [--json] [list | show DOMAIN | flush DOMAIN | flush --all]");
}

/* --- check: the grade ------------------------------------------------------------------------- */

struct report {
	const struct probe *p;
	const struct dane *dane; /* NULL: not looked for */
	int64_t now;
	char grade; /* 'A' best; 'F' = no protection */
	json_t *reasons;
};

static void cap(struct report *r, char grade, const char *what, const char *detail)
{
	char reason[PROBE_TEXT + 64];
	const json_t *one;
	size_t i;

	snprintf(reason, sizeof reason, "%s%s", what, detail);
	json_array_foreach(r->reasons, i, one) /* both certificates may have it */
	    if (strcmp(json_string_value(json_object_get(one, "reason")), reason) == 0) return;
	json_array_append_new(
	    r->reasons, json_pack("{s:s%, s:s}", "grade", &grade, (size_t)1, "reason", reason));
	if (grade > r->grade)
		r->grade = grade;
}

/* Each looks for one thing, and says what grade is the best that is left with it. */
static void rate_versions(struct report *r)
{
	for (size_t i = 0; i < 2; i++)
		if (r->p->versions[i])
			cap(r, 'C', "against RFC 8996 the server speaks ", probe_versions[i]);
	if (!r->p->versions[2] && !r->p->versions[3])
		cap(r, 'F', "neither TLSv1.2 nor TLSv1.3 is spoken", "");
	else if (!r->p->versions[3])
		cap(r, 'B', "TLSv1.3 is not spoken", "");
}

static void rate_ciphers(struct report *r)
{
	if (r->p->static_rsa)
		cap(r, 'B', "key exchange without forward secrecy is taken", "");
	if (r->p->no_aead)
		cap(r, 'B', "ciphers that do not authenticate what they encrypt are taken (CBC)",
		    "");
}

static void rate_dane(struct report *r)
{
	if (r->dane == NULL)
		return;
	if (r->dane->verdict == DANE_MISMATCHED)
		cap(r, 'F', "it is not as its TLSA records say: ", r->dane->why);
	else if (r->dane->verdict == DANE_FAILED)
		cap(r, 'F', "its TLSA records cannot be had: ", r->dane->why);
	else if (r->dane->verdict == DANE_UNUSABLE)
		cap(r, 'C', r->dane->why, "");
}

static void rate_certificate(struct report *r, const struct probe_certificate *p)
{
	bool known = r->dane != NULL && r->dane->verdict == DANE_MATCHED;
	const char *kind = r->p->ncertificates > 1 ? p->kind : "";
	const char *of = kind[0] != '\0' ? " of the key of kind " : "";
	char whose[64];

	snprintf(whose, sizeof whose, "%s%s", of, kind);

	if (r->now < p->not_before)
		cap(r, 'F', "the certificate is not valid yet", whose);
	else if (r->now >= p->not_after)
		cap(r, 'F', "the certificate has expired", whose);
	else if (p->not_after - r->now < EXPIRES_SOON)
		cap(r, 'B', "the certificate expires within 14 days", whose);
	if (!p->trusted && !known)
		cap(r, 'C', "the chain is not trusted: ", p->chain);
	if (!p->matches && !known)
		cap(r, 'C', "the name is not in the certificate, which has ",
		    p->names[0] != '\0' ? p->names : "none");
	if (strcmp(p->kind, "RSA") == 0 && p->bits < RSA_BITS)
		cap(r, 'C', "the RSA key has less than 2048 bits", "");
}

static void rate(struct report *r)
{
	r->grade = 'A';
	rate_dane(r);
	if (!r->p->tls) {
		cap(r, 'F', r->p->error, "");
		return;
	}
	rate_versions(r);
	rate_ciphers(r);
	for (unsigned i = 0; i < r->p->ncertificates; i++)
		rate_certificate(r, &r->p->certificates[i]);
}

/* --- check: words ----------------------------------------------------------------------------- */

static void print_shown(const struct probe_certificate *c, int64_t now)
{
	printf("   %s key of %u bits, %lld days left, chain %s, names %s\n", c->kind, c->bits,
	    (long long)(c->not_after - now) / DAY, c->trusted ? "trusted" : "not trusted",
	    c->names);
}

static json_t *shown_json(const struct probe_certificate *c, int64_t now)
{
	return json_pack("{s:s, s:i, s:s, s:b, s:b, s:I, s:I}", "key", c->kind, "bits",
	    (int)c->bits, "names", c->names, "trusted", c->trusted, "name_matches", c->matches,
	    "not_after", (json_int_t)c->not_after, "days", (json_int_t)(c->not_after - now) / DAY);
}

static void print_text(const struct probe_target *t, const char *title, const struct report *r)
{
	const struct probe *p = r->p;
	json_t *one;
	size_t i;

	printf("%c  %s%s%s, port %s (%s)\n", r->grade, title, title[0] != '\0' ? ": " : "", t->host,
	    t->port, t->protocol);
	if (p->tls) {
		printf("   %s, %s, %s; versions", p->version, p->cipher, p->group);
		for (i = 0; i < PROBE_VERSIONS; i++)
			if (p->versions[i])
				printf(" %s", probe_versions[i]);
		putchar('\n');
		for (i = 0; i < p->ncertificates; i++)
			print_shown(&p->certificates[i], r->now);
	}
	if (r->dane != NULL)
		dane_print(r->dane);
	json_array_foreach(r->reasons, i, one)
	    printf("   %s: %s\n", json_string_value(json_object_get(one, "grade")),
		json_string_value(json_object_get(one, "reason")));
}

static void print_json(const struct probe_target *t, const char *title, const struct report *r)
{
	const struct probe *p = r->p;
	json_t *versions = json_array();
	json_t *o;

	for (size_t i = 0; i < PROBE_VERSIONS; i++)
		if (p->versions[i])
			json_array_append_new(versions, json_string(probe_versions[i]));
	o = json_pack("{s:s, s:s, s:s, s:s, s:s%, s:O, s:b, s:o}", "listener", title, "host",
	    t->host, "port", t->port, "protocol", t->protocol, "grade", &r->grade, (size_t)1,
	    "reasons", r->reasons, "tls", p->tls, "versions", versions);
	if (p->tls) {
		json_object_update_new(o, json_pack("{s:s, s:s, s:s}", "version", p->version,
					      "cipher", p->cipher, "group", p->group));
		json_object_update_new(o, shown_json(&p->certificates[0], r->now));
	}
	if (p->ncertificates > 1)
		json_object_set_new(o, "other", shown_json(&p->certificates[1], r->now));
	if (r->dane != NULL)
		json_object_set_new(o, "dane", dane_json(r->dane));
	json_dumpf(o, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
	putchar('\n');
	json_decref(o);
}

struct options {
	bool json;
	bool dane;
	const char *ca, *protocol, *name;
};

/* An exit status: good is A or B. */
static int check_one(const struct options *o, struct probe_target *t, const char *title)
{
	struct probe p;
	struct dane dane;
	struct report r = { .p = &p,
		.dane = o->dane ? &dane : NULL,
		.now = (int64_t)time(NULL),
		.reasons = json_array() };
	int status;

	if (o->dane)
		dane_find(t, &dane);
	probe_server(t, o->ca, &p);
	if (o->dane)
		dane_compare(t, &dane);
	rate(&r);
	if (o->json)
		print_json(t, title, &r);
	else
		print_text(t, title, &r);
	status = !p.connected ? EX_UNAVAILABLE : r.grade <= 'B' ? EX_OK : EX_DATAERR;
	json_decref(r.reasons);
	if (o->dane)
		dane_clear(&dane);
	return status;
}

/* --- check: what ------------------------------------------------------------------------------ */

/* HOST, HOST:PORT, [ADDRESS]:PORT */
static int parse_host(struct str text, struct probe_target *t)
{
	ssize_t colon = str_rfind(text, ':');
	struct str host = text, port = STR("25");

	if (text.n > 0 && text.p[0] == '[') {
		ssize_t close = str_find(text, ']');

		if (close == -1)
			return -1;
		host = str_take(str_skip(text, 1), (size_t)close - 1);
		if ((size_t)close + 1 < text.n)
			port = str_skip(text, (size_t)close + 2);
	} else if (colon != -1 && str_find(text, ':') == colon) {
		host = str_take(text, (size_t)colon);
		port = str_skip(text, (size_t)colon + 1);
	}
	return host.n == 0 || str_copy(host, t->host, sizeof t->host) == -1 ||
		       str_copy(port, t->port, sizeof t->port) == -1
		   ? -1
		   : 0;
}

static int check_host(const struct options *o, const char *text)
{
	struct probe_target t = { .protocol = NULL };

	if (parse_host(str_of(text), &t) == -1)
		return tool_fail(EX_USAGE, "%s is no host, and no host:port", text);
	t.protocol = o->protocol != NULL ? o->protocol : probe_protocol_of(t.port);
	if (t.protocol == NULL)
		return tool_fail(EX_USAGE, "say --protocol: nothing is known of port %s", t.port);
	snprintf(t.name, sizeof t.name, "%s", o->name != NULL ? o->name : t.host);
	return check_one(o, &t, "");
}

/* A listener's sockets as they are reached from here. */
static int check_listener(const struct options *o, const struct conf_section *s)
{
	char title[PROBE_TEXT], protocol[32];
	const struct conf *c = tool_conf();
	int worst = EX_OK;

	str_copy(section_title(s), title, sizeof title);
	str_copy(section_str(s, "service"), protocol, sizeof protocol);
	for (size_t i = 0; i < section_count(s, "address"); i++) {
		struct probe_target t = { .protocol = probe_protocol(protocol) };
		struct str address = section_item(s, "address", i);
		int status;

		if (str_eq(address, STR("0.0.0.0")))
			address = STR("127.0.0.1");
		else if (str_eq(address, STR("::")))
			address = STR("::1");
		str_copy(address, t.host, sizeof t.host);
		snprintf(t.port, sizeof t.port, "%lld", (long long)section_int(s, "port"));
		snprintf(t.name, sizeof t.name, "%.*s", STR_ARG(conf_str(c, "hostname")));
		if (o->name != NULL)
			snprintf(t.name, sizeof t.name, "%s", o->name);
		status = check_one(o, &t, title);
		worst = status != EX_OK ? status : worst;
	}
	return worst;
}

static int check_own(const struct options *o)
{
	const struct conf_section *s;
	int worst = EX_OK, n = 0;

	for (size_t i = 0; (s = conf_section(tool_conf(), "listener", i)) != NULL; i++) {
		const struct service *service = service_find(section_str(s, "service"));
		int status;

		if (service->alpn == NULL || section_str(s, "path").n > 0 ||
		    str_eq(section_str(s, "tls"), STR("off")))
			continue;
		n++;
		status = check_listener(o, s);
		worst = status != EX_OK ? status : worst;
	}
	return n == 0 ? tool_fail(EX_CONFIG, "no listener has TLS") : worst;
}

static int check(bool json, int argc, char **argv)
{
	struct options o = { .json = json };
	int worst = EX_OK;

	/* options begin behind a name */
	argc++;
	argv--;
	o.dane = tool_flag(&argc, argv, "dane", '\0');
	o.ca = tool_value(&argc, argv, "ca");
	o.name = tool_value(&argc, argv, "name");
	o.protocol = tool_value(&argc, argv, "protocol");
	if (o.protocol != NULL && probe_protocol(o.protocol) == NULL)
		return tool_fail(EX_USAGE, "there is no protocol \"%s\"", o.protocol);
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == '-')
			return tool_usage("thurn tls check [--json] [--dane] [--ca FILE] "
					  "[--name NAME] [--protocol P] [HOST[:PORT] ...]");
	if (argc == 1)
		return check_own(&o);
	for (int i = 1; i < argc; i++) {
		int status = check_host(&o, argv[i]);

		worst = status != EX_OK ? status : worst;
	}
	return worst;
}

/* -----------------------------------------------------------------------------------------------
 */

static const struct {
	const char *name;
	int (*fn)(bool json, int argc, char **argv);
	const char *help;
} verbs[] = {
	{ "check", check,
	    "[--dane] [--ca FILE] [--name NAME] [--protocol P] [HOST[:PORT] ...]   grade the own "
	    "listeners, "
	    "or hosts" },
	{ "policy", policy,
	    "[list | show DOMAIN | flush DOMAIN | flush --all]   MTA-STS policies that are known" },
	{ "reload", reload, "look at the certificate files now" },
	{ "report", tls_report,
	    "[list | show DOMAIN | send DOMAIN | send --all]   what is counted of TLS with other "
	    "hosts" },
	{ "status", status, "the certificates in use" },
};

int cmd_tls(int argc, char **argv)
{
	bool json = tool_flag(&argc, argv, "json", 'j');
	int status;

	for (size_t i = 0; argc > 1 && i < sizeof verbs / sizeof verbs[0]; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].fn(json, argc - 2, argv + 2);
	status = tool_usage("thurn tls [--json] VERB ...");
	for (size_t i = 0; i < sizeof verbs / sizeof verbs[0]; i++)
		fprintf(tool_usage_file(), "  %-7s %s\n", verbs[i].name, verbs[i].help);
	return status;
}
