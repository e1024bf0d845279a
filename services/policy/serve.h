/* Questions of deliver/remote. */
#ifndef POLICY_SERVE_H
#define POLICY_SERVE_H

#include "base/chan.h"

extern const struct chan_row serve_rows[];
void serve_open(void);

#endif
