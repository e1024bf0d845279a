/* The control socket: `thurn tls policy`, `thurn tls report`. Only root and whoever started the suite may use it. */
#ifndef POLICY_CONTROL_H
#define POLICY_CONTROL_H

void control_start(void);

#endif
