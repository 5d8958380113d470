/* names.h - names of functions for people: long ones without what is in them in brackets.
 *
 * `std::map<int, std::vector<std::string>>::operator[](int const&)` says enough as
 * `std::map<…>::operator[](…)`. Parameters go first, then the arguments of templates.
 */
#ifndef VIEWS_NAMES_H
#define VIEWS_NAMES_H

#include <stdbool.h>
#include <stdio.h>

/* Write NAME to OUT as utf8_print() does: shortened if it is long, unless WHOLE. */
void names_print(FILE *out, const char *name, bool whole);

/* The same for PLACE, MODULE(FUNCTION) or MODULE+0xOFFSET. */
void names_print_place(FILE *out, const char *place, bool whole);

#endif
