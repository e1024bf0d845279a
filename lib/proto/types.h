/*
 * Every type of packet between processes. A type is used on one kind of channel only; what it
 * carries stands in the header of that channel (queue.h, lookup.h, ...).
 */
#ifndef PROTO_TYPES_H
#define PROTO_TYPES_H

enum ipc_type {
	IPC_NONE,

	/* master <-> everyone, spawn <-> imapd-session: boot.h */
	BOOT_BEGIN = 0x0100,
	BOOT_FD,
	BOOT_LISTENER,
	BOOT_PEER,
	BOOT_GO,
	BOOT_READY,
	BOOT_RELOAD,
	BOOT_RELOADED,
	BOOT_DRAIN,
	BOOT_STATUS,
	BOOT_FATAL,

	/* master, tools <-> config: plan.h */
	CONFIG_READ = 0x0180,
	CONFIG_SAYS,
	CONFIG_SETTINGS,
	CONFIG_LISTENER,
	CONFIG_PLAN,

	/* smtpd <-> lookup: lookup.h */
	LOOKUP_CLIENT = 0x0300,
	LOOKUP_RCPT,
	LOOKUP_SENDER,
	/* queue <-> lookup */
	LOOKUP_ROUTE,
	LOOKUP_EXPLAIN,

	/* smtpd <-> queue: queue.h */
	QUEUE_STOCK = 0x0400,
	QUEUE_LARGE,
	QUEUE_COMMIT,
	QUEUE_ABORT,

	/* queue <-> deliver-*: deliver.h */
	DELIVER_JOB = 0x0500,
	DELIVER_RESULT,
	DELIVER_HOP,

	/* sasl <-> auth, lookup <-> auth, auth <-> spawn, login <-> spawn: auth.h */
	AUTH_CHECK = 0x0600,
	AUTH_ACCOUNT,
	AUTH_CHANGED,
	SPAWN_GRANT,
	SPAWN_HOME,
	SPAWN_HANDOVER,

	/* deliver-maildir, session, spawn <-> notify, spawn -> log: notify.h */
	NOTIFY_DELIVERED = 0x0700,
	NOTIFY_CHANGED,
	NOTIFY_SESSION,
	LOG_SESSION,

	/* queue, deliver-remote <-> resolver: resolve.h */
	RESOLVE_ASK = 0x0a00,
	RESOLVE_MAIL,

	/* tools <-> control sockets: control.h */
	CONTROL_STATUS = 0x0800,
	CONTROL_STOP,
	CONTROL_RELOAD,
	CONTROL_RECORD, /* one of many answers */
	CONTROL_END,    /* the last one: status and text */
	QUEUE_CTL_LIST,
	QUEUE_CTL_SUMMARY,
	QUEUE_CTL_SHOW,
	QUEUE_CTL_ACT,
	QUEUE_CTL_ASK,
	AUTH_CTL_ADD,
	AUTH_CTL_PASSWD,
	AUTH_CTL_DELETE,
	AUTH_CTL_LIST,

	/* login, smtpd <-> sasl: sasl.h */
	SASL_MECHANISMS = 0x0900,
	SASL_START,
	SASL_MORE,
	SASL_CANCEL,
	SASL_ANSWER,
};

#endif
