/* request.h - asks a traced process for something, and waits until it is done.
 *
 * The request goes into the control page, where the program's next allocation or free
 * finds it. Only if nothing happens for a moment a signal is sent, so that an idle
 * program comes by; one that can't get it is waited for.
 *
 * Who asks holds a lock on the page. A request that was not taken is withdrawn when we
 * give up; one that we could not withdraw, killed, is by whoever asks next.
 */
#ifndef MODEL_REQUEST_H
#define MODEL_REQUEST_H

#include "model/error.h"
#include "model/target.h"

#include <signal.h>
#include <stdint.h>

struct request {
    enum control_verb verb;
    const char *label;                     /* shorter than CONTROL_LABEL_SIZE; NULL: none */
    const char *path;                      /* of CONTROL_WATCH: shorter than CONTROL_PATH_SIZE */
    uint64_t timeout;                      /* ns; 0: as long as it takes */
    const volatile sig_atomic_t *given_up; /* not 0: we are to end */
    /* Told, once, why it may take longer; the text is one line. */
    void (*tell)(const char *text);
};

/* Make REQUEST of TARGET, which is open for writing. The path of a snapshot, as the
 * process sees it, goes to OUT_PATH, else it is made empty. Returns 0, or ERROR and
 * -EINTR: given up; or another -errno: the request was not fulfilled. */
int request_make(const struct target *target, const struct request *request,
                 char out_path[CONTROL_PATH_SIZE], struct error *error);

#endif
