/*
 * A sound card that is only arithmetic: an ALSA playback device (ioplug) for measuring.
 *
 * Frame k of a run sounds at t0 + k / (rate * (1 + ppm * 1e-6)) of CLOCK_MONOTONIC. What
 * the player writes goes to a file of 32-bit floats; an index beside it tells, for every
 * run, where it starts in the file, when its first frame sounded and how fast the card's
 * clock was. A busy machine cannot blur this: it can only make the player late, and then
 * the run ends with an underrun, as on a real card.
 *
 * What it is not: it makes no sound, records nothing, cannot rewind, and does not convert
 * rates (put a `plug` in front for that).
 *
 * Words of its configuration:
 *   file      capture file; the index is this name with ".idx" behind it   (required)
 *   rate      frames per second                                            (48000)
 *   channels  samples per frame                                            (2)
 *   format    the one sample format it takes; default float, s32 and s16
 *   ppm       how much faster than nominal its clock runs                  (0)
 *   wobble    amplitude of a sine added to ppm                             (0)
 *   wobble_s  period of that sine, seconds                                 (10)
 *   fifo      frames of latency that snd_pcm_delay tells                   (0)
 *   hidden    frames of latency that nobody tells                          (0)
 *   step      the position advances in steps of so many frames             (1)
 *
 * While a file exists that is named like the capture with ".unplugged" behind it, the card is
 * gone, as a pulled plug leaves it: what was queued is not heard, and nothing opens it.
 *
 * See README.md beside this file for how to use it by hand.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>

#define NANOS 1000000000LL

typedef struct {
	snd_pcm_ioplug_t io;
	/* Configuration. */
	char *file;
	long rate, channels, fifo, hidden, step;
	double ppm, wobble, wobble_s;
	int format; /* -1: any of the default ones */
	/* Files; -1 while closed. */
	int capture, index, timer;
	/* The run in progress. */
	long long t0;                 /* CLOCK_MONOTONIC of hw position zero, ns */
	unsigned long long written;   /* frames taken from the player */
	unsigned long long in_file;   /* frame of the capture file at which the run starts */
	snd_pcm_uframes_t avail_min;
	int running, draining, dry;
	/* Conversion to the capture's floats. */
	float *block;
	size_t block_frames;
} card_t;

static long long now_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NANOS + ts.tv_nsec;
}

/*
 * Frames that the card's clock counts in the first `elapsed` seconds of the run. The sine's
 * phase belongs to the clock, not to the run: two runs see one oscillator.
 */
static double frames_after(const card_t *card, double elapsed)
{
	double ideal = elapsed * (1.0 + card->ppm * 1e-6);
	if (card->wobble != 0.0) {
		double w = 2.0 * M_PI / card->wobble_s;
		double start = (double)card->t0 * 1e-9;
		ideal += card->wobble * 1e-6 / w * (cos(w * start) - cos(w * (start + elapsed)));
	}
	return ideal * (double)card->rate;
}

/* When the card's clock has counted `frames`; two rounds suffice, the rate is near one. */
static long long time_of(const card_t *card, double frames)
{
	double elapsed = frames / (double)card->rate;
	for (int round = 0; round < 2; round++)
		elapsed += (frames - frames_after(card, elapsed)) / (double)card->rate;
	return card->t0 + (long long)ceil(elapsed * 1e9);
}

/* The hardware position, coarse if the card is told to be. */
static unsigned long long position(const card_t *card)
{
	if (!card->running)
		return 0;
	double frames = frames_after(card, (double)(now_ns() - card->t0) * 1e-9);
	unsigned long long whole = frames > 0.0 ? (unsigned long long)frames : 0;
	return whole - whole % (unsigned long long)card->step;
}

/* One line of the index, written whole so that a killed player leaves no half of one. */
static void note(const card_t *card, const char *text, ...)
{
	char line[512];
	va_list words;
	va_start(words, text);
	int length = vsnprintf(line, sizeof line, text, words);
	va_end(words);
	if (length > 0 && write(card->index, line, (size_t)length) != length)
		SNDERR("swarmcard: cannot write the index of %s", card->file);
}

/*
 * Makes the poll descriptor readable as soon as the player may write again: at once, or at
 * the instant at which the position will have reached far enough.
 */
static void arm(const card_t *card)
{
	struct itimerspec when = { 0 };
	unsigned long long queued = card->written - position(card);
	unsigned long long room = card->io.buffer_size - queued;
	if (card->written > card->io.buffer_size + position(card))
		room = 0;
	long long at = 1;
	if (!card->dry && room < card->avail_min) {
		if (!card->running)
			at = LLONG_MAX; /* full, and nothing moves before start */
		else {
			unsigned long long target =
				card->written + card->avail_min - card->io.buffer_size;
			unsigned long long step = (unsigned long long)card->step;
			target = (target + step - 1) / step * step;
			at = time_of(card, (double)target);
		}
	}
	if (at != LLONG_MAX) {
		when.it_value.tv_sec = at / NANOS;
		when.it_value.tv_nsec = at % NANOS;
	}
	timerfd_settime(card->timer, TFD_TIMER_ABSTIME, &when, NULL);
}

/* Ends the run in the index: so many of its frames were heard, and whether it ran dry. */
static void end_run(card_t *card, unsigned long long heard, int dry)
{
	if (!card->running)
		return;
	card->running = 0;
	card->dry = dry;
	if (heard > card->written)
		heard = card->written;
	note(card, "{\"event\":\"end\",\"frames\":%llu,\"dry\":%s,\"atNs\":%lld}\n", heard,
	     dry ? "true" : "false", now_ns());
}

/* Whether somebody pulled the plug. */
static int is_unplugged(const card_t *card)
{
	char name[PATH_MAX];
	snprintf(name, sizeof name, "%s.unplugged", card->file);
	return access(name, F_OK) == 0;
}

static int card_start(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	card->t0 = now_ns();
	card->running = 1;
	card->draining = 0;
	long long heard = time_of(card, (double)(card->fifo + card->hidden));
	/* Integers only: a player may have set a locale that writes commas. */
	note(card,
	     "{\"event\":\"run\",\"startFrame\":%llu,\"t0Ns\":%lld,\"clockT0Ns\":%lld,"
	     "\"rate\":%ld,\"channels\":%ld,\"ppb\":%lld,\"wobblePpb\":%lld,\"wobbleMs\":%lld,"
	     "\"latencyFrames\":%ld}\n",
	     card->in_file, heard, card->t0, card->rate, card->channels,
	     llround(card->ppm * 1e3), llround(card->wobble * 1e3),
	     llround(card->wobble_s * 1e3), card->fifo + card->hidden);
	arm(card);
	return 0;
}

static int card_stop(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	end_run(card, position(card), 0);
	arm(card);
	return 0;
}

static snd_pcm_sframes_t card_pointer(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	if (!card->running)
		return card->dry ? -EPIPE : 0;
	unsigned long long at = position(card);
	if (at >= card->written) {
		if (card->draining)
			return (snd_pcm_sframes_t)card->written;
		end_run(card, card->written, 1);
		arm(card);
		return -EPIPE;
	}
	return (snd_pcm_sframes_t)at;
}

static void to_floats(const card_t *card, const char *from, float *to, size_t samples)
{
	switch (card->io.format) {
	case SND_PCM_FORMAT_FLOAT_LE:
		memcpy(to, from, samples * sizeof *to);
		break;
	case SND_PCM_FORMAT_S32_LE:
		for (size_t i = 0; i < samples; i++)
			to[i] = (float)((const int *)from)[i] / 2147483648.0f;
		break;
	case SND_PCM_FORMAT_U16_LE:
		for (size_t i = 0; i < samples; i++)
			to[i] = (float)(((const unsigned short *)from)[i] - 32768) / 32768.0f;
		break;
	default: /* S16_LE */
		for (size_t i = 0; i < samples; i++)
			to[i] = (float)((const short *)from)[i] / 32768.0f;
	}
}

static snd_pcm_sframes_t card_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *areas,
				       snd_pcm_uframes_t offset, snd_pcm_uframes_t frames)
{
	card_t *card = io->private_data;
	size_t samples = frames * (size_t)card->channels;
	if (frames > card->block_frames) {
		float *larger = realloc(card->block, samples * sizeof *larger);
		if (!larger)
			return -ENOMEM;
		card->block = larger;
		card->block_frames = frames;
	}
	const char *from = (const char *)areas->addr + (areas->first + areas->step * offset) / 8;
	to_floats(card, from, card->block, samples);
	size_t bytes = samples * sizeof *card->block;
	if (write(card->capture, card->block, bytes) != (ssize_t)bytes) {
		SNDERR("swarmcard: cannot write %s", card->file);
		return -EIO;
	}
	card->written += frames;
	arm(card);
	return (snd_pcm_sframes_t)frames;
}

static int card_prepare(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	struct stat state;
	end_run(card, position(card), 0);
	if (fstat(card->capture, &state) < 0)
		return -errno;
	card->in_file = (unsigned long long)state.st_size / (sizeof(float) * (size_t)card->channels);
	card->written = 0;
	card->draining = card->dry = 0;
	arm(card);
	return 0;
}

static int card_drain(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	if (!card->running) {
		if (card->written == 0)
			return 0;
		card_start(io); /* less than the start threshold was written: play it now */
	}
	card->draining = 1;
	long long end = time_of(card, (double)card->written);
	struct timespec at = { end / NANOS, end % NANOS };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
	end_run(card, card->written, 0);
	return 0;
}

static int card_delay(snd_pcm_ioplug_t *io, snd_pcm_sframes_t *delay)
{
	card_t *card = io->private_data;
	if (card->dry)
		return -EPIPE;
	*delay = (snd_pcm_sframes_t)(card->written - position(card)) + card->fifo;
	return 0;
}

static int card_poll_revents(snd_pcm_ioplug_t *io, struct pollfd *pfd, unsigned int count,
			     unsigned short *revents)
{
	card_t *card = io->private_data;
	unsigned long long expirations;
	(void)count;
	*revents = 0;
	if (!(pfd[0].revents & POLLIN))
		return 0;
	if (read(card->timer, &expirations, sizeof expirations) < 0 && errno != EAGAIN)
		return -errno;
	unsigned long long at = position(card);
	if (is_unplugged(card)) {
		end_run(card, at, 0);
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_DISCONNECTED);
		*revents = POLLERR | POLLHUP;
		return 0;
	}
	if (card->running && !card->draining && at >= card->written)
		end_run(card, card->written, 1);
	if (card->dry) {
		/* Whoever sees the error asks for the state before the position. */
		snd_pcm_ioplug_set_state(io, SND_PCM_STATE_XRUN);
		*revents = POLLOUT | POLLERR;
	}
	else if (card->written + card->avail_min <= at + io->buffer_size)
		*revents = POLLOUT;
	arm(card);
	return 0;
}

static int card_sw_params(snd_pcm_ioplug_t *io, snd_pcm_sw_params_t *params)
{
	card_t *card = io->private_data;
	snd_pcm_sw_params_get_avail_min(params, &card->avail_min);
	arm(card);
	return 0;
}

static void close_files(card_t *card)
{
	if (card->capture >= 0)
		close(card->capture);
	if (card->index >= 0)
		close(card->index);
	card->capture = card->index = -1;
}

/*
 * Opens the files. Only here, so that listing devices leaves no trace; and locked, so that a
 * second player gets "busy", as from a card with one stream.
 */
static int card_hw_params(snd_pcm_ioplug_t *io, snd_pcm_hw_params_t *params)
{
	card_t *card = io->private_data;
	char name[PATH_MAX];
	(void)params;
	card->avail_min = io->period_size;
	if (is_unplugged(card))
		return -ENODEV;
	if (card->capture >= 0)
		return 0;
	snprintf(name, sizeof name, "%s.idx", card->file);
	card->capture = open(card->file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	card->index = open(name, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (card->capture < 0 || card->index < 0) {
		int error = -errno;
		SNDERR("swarmcard: cannot open %s: %s", card->file, strerror(-error));
		close_files(card);
		return error;
	}
	if (flock(card->capture, LOCK_EX | LOCK_NB) < 0) {
		close_files(card);
		return -EBUSY;
	}
	return 0;
}

static int card_hw_free(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	end_run(card, position(card), 0);
	close_files(card);
	return 0;
}

static int card_close(snd_pcm_ioplug_t *io)
{
	card_t *card = io->private_data;
	end_run(card, position(card), 0);
	close_files(card);
	close(card->timer);
	free(card->block);
	free(card->file);
	free(card);
	return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
	.start = card_start,
	.stop = card_stop,
	.pointer = card_pointer,
	.transfer = card_transfer,
	.close = card_close,
	.hw_params = card_hw_params,
	.hw_free = card_hw_free,
	.sw_params = card_sw_params,
	.prepare = card_prepare,
	.drain = card_drain,
	.delay = card_delay,
	.poll_revents = card_poll_revents,
};

static int constrain(card_t *card)
{
	static const unsigned int access[] = { SND_PCM_ACCESS_RW_INTERLEAVED,
					       SND_PCM_ACCESS_MMAP_INTERLEAVED };
	static const unsigned int formats[] = { SND_PCM_FORMAT_FLOAT_LE, SND_PCM_FORMAT_S32_LE,
						SND_PCM_FORMAT_S16_LE };
	unsigned int one = (unsigned int)card->format;
	unsigned int frame = 4 * (unsigned int)card->channels;
	snd_pcm_ioplug_t *io = &card->io;
	int error = snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_ACCESS, 2, access);
	if (!error)
		error = card->format < 0
			? snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 3, formats)
			: snd_pcm_ioplug_set_param_list(io, SND_PCM_IOPLUG_HW_FORMAT, 1, &one);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_CHANNELS,
							(unsigned int)card->channels,
							(unsigned int)card->channels);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_RATE,
							(unsigned int)card->rate,
							(unsigned int)card->rate);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_PERIOD_BYTES,
							32 * frame / 2, 65536 * frame);
	if (!error)
		error = snd_pcm_ioplug_set_param_minmax(io, SND_PCM_IOPLUG_HW_BUFFER_BYTES,
							64 * frame / 2, 262144 * frame);
	return error;
}

static int read_word(card_t *card, const char *word, snd_config_t *value)
{
	struct {
		const char *name;
		long *place;
	} whole[] = { { "rate", &card->rate },     { "channels", &card->channels },
		      { "fifo", &card->fifo },     { "hidden", &card->hidden },
		      { "step", &card->step } };
	struct {
		const char *name;
		double *place;
	} real[] = { { "ppm", &card->ppm },
		     { "wobble", &card->wobble },
		     { "wobble_s", &card->wobble_s } };
	const char *text;
	if (!strcmp(word, "file")) {
		if (snd_config_get_string(value, &text) < 0)
			return -EINVAL;
		free(card->file);
		card->file = strdup(text);
		return card->file ? 0 : -ENOMEM;
	}
	if (!strcmp(word, "format")) {
		if (snd_config_get_string(value, &text) < 0)
			return -EINVAL;
		card->format = snd_pcm_format_value(text);
		switch (card->format) {
		case SND_PCM_FORMAT_FLOAT_LE:
		case SND_PCM_FORMAT_S32_LE:
		case SND_PCM_FORMAT_S16_LE:
		case SND_PCM_FORMAT_U16_LE:
			return 0;
		default:
			return -EINVAL;
		}
	}
	for (size_t i = 0; i < sizeof whole / sizeof *whole; i++)
		if (!strcmp(word, whole[i].name))
			return snd_config_get_integer(value, whole[i].place);
	for (size_t i = 0; i < sizeof real / sizeof *real; i++)
		if (!strcmp(word, real[i].name))
			return snd_config_get_ireal(value, real[i].place);
	return -EINVAL;
}

static int usable(const card_t *card)
{
	return card->file && card->rate >= 4000 && card->rate <= 768000 && card->channels >= 1 &&
	       card->channels <= 32 && card->fifo >= 0 && card->hidden >= 0 && card->step >= 1 &&
	       card->wobble_s > 0.0 && fabs(card->ppm) + fabs(card->wobble) < 100000.0;
}

SND_PCM_PLUGIN_DEFINE_FUNC(swarmcard)
{
	snd_config_iterator_t i, next;
	(void)root;
	if (stream != SND_PCM_STREAM_PLAYBACK)
		return -ENODEV;
	card_t *card = calloc(1, sizeof *card);
	if (!card)
		return -ENOMEM;
	card->rate = 48000;
	card->channels = 2;
	card->step = 1;
	card->wobble_s = 10.0;
	card->format = -1;
	card->capture = card->index = card->timer = -1;
	card->avail_min = 1;
	int error = 0;
	snd_config_for_each(i, next, conf) {
		snd_config_t *value = snd_config_iterator_entry(i);
		const char *word;
		if (snd_config_get_id(value, &word) < 0 || !strcmp(word, "type") ||
		    !strcmp(word, "hint") || !strcmp(word, "comment"))
			continue;
		error = read_word(card, word, value);
		if (error < 0) {
			SNDERR("swarmcard: bad word or value: %s", word);
			goto failed;
		}
	}
	if (!usable(card)) {
		SNDERR("swarmcard: no file named, or a value out of range");
		error = -EINVAL;
		goto failed;
	}
	card->timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (card->timer < 0) {
		error = -errno;
		goto failed;
	}
	card->io.version = SND_PCM_IOPLUG_VERSION;
	card->io.name = "Swarm measuring card";
	card->io.flags = SND_PCM_IOPLUG_FLAG_MONOTONIC | SND_PCM_IOPLUG_FLAG_BOUNDARY_WA;
	card->io.poll_fd = card->timer;
	card->io.poll_events = POLLIN;
	card->io.callback = &callbacks;
	card->io.private_data = card;
	error = snd_pcm_ioplug_create(&card->io, name, stream, mode);
	if (error < 0)
		goto failed;
	error = constrain(card);
	if (error < 0) {
		snd_pcm_ioplug_delete(&card->io); /* calls card_close */
		return error;
	}
	*pcmp = card->io.pcm;
	return 0;

failed:
	if (card->timer >= 0)
		close(card->timer);
	free(card->file);
	free(card);
	return error;
}

SND_PCM_PLUGIN_SYMBOL(swarmcard);
