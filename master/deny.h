/*
 * What neither master nor anything below it ever needs: a filter that all descendants inherit, and a
 * bounding set of capabilities. By hand, because master links libc alone.
 */
#ifndef MASTER_DENY_H
#define MASTER_DENY_H

/* Both 0, or -1 with errno. */
int deny_calls(void);
int deny_capabilities(void); /* root only */

#endif
