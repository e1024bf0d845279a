/* Passwords that PAM knows. See pam.h. */
#include "proto/pam.h"

void put_pam_question(struct put *w, const struct pam_question *q)
{
	put_u64(w, q->trace);
	put_str(w, q->user);
	put_str(w, q->client);
	put_str(w, q->password);
}

int get_pam_question(struct get *g, struct pam_question *q)
{
	q->trace = get_u64(g);
	q->user = get_line(g, PAM_USER_MAX);
	q->client = get_line(g, CLIENT_MAX);
	q->password = get_str(g, PASSWORD_MAX);
	if (q->user.n == 0 || str_find(q->user, '\0') != -1 || str_find(q->password, '\0') != -1)
		g->bad = true;
	return get_end(g);
}
