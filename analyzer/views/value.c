#include "views/value.h"

#include "views/names.h"
#include "views/units.h"
#include "views/utf8.h"

#include <inttypes.h>

static void print_number(FILE *out, uint64_t number, enum report_kind kind, unsigned flags)
{
    bool is_signed = flags & REPORT_SIGNED;
    char buffer[UNITS_SIZE];

    switch (kind) {
    case REPORT_BYTES:
        fputs(units_bytes(buffer, is_signed ? (double)(int64_t)number : (double)number, is_signed),
              out);
        break;
    case REPORT_ADDRESS:
        fprintf(out, "0x%" PRIx64, number);
        break;
    case REPORT_DURATION:
        fputs(units_duration(buffer, number), out);
        break;
    case REPORT_FLAG:
        fputs(number ? "yes" : "no", out);
        break;
    default:
        if (is_signed)
            fputs(units_count(buffer, (int64_t)number, true), out);
        else
            fprintf(out, "%" PRIu64, number);
    }
}

void value_print(FILE *out, const struct report_cell *cell, enum report_kind kind, unsigned flags,
                 size_t series_length)
{
    char buffer[UNITS_SIZE];

    if (!cell->known)
        return;
    if (flags & REPORT_SERIES) {
        for (size_t i = 0; i < series_length; i++) {
            fputs(i ? " → " : "", out);
            print_number(out, cell->series[i], kind, 0);
        }
        return;
    }
    switch (kind) {
    case REPORT_TEXT:
    case REPORT_FILE:
    case REPORT_MODULE:
        utf8_print(out, cell->text);
        break;
    case REPORT_FUNCTION: /* a type, too */
        names_print(out, cell->text, false);
        break;
    case REPORT_AVERAGE:
        fputs(units_bytes(buffer, cell->real, false), out);
        break;
    default:
        print_number(out, cell->number, kind, flags);
    }
}
