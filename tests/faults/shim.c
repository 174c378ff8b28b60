/* Stands between a process and the kernel (LD_PRELOAD) and does to the files of one folder what bad days do to them.
 *
 *   FAULT_FOLDER=path  the folder, in its canonical form; nothing else is touched
 *   FAULT_SYNC=file    holds a number n: the n-th fsync or fdatasync from now on fails with EIO, and all others succeed: Linux
 *                               reports a failed write-back once. Then the file says "failed", and "again" for each sync that follows.
 *                               Syncs of the folder itself do not count: SQLite does not look at their outcome
 *   FAULT_ROOM=file    holds a number of bytes: the folder's files together may not become longer (ENOSPC)
 *   FAULT_TRACE=file   every write, truncation, creation, removal and sync is appended to it, see trace.rs
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

#define REAL(name, result, ...)                                                                                       \
    static result (*real)(__VA_ARGS__);                                                                               \
    if (!real) real = (result (*)(__VA_ARGS__))dlsym(RTLD_NEXT, name)

static int real_open(const char *path, int flags, mode_t mode) {
    REAL("open64", int, const char *, int, ...);
    return real(path, flags, mode);
}

static ssize_t real_write(int fd, const void *bytes, size_t count) {
    REAL("write", ssize_t, int, const void *, size_t);
    return real(fd, bytes, count);
}

/* The part of a path behind the folder; NULL if it is elsewhere. */
static const char *inside(const char *path) {
    const char *folder = getenv("FAULT_FOLDER");
    size_t length = folder ? strlen(folder) : 0;
    if (!length || !path || strncmp(path, folder, length) || (path[length] && path[length] != '/')) return NULL;
    return path[length] ? path + length + 1 : path + length;
}

/* The name in the folder of what a descriptor is open on ("" for the folder itself); NULL if it is elsewhere. */
static const char *name_of(int fd, char *path) {
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    if (length < 0) return NULL;
    path[length] = 0;
    return inside(path);
}

static long long number_in(const char *variable) {
    const char *path = getenv(variable);
    int fd = path ? real_open(path, O_RDONLY, 0) : -1;
    if (fd < 0) return -1;
    char text[32] = {0};
    ssize_t length = read(fd, text, sizeof text - 1);
    close(fd);
    return length > 0 && text[0] >= '0' && text[0] <= '9' ? atoll(text) : -1;
}

static void put_text(const char *path, const char *text, int flags) {
    int fd = real_open(path, O_WRONLY | O_CREAT | flags, 0600);
    if (fd < 0) return;
    if (real_write(fd, text, strlen(text)) < 0) abort();
    close(fd);
}

/* kind u8 | bytes of the name u8 | offset u64 | bytes u32 | name | bytes, little-endian */
static void trace(char kind, const char *name, uint64_t offset, const void *bytes, size_t count) {
    static int fd = -2;
    const char *path = getenv("FAULT_TRACE");
    if (!path || !name) return;
    if (fd == -2) fd = real_open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    uint8_t head[14];
    uint32_t length = bytes ? count : 0;
    head[0] = kind;
    head[1] = strlen(name);
    memcpy(head + 2, &offset, 8);
    memcpy(head + 10, &length, 4);
    if (real_write(fd, head, sizeof head) < 0 || real_write(fd, name, head[1]) < 0) abort();
    if (length && real_write(fd, bytes, length) != (ssize_t)length) abort();
}

/* How much of `count` bytes at `offset` there is room for. */
static size_t room(int fd, const char *name, uint64_t offset, size_t count) {
    long long most = name ? number_in("FAULT_ROOM") : -1;
    struct stat file, other;
    if (most < 0 || fstat(fd, &file) || (uint64_t)file.st_size >= offset + count) return count;
    long long used = 0;
    const char *folder = getenv("FAULT_FOLDER");
    DIR *listing = opendir(folder);
    for (struct dirent *entry; listing && (entry = readdir(listing));) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (!stat(path, &other) && S_ISREG(other.st_mode)) used += other.st_size;
    }
    if (listing) closedir(listing);
    long long longest = file.st_size + (most > used ? most - used : 0);
    if ((uint64_t)longest >= offset + count) return count;
    return (uint64_t)longest > offset ? longest - offset : 0;
}

/* 0, or -1 with errno EIO. */
static int sync_fault(const char *name) {
    const char *path = getenv("FAULT_SYNC");
    if (!path || !name || !*name) return 0;
    static int failed;
    if (failed) {
        put_text(path, "again\n", O_APPEND);
        return 0;
    }
    long long left = number_in("FAULT_SYNC");
    if (left <= 0) return 0;
    char text[32];
    snprintf(text, sizeof text, "%lld\n", left - 1);
    put_text(path, left == 1 ? "failed\n" : text, O_TRUNC);
    if (left > 1) return 0;
    failed = 1;
    errno = EIO;
    return -1;
}

static ssize_t write_at(int fd, const void *bytes, size_t count, off64_t offset, int positioned) {
    REAL("pwrite64", ssize_t, int, const void *, size_t, off64_t);
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    if (!name) return positioned ? real(fd, bytes, count, offset) : real_write(fd, bytes, count);
    pthread_mutex_lock(&lock);
    if (!positioned) {
        struct stat file;
        int appends = fcntl(fd, F_GETFL) & O_APPEND;
        offset = appends && !fstat(fd, &file) ? file.st_size : lseek(fd, 0, SEEK_CUR);
    }
    size_t fits = count ? room(fd, name, offset, count) : 0;
    ssize_t done = -1;
    if (count && !fits) {
        errno = ENOSPC;
    } else {
        done = positioned ? real(fd, bytes, fits, offset) : real_write(fd, bytes, fits);
        if (done > 0) trace('w', name, offset, bytes, done);
    }
    pthread_mutex_unlock(&lock);
    return done;
}

ssize_t write(int fd, const void *bytes, size_t count) { return write_at(fd, bytes, count, 0, 0); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t offset) { return write_at(fd, bytes, count, offset, 1); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    return write_at(fd, bytes, count, offset, 1);
}

static int truncate_to(int fd, off64_t length) {
    REAL("ftruncate64", int, int, off64_t);
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    pthread_mutex_lock(&lock);
    int done = real(fd, length);
    if (!done) trace('t', name, length, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int ftruncate(int fd, off_t length) { return truncate_to(fd, length); }
int ftruncate64(int fd, off64_t length) { return truncate_to(fd, length); }

static int synced(int fd, int (*real)(int)) {
    char path[PATH_MAX];
    const char *name = name_of(fd, path);
    pthread_mutex_lock(&lock);
    int done = sync_fault(name);
    if (!done) done = real(fd);
    if (!done) trace('s', name, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

int fsync(int fd) {
    REAL("fsync", int, int);
    return synced(fd, real);
}

int fdatasync(int fd) {
    REAL("fdatasync", int, int);
    return synced(fd, real);
}

int unlink(const char *path) {
    REAL("unlink", int, const char *);
    pthread_mutex_lock(&lock);
    int done = real(path);
    if (!done) trace('u', inside(path), 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return done;
}

static int opened(const char *path, int flags, mode_t mode) {
    const char *name = inside(path);
    if (!name || !(flags & (O_CREAT | O_TRUNC))) return real_open(path, flags, mode);
    pthread_mutex_lock(&lock);
    int is_new = access(path, F_OK) != 0;
    int fd = real_open(path, flags, mode);
    if (fd >= 0 && is_new) trace('c', name, 0, NULL, 0);
    if (fd >= 0 && !is_new && (flags & O_TRUNC)) trace('t', name, 0, NULL, 0);
    pthread_mutex_unlock(&lock);
    return fd;
}

#define MODE(flags)                                                                                                   \
    mode_t mode = 0;                                                                                                  \
    if ((flags) & O_CREAT) {                                                                                          \
        va_list rest;                                                                                                 \
        va_start(rest, flags);                                                                                        \
        mode = va_arg(rest, mode_t);                                                                                  \
        va_end(rest);                                                                                                 \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return opened(path, flags, mode);
}

int open64(const char *path, int flags, ...) {
    MODE(flags)
    return opened(path, flags, mode);
}
