/*
 * The rows of all settings, a file per topic (settings_TOPIC.c): the parser, `thurn config`, and
 * thurn.conf(5) come from them.
 *
 * To add a setting, add a row under its topic. `roles` names the programs that may see it; master
 * and the tools see everything. In help texts, words in `backquotes` are set in bold; the default
 * and the range are added by themselves, so do not repeat them. What depends on several settings
 * at once is checked in master/config/cross.c.
 */
#ifndef PROTO_SETTINGS_H
#define PROTO_SETTINGS_H

#include "proto/conf.h"
#include "proto/role.h"

#define R(x)         ROLE_BIT(ROLE_##x)
#define ROLES_SMTP   (R(SMTPD) | R(LOCAL) | R(SUBMIT))
#define ROLES_ALL    (~0u)
#define ROLES_MASTER 0u

struct setting_rows {
	const struct setting *at;
	size_t n;
};
#define SETTING_ROWS(table) ((struct setting_rows){ (table), sizeof(table) / sizeof *(table) })

struct setting_rows settings_suite(void);
struct setting_rows settings_accounts(void);
struct setting_rows settings_pam(void);
struct setting_rows settings_imap(void);
struct setting_rows settings_smtp(void);
struct setting_rows settings_submission(void);
struct setting_rows settings_routing(void);
struct setting_rows settings_queue(void);
struct setting_rows settings_remote(void);
struct setting_rows settings_tls_report(void);
struct setting_rows settings_dns(void);
struct setting_rows settings_fetch(void);
struct setting_rows settings_tls(void);
struct setting_rows settings_users(void);
struct setting_rows settings_listener(void);
struct setting_rows settings_certificate(void);
struct setting_rows settings_dkim(void);
struct setting_rows settings_report(void);
struct setting_rows settings_destination(void);
struct setting_rows settings_reaction(void);
struct setting_rows settings_source(void);

#endif
