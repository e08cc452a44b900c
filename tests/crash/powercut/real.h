#pragma once
// The C library's own functions behind those that powercut.cc puts in front of them.

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

namespace weir::powercut {

template <typename Function>
struct Next {
  explicit Next(const char* name) : call(reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name))) {}

  template <typename... Arguments>
  auto operator()(Arguments... arguments) const {
    return call(arguments...);
  }

  Function* call;
};

struct Real {
  Next<int(const char*, int, ...)> open{"open"};
  Next<int(int, const char*, int, ...)> openat{"openat"};
  Next<int(int)> close{"close"};
  Next<ssize_t(int, const void*, size_t)> write{"write"};
  Next<ssize_t(int, const iovec*, int)> writev{"writev"};
  Next<ssize_t(int, const void*, size_t, off_t)> pwrite{"pwrite"};
  Next<ssize_t(int, const iovec*, int, off_t)> pwritev{"pwritev"};
  Next<ssize_t(int, const iovec*, int, off_t, int)> pwritev2{"pwritev2"};
  Next<int(int, off_t)> ftruncate{"ftruncate"};
  Next<int(const char*, off_t)> truncate{"truncate"};
  Next<int(int, int, off_t, off_t)> fallocate{"fallocate"};
  Next<int(int, off_t, off_t)> posix_fallocate{"posix_fallocate"};
  Next<int(int)> fsync{"fsync"};
  Next<int(int)> fdatasync{"fdatasync"};
  Next<int(const char*, const char*)> rename{"rename"};
  Next<int(int, const char*, int, const char*)> renameat{"renameat"};
  Next<int(int, const char*, int, const char*, unsigned)> renameat2{"renameat2"};
  Next<int(const char*)> unlink{"unlink"};
  Next<int(int, const char*, int)> unlinkat{"unlinkat"};
  Next<int(const char*)> remove{"remove"};
  Next<int(const char*)> rmdir{"rmdir"};
  Next<int(const char*, const char*)> link{"link"};
  Next<int(const char*, mode_t)> mkdir{"mkdir"};
  Next<int(int, const char*, mode_t)> mkdirat{"mkdirat"};
  Next<void*(void*, size_t, int, int, int, off_t)> mmap{"mmap"};
  Next<FILE*(const char*, const char*)> fopen{"fopen"};
  Next<ssize_t(int, off_t*, int, off_t*, size_t, unsigned)> copy_file_range{"copy_file_range"};
};

inline const Real& real() {
  static const Real functions;
  return functions;
}

}  // namespace weir::powercut
