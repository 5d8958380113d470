/* stack_frames.h - calls through frames of all shapes.
 *
 * Compiled without frame pointers and sanitizers, as programs are. Each calls THEN
 * from where its name says.
 */
#ifndef UNIT_STACK_FRAMES_H
#define UNIT_STACK_FRAMES_H

typedef void frames_then(void);

void frames_recursion(int depth, frames_then *then);
void frames_large(frames_then *then);             /* 20,000 bytes of locals */
void frames_alloca(int size, frames_then *then);
void frames_realigned(frames_then *then);         /* to 64 bytes */
void frames_saved_registers(int seed, frames_then *then);
void frames_libc(frames_then *then);              /* a callback of qsort() */
void frames_signal(int on_own_stack, frames_then *then);
void frames_context(frames_then *then);           /* another stack, by makecontext() */

/* In stack_calls.S: the CFA is rbx + 16 at the call, which takes all registers to know. */
void frames_rbx(frames_then *then);

#endif
