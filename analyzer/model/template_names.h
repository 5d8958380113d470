/* template_names.h - types of the C++ library as they are written, not as they are called.
 *
 *     std::map<int, Item*, std::less<int>, std::allocator<std::pair<int const, Item*> > >
 *     std::map<int, Item*>
 */
#ifndef MODEL_TEMPLATE_NAMES_H
#define MODEL_TEMPLATE_NAMES_H

/* Leave out of the type TEXT, in place, what its templates take if nothing else is said. */
void template_names_shorten(char *text);

#endif
