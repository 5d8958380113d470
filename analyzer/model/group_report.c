#include "model/group_report.h"

#include "format/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

void group_report_columns(enum group_key key, struct report *report)
{
    switch (key) {
    case GROUP_LINENO:
        report_add_column(report, "file", "file", REPORT_FILE, 0);
        report_add_column(report, "line", "line", REPORT_LINE, 0);
        report_add_column(report, "function", "function", REPORT_FUNCTION, REPORT_DATA_ONLY);
        /* For people with a mark if it is not the only one. */
        report_add_column(report, "functions", "function", REPORT_FUNCTION, REPORT_TEXT_ONLY);
        break;
    case GROUP_FILENAME:
        report_add_column(report, "file", "file", REPORT_FILE, 0);
        break;
    case GROUP_FUNCTION:
        report_add_column(report, "function", "function", REPORT_FUNCTION, 0);
        report_add_column(report, "module", "module", REPORT_MODULE, 0);
        break;
    case GROUP_MODULE:
        report_add_column(report, "module", "module", REPORT_MODULE, 0);
        break;
    case GROUP_THREAD:
        report_add_column(report, "name", "name", REPORT_FUNCTION, 0);
        report_add_column(report, "tid", "thread", REPORT_NUMBER, 0);
        report_add_column(report, "thread", "thread", REPORT_FUNCTION, 0);
        report_add_column(report, "module", "module", REPORT_MODULE, 0);
        break;
    case GROUP_SIZE:
        report_add_column(report, "class", "size", REPORT_FUNCTION, REPORT_TEXT_ONLY);
        report_add_column(report, "size_min", "from", REPORT_NUMBER, REPORT_DATA_ONLY);
        report_add_column(report, "size_max", "to", REPORT_NUMBER, REPORT_DATA_ONLY);
        break;
    case GROUP_TYPE:
        report_add_column(report, "type", "type", REPORT_FUNCTION, 0);
        report_add_column(report, "how", "found", REPORT_FUNCTION, REPORT_TEXT_ONLY);
        report_add_column(report, "found", "found", REPORT_TEXT, REPORT_DATA_ONLY);
        report_add_column(report, "inferred", "inferred", REPORT_COUNT, REPORT_DATA_ONLY);
        break;
    case GROUP_DOMAIN:
        report_add_column(report, "domain", "domain", REPORT_NUMBER, 0);
        break;
    case GROUP_TRACEBACK:
        report_add_column(report, "stack", "stack", REPORT_NUMBER, 0);
        break;
    case GROUP_PROCESS:
        report_add_column(report, "program", "program", REPORT_FILE, 0);
        report_add_column(report, "pid", "process", REPORT_NUMBER, 0);
        break;
    case GROUP_PROGRAM:
        report_add_column(report, "program", "program", REPORT_FILE, 0);
        break;
    case GROUP_KEYS:
        break;
    }
}

static void put_name(struct report *report, const char *name, bool is_place)
{
    if (is_place)
        report_put_place(report, name);
    else
        report_put_text(report, name);
}

/* Put the function of GROUP for people. */
static void put_functions(const struct group *group, struct report *report)
{
    char *text;

    if (!group->several_functions || asprintf(&text, "%s, …", group->function) < 0) {
        report_put_text(report, group->function);
        return;
    }
    report_put_text(report, text);
    free(text);
}

/* Put the size class of GROUP for people. */
static void put_size_class(const struct group *group, struct report *report)
{
    char text[64];

    if (group->size_max == group->size_min)
        snprintf(text, sizeof(text), "%" PRIu64 " bytes", group->size_min);
    else
        snprintf(text, sizeof(text), "%" PRIu64 " to %" PRIu64 " bytes", group->size_min,
                 group->size_max);
    report_put_text(report, text);
}

/* Put the type of GROUP, and how it was found: the surest way, and how many blocks by guess only. */
static void put_type(const struct group *group, struct report *report)
{
    uint64_t inferred = group->found[TYPES_INFERRED];
    enum types_how how = TYPES_BY_VTABLE;
    char text[64];

    while (how > TYPES_UNKNOWN && group->found[how] == 0)
        how--;
    report_put_text(report, group->type);
    if (!group->type) {
        report_put_unknown(report);
        report_put_unknown(report);
        report_put_number(report, 0);
        return;
    }
    snprintf(text, sizeof(text), "%s", types_how_name(how));
    if (how > TYPES_INFERRED && inferred > 0)
        snprintf(text, sizeof(text), "%s, %" PRIu64 " inferred", types_how_name(how), inferred);
    report_put_text(report, text);
    report_put_text(report, types_how_name(how));
    report_put_number(report, inferred);
}

/* Put the thread of GROUP, as far as it is known. */
static void put_thread(const struct group *group, struct report *report)
{
    report_put_text(report, group->thread_name);
    if (group->tid)
        report_put_number(report, group->tid);
    else
        report_put_unknown(report);
    report_put_text(report, group->function);
    report_put_text(report, group->module);
}

void group_report_key(enum group_key key, const struct group *group, struct report *report)
{
    switch (key) {
    case GROUP_LINENO:
        put_name(report, group->file, group->is_place);
        report_put_number(report, group->line);
        report_put_text(report, group->function);
        put_functions(group, report);
        break;
    case GROUP_FILENAME:
        put_name(report, group->file, group->is_place);
        break;
    case GROUP_FUNCTION:
        put_name(report, group->function, group->is_place);
        report_put_text(report, group->module);
        break;
    case GROUP_MODULE:
        report_put_text(report, group->module);
        break;
    case GROUP_THREAD:
        put_thread(group, report);
        break;
    case GROUP_SIZE:
        put_size_class(group, report);
        report_put_number(report, group->size_min);
        report_put_number(report, group->size_max);
        break;
    case GROUP_TYPE:
        put_type(group, report);
        break;
    case GROUP_DOMAIN:
        report_put_number(report, group->domain);
        break;
    case GROUP_TRACEBACK:
        report_put_number(report, group->stack);
        break;
    case GROUP_PROCESS:
        report_put_text(report, group->program);
        report_put_number(report, group->pid);
        break;
    case GROUP_PROGRAM:
        report_put_text(report, group->program);
        break;
    case GROUP_KEYS:
        break;
    }
}

void group_report_traceback(const struct group *group, struct symbols *symbols,
                            struct source_lines *sources, struct report *report)
{
    const struct heap *heap = group->heap;
    const struct heap_part *part = &heap->parts[heap->stacks[group->stack].part];
    uint32_t frame = heap->stacks[group->stack].frame;

    report_begin_traceback(report);
    for (; frame; frame = heap->frames[frame].parent) {
        struct symbol_list list = symbols_frame(symbols, frame);

        for (size_t i = 0; i < list.count; i++) {
            const struct symbol *symbol = &list.symbols[i];

            report_add_frame(report, &(struct report_frame){
                                         .function = symbol->function,
                                         .file = symbol->file,
                                         .line = symbol->line,
                                         .place = symbol->place,
                                         .source = sources && symbol->file
                                                       ? source_lines_get(sources, symbol->file,
                                                                          symbol->line)
                                                       : NULL,
                                         .module = symbol->module,
                                         .offset = symbol->offset,
                                         .inlined = symbol->inlined,
                                     });
        }
    }
    if (group->truncated)
        report_set_truncated(report, 0);
    else if (group->limited)
        report_set_truncated(report, part->process->frame_limit);
}
