// weir-flush FOLDER [COUNT]: what one flush costs on the disk below the folder: 4 KiB with
// pwritev2(RWF_DSYNC) into a file that was written before, opened for direct I/O where the file
// system allows. Prints JSON with the latencies in microseconds.

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr size_t kBlockBytes = 4096;
constexpr size_t kBlocks = 4096;

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: weir-flush FOLDER [COUNT]\n");
    return 2;
  }
  const int writes = count > 2 ? std::atoi(arguments[2]) : 2000;
  const std::string path = std::string(arguments[1]) + "/flush-probe";
  bool direct = true;
  int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);
  if (file < 0) {
    direct = false;
    file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  }
  if (file < 0) {
    std::perror(path.c_str());
    return 1;
  }
  ::unlink(path.c_str());
  void* block = std::aligned_alloc(kBlockBytes, kBlockBytes);
  std::memset(block, 'w', kBlockBytes);
  for (size_t i = 0; i < kBlocks; ++i) {
    if (::pwrite(file, block, kBlockBytes, static_cast<off_t>(i * kBlockBytes)) != kBlockBytes)
      return 1;
  }
  ::fsync(file);
  std::vector<double> microseconds;
  for (int i = 0; i < writes; ++i) {
    const iovec vector{block, kBlockBytes};
    const auto began = std::chrono::steady_clock::now();
    if (::pwritev2(file, &vector, 1,
                   static_cast<off_t>((static_cast<size_t>(i) % kBlocks) * kBlockBytes),
                   RWF_DSYNC) != kBlockBytes)
      return 1;
    microseconds.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - began)
            .count());
  }
  std::ranges::sort(microseconds);
  const auto at = [&](double share) {
    return microseconds[static_cast<size_t>(share * static_cast<double>(microseconds.size() - 1))];
  };
  std::printf("{\"direct\":%s,\"writes\":%d,\"p50\":%.1f,\"p90\":%.1f,\"p99\":%.1f,\"max\":%.1f}\n",
              direct ? "true" : "false", writes, at(0.5), at(0.9), at(0.99), microseconds.back());
}
