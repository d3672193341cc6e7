/*
 * check: `users-service check`, which answers "does it work with mine?"
 */
#ifndef PROGRAMS_CHECK_H
#define PROGRAMS_CHECK_H

/* Runs it with the arguments behind its name; returns the program's exit code. */
int check_main(int argc, char **argv);

#endif
