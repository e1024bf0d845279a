/*
 * What the sanitizers of `make asan` must know of a process. Nothing in other builds.
 *
 * At the end of a process leaks are looked for by tracing its threads, which seccomp does not allow:
 * so it is not done in those that are confined. Unit tests are not.
 */
#ifndef BASE_SANITIZE_H
#define BASE_SANITIZE_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZE_ADDRESS
#endif
#endif

#ifdef SANITIZE_ADDRESS
void sanitize_confined(void);
#else
static inline void sanitize_confined(void)
{
}
#endif

#endif
