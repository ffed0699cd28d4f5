/*
 * malice: the words of kernel calls by what they are for, and right and wrong values of each kind.
 */
#ifndef MALICE_ARGUMENTS_H
#define MALICE_ARGUMENTS_H

#include "malice.h"

/* What a word is for. */
enum argument {
    ANY,        /* nothing can be wrong with it */
    PEER,       /* who gets a handle */
    GRANT_OF,   /* maker, and in the next word the grant */
    REGION_OF,  /* maker, and in the next word the region */
    SECOND,     /* filled by the word before */
    OWN_REGION, /* by handle */
    BAD_HANDLE, /* never right: what is right is left to undoing */
    GRANTED,    /* offset in a grant */
    LENGTH,     /* of bytes, not 0 */
    MAPPED,     /* length to map or make */
    PAGES_AT,   /* page offset in the region */
    PAGES_LEN,  /* length from there */
    TARGET,     /* address that is written */
    EITHER,     /* address that is read or written */
    SOURCE,     /* address that is read */
    USER_PLACE, /* address that is only noted */
    CHOSEN,     /* address to map at, or 0 */
    BAD_ARRAY,  /* never right */
    BAD_COUNT,  /* of an array: not 0 */
    BIT,
    MAP_PROT,
    REGION_PROT,
    OFFER_PROT,
    ACCESS,
    COPY_WAY,
    DMA_WAY,
    ROOM, /* segments that fit */
    FLAGS,
    HARTS,
    CODE,
    BAD_CAUSE,
    LEVEL,
    NOTHING, /* 0 */
    NO_FLAG, /* 0, too; anything else is wrong */
    INFO_OF, /* endpoint whose process is told */
    COUNTED, /* endpoint whose counters are */
    SLOT,
};

/* Whether there is a right, or a wrong, value at all. */
bool argument_has_right(enum argument argument);
bool argument_has_wrong(enum argument argument);
/* Fill in word[0], for GRANT_OF and REGION_OF also word[1]. */
void argument_right(struct hostile *hostile, enum argument argument, uint64_t *word);
void argument_wrong(struct hostile *hostile, enum argument argument, uint64_t *word);

#endif
