/* Acting as the owner of a mailbox. See become.h. */
#include "become.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static bool as_root;
static uid_t started_as; /* asked before confinement, which has no such call */
static uint32_t id_lo = 1, id_hi; /* nobody, until told otherwise */

static _Thread_local bool is_set;
static _Thread_local uint32_t now_uid, now_gid;

void become_init(bool root, uint32_t lo, uint32_t hi)
{
	as_root = root;
	started_as = geteuid();
	id_lo = lo > 0 ? lo : 1;
	id_hi = hi;
}

/* The calls never fail: they return the previous id. So the second call is the reading back. */
static int set_id(long call, uint32_t id)
{
	syscall(call, (unsigned long)id);
	if (syscall(call, (unsigned long)id) == (long)id)
		return 0;
	errno = EPERM;
	return -1;
}

int become(uint32_t uid, uint32_t gid)
{
	if (!as_root)
		return 0;
	if (uid < id_lo || uid > id_hi || gid < id_lo || gid > id_hi) {
		errno = EPERM;
		return -1;
	}
	if (is_set && now_uid == uid && now_gid == gid)
		return 0;
	is_set = false;
	/* the group first: it needs no right that the uid could take away, and is useless alone */
	if (set_id(SYS_setfsgid, gid) == -1 || set_id(SYS_setfsuid, uid) == -1)
		return -1;
	now_uid = uid;
	now_gid = gid;
	is_set = true;
	return 0;
}

uid_t become_owner(uint32_t uid)
{
	return as_root ? uid : started_as;
}
