/*
 * Every type of packet between processes; those that master knows are in root_types.h. A type is used on one kind of channel only; what it
 * carries stands in the header of that channel (queue.h, lookup.h, ...).
 */
#ifndef PROTO_TYPES_H
#define PROTO_TYPES_H

#include "proto/root_types.h"

enum ipc_type {
	/* smtpd <-> lookup: lookup.h */
	LOOKUP_CLIENT = 0x0300,
	LOOKUP_RCPT,
	LOOKUP_SENDER,
	/* queue <-> lookup */
	LOOKUP_ROUTE,
	LOOKUP_EXPLAIN,
	LOOKUP_LANE,

	/* smtpd <-> queue: queue.h */
	QUEUE_STOCK = 0x0400,
	QUEUE_LARGE,
	QUEUE_COMMIT,
	QUEUE_ABORT,
	/* policy <-> queue */
	QUEUE_REPORT,

	/* queue <-> deliver-*: deliver.h */
	DELIVER_JOB = 0x0500,
	DELIVER_RESULT,
	DELIVER_HOP,
	DELIVER_REPLY,
	DELIVER_QUIRK, /* quirk.h */

	/* auth <-> pam: pam.h */
	PAM_CHECK = 0x0d00,

	/* sasl <-> auth, lookup <-> auth, auth <-> spawn, login <-> spawn: auth.h */
	AUTH_CHECK = 0x0600,
	AUTH_SALT,
	AUTH_PROOF,
	AUTH_TOKEN,
	AUTH_CERTIFICATE,
	AUTH_ACCOUNT,
	AUTH_CHANGED,
	SPAWN_GRANT,
	SPAWN_HOME,
	SPAWN_END,
	SPAWN_HANDOVER,

	/* deliver-maildir, session, spawn <-> notify, spawn -> log: notify.h */
	NOTIFY_DELIVERED = 0x0700,
	NOTIFY_CHANGED,
	NOTIFY_SESSION,
	LOG_SESSION,

	/* queue, deliver-remote, smtpd <-> resolver: resolve.h */
	RESOLVE_ASK = 0x0a00,
	RESOLVE_MAIL,
	RESOLVE_CLIENT,

	/* deliver-remote <-> policy: policy.h; tools <-> policy: control.h */
	POLICY_ASK = 0x0e00,
	POLICY_CTL_LIST,
	POLICY_CTL_FLUSH,
	POLICY_CTL_TALLIES,
	POLICY_CTL_REPORT,
	/* deliver-remote -> policy: tls_result.h */
	POLICY_RESULT,

	/* queue, deliver-remote <-> credentials: credentials.h */
	CREDENTIALS_KEY = 0x0f00,
	CREDENTIALS_ASK,
	CREDENTIALS_LOOK,
	CREDENTIALS_REFUSED,

	/* policy, auth, credentials <-> fetch: fetch.h */
	FETCH_ASK = 0x0c00,

	/* keys <-> those who use keys: keys.h */
	KEYS_BEGIN = 0x0b00,
	KEYS_CERTIFICATE,
	KEYS_CLIENT_CA,
	KEYS_TICKETS,
	KEYS_COMPLETE,
	KEYS_SIGN,
	KEYS_DKIM,
	KEYS_DKIM_SIGN,

	/* tools <-> control sockets: control.h */
	QUEUE_CTL_LIST = 0x0820,
	QUEUE_CTL_SUMMARY,
	QUEUE_CTL_SHOW,
	QUEUE_CTL_ACT,
	QUEUE_CTL_LOGINS,
	QUEUE_CTL_ASK,
	QUEUE_CTL_SHAPE,
	AUTH_CTL_ADD,
	AUTH_CTL_PASSWD,
	AUTH_CTL_SET,
	AUTH_CTL_DELETE,
	AUTH_CTL_UNDELETE,
	AUTH_CTL_APP_ADD,
	AUTH_CTL_APP_DELETE,
	AUTH_CTL_DOMAIN,
	AUTH_CTL_ALIAS,
	AUTH_CTL_UNDO,
	AUTH_CTL_LIST,
	KEYS_CTL_STATUS,
	KEYS_CTL_RELOAD,
	KEYS_CTL_DKIM,
	AUTH_CTL_TEST,
	AUTH_CTL_ADDRESS,
	QUEUE_CTL_WHY,
	QUEUE_CTL_SUSPEND,
	QUEUE_CTL_RESUME,
	QUEUE_CTL_SUSPENDED,
	QUEUE_CTL_SOURCES,
	QUEUE_CTL_QUIRKS,
	QUEUE_CTL_QUIRK,

	/* login, smtpd <-> sasl: sasl.h */
	SASL_MECHANISMS = 0x0900,
	SASL_START,
	SASL_MORE,
	SASL_CANCEL,
	SASL_ANSWER,
};

#endif
