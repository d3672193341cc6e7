/*
 * nemesis: does what faults that are somebody's deed take: ends replicas and starts them again,
 * makes them stand still, sets clocks, types SQL.
 */
#ifndef SIMULATION_NEMESIS_H
#define SIMULATION_NEMESIS_H

struct replica;

void nemesis_begin(void);

/* Something of the replica's just had its effect: the worst moment to end, or to stand still.
 */
void nemesis_moment(struct replica *replica);

/* An upload of the replica's just landed: it may stand still until its guard comes due. */
void nemesis_upload_moment(struct replica *replica);

/* Who was ended is back, and who stood still goes on, so long after the last fault. */
#define NEMESIS_REST_MS SECONDS(61)

#endif
