#include "preload/config.h"

#include "format/control.h"
#include "preload/message.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static struct config values;
const struct config *const config = &values;

/* A text if MAX is 0, otherwise a number up to it. */
static const struct variable {
    const char *name;
    uint64_t max;
    size_t offset;
} variables[] = {
    { CONTROL_ENV_OUT, 0, offsetof(struct config, out) },
    { CONTROL_ENV_NFRAME, CONFIG_MAX_FRAMES, offsetof(struct config, nframe) },
    { CONTROL_ENV_OFF, 1, offsetof(struct config, off) },
    { CONTROL_ENV_INTERVAL, UINT32_MAX, offsetof(struct config, interval) },
    { CONTROL_ENV_GROWTH, (uint64_t)1 << 60, offsetof(struct config, growth) },
    { CONTROL_ENV_PEAK, 1, offsetof(struct config, peak) },
    { CONTROL_ENV_KEEP, UINT32_MAX, offsetof(struct config, keep) },
    { CONTROL_ENV_COUNTERS, CONTROL_COUNTERS_BEFORE_EXIT, offsetof(struct config, counters) },
    { CONTROL_ENV_MARKS, 1, offsetof(struct config, marks) },
    { CONTROL_ENV_THREADS, 1, offsetof(struct config, threads) },
    { CONTROL_ENV_GRAPH, CONTROL_GRAPH_ALWAYS, offsetof(struct config, graph) },
    { CONTROL_ENV_SAMPLE, CONTROL_SAMPLE_MAX, offsetof(struct config, sample) },
    { CONTROL_ENV_MIN_SIZE, CONTROL_SIZE_MAX, offsetof(struct config, min_size) },
    { CONTROL_ENV_MAX_SIZE, CONTROL_SIZE_MAX, offsetof(struct config, max_size) },
    { CONTROL_ENV_SIGNALS, 1, offsetof(struct config, signals) },
    { CONTROL_ENV_FOLLOW, CONTROL_FOLLOW_ALL, offsetof(struct config, follow) },
    { CONTROL_ENV_UNWINDER, 0, offsetof(struct config, unwinder) },
    { CONTROL_ENV_EXEC_COUNT, UINT32_MAX, offsetof(struct config, exec_count) },
    { CONTROL_ENV_FAIL_MAP, UINT32_MAX, offsetof(struct config, fail_map) },
    { CONTROL_ENV_FAIL_MAP_ONCE, 1, offsetof(struct config, fail_map_once) },
    { CONTROL_ENV_VALGRIND, 1, offsetof(struct config, valgrind) },
};

static bool number_read(const char *text, uint64_t max, uint64_t *out_number)
{
    uint64_t number = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        number = number * 10 + (uint64_t)(*text - '0');
        if (number > max)
            return false;
    }
    *out_number = number;
    return true;
}

static void take(const struct variable *variable, const char *text)
{
    char *field = (char *)&values + variable->offset;
    char digits[24];

    if (variable->max == 0) {
        if (*text)
            *(const char **)field = text;
    } else if (!number_read(text, variable->max, (uint64_t *)field)) {
        message_line(variable->name, "=", text, " ignored: not a number from 0 to ",
                     message_number(digits, variable->max), NULL);
    }
}

void config_read(char **environment)
{
    for (char **entry = environment; entry && *entry; entry++)
        for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
            size_t length = strlen(variables[i].name);

            if (strncmp(*entry, variables[i].name, length) == 0 && (*entry)[length] == '=')
                take(&variables[i], *entry + length + 1);
        }
}
