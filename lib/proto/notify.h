/*
 * Who changed which mailbox.
 *
 * NOTIFY_DELIVERED (notice, deliver-maildir -> notify): {str home, str folder}
 * NOTIFY_CHANGED (notice, session -> notify): {str folder}; the account is the channel's
 * NOTIFY_CHANGED (notice, notify -> session): {str folder}: look again ("" = INBOX, NOTIFY_ALL = at every
 *	folder: too much happened for a session that did not listen)
 * NOTIFY_SESSION (notice, spawn -> notify): {str address, str home, u32 pid, u64 trace} + the session's
 *	channel. Only spawn names accounts, so a session hears of its own mail only.
 * LOG_SESSION (notice, spawn -> log): {u32 pid, u32 uid} + the session's log channel.
 *
 * Maildir folders are named as Maildir++ does, without the leading dot: "Sent", "Lists.thurn".
 */
#ifndef PROTO_NOTIFY_H
#define PROTO_NOTIFY_H

enum { FOLDER_MAX = 240 };
#define NOTIFY_ALL "*"

#endif
