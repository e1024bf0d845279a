/* Sub-commands of thurn queue about destinations. */
#ifndef THURN_QUEUE_DEST_H
#define THURN_QUEUE_DEST_H

/* argv[0] is the name of the sub-command; they return the exit status. */
int queue_do_why(int argc, char **argv);
int queue_do_suspend(int argc, char **argv);
int queue_do_resume(int argc, char **argv);
int queue_do_suspended(int argc, char **argv);
int queue_do_sources(int argc, char **argv);

#endif
