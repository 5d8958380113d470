/* report.h - what a command found, before anybody decides how it looks.
 *
 *   report   title
 *    ├ facts    one value each: "blocks" 1000
 *    ├ tables   name, columns, rows of cells, a total
 *    │           └ a row may have a traceback, or a path with what goes with it
 *    └ notes    sentences
 *
 * A command fills a report through the functions below, top to bottom: what is
 * added goes to the table, and what is put to the row, that was begun last. A
 * view reads the structures. Keys are for programs and stable (JSON keys, CSV
 * headings); titles are for people. Text is copied and belongs to the report, except
 * that of frames, of which there may be millions.
 *
 * A report that ran out of memory ignores what else is added to it; ask
 * report_failed() once, at the end.
 */
#ifndef MODEL_REPORT_H
#define MODEL_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a value is; decides how a view may write it. */
enum report_kind {
    REPORT_TEXT,
    REPORT_FILE,     /* text: a source file */
    REPORT_LINE,     /* number: in the file of the column before; 0: unknown */
    REPORT_FUNCTION, /* text */
    REPORT_MODULE,   /* text */
    REPORT_BYTES,    /* number */
    REPORT_COUNT,    /* number */
    REPORT_NUMBER,   /* number that is a name: a process, a stack */
    REPORT_ADDRESS,  /* number */
    REPORT_DURATION, /* number: nanoseconds */
    REPORT_FLAG,     /* number: 0 or 1 */
    REPORT_AVERAGE,  /* real: bytes */
};

enum report_flags {
    REPORT_SIGNED = 1,    /* a difference; of the column before it, in a table of statistics */
    REPORT_DATA_ONLY = 2, /* for programs: people see it elsewhere, or would not miss it */
    REPORT_TEXT_ONLY = 4, /* for people: programs can compute it */
    REPORT_SERIES = 8,    /* a number per snapshot, oldest first */
    REPORT_ERROR = 32,    /* how far off the value of the column before it may be */
    REPORT_ASIDE = 16,    /* belongs to the column before it, in a table of statistics */
    REPORT_ORDER = 64,    /* what the rows are ordered by: people see it where they see any */
};

/* A value, or (all zero) that there is none. */
struct report_cell {
    bool known;
    uint64_t number; /* two's complement if REPORT_SIGNED */
    double real;
    const char *text;
    bool is_place; /* TEXT names the whole place, as MODULE(FUNCTION) or MODULE+0xOFFSET */
    const uint64_t *series;
};

struct report_frame {
    const char *function; /* NULL: unknown */
    const char *file;     /* NULL: unknown */
    uint32_t line;
    const char *place;  /* what names it where its file is not known; may be NULL */
    const char *source; /* the text of the line; NULL: not looked for, or not there */
    const char *module; /* NULL: none */
    uint64_t offset;
    bool inlined;
};

/* A step on the way from outside the heap to some blocks; or blocks that would go with them. */
struct report_link {
    const char *kind;     /* "global", "stack", "tls", "register", "key", "mapping", "libc", "block",
                           * or "lost": nobody */
    const char *name;     /* of the variable, register, mapping; of a block: the field that leads
                           * on; NULL: unknown */
    const char *type;     /* of the variable or of all the blocks; NULL: unknown */
    const char *type_found; /* how the type of blocks was found; NULL */
    const char *function; /* whose frame it is, or that allocated the blocks; NULL: unknown */
    const char *file;     /* of the variable, or where the blocks were allocated; NULL: unknown */
    uint32_t line;        /* … 0: unknown */
    const char *place;    /* what stands for FILE if it is NULL; or NULL */
    bool is_static;
    const char *module;   /* that the variable is in; NULL: none */
    uint32_t thread;      /* whose it is; 0: of none */
    const char *thread_name;
    uint64_t offset;      /* of the pointer that leads on: into the block, else into the
                           * module's file, or into what else it is */
    uint64_t size, count; /* of blocks; how many bytes and blocks they are together */
    bool repeats;         /* the blocks come one after the other */
    bool is_array;        /* one block, most of which are pointers that lead on */
    struct report_frame *frames; /* the traceback of a block, newest first */
    size_t frame_count;
};

struct report_fact {
    const char *key;    /* NULL: for people only */
    const char *title;  /* NULL: for programs only */
    bool is_heading;    /* has only a title */
    const char *remark; /* for people, behind the value; or NULL */
    enum report_kind kind;
    struct report_cell value;
};

struct report_column {
    const char *key;
    const char *title;
    enum report_kind kind;
    unsigned flags;
};

struct report_row {
    struct report_cell *cells; /* one per column */
    bool has_traceback;
    struct report_frame *frames; /* newest first */
    size_t frame_count;
    bool truncated;       /* the traceback lacks its outer end */
    uint32_t frame_limit; /* for it was cut at so many frames, as asked; 0: for another reason */
    struct report_link *path; /* outermost first; the last is the blocks of the row */
    size_t path_length;
    struct report_link *retains; /* what would go with the blocks of the row, largest first; */
    size_t retain_count;
    size_t retains_omitted; /* how many more there are */
    size_t depth;           /* REPORT_TREE: how many rows it is below */
    size_t stands_for; /* … so many rows that were left out, children of the row above; 0: itself */
};

enum report_style {
    REPORT_STATISTICS, /* a place and phrases: "a.c:3 (f)  size=8 B (+8 B), count=1 (+1)" */
    REPORT_TABLE,      /* columns under headings */
    REPORT_KEYED,      /* for programs: the first column is the key under which the others are */
    REPORT_PATHS, /* who holds blocks: size, count, bytes retained, class, in this order; paths */
    REPORT_TREE,  /* rows of one frame each, above those that it called (depth): a row after its
                     parent */
    REPORT_VERDICTS, /* the first columns as in enum report_verdict_cell; paths; its parts as what
                      * it retains */
    REPORT_CHART, /* the first column is a time; people see the course of the first one of bytes */
};

/* The first cells of a row of REPORT_VERDICTS. */
enum report_verdict_cell {
    CELL_VERDICT,
    CELL_CLASS,
    CELL_SIZE,
    CELL_COUNT,
    CELL_WITH_SIZE, /* … and with its parts */
    CELL_WITH_COUNT,
    CELL_TEXT,
    CELL_FILE,
    CELL_LINE,
    CELL_FUNCTION,
    CELL_HOLDER,
    CELL_EVIDENCE,
};

struct report_table {
    const char *key;
    const char *title; /* NULL: for programs only */
    enum report_style style;
    struct report_column *columns;
    size_t column_count;
    struct report_row *rows;
    size_t row_count;
    struct report_cell *total; /* one per column; NULL: none */
    size_t omitted;            /* rows left out for a limit */
    bool is_matter;            /* what the report is about, rather than its facts */
    size_t series_length;      /* numbers in a cell of a REPORT_SERIES column */
};

struct report {
    const char *title;
    bool whole_names; /* for people, too, however long names of functions are */
    bool goes_on;     /* one like it was printed before: no headings for programs */
    struct report_fact *facts;
    size_t fact_count;
    struct report_table *tables;
    size_t table_count;
    const char **notes;
    size_t note_count;
    struct report_text *texts; /* the copies */
    struct report_cell *next;  /* the next cell to be put, */
    size_t cells_left;         /* and how many are left */
    bool failed;
};

/* Create an empty report. NULL for lack of memory. */
struct report *report_create(void);

/* Free REPORT, which may be NULL, with all its texts. */
void report_destroy(struct report *report);

/* Did the report run out of memory while it was filled? */
bool report_failed(const struct report *report);

/* Set the title, printf-like. */
void report_title(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Add a fact. KEY or TITLE may be NULL, see struct report_fact. A TEXT of NULL is
 * no value, as report_add_unknown() adds it: null in JSON. */
void report_add_number(struct report *report, const char *key, const char *title,
                       enum report_kind kind, uint64_t number);
void report_add_text(struct report *report, const char *key, const char *title, const char *text);
void report_add_unknown(struct report *report, const char *key, const char *title,
                        enum report_kind kind);

/* Put a remark, printf-like, behind the fact added last. */
void report_add_remark(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Add a heading for the facts that follow. */
void report_add_heading(struct report *report, const char *title);

/* Begin a table. Its series, if it has any, have SERIES_LENGTH numbers. */
void report_begin_table(struct report *report, const char *key, const char *title,
                        enum report_style style, size_t series_length);

/* Say that the table is what the report is about: where there is room for only one thing,
 * as in CSV, it is that. Tables of statistics and of paths are, and so is the first one of a report
 * without facts for programs. */
void report_set_matter(struct report *report);

/* Add a column to the table, which has no rows yet. */
void report_add_column(struct report *report, const char *key, const char *title,
                       enum report_kind kind, unsigned flags);

/* Begin a row, or the total, of the table: cell by cell, in the order of the
 * columns, is put next; cells that are not put have no value. */
void report_begin_row(struct report *report);
void report_begin_total(struct report *report);

/* Put the next cell. A TEXT of NULL is no value. */
void report_put_number(struct report *report, uint64_t number);
void report_put_real(struct report *report, double real);
void report_put_text(struct report *report, const char *text);
void report_put_place(struct report *report, const char *text);
void report_put_series(struct report *report, const uint64_t *series);
void report_put_unknown(struct report *report);

/* Give the row a traceback, and add a frame, further out than those before, to it. The
 * texts of FRAME are not copied: they must outlive the report. */
void report_begin_traceback(struct report *report);
void report_add_frame(struct report *report, const struct report_frame *frame);

/* Put the row of a REPORT_TREE, of which report_add_frame() gave the frame, DEPTH rows below the
 * outermost. */
void report_set_depth(struct report *report, size_t depth);

/* Let the row, which has no frame, stand for ROWS that were left out. */
void report_set_stands_for(struct report *report, size_t rows);

/* Say that the traceback of the row lacks its outer end: cut, as asked, at FRAME_LIMIT
 * frames, or (0) because it could not be walked. */
void report_set_truncated(struct report *report, uint32_t frame_limit);

/* Add a link to the row's path, or to what it retains; the texts of LINK are copied, those of
 * its frames, which are added next, are not. */
void report_add_link(struct report *report, const struct report_link *link);
void report_add_retained(struct report *report, const struct report_link *link);

/* Add a frame, further out than those before, to the link of the path added last. */
void report_add_link_frame(struct report *report, const struct report_frame *frame);

/* Say that of what the row retains MORE were left out. */
void report_set_retains_omitted(struct report *report, size_t more);

/* Say that ROWS rows of the table were left out. */
void report_set_omitted(struct report *report, size_t rows);

/* Add a sentence, printf-like. */
void report_add_note(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The number that tells ROW by its frames, in other runs and after changes around them, too: it is of
 * their functions (where none is known, of their modules), not of their lines. */
uint64_t report_row_fingerprint(const struct report_row *row);

#endif
