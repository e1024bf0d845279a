/* Faults that no single setting shows. See cross.h. */
#include "cross.h"

#include <stdio.h>
#include <string.h>

#include "mail/address.h"
#include "proto/boot.h"
#include "proto/credentials.h"
#include "proto/fetch.h"
#include "proto/keys.h"
#include "proto/reporter.h"
#include "proto/plan.h"
#include "proto/sasl.h"
#include "proto/service.h"

/* --- directories ----------------------------------------------------------------------------- */

/* Is b the same path as a, or below it? Repeated and final slashes do not count. */
static bool path_within(struct str a, struct str b)
{
	struct str pa, pb;

	while (str_cut(&a, '/', &pa)) {
		if (pa.n == 0)
			continue;
		do {
			if (!str_cut(&b, '/', &pb))
				return false;
		} while (pb.n == 0);
		if (!str_eq(pa, pb))
			return false;
	}
	return true;
}

/* Each belongs to another process: one below another would be open to two. */
static void check_directories(const struct conf *c, struct faults *f)
{
	static const char *const names[] = { "spool_directory", "mail_directory", "table_directory",
		"account_directory", "run_directory", "log_directory", "policy_directory",
		"token_directory" };
	enum { NAMES = sizeof names / sizeof names[0] };

	for (size_t a = 0; a < NAMES; a++)
		for (size_t b = 0; b < NAMES; b++)
			if (a != b && path_within(conf_str(c, names[a]), conf_str(c, names[b])))
				faults_at(f, conf_where(c, names[b]), "%s is inside %s", names[b],
				    names[a]);
}

/* The address of a Unix socket has 108 bytes. */
static void check_socket_paths(const struct conf *c, struct faults *f)
{
	enum { ROOM = 108 - (int)sizeof "/accounts" };

	if (conf_str(c, "run_directory").n > ROOM)
		faults_at(f, conf_where(c, "run_directory"),
		    "run_directory is longer than %d bytes, too long for sockets in it", ROOM);
}

/* --- listeners ------------------------------------------------------------------------------- */

static bool any_address(struct str a)
{
	return str_eq(a, STR("0.0.0.0")) || str_eq(a, STR("::"));
}

/* IPv6 sockets take IPv6 only, so the two families never meet. */
static bool overlap(struct str a, struct str b)
{
	if ((str_find(a, ':') == -1) != (str_find(b, ':') == -1))
		return false;
	return str_eq(a, b) || any_address(a) || any_address(b);
}

static void compare(const struct conf_section *a, const struct conf_section *b, struct faults *f)
{
	struct str path = section_str(a, "path");

	if (path.n > 0 && str_eq(path, section_str(b, "path")))
		faults_at(f, section_place(b), "listener %.*s: the path is taken by listener %.*s",
		    STR_ARG(section_title(b)), STR_ARG(section_title(a)));
	if (path.n > 0 || section_str(b, "path").n > 0 ||
	    section_int(a, "port") != section_int(b, "port"))
		return;
	for (size_t i = 0; i < section_count(a, "address"); i++)
		for (size_t k = 0; k < section_count(b, "address"); k++) {
			struct str x = section_item(a, "address", i);
			struct str y = section_item(b, "address", k);

			if (overlap(x, y))
				faults_at(f, section_place(b),
				    "listener %.*s: %.*s port %lld is taken by listener %.*s",
				    STR_ARG(section_title(b)), STR_ARG(y),
				    (long long)section_int(b, "port"), STR_ARG(section_title(a)));
		}
}

/* The address of a Unix socket has 108 bytes, with the NUL behind it. */
static void check_path(const struct conf *c, const struct conf_section *s, struct faults *f)
{
	struct str path = section_str(s, "path");
	size_t n =
	    path.n + (path.n > 0 && path.p[0] != '/' ? conf_str(c, "run_directory").n + 1 : 0);

	if (n >= PLAN_SOCKET_MAX)
		faults_at(f, section_where(s, "path"),
		    "listener %.*s: the path is longer than %d bytes", STR_ARG(section_title(s)),
		    PLAN_SOCKET_MAX - 1);
}

static void check_listeners(const struct conf *c, struct faults *f)
{
	const struct conf_section *a, *b;
	unsigned network = 0;
	size_t sockets = 0;

	for (size_t i = 0; (b = conf_section(c, "listener", i)) != NULL; i++) {
		struct str path = section_str(b, "path");

		if (service_find(section_str(b, "service"))->port == 0 && path.n == 0)
			faults_at(f, section_place(b), "listener %.*s: that service needs a path",
			    STR_ARG(section_title(b)));
		if (path.n == 0)
			network++;
		sockets += path.n > 0 ? 1 : section_count(b, "address");
		check_path(c, b, f);
		if (path.n == 0 && section_count(b, "address") == 0)
			faults_at(f, section_place(b), "listener %.*s has no address",
			    STR_ARG(section_title(b)));
		for (size_t k = 0; k < i; k++) {
			a = conf_section(c, "listener", k);
			compare(a, b, f);
		}
	}
	if (sockets > PLAN_LISTENERS_MAX)
		faults_add(
		    f, NULL, 0, "the listeners have more than %d addresses", PLAN_LISTENERS_MAX);
	if (network == 0)
		faults_warn(
		    f, STR_NONE, "no listener: mail comes in by the local submission socket only");
}

/* --- certificates ---------------------------------------------------------------------------- */

static const struct conf_section *find_certificate(const struct conf *c, struct str title)
{
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "certificate", i)) != NULL; i++)
		if (str_eq(section_title(s), title))
			return s;
	return NULL;
}

static void check_named_certificates(
    const struct conf *c, const struct conf_section *listener, struct faults *f)
{
	struct str tls = section_str(listener, "tls"), service = section_str(listener, "service");
	/* and no user can log in without it */
	bool needed =
	    str_eq(tls, STR("required")) || str_eq(tls, STR("implicit")) ||
	    service_find(service)->implicit ||
	    (str_eq(service, STR("submission")) && !conf_bool(c, "submission_plaintext_auth"));

	for (size_t i = 0; i < section_count(listener, "certificates"); i++) {
		struct str title = section_item(listener, "certificates", i);

		if (find_certificate(c, title) == NULL)
			faults_at(f, section_where(listener, "certificates"),
			    "listener %.*s: there is no certificate section \"%.*s\"",
			    STR_ARG(section_title(listener)), STR_ARG(title));
	}
	if (str_eq(section_str(listener, "client_certificates"), STR("require")) &&
	    conf_count(c, "tls_client_ca") == 0)
		faults_at(f, section_where(listener, "client_certificates"),
		    "listener %.*s requires client certificates, but tls_client_ca is empty: "
		    "nobody "
		    "would get in",
		    STR_ARG(section_title(listener)));
	if (needed && conf_section(c, "certificate", 0) == NULL)
		faults_warn(f, section_place(listener),
		    "listener %.*s needs TLS, but there is no certificate section",
		    STR_ARG(section_title(listener)));
}

static void check_certificates(const struct conf *c, struct faults *f)
{
	const struct conf_section *s;
	struct str title;
	size_t n = 0;

	for (; (s = conf_section(c, "certificate", n)) != NULL; n++) {
		if (section_title(s).n > KEYS_NAME_MAX)
			faults_at(f, section_place(s),
			    "the title of a certificate is longer than %d bytes", KEYS_NAME_MAX);
		if (section_str(s, "certificate").n == 0 || section_str(s, "key").n == 0)
			faults_at(f, section_place(s),
			    "certificate %.*s: both files have to be named",
			    STR_ARG(section_title(s)));
	}
	if (n > KEYS_CERTIFICATES)
		faults_add(f, NULL, 0, "there are more than %d certificates", KEYS_CERTIFICATES);
	if (conf_count(c, "tls_client_ca") > KEYS_ANCHOR_FILES)
		faults_at(f, conf_where(c, "tls_client_ca"),
		    "tls_client_ca names more than %d files", KEYS_ANCHOR_FILES);
	for (size_t i = 0; (s = conf_section(c, "listener", i)) != NULL; i++)
		check_named_certificates(c, s, f);
	title = conf_str(c, "remote_client_certificate");
	if (title.n > 0 && find_certificate(c, title) == NULL)
		faults_at(f, conf_where(c, "remote_client_certificate"),
		    "remote_client_certificate: there is no certificate section \"%.*s\"",
		    STR_ARG(title));
}

/* --- keys of DKIM ----------------------------------------------------------------------------- */

static void check_dkim_section(
    const struct conf *c, const struct conf_section *s, size_t n, struct faults *f)
{
	static const char *const needed[] = { "domain", "selector", "key" };
	const struct conf_section *other;

	if (section_title(s).n > KEYS_NAME_MAX)
		faults_at(f, section_place(s),
		    "the title of a dkim section is longer than %d bytes", KEYS_NAME_MAX);
	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (section_str(s, needed[i]).n == 0)
			faults_at(f, section_place(s), "dkim %.*s: its %s has to be named",
			    STR_ARG(section_title(s)), needed[i]);
	if (section_str(s, "selector").n > DKIM_SELECTOR_MAX)
		faults_at(f, section_where(s, "selector"),
		    "dkim %.*s: the selector is longer than %d bytes", STR_ARG(section_title(s)),
		    DKIM_SELECTOR_MAX);
	for (size_t i = 0; i < n; i++) {
		other = conf_section(c, "dkim", i);
		if (str_caseeq(section_str(s, "domain"), section_str(other, "domain")) &&
		    str_caseeq(section_str(s, "selector"), section_str(other, "selector")))
			faults_at(f, section_where(s, "selector"),
			    "dkim %.*s: dkim %.*s has the same selector: a domain publishes one "
			    "key under each",
			    STR_ARG(section_title(s)), STR_ARG(section_title(other)));
	}
}

static void check_dkim(const struct conf *c, struct faults *f)
{
	char reporter[REPORTER_MAX + 1];
	const struct conf_section *s;
	bool found = false;
	size_t n = 0;

	reporter_address(c, reporter);
	for (; (s = conf_section(c, "dkim", n)) != NULL; n++) {
		check_dkim_section(c, s, n, f);
		found |= reporter_is_of(reporter, section_str(s, "domain"));
	}
	if (n > KEYS_DKIM_KEYS)
		faults_add(f, NULL, 0, "there are more than %d dkim sections", KEYS_DKIM_KEYS);
	if (conf_bool(c, "tls_reports") && !found)
		faults_warn(f, conf_where(c, "tls_reports"),
		    "tls_reports without a dkim section for %s: no report goes by mail", reporter);
}

/* --- users ----------------------------------------------------------------------------------- */

static bool is_uid(const struct setting *s)
{
	return s->section == NULL && str_starts(str_of(s->name), STR("uid_"));
}

static void check_users(const struct conf *c, struct faults *f)
{
	const struct setting *a, *b;

	for (size_t i = 0; (a = setting_at(i)) != NULL; i++) {
		if (!is_uid(a) || conf_int(c, a->name) == 0)
			continue;
		for (size_t k = 0; k < i; k++) {
			b = setting_at(k);
			if (is_uid(b) && conf_int(c, a->name) == conf_int(c, b->name))
				faults_warn(f, STR_NONE,
				    "user_%s and user_%s have the same uid: each could act as the "
				    "other",
				    b->name + 4, a->name + 4);
		}
	}
}

/* --- ranges ---------------------------------------------------------------------------------- */

static void check_ranges(const struct conf *c, struct faults *f)
{
	if (conf_int(c, "mailbox_uid_min") > conf_int(c, "mailbox_uid_max"))
		faults_at(f, conf_where(c, "mailbox_uid_max"),
		    "mailbox_uid_max is below mailbox_uid_min");
	if (conf_int(c, "mailbox_uid") != 0)
		faults_warn(f, conf_where(c, "mailbox_uid"),
		    "all mailboxes share one uid: only the sandbox keeps them apart");
}

/* Tokens are taken from one issuer, for one audience, or not at all. */
static void check_tokens(const struct conf *c, struct faults *f)
{
	static const char *const needed[] = { "oauth_issuer", "oauth_audience" };

	for (size_t i = 0; i < sizeof needed / sizeof *needed; i++)
		if (conf_count(c, "oauth_keys") > 0 && conf_str(c, needed[i]).n == 0)
			faults_at(f, conf_where(c, "oauth_keys"),
			    "oauth_keys without %s: no token would be taken", needed[i]);
	if (conf_str(c, "oauth_introspection_url").n > 0 && conf_str(c, "oauth_audience").n == 0 &&
	    conf_str(c, "oauth_scope").n == 0)
		faults_at(f, conf_where(c, "oauth_introspection_url"),
		    "oauth_introspection_url without oauth_audience and oauth_scope: tokens for "
		    "anybody would be taken");
}

static void check_certificate_logins(const struct conf *c, struct faults *f)
{
	for (size_t i = 0; i < conf_count(c, "certificate_logins"); i++)
		if (str_rfind(str_trim(conf_item(c, "certificate_logins", i)), ' ') <= 0)
			faults_at(f, conf_where(c, "certificate_logins"),
			    "certificate_logins: \"%.*s\" is no name and account",
			    STR_ARG(conf_item(c, "certificate_logins", i)));
}

/* What is cut off would only be seen when every token is refused. */
static void check_introspection(const struct conf *c, struct faults *f)
{
	static const char *const names[] = { "oauth_introspection_client",
		"oauth_introspection_secret" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (conf_str(c, names[i]).n > FETCH_CREDENTIAL_MAX)
			faults_at(f, conf_where(c, names[i]), "%s is longer than %d bytes",
			    names[i], FETCH_CREDENTIAL_MAX);
}

/* Otherwise the passwords of the database would count without a word. */
static void check_pam(const struct conf *c, struct faults *f)
{
	if (conf_count(c, "pam_domains") > 0 && conf_int(c, "pam_workers") == 0)
		faults_at(f, conf_where(c, "pam_domains"),
		    "pam_domains without pam_workers: PAM would not be asked");
}

static void check_mechanisms(const struct conf *c, struct faults *f)
{
	for (size_t i = 0; i < conf_count(c, "sasl_mechanisms"); i++) {
		struct str name = conf_item(c, "sasl_mechanisms", i);

		if (sasl_needs(name) == -1)
			faults_at(f, conf_where(c, "sasl_mechanisms"),
			    "sasl_mechanisms: there is no mechanism \"%.*s\"", STR_ARG(name));
	}
}

/* --- logins at other hosts -------------------------------------------------------------------- */

static void check_logins(const struct conf *c, struct faults *f)
{
	for (size_t i = 0; i < conf_count(c, "remote_auth_mechanisms"); i++) {
		struct str name = conf_item(c, "remote_auth_mechanisms", i);

		if (login_mechanism(name) == -1)
			faults_at(f, conf_where(c, "remote_auth_mechanisms"),
			    "remote_auth_mechanisms: there is no mechanism \"%.*s\"",
			    STR_ARG(name));
	}
	if (conf_count(c, "remote_auth") > 0 && conf_str(c, "remote_credentials").n == 0)
		faults_at(f, conf_where(c, "remote_auth"),
		    "remote_auth without remote_credentials: its mail would wait for ever");
}

/* --- ports that the kernel lets a process connect to ------------------------------------------ */

static bool has_port(const struct conf *c, const char *list, uint64_t port)
{
	uint64_t p;

	for (size_t i = 0; i < conf_count(c, list); i++)
		if (str_u64(conf_item(c, list, i), UINT16_MAX, &p) == 0 && p == port)
			return true;
	return false;
}

/* Servers "[address]:port" in items of a setting; what is none of them, its reader says. */
static void check_dns_ports(const struct conf *c, const char *setting, struct faults *f)
{
	for (size_t i = 0; i < conf_count(c, setting); i++) {
		struct str rest = conf_item(c, setting, i), server;

		while (str_cut(&rest, ',', &server)) {
			ssize_t at = str_search(server, STR("]:"));
			uint64_t port;

			if (at == -1 ||
			    str_u64(str_skip(server, (size_t)at + 2), UINT16_MAX, &port) == -1 ||
			    has_port(c, "dns_ports", port))
				continue;
			faults_at(f, conf_where(c, setting),
			    "%s: port %llu is not one of dns_ports, so that long answers cannot "
			    "come",
			    setting, (unsigned long long)port);
		}
	}
}

/* What is wrong here would be missing among the kernel's rules, and show as a connection refused. */
static void check_port_list(const struct conf *c, const char *setting, struct faults *f)
{
	uint64_t port;

	if (conf_count(c, setting) > CONNECT_PORTS_MAX)
		faults_at(f, conf_where(c, setting), "%s: more than %d ports", setting,
		    CONNECT_PORTS_MAX);
	for (size_t i = 0; i < conf_count(c, setting); i++) {
		struct str item = conf_item(c, setting, i);

		if (str_u64(item, UINT16_MAX, &port) == -1 || port == 0)
			faults_at(f, conf_where(c, setting), "%s: \"%.*s\" is not a port", setting,
			    STR_ARG(str_take(item, 100)));
	}
}

static void check_ports(const struct conf *c, struct faults *f)
{
	check_port_list(c, "remote_ports", f);
	check_port_list(c, "dns_ports", f);
	check_port_list(c, "fetch_ports", f);
	/* who names all ports in routes may leave the usual one out of the list */
	if (!str_eq(conf_where(c, "remote_port"), STR("default")) &&
	    !has_port(c, "remote_ports", (uint64_t)conf_int(c, "remote_port")))
		faults_at(f, conf_where(c, "remote_port"),
		    "remote_port is not one of remote_ports: no host could be reached");
	check_dns_ports(c, "dns_forwarders", f);
	check_dns_ports(c, "dns_stub_zones", f);
	check_dns_ports(c, "dns_zone_forwarders", f);
}

/* --- names of clients ------------------------------------------------------------------------- */

static void check_names(const struct conf *c, struct faults *f)
{
	if (!str_eq(conf_str(c, "reject_unknown_clients"), STR("no")) &&
	    !conf_bool(c, "smtp_client_names"))
		faults_at(f, conf_where(c, "reject_unknown_clients"),
		    "reject_unknown_clients needs smtp_client_names, or nobody is unknown");
}

/* --- languages of reports --------------------------------------------------------------------- */

static bool language_tag(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!ascii_alpha(s.p[i]) && !ascii_digit(s.p[i]) && (s.p[i] != '-' || i == 0))
			return false;
	return s.n > 0;
}

/* A reason is a code without its class, and a sentence. */
static void check_reasons(const struct conf_section *s, struct faults *f)
{
	for (size_t i = 0; i < section_count(s, "reasons"); i++) {
		struct str item = section_item(s, "reasons", i), rest = item, code;

		if (!str_word(&rest, &code) || !ascii_digit(code.p[0]) || str_trim(rest).n == 0)
			faults_at(f, section_where(s, "reasons"),
			    "reasons: \"%.*s\" must be a code such as 1.1 and a sentence",
			    STR_ARG(item));
	}
}

static void check_reports(const struct conf *c, struct faults *f)
{
	struct str wanted = conf_str(c, "report_language");
	bool known = str_caseeq(wanted, STR("en"));
	const struct conf_section *s;

	for (size_t i = 0; (s = conf_section(c, "report", i)) != NULL; i++) {
		struct str title = section_title(s);

		if (!language_tag(title))
			faults_at(f, section_place(s), "\"%.*s\" is no language tag such as de",
			    STR_ARG(title));
		check_reasons(s, f);
		known = known || str_caseeq(title, wanted);
	}
	if (!known)
		faults_at(f, conf_where(c, "report_language"),
		    "report_language: there is no section report \"%.*s\"", STR_ARG(wanted));
}

/* They stand in header fields, and in the envelope of what the queue sends. */
static void check_report_addresses(const struct conf *c, struct faults *f)
{
	static const char *const names[] = { "tls_report_sender", "tls_report_contact" };
	struct address a;

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		struct str text = conf_str(c, names[i]);

		if (text.n > 0 && address_parse(text, 0, &a) != ADDRESS_OK)
			faults_at(f, conf_where(c, names[i]), "%s: \"%.*s\" is no mail address",
			    names[i], STR_ARG(text));
	}
}

void cross_check(const struct conf *c, struct faults *f)
{
	static void (*const checks[])(const struct conf *, struct faults *) = {
		check_directories,
		check_socket_paths,
		check_listeners,
		check_certificates,
		check_dkim,
		check_certificate_logins,
		check_users,
		check_ranges,
		check_mechanisms,
		check_logins,
		check_tokens,
		check_introspection,
		check_pam,
		check_ports,
		check_names,
		cross_destinations,
		check_reports,
		check_report_addresses,
	};

	for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++)
		checks[i](c, f);
}
