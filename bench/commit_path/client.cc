#include "commit_path/client.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace weir::bench {
namespace {

double now() {
  const auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since).count();
}

double thread_cpu() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

[[noreturn]] void die(const char* what) {
  std::perror(what);
  std::exit(1);
}

int connect_to(uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) die("connect");
  return fd;
}

struct Connection {
  int fd = -1;
  size_t got = 0;
  double sent_at = 0;
};

}  // namespace

ClientResult run_client(uint16_t port, int connections, int depth, double seconds) {
  const int poller = ::epoll_create1(0);
  const std::vector<char> request(kRequestBytes * static_cast<size_t>(depth), 'r');
  std::vector<char> buffer(size_t{1} << 16);
  std::vector<Connection> all(static_cast<size_t>(connections));
  const auto send = [&](Connection& connection) {
    connection.sent_at = now();
    if (::write(connection.fd, request.data(), request.size()) < 0) die("write");
  };
  for (size_t i = 0; i < all.size(); ++i) {
    all[i].fd = connect_to(port);
    epoll_event event{.events = EPOLLIN, .data = {.u64 = i}};
    ::epoll_ctl(poller, EPOLL_CTL_ADD, all[i].fd, &event);
  }
  ClientResult result;
  std::vector<double> times;
  const double cpu = thread_cpu();
  const double began = now();
  for (Connection& connection : all) send(connection);
  const size_t round = kReplyBytes * static_cast<size_t>(depth);
  epoll_event events[256];
  while (now() - began < seconds) {
    const int count = ::epoll_wait(poller, events, 256, 100);
    for (int i = 0; i < count; ++i) {
      Connection& connection = all[events[i].data.u64];
      const ssize_t got = ::read(connection.fd, buffer.data(), buffer.size());
      if (got <= 0) die("read");
      connection.got += static_cast<size_t>(got);
      if (connection.got < round) continue;
      connection.got -= round;
      result.operations += static_cast<uint64_t>(depth);
      const double at = now();
      if (at - began > 0.5) times.push_back(at - connection.sent_at);
      send(connection);
    }
  }
  result.operations_per_second = static_cast<double>(result.operations) / (now() - began);
  result.cpu_seconds = thread_cpu() - cpu;
  for (const Connection& connection : all) ::close(connection.fd);
  ::close(poller);
  std::ranges::sort(times);
  if (!times.empty()) {
    const auto at = [&](double share) {
      return times[static_cast<size_t>(static_cast<double>(times.size() - 1) * share)] * 1e6;
    };
    result.p50_us = at(0.5);
    result.p99_us = at(0.99);
    result.p999_us = at(0.999);
  }
  return result;
}

}  // namespace weir::bench
