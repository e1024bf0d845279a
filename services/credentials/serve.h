/* Questions of deliver/remote, and of whoever wants it explained. */
#ifndef CREDENTIALS_SERVE_H
#define CREDENTIALS_SERVE_H

#include "base/buf.h"
#include "base/chan.h"

extern const struct chan_row serve_remote_rows[], serve_queue_rows[];
void serve_remote_down(struct chan *c);
void serve_status(struct buf *out);

#endif
