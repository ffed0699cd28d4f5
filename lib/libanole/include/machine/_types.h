/*
 * Types of files that are wide enough: picolibc's own are as narrow as on the machines it was made for.
 */
#ifndef LIBANOLE_MACHINE__TYPES_H
#define LIBANOLE_MACHINE__TYPES_H

#include_next <machine/_types.h>

#define __machine_ino_t_defined
typedef unsigned long __ino_t;
#define __machine_dev_t_defined
typedef unsigned int __dev_t;
#define __machine_uid_t_defined
typedef unsigned int __uid_t;
#define __machine_gid_t_defined
typedef unsigned int __gid_t;

#endif
