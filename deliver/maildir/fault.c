/* What a failed system call means for a delivery. See fault.h. */
#include "fault.h"

#include <errno.h>
#include <string.h>

static const struct {
	int err, code;
	const char *enhanced, *text;
} faults[] = {
	{ EDQUOT, 452, "4.2.2", "mailbox is full" },
	{ EFBIG, 452, "4.2.2", "message exceeds what the mailbox may hold" },
	{ ENOSPC, 452, "4.3.1", "no space left on the mail volume" },
	{ EMFILE, 451, "4.3.2", "too many open files" },
	{ ENFILE, 451, "4.3.2", "too many open files" },
	{ ENOMEM, 451, "4.3.2", "out of memory" },
	{ ENOENT, 451, "4.2.0", "mailbox is not there at the moment" },
	{ EACCES, 451, "4.3.5", "permission denied" },
	{ EPERM, 451, "4.3.5", "owner or permissions are not as they must be" },
	{ ELOOP, 451, "4.3.5", "symbolic link in the path of the mailbox" },
	{ EXDEV, 451, "4.3.5", "path of the mailbox leads outside" },
	{ ENOTDIR, 451, "4.3.5", "path of the mailbox is not a directory" },
};

int fault_status(struct status *st, int err, const char *what)
{
	for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++)
		if (faults[i].err == err)
			return status_set(
			    st, faults[i].code, faults[i].enhanced, "%s: %s", what, faults[i].text);
	return status_set(st, 451, "4.3.0", "%s: %s", what, strerror(err));
}
