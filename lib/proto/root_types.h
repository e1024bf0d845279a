/* Types of packets that programs which are root know; see types.h. */
#ifndef PROTO_ROOT_TYPES_H
#define PROTO_ROOT_TYPES_H

enum root_type {
	IPC_NONE,

	/* master <-> everyone, spawn <-> imapd-session: boot.h */
	BOOT_BEGIN = 0x0100,
	BOOT_FD,
	BOOT_LISTENER,
	BOOT_PEER,
	BOOT_GO,
	BOOT_READY,
	BOOT_RELOAD,
	BOOT_RETIRE,
	BOOT_DRAIN,
	BOOT_STATUS,
	BOOT_FATAL,
	BOOT_LOST,
	BOOT_FILES,
	BOOT_FILES_END,
	BOOT_CONNECT,
	BOOT_CONNECTED,

	/* master, tools <-> config: plan.h */
	CONFIG_READ = 0x0180,
	CONFIG_SAYS,
	CONFIG_SETTINGS,
	CONFIG_LISTENER,
	CONFIG_FILE,
	CONFIG_PLAN,

	/* tools <-> control sockets: control.h */
	CONTROL_STATUS = 0x0800,
	CONTROL_STOP,
	CONTROL_RELOAD,
	CONTROL_RECORD, /* one of many answers */
	CONTROL_END, /* the last one: status and text */
};

#endif
