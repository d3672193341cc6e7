/*
 * describe: the main function of the programs that print, while the project is built, what
 * belongs to one that is installed: `page` or `completion`. The page has the date of
 * SOURCE_DATE_EPOCH, if that is set, so that whoever builds it again gets the same.
 */
#ifndef PROGRAMS_DESCRIBE_H
#define PROGRAMS_DESCRIBE_H

#include "config/manual.h"

int describe_main(const struct manual *manual, int argc, char **argv);

#endif
