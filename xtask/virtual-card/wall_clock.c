/*
 * Another wall clock for one process: loaded in front of the C library (LD_PRELOAD), it lets
 * CLOCK_REALTIME jump once, as it does when a computer learns the time late.
 *
 * WALL_CLOCK_STEP=AFTER,BY: AFTER seconds after the process began to ask, every answer is BY
 * seconds later. Stamps that the kernel puts on packets jump too, because there they would.
 * CLOCK_MONOTONIC and what programs ask of the kernel without the C library stay as they are.
 *
 * It says "wall clock jumped" on standard error the first time it gives a changed answer.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static atomic_long began; /* CLOCK_MONOTONIC, s */
static atomic_int told;

static long monotonic(void)
{
	struct timespec now;
	syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

__attribute__((constructor)) static void begin(void)
{
	atomic_store(&began, monotonic());
}

/* Seconds to add to the wall clock now. */
static long moved_by(void)
{
	long after, by;
	const char *step = getenv("WALL_CLOCK_STEP");
	if (!step || sscanf(step, "%ld,%ld", &after, &by) != 2)
		return 0;
	if (monotonic() - atomic_load(&began) < after)
		return 0;
	if (!atomic_exchange(&told, 1)) {
		static const char words[] = "wall clock jumped\n";
		if (write(STDERR_FILENO, words, sizeof words - 1) < 0)
			return by;
	}
	return by;
}

int clock_gettime(clockid_t clock, struct timespec *now)
{
	static int (*real)(clockid_t, struct timespec *);
	if (!real)
		real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
	int result = real(clock, now);
	if (!result && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
		now->tv_sec += moved_by();
	return result;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone)
{
	struct timespec exact;
	(void)zone;
	int result = clock_gettime(CLOCK_REALTIME, &exact);
	now->tv_sec = exact.tv_sec;
	now->tv_usec = exact.tv_nsec / 1000;
	return result;
}

time_t time(time_t *now)
{
	struct timespec exact;
	clock_gettime(CLOCK_REALTIME, &exact);
	if (now)
		*now = exact.tv_sec;
	return exact.tv_sec;
}

static void move_stamps(struct msghdr *message)
{
	struct cmsghdr *part;
	for (part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
		int is_stamp = part->cmsg_type == SCM_TIMESTAMP ||
			       part->cmsg_type == SCM_TIMESTAMPNS ||
			       part->cmsg_type == SCM_TIMESTAMPING;
		if (part->cmsg_level != SOL_SOCKET || !is_stamp)
			continue;
		/* Seconds come first in all of them. */
		time_t seconds;
		memcpy(&seconds, CMSG_DATA(part), sizeof seconds);
		seconds += moved_by();
		memcpy(CMSG_DATA(part), &seconds, sizeof seconds);
	}
}

ssize_t recvmsg(int socket, struct msghdr *message, int flags)
{
	static ssize_t (*real)(int, struct msghdr *, int);
	if (!real)
		real = (ssize_t (*)(int, struct msghdr *, int))dlsym(RTLD_NEXT, "recvmsg");
	ssize_t result = real(socket, message, flags);
	if (result >= 0)
		move_stamps(message);
	return result;
}

int recvmmsg(int socket, struct mmsghdr *messages, unsigned int count, int flags,
	     struct timespec *timeout)
{
	static int (*real)(int, struct mmsghdr *, unsigned int, int, struct timespec *);
	if (!real)
		real = (int (*)(int, struct mmsghdr *, unsigned int, int, struct timespec *))dlsym(
			RTLD_NEXT, "recvmmsg");
	int result = real(socket, messages, count, flags, timeout);
	for (int number = 0; number < result; number++)
		move_stamps(&messages[number].msg_hdr);
	return result;
}
