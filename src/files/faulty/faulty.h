/*
 * faulty: a driver over another one that does wrong on purpose. For tests and demos only.
 *
 * What goes wrong is a list of settings, with commas between them:
 *
 *     delete:fail=0.33, put:latency=200ms, get:fail=0.5:SlowDown:503, put:lost=0.2, seed=7
 *
 *     VERB:latency=DURATION        waits so long before anything else happens
 *     VERB:fail=P[:CODE[:STATUS]]  answers an error (InternalError:500), and nothing was done
 *     VERB:hang=P                  nothing is done or answered until the deadline
 *     VERB:lost=P                  it is done, but the answer is lost: "reset"
 *     seed=NUMBER                  the same seed draws the same faults in the same order (1)
 *
 * VERB is put, get, delete, identity or all; P is a probability from 0 to 1. A later setting
 * replaces an earlier one. Of one operation, hang is drawn first, then fail, then lost.
 */
#ifndef FILES_FAULTY_FAULTY_H
#define FILES_FAULTY_FAULTY_H

#include "files/files.h"

/*
 * Opens the decorator over `inner`, which it owns from here on (also on failure). ERROR_USAGE
 * names the setting that is wrong.
 */
int files_faulty_open(struct files_driver *inner, const char *spec,
                      struct files_driver **ret_driver, struct error *error);

#endif
