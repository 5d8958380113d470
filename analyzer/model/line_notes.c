#include "model/line_notes.h"

#include "model/amount.h"
#include "model/known_block.h"

#include <string.h>

#define MODULES_SHOWN 3

/* A module that has no lines. */
struct lacking {
    const char *name; /* of its file, without directories */
    struct symbols_status status;
};

/* The first of them, and how many there are. */
struct lacking_list {
    struct lacking modules[MODULES_SHOWN];
    size_t count;
};

static bool is_listed(const struct lacking_list *list, const struct lacking *module)
{
    for (size_t i = 0; i < list->count && i < MODULES_SHOWN; i++) {
        if (strcmp(list->modules[i].name, module->name) == 0 &&
            list->modules[i].status.source == module->status.source)
            return true;
    }
    return false;
}

/* Is STATUS a reason why FRAME is shown as it is? A symbol table names most functions, and rows
 * with a name speak for themselves. */
static bool explains(const struct symbols_status *status, struct symbols *symbols, uint32_t frame)
{
    switch (status->source) {
    case SYMBOLS_NONE:
    case SYMBOLS_MISSING:
    case SYMBOLS_OTHER_BUILD:
        return true;
    case SYMBOLS_FUNCTIONS:
        return !symbols_frame(symbols, frame).symbols[0].function;
    default:
        return false;
    }
}

/* Put the module that FRAME of HEAP lies in on LIST, if it lacks lines. */
static void look_at(struct lacking_list *list, const struct heap *heap, struct symbols *symbols,
                    uint32_t frame)
{
    uint32_t module = heap->frames[frame].module;
    struct lacking found;

    /* The kernel's [vdso] has no file. */
    if (!module || heap->modules[module - 1].path[0] == '[')
        return;
    found.status = symbols_module(symbols, module - 1);
    if (!explains(&found.status, symbols, frame))
        return;
    found.name = basename(heap->modules[module - 1].path);
    if (list->count > MODULES_SHOWN || is_listed(list, &found))
        return;
    if (list->count < MODULES_SHOWN)
        list->modules[list->count] = found;
    list->count++;
}

static void add_note(struct report *report, const struct lacking *module)
{
    const char *package = module->status.debug_package;

    switch (module->status.source) {
    case SYMBOLS_OTHER_BUILD:
        report_add_note(report,
                        "%s: its file is of another build than when it ran, so nothing in it has "
                        "a line. Keep the file that ran.",
                        module->name);
        break;
    case SYMBOLS_MISSING:
        report_add_note(report, "%s: its file is gone, so nothing in it has a line.",
                        module->name);
        break;
    case SYMBOLS_FUNCTIONS:
        report_add_note(report,
                        "%s: it has no debug information, so no lines and few names.%s%s%s",
                        module->name, package ? " The package " : "", package ? package : "",
                        package ? " has them." : "");
        break;
    default:
        report_add_note(report, "%s: its file is stripped, so nothing in it has a line.%s%s%s",
                        module->name, package ? " The package " : "", package ? package : "",
                        package ? " has them." : "");
    }
}

void line_notes_add(const struct diff *diff, struct symbols *const *symbols, size_t count,
                    struct report *report)
{
    struct lacking_list list = {.count = 0};
    char bytes[AMOUNT_SIZE];
    const char *known;

    if (diff->key != GROUP_TRACEBACK && diff->key != GROUP_LINENO && diff->key != GROUP_FILENAME &&
        diff->key != GROUP_FUNCTION)
        return;
    for (size_t i = 0; i < count; i++) {
        const struct group *group = diff->rows[i].group;
        struct symbols *of_list = symbols[diff->rows[i].list];
        uint32_t frame = group->frame;

        if (diff->rows[i].count == 1 && (known = known_block(group->heap, group->stack))) {
            report_add_note(report, "The block of %s: %s.",
                            amount_bytes(bytes, (double)diff->rows[i].size), known);
            continue;
        }
        if (diff->key != GROUP_TRACEBACK) {
            look_at(&list, group->heap, of_list, frame);
            continue;
        }
        for (frame = group->heap->stacks[group->stack].frame; frame;
             frame = group->heap->frames[frame].parent)
            look_at(&list, group->heap, of_list, frame);
    }
    for (size_t i = 0; i < list.count && i < MODULES_SHOWN; i++)
        add_note(report, &list.modules[i]);
    if (list.count > MODULES_SHOWN)
        report_add_note(report, "Other modules have no lines either.");
    if (list.count > 0)
        report_add_note(report, "'heapdelta info --modules' tells what is known of each module.");
}
