/* What the sanitizers must know. See sanitize.h. */
#include "base/sanitize.h"

#ifdef SANITIZE_ADDRESS
static int confined;

int __lsan_is_turned_off(void); /* asked by the library */
int __lsan_is_turned_off(void)
{
	return confined;
}

void sanitize_confined(void)
{
	confined = 1;
}
#else
typedef int sanitize_empty; /* a file without declarations is not C */
#endif
