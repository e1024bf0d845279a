/* The control socket: thurn tls status, thurn tls reload and thurn dkim, for the owner of the suite alone. */
#ifndef KEYS_CONTROL_H
#define KEYS_CONTROL_H

void control_start(void);
/* The files have been looked at: whoever asked for it is told. */
void control_looked(void);

#endif
