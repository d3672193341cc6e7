/*
 * nemesis: does what faults that are somebody's deed take: ends replicas and starts them again,
 * makes them stand still, sets clocks, types SQL.
 */
#ifndef SIMULATION_NEMESIS_H
#define SIMULATION_NEMESIS_H

void nemesis_begin(void);

#endif
