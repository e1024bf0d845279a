/* From the checked configuration to what master acts on. See plan.h. */
#include "plan.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/siphash.h"
#include "proto/service.h"

/* What a file with a message holds besides: the spool's header, and fields that smtpd adds. */
enum { BODY_SLACK = 64 * 1024 };

static const char *const dir_settings[DIRS] = {
	[DIR_SPOOL] = "spool_directory",
	[DIR_MAIL] = "mail_directory",
	[DIR_TABLES] = "table_directory",
	[DIR_ACCOUNTS] = "account_directory",
	[DIR_LOGS] = "log_directory",
	[DIR_PAM] = "pam_directory",
	[DIR_POLICIES] = "policy_directory",
	[DIR_TOKENS] = "token_directory",
};

/* Is it a role that master starts? */
static bool runs(enum role r)
{
	return r != ROLE_NONE && r != ROLE_MASTER && r != ROLE_CONFIG && r != ROLE_SESSION &&
	       r != ROLE_TOOL;
}

/* The number of the setting "uid_smtpd_local" for ROLE_LOCAL; 0 if there is no such setting. */
static uint32_t id_of(const struct conf *c, const char *prefix, enum role r)
{
	char name[64];

	snprintf(name, sizeof name, "%s_%s", prefix, role_name(r));
	for (char *p = name; *p != '\0'; p++)
		if (*p == '-')
			*p = '_';
	return setting_find(NULL, str_of(name)) == NULL ? 0 : (uint32_t)conf_int(c, name);
}

static void make_role(const struct conf *c, enum role r, struct plan_role *to)
{
	const char *workers = service_workers(r);

	to->uid = id_of(c, "uid", r);
	to->gid = id_of(c, "gid", r);
	to->count = workers == NULL ? 1 : (uint16_t)conf_int(c, workers);
}

/* --- listeners ------------------------------------------------------------------------------- */

/* Room for one more, with all that its sockets have in common. */
static struct plan_listener *add_listener(
    struct plan *p, const struct conf_section *s, uint32_t section, const char *setting)
{
	struct plan_listener *l = &p->listeners[p->nlisteners];

	if (p->nlisteners == PLAN_LISTENERS_MAX)
		return NULL; /* more than cross_check() lets through */
	p->nlisteners++;
	*l = (struct plan_listener){ .section = section };
	l->role = (uint8_t)service_find(section_str(s, "service"))->role;
	snprintf(l->title, sizeof l->title, "%.*s", STR_ARG(section_title(s)));
	snprintf(l->where, sizeof l->where, "%.*s", STR_ARG(section_where(s, setting)));
	return l;
}

static void add_path(
    struct plan *p, const struct conf_section *s, uint32_t section, struct str path, struct str run)
{
	struct plan_listener *l = add_listener(p, s, section, "path");

	if (l == NULL)
		return;
	if (path.p[0] == '/')
		run = STR_NONE;
	snprintf(l->path, sizeof l->path, "%.*s%s%.*s", STR_ARG(run), run.n > 0 ? "/" : "",
	    STR_ARG(path));
	snprintf(l->name, sizeof l->name, "%.*s %s", STR_ARG(section_str(s, "service")), l->path);
}

static void add_address(
    struct plan *p, const struct conf_section *s, uint32_t section, struct str address)
{
	struct plan_listener *l = add_listener(p, s, section, "port");
	char text[INET6_ADDRSTRLEN];

	if (l == NULL || str_copy(address, text, sizeof text) == -1)
		return;
	l->family = inet_pton(AF_INET, text, l->address) == 1 ? 4 : 6;
	if (l->family == 6)
		inet_pton(AF_INET6, text, l->address);
	l->port = (uint16_t)section_int(s, "port");
	snprintf(l->name, sizeof l->name, "%.*s %s %u", STR_ARG(section_str(s, "service")), text,
	    l->port);
}

static void make_listeners(const struct conf *c, struct plan *p)
{
	const struct conf_section *s;

	for (uint32_t n = 0; (s = conf_section(c, "listener", n)) != NULL; n++) {
		struct str path = section_str(s, "path");

		if (path.n > 0)
			add_path(p, s, n, path, conf_str(c, "run_directory"));
		else
			for (size_t i = 0; i < section_count(s, "address"); i++)
				add_address(p, s, n, section_item(s, "address", i));
	}
}

/* --- files ----------------------------------------------------------------------------------- */

static void add_file(struct plan *p, enum role role, struct str path, bool socket)
{
	struct plan_file *f = &p->files[p->nfiles];

	for (uint32_t i = 0; i < p->nfiles; i++)
		if (p->files[i].role == role && str_eq(path, str_of(p->files[i].path)))
			return;
	if (p->nfiles == PLAN_FILES_MAX || str_copy(path, f->path, sizeof f->path) == -1)
		return; /* more than cross_check() lets through */
	f->role = (uint8_t)role;
	f->socket = socket;
	p->nfiles++;
}

static void make_files(const struct conf *c, struct plan *p)
{
	const struct conf_section *s;

	for (uint32_t n = 0; (s = conf_section(c, "certificate", n)) != NULL; n++) {
		add_file(p, ROLE_KEYS, section_str(s, "certificate"), false);
		add_file(p, ROLE_KEYS, section_str(s, "key"), false);
	}
	for (uint32_t n = 0; (s = conf_section(c, "dkim", n)) != NULL; n++)
		add_file(p, ROLE_KEYS, section_str(s, "key"), false);
	for (size_t i = 0; i < conf_count(c, "tls_client_ca"); i++)
		add_file(p, ROLE_KEYS, conf_item(c, "tls_client_ca", i), false);
	if (conf_str(c, "remote_credentials").n > 0)
		add_file(p, ROLE_CREDENTIALS, conf_str(c, "remote_credentials"), false);
	for (size_t i = 0; i < conf_count(c, "remote_sockets"); i++)
		add_file(p, ROLE_REMOTE, conf_item(c, "remote_sockets", i), true);
}

/* --- the whole ------------------------------------------------------------------------------- */

void plan_make(const struct conf *c, struct plan *p)
{
	*p = (struct plan){
		.mailbox_uid_min = (uint32_t)conf_int(c, "mailbox_uid_min"),
		.mailbox_uid_max = (uint32_t)conf_int(c, "mailbox_uid_max"),
		.sessions_max = (uint32_t)conf_int(c, "imap_sessions"),
		.sessions_per_account = (uint32_t)conf_int(c, "imap_sessions_per_account"),
		.body_max = conf_size(c, "message_size_limit") + BODY_SLACK,
		.shutdown_ms = (uint32_t)conf_time(c, "shutdown_timeout"),
		.refuse = str_eq(conf_str(c, "sandbox_action"), STR("refuse")),
	};
	snprintf(p->run, sizeof p->run, "%.*s", STR_ARG(conf_str(c, "run_directory")));
	for (unsigned i = 0; i < DIRS; i++)
		snprintf(
		    p->dirs[i], sizeof p->dirs[i], "%.*s", STR_ARG(conf_str(c, dir_settings[i])));
	for (enum role r = 0; r < ROLE_MAX; r++)
		if (runs(r))
			make_role(c, r, &p->roles[r]);
	make_listeners(c, p);
	make_files(c, p);
}

bool plan_settings(const struct conf *c, enum role role, struct buf *b)
{
	if (!runs(role) && role != ROLE_TOOL)
		return false;
	/* spawn hands its own on to the sessions, unread */
	return conf_encode(c, role == ROLE_SPAWN ? ROLE_SESSION : role, b) == 0;
}

uint64_t plan_mark(const struct plan *p, enum role role, struct str settings)
{
	static const uint64_t no_secret[2];
	uint8_t space[64];
	struct put w = put_into(space, sizeof space);

	put_u64(&w, siphash(no_secret, settings));
	put_u32(&w, p->roles[role].uid);
	put_u32(&w, p->roles[role].gid);
	put_u16(&w, p->roles[role].count);
	put_u32(&w, p->mailbox_uid_min);
	put_u32(&w, p->mailbox_uid_max);
	put_u8(&w, p->refuse);
	return siphash(no_secret, put_view(&w));
}
