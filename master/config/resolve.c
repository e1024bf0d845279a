/*
 * What is worked out rather than set. See resolve.h. This is the only place of the suite where user
 * names are looked up: everyone else is given numbers.
 */
#include "resolve.h"

#include <pwd.h>
#include <stdio.h>
#include <string.h>

#include "proto/service.h"

static void set_default(struct conf *c, const char *name, struct str value)
{
	if (conf_str(c, name).n == 0)
		conf_set(c, NULL, name, value, NULL, 0);
}

static void resolve_names(struct conf *c, const char *host, struct faults *f)
{
	const struct setting *row = setting_find(NULL, STR("hostname"));
	char why[SETTING_WHY];

	if (host[0] == '\0' || setting_check(row, str_of(host), why) == -1)
		host = "";
	set_default(c, "hostname", str_of(host));
	if (conf_str(c, "hostname").n == 0)
		faults_add(f, NULL, 0, "the system has no usable name of its own; set hostname");
	set_default(c, "origin", conf_str(c, "hostname"));
}

static void resolve_ports(struct conf *c)
{
	struct conf_section *s;
	char port[8];

	for (size_t i = 0; (s = conf_section_to_set(c, i)) != NULL; i++) {
		if (strcmp(section_kind(s), "listener") != 0 || section_int(s, "port") != 0)
			continue;
		snprintf(port, sizeof port, "%u", service_find(section_str(s, "service"))->port);
		conf_set(c, s, "port", str_of(port), NULL, 0);
	}
}

/* The users of the host can always submit mail. */
static void add_submission(struct conf *c)
{
	struct conf_section *s;

	for (size_t i = 0; (s = conf_section_to_set(c, i)) != NULL; i++)
		if (strcmp(section_kind(s), "listener") == 0 &&
		    str_eq(section_str(s, "service"), STR("local")))
			return;
	s = conf_add_section(c, "listener", STR("submit"), NULL, 0);
	conf_set(c, s, "service", STR("local"), NULL, 0);
	conf_set(c, s, "path", STR("submit"), NULL, 0);
}

/* Numeric ids stand for themselves, with the group of that user if there is one. */
static bool find_user(struct str name, uint64_t *uid, uint64_t *gid)
{
	char z[64];
	const struct passwd *pw;

	if (str_copy(name, z, sizeof z) == -1)
		return false;
	if (str_u64(name, UINT32_MAX - 1, uid) == 0) {
		pw = getpwuid((uid_t)*uid);
		*gid = pw != NULL ? pw->pw_gid : *uid;
		return true;
	}
	pw = getpwnam(z);
	if (pw == NULL)
		return false;
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	return true;
}

static void set_id(struct conf *c, const char *prefix, const char *role, uint64_t id)
{
	char name[64], text[24];

	snprintf(name, sizeof name, "%s%s", prefix, role);
	snprintf(text, sizeof text, "%llu", (unsigned long long)id);
	conf_set(c, NULL, name, str_of(text), NULL, 0);
}

/* Users that do not exist are collected in missing: one message for all. */
static void resolve_user(
    struct conf *c, const struct setting *row, struct buf *missing, struct faults *f)
{
	const char *role = row->name + sizeof "user_" - 1;
	struct str name = conf_str(c, row->name), where = conf_where(c, row->name);
	uint64_t uid, gid;

	if (!find_user(name, &uid, &gid)) {
		buf_printf(missing, "%s%.*s", missing->n > 0 ? ", " : "", STR_ARG(name));
		return;
	}
	if (uid == 0 || gid == 0)
		faults_at(
		    f, where, "%s: \"%.*s\" is root or in its group", row->name, STR_ARG(name));
	else if ((int64_t)uid >= conf_int(c, "mailbox_uid_min") &&
		 (int64_t)uid <= conf_int(c, "mailbox_uid_max"))
		faults_at(f, where, "%s: uid %llu is in the range of mailboxes", row->name,
		    (unsigned long long)uid);
	set_id(c, "uid_", role, uid);
	set_id(c, "gid_", role, gid);
}

void resolve(struct conf *c, const char *host, bool users, struct faults *f)
{
	const struct setting *row;
	struct buf missing;

	buf_init(&missing, 4096);
	resolve_names(c, host, f);
	resolve_ports(c);
	add_submission(c);
	for (size_t i = 0; users && (row = setting_at(i)) != NULL; i++)
		if (row->section == NULL && str_starts(str_of(row->name), STR("user_")))
			resolve_user(c, row, &missing, f);
	if (missing.n > 0)
		faults_add(f, NULL, 0,
		    "system users are missing: %s; make them with systemd-sysusers or adduser, or "
		    "set user_... to others",
		    buf_cstr(&missing));
	buf_clear(&missing);
}
