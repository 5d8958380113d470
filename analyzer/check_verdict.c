#include "check_verdict.h"

#include "format/snapshot.h"
#include "graph_input.h"
#include "model/embedded.h"
#include "model/graph.h"
#include "model/heap.h"
#include "model/holder_path.h"
#include "model/leaks_report.h"
#include "model/rounds.h"
#include "model/suppressed.h"
#include "model/suppression_text.h"
#include "model/symbols.h"
#include "model/verdict.h"
#include "model/verdict_words.h"
#include "views/units.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UP_SHARE 5u /* of all rounds, if nothing was said */

/* The snapshots of a process: those at the ends of rounds, then the last one. */
struct input {
    struct heap **heaps;
    uint64_t *numbers; /* of the rounds */
    size_t round_count;
    struct heap *last; /* with the graph; or that of the last round; NULL: none */
    bool has_last;     /* it is none of the rounds' */
};

struct check_judge {
    const struct check_limits *limits;
    bool unanswered, refused; /* requests for rounds */
    struct input input;
    struct symbols *symbols;
    struct graph *graph;
    struct holder_paths *paths;
    struct growth *growths; /* by rounds; NULL: there are too few */
    uint32_t *leaders;
    size_t warm_up, judged; /* rounds */
    struct verdicts *verdicts;
    struct suppressed suppressed, known, allowed;
    struct error embedded; /* why those that the program carries with it are not known; or empty */
    struct {
        uint64_t bytes, blocks;
    } lost;
    struct {
        double bytes, blocks; /* a round */
    } growth;
};

/* ---- the snapshots ------------------------------------------------------------------- */

static bool is_end(const struct heap *head)
{
    return head->process->trigger == SNAPSHOT_AT_EXIT ||
           head->process->trigger == SNAPSHOT_BY_SIGNAL;
}

static bool same_run(const struct heap *a, const struct heap *b)
{
    return memcmp(a->process->run, b->process->run, sizeof(a->process->run)) == 0;
}

static int compare_sequence(const void *left, const void *right)
{
    const struct heap *const *a = left, *const *b = right;

    return ((*a)->process->sequence > (*b)->process->sequence) -
           ((*a)->process->sequence < (*b)->process->sequence);
}

/* The heads of all snapshots of RUN; of a process that has become another program those of the last
 * one. Returns how many there are. */
static size_t peek(const struct check_run *run, struct heap **heads)
{
    size_t count = 0, kept = 0;
    const struct heap *newest = NULL;

    for (size_t i = 0; i < run->snapshots.count; i++) {
        char path[PATH_MAX + NAME_MAX];
        struct error error;

        snprintf(path, sizeof(path), "%s/%s", run->directory, run->snapshots.snapshots[i].name);
        if (heap_peek(path, &heads[count], &error) < 0)
            continue;
        if (!newest || heads[count]->process->exec_count >= newest->process->exec_count)
            newest = heads[count];
        count++;
    }
    for (size_t i = 0; i < count; i++) {
        if (same_run(heads[i], newest))
            continue;
        heap_destroy(heads[i]);
        heads[i] = NULL;
    }
    for (size_t i = 0; i < count; i++) {
        if (heads[i])
            heads[kept++] = heads[i];
    }
    if (kept > 1)
        qsort(heads, kept, sizeof(*heads), compare_sequence);
    return kept;
}

static int load(const struct command *command, const struct check_run *run,
                const struct check_limits *limits, struct input *input)
{
    struct heap **heads = calloc(run->snapshots.count + 1, sizeof(*heads));
    uint64_t *numbers = calloc(run->snapshots.count + 1, sizeof(*numbers));
    size_t count = 0;
    const char *last = NULL;
    struct error error;
    int status = COMMAND_DONE;

    input->heaps = calloc(run->snapshots.count + 2, sizeof(*input->heaps));
    input->numbers = calloc(run->snapshots.count + 1, sizeof(*input->numbers));
    if (!heads || !numbers || !input->heaps || !input->numbers) {
        free(heads);
        free(numbers);
        return command_fail(command, COMMAND_BAD_INPUT, "out of memory");
    }
    count = peek(run, heads);
    rounds_number((const struct heap *const *)heads, count, numbers);
    for (size_t i = 0; i < count && status == COMMAND_DONE; i++) {
        if (is_end(heads[i]))
            last = heads[i]->path;
        if (numbers[i] == 0 || (limits->rounds > 0 && input->round_count >= limits->rounds))
            continue;
        input->numbers[input->round_count] = numbers[i];
        if (heap_load(heads[i]->path, &input->heaps[input->round_count], &error) < 0)
            status = command_fail(command, COMMAND_BAD_INPUT, "%s", error.text);
        else
            input->round_count++;
    }
    if (status == COMMAND_DONE && last) {
        status = heap_load_with_edges(last, &input->last, &error) < 0
                     ? command_fail(command, COMMAND_BAD_INPUT, "%s", error.text)
                     : COMMAND_DONE;
        input->has_last = status == COMMAND_DONE;
    } else if (input->round_count > 0) {
        input->last = input->heaps[input->round_count - 1];
    }
    if (input->has_last)
        input->heaps[input->round_count] = input->last;
    for (size_t i = 0; i < count; i++)
        heap_destroy(heads[i]);
    free(heads);
    free(numbers);
    return status;
}

static void input_finish(struct input *input)
{
    for (size_t i = 0; i < input->round_count; i++)
        heap_destroy(input->heaps[i]);
    if (input->has_last)
        heap_destroy(input->last);
    free(input->heaps);
    free(input->numbers);
}

/* ---- the judgement ------------------------------------------------------------------- */

static struct verdict_input verdict_input_of(const struct check_judge *judge)
{
    const struct input *input = &judge->input;
    size_t count = judge->growths ? input->round_count + input->has_last : 1;

    return (struct verdict_input){
        .heaps = judge->growths ? (const struct heap *const *)input->heaps
                                : (const struct heap *const *)&input->last,
        .heap_count = count,
        .graph = judge->graph,
        .paths = judge->paths,
        .are_rounds = judge->growths != NULL,
        .warm_up = judge->warm_up,
        .growths = judge->growths,
        .leaders = judge->leaders,
    };
}

/* Judge the rounds, if there are enough. Returns 0 or -ENOMEM. */
static int judge_rounds(struct check_judge *judge)
{
    size_t count = judge->input.round_count;
    struct rounds rounds = {
        .heaps = (const struct heap *const *)judge->input.heaps,
        .numbers = judge->input.numbers,
        .count = count,
    };

    judge->warm_up = judge->limits->warm_up;
    if (judge->warm_up == SIZE_MAX)
        judge->warm_up = count / WARM_UP_SHARE > 0 ? count / WARM_UP_SHARE : 1;
    rounds.warm_up = judge->warm_up;
    judge->judged = rounds_judged(&rounds);
    return judge->judged < ROUNDS_MIN
               ? 0
               : rounds_judge(&rounds, judge->input.last, judge->symbols, &judge->growths,
                          &judge->leaders);
}

/* Without rounds it is no more than a guess whether what grows will go on to do so. */
static bool counts_as_growing(const struct check_judge *judge, const struct verdict *verdict)
{
    return verdict->kind == VERDICT_HELD_GROWING &&
           (judge->growths || verdict->growth.confidence == GROWTH_HIGH);
}

/* Take what the baseline has as well out of the verdicts. Returns 0 or -ENOMEM. */
static int apply_baseline(struct check_judge *judge)
{
    struct verdicts *verdicts = judge->verdicts;
    uint8_t *removed = calloc(verdicts->leak_count + 1, 1);
    int result;

    if (!removed)
        return -ENOMEM;
    for (size_t i = 0; i < verdicts->leak_count; i++)
        removed[i] = baseline_has(judge->limits->baseline, verdicts->heap, judge->symbols,
                                  &verdicts->list[i]);
    result = suppressed_take_out(verdicts, removed, &judge->known);
    free(removed);
    return result;
}

/* Take what is within the limits out of the verdicts. Returns 0 or -ENOMEM. */
static int apply_limits(struct check_judge *judge)
{
    const struct check_limits *limits = judge->limits;
    struct verdicts *verdicts = judge->verdicts;
    uint8_t *removed = calloc(verdicts->leak_count + 1, 1);
    bool lost_is_allowed, growth_is_allowed;
    int result;

    if (!removed)
        return -ENOMEM;
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        const struct verdict *verdict = &verdicts->list[i];

        if (verdict->kind == VERDICT_LOST) {
            judge->lost.bytes += verdict->size;
            judge->lost.blocks += verdict->count;
        }
        if (judge->growths && verdict->growth.course == GROWTH_GROWING) {
            judge->growth.bytes += verdict->growth.bytes_per_work;
            judge->growth.blocks += verdict->growth.blocks_per_work;
        }
    }
    /* Blocks of no size are leaks, too. */
    lost_is_allowed =
        judge->lost.blocks == 0 || (limits->lost > 0 && judge->lost.bytes <= limits->lost);
    growth_is_allowed = judge->growths && (limits->growth_in_blocks ? judge->growth.blocks
                                                                    : judge->growth.bytes) <=
                                              (double)limits->growth;
    growth_is_allowed &= limits->growth > 0 || judge->growth.blocks <= 0;
    for (size_t i = 0; i < verdicts->leak_count; i++) {
        const struct verdict *verdict = &verdicts->list[i];

        if (verdict->kind == VERDICT_LOST)
            removed[i] = lost_is_allowed;
        else if (verdict->part_of != VERDICT_NONE)
            removed[i] = removed[verdict->part_of]; /* it stands before */
        else
            removed[i] = growth_is_allowed || !counts_as_growing(judge, verdict);
    }
    result = suppressed_take_out(verdicts, removed, &judge->allowed);
    free(removed);
    return result;
}

static int make_verdicts(struct check_judge *judge)
{
    const struct heap *last = judge->input.last;
    struct verdict_input input;

    if (last->has_edges && (graph_create(last, 0, &judge->graph) < 0 ||
                            holder_paths_create(judge->graph, judge->symbols, &judge->paths) < 0))
        return -ENOMEM;
    if (judge_rounds(judge) < 0)
        return -ENOMEM;
    input = verdict_input_of(judge);
    if (verdicts_create(&input, &judge->verdicts) < 0)
        return -ENOMEM;
    /* A gate does not look away because it was only once. */
    for (size_t i = 0; i < judge->verdicts->leak_count; i++)
        judge->verdicts->list[i].is_once = false;
    if (suppressed_remove(judge->limits->suppressions, judge->verdicts, judge->symbols,
                          &judge->suppressed) < 0 ||
        (judge->limits->baseline && apply_baseline(judge) < 0))
        return -ENOMEM;
    return apply_limits(judge);
}

/* Put behind the fact added last that it is in so many BLOCKS, a mean. */
static void add_blocks(double blocks, struct report *report)
{
    double whole = fmax(floor(blocks + 0.5), 0);

    if (blocks > 0 && whole < 1)
        report_add_remark(report, "in less than a block on average");
    else
        report_add_remark(report, "in %s%.0f %s",
                          blocks <= 0 || fabs(blocks - whole) < 0.005 ? "" : "about ", whole,
                          whole == 1 ? "block" : "blocks");
}

static void add_facts(const struct check_judge *judge, struct report *report)
{
    const struct snapshot_account *account = judge->input.last->account;

    report_add_number(report, "rounds", "rounds", REPORT_COUNT, judge->input.round_count);
    if (judge->growths) {
        report_add_remark(report, "%zu of them judged, after %zu to warm up", judge->judged,
                          judge->warm_up);
        report_add_number(report, "growth_size", "growth a round", REPORT_BYTES,
                          judge->growth.bytes > 0 ? (uint64_t)(judge->growth.bytes + 0.5) : 0);
        add_blocks(judge->growth.blocks, report);
        report_add_number(report, "growth_count", NULL, REPORT_COUNT,
                          judge->growth.blocks > 0 ? (uint64_t)(judge->growth.blocks + 0.5) : 0);
    }
    if (judge->graph) {
        report_add_number(report, "lost_size", "lost", REPORT_BYTES, judge->lost.bytes);
        report_add_remark(report, "in %" PRIu64 " %s", judge->lost.blocks,
                          judge->lost.blocks == 1 ? "block" : "blocks");
        report_add_number(report, "lost_count", NULL, REPORT_COUNT, judge->lost.blocks);
    }
    report_add_number(report, "peak", "peak", REPORT_BYTES, account->peak_bytes);
}

/* What is said if nothing failed. That what leaks is allowed to does not make it none. */
static const char *say_passed(const struct check_judge *judge)
{
    bool has_limits = judge->limits->lost > 0 || judge->limits->growth > 0;

    if (judge->allowed.blocks > 0 && has_limits)
        return "within the limits";
    return judge->known.blocks + judge->suppressed.blocks > 0 ? "no new leak" : "no leak";
}

/* Say in OUT_VERDICT what failed, if anything did. */
static void sum_up(const struct check_judge *judge, struct check_verdict *out_verdict)
{
    const struct verdicts *verdicts = judge->verdicts;
    uint64_t peak = judge->input.last->account->peak_bytes, limit = judge->limits->peak;
    bool is_over = limit > 0 && peak > limit;
    char bytes[UNITS_SIZE], bound[UNITS_SIZE], leaks[128] = "", over[128] = "";

    if (verdicts->leak_count > 0)
        leaks_summary(verdicts, leaks, sizeof(leaks));
    if (is_over)
        snprintf(over, sizeof(over), "%sthe peak of %s is above the limit of %s",
                 *leaks ? "; " : "", units_bytes(bytes, (double)peak, false),
                 units_bytes(bound, (double)limit, false));
    out_verdict->failed = *leaks || is_over;
    snprintf(out_verdict->text, sizeof(out_verdict->text), "%s%s",
             out_verdict->failed ? leaks : say_passed(judge), over);
}

static void add_notes(const struct check_judge *judge, struct report *report)
{
    suppressed_add_note("As in the baseline", &judge->known, report);
    if (judge->limits->baseline && baseline_nameless(judge->limits->baseline))
        report_add_note(report, "Names of the baseline are missing, for %s is of another build now or "
                                "gone: what it has is known by offsets only.",
                        baseline_nameless(judge->limits->baseline));
    suppressed_add_note("Within the limits", &judge->allowed, report);
    if (judge->graph)
        graph_input_add_notes(judge->input.last, report);
    else
        report_add_note(report, "What is lost is not known: there is no snapshot with the heap "
                                "graph from the program's end.");
    if (judge->unanswered)
        report_add_note(report, "The program was ended, for it did nothing: a program in sigwait() or "
                                "that blocks all signals ends its rounds by heapdelta_mark() only.");
    if (judge->refused)
        report_add_note(report, "The program was ended, for it takes no more snapshots: it does not "
                                "trace any more, or has executed what can't be traced.");
    if (!judge->growths && judge->input.round_count > 0 && !judge->limits->needs_rounds)
        report_add_note(report, "%zu %s too few to tell growth by; %zu are needed.",
                        judge->input.round_count,
                        judge->input.round_count == 1 ? "round is" : "rounds are",
                        judge->warm_up + ROUNDS_MIN);
    suppressed_add_notes(judge->limits->suppressions, &judge->suppressed, report);
    if (*judge->embedded.text)
        report_add_note(report, "%s.", judge->embedded.text);
}

static int make_report(const struct check_judge *judge, struct report *report,
                       struct check_verdict *out_verdict)
{
    const struct leaks_options options = {.leaks_only = true, .fold = true, .no_sums = true};
    struct verdict_input input = verdict_input_of(judge);
    int result;

    sum_up(judge, out_verdict);
    add_facts(judge, report);
    result = leaks_report(judge->verdicts, &input, judge->paths, judge->symbols, &options, report);
    add_notes(judge, report);
    return result < 0 || report_failed(report) ? -1 : 0;
}

/* Say in OUT_VERDICT why growth can't be judged, if it is to be. What is lost is known all the same. */
static void say_unjudged(const struct check_judge *judge, struct check_verdict *out_verdict)
{
    if (!judge->limits->needs_rounds || judge->growths)
        return;
    snprintf(out_verdict->unjudged, sizeof(out_verdict->unjudged),
             "%zu %s: too few to judge growth by; with a warm-up of %zu there must be %zu%s",
             judge->input.round_count, judge->input.round_count == 1 ? "round" : "rounds",
             judge->warm_up, judge->warm_up + ROUNDS_MIN,
             judge->refused ? "; the program was ended, for it takes no more snapshots" : "");
}

static int judge_all(const struct command *command, struct check_judge *judge,
                     const struct check_run *run, struct check_verdict *out_verdict)
{
    int status = load(command, run, judge->limits, &judge->input), code = 0;

    if (status != COMMAND_DONE)
        return status;
    if (!judge->input.last)
        return command_fail(command, COMMAND_BAD_INPUT,
                            "the program left no snapshot%s: it can't be judged",
                            run->snapshots.count > 0 ? " of its end" : "");
    judge->symbols = symbols_create(judge->input.last);
    if (judge->symbols)
        code = embedded_read(judge->limits->suppressions, judge->input.last, judge->symbols,
                             &judge->embedded);
    if (code < 0 && code != -ENOTSUP)
        return command_fail(command, COMMAND_BAD_INPUT, "%s", judge->embedded.text);
    if (!judge->symbols || make_verdicts(judge) < 0 ||
        make_report(judge, out_verdict->report, out_verdict) < 0)
        return command_fail(command, COMMAND_BAD_INPUT, "out of memory");
    say_unjudged(judge, out_verdict);
    return COMMAND_DONE;
}

int check_verdict(const struct command *command, const struct check_limits *limits,
                  const struct check_run *run, struct check_verdict *out_verdict)
{
    struct check_judge *judge = calloc(1, sizeof(*judge));

    *out_verdict = (struct check_verdict){.report = report_create(), .judge = judge};
    if (!judge || !out_verdict->report)
        return command_fail(command, COMMAND_BAD_INPUT, "out of memory");
    judge->limits = limits;
    judge->unanswered = run->unanswered > 0;
    judge->refused = run->refused;
    return judge_all(command, judge, run, out_verdict);
}

int check_verdict_write_suppressions(const struct check_verdict *verdict, FILE *out)
{
    const struct check_judge *judge = verdict->judge;
    const struct verdicts *verdicts = judge->verdicts;

    for (size_t i = 0; i < verdicts->leak_count; i++) {
        const struct verdict *leak = &verdicts->list[i];
        char name[64];
        char *text;

        if (leak->part_of != VERDICT_NONE)
            continue;
        snprintf(name, sizeof(name), "%s, %" PRIu64 " bytes", verdict_name(leak->kind),
                 leak->with_size);
        text = suppression_text(verdicts->heap, judge->symbols, leak->stack, leak->class, name);
        if (!text)
            return -ENOMEM;
        fputs(text, out);
        free(text);
    }
    return 0;
}

void check_verdict_finish(struct check_verdict *verdict)
{
    struct check_judge *judge = verdict->judge;

    report_destroy(verdict->report);
    if (!judge)
        return;
    verdicts_destroy(judge->verdicts);
    free(judge->growths);
    free(judge->leaders);
    holder_paths_destroy(judge->paths);
    graph_destroy(judge->graph);
    symbols_destroy(judge->symbols);
    input_finish(&judge->input);
    free(judge);
}
