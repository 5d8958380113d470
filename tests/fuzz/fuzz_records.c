/* The target: whatever the bytes are, `dump` stays inside them and ends.
 *
 * For libFuzzer as fuzz_snapshot_read.c.
 */
#include "model/records.h"
#include "promise.h"

#include <errno.h>
#include <string.h>

static size_t string_bytes; /* so that the compiler reads the strings */

/* Read all records of SECTION, which has at most SIZE bytes and so at most as many records. */
static int read_records(struct records *records, const struct records_section *section, size_t size,
                        struct error *error)
{
    struct records_value values[RECORDS_FIELDS_MAX];
    size_t count = 0;
    int result;

    while ((result = records_next(records, values, error)) == 1) {
        PROMISE(count++ < size);
        for (size_t i = 0; i < section->field_count; i++) {
            if (section->fields[i].show == RECORDS_TEXT)
                string_bytes += strlen(values[i].text);
        }
    }
    return result;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct records_section section;
    struct records *records = NULL;
    struct error error = {0};
    int result = records_parse(data, size, "fuzz.hds", &records, &error);

    if (result == 0) {
        while ((result = records_next_section(records, &section, &error)) == 1) {
            /* What is packed may unpack to more. */
            size_t limit = section.head.encoding & SNAPSHOT_ZSTD ? SIZE_MAX : size;

            result = read_records(records, &section, limit, &error);
            if (result < 0)
                break;
        }
        records_close(records);
    }
    PROMISE(result == 0 || result == -EBADMSG || result == -ENOMEM);
    PROMISE((result == 0) == (error.text[0] == 0));
    PROMISE(result == 0 ||
            (strncmp(error.text, "fuzz.hds: ", 10) == 0 && !strchr(error.text, '\n')));
    return result == 0 ? 0 : -1;
}
