/*
 * Put before cache_kept.c: tests look at the kept memory after each of its stores.
 */
#ifndef TESTS_KEPT_STORED_H
#define TESTS_KEPT_STORED_H

void kept_stored(void);
#define KEPT_STORED() kept_stored()

#endif
