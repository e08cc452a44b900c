#include "bench/load/engine.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <deque>
#include <memory>
#include <vector>

#include "bench/load/wire_client.h"

namespace weir::load {
namespace {

constexpr uint64_t kSecond = 1'000'000'000;
constexpr size_t kReadBytes = 256 * 1024;
constexpr uint64_t kStallNs = 20 * kSecond;

struct Connection {
  int descriptor = -1;
  std::unique_ptr<Dialogue> dialogue;
  std::string out;
  size_t out_sent = 0;
  std::string in;
  std::deque<uint64_t> under_way;  // when each should have left
  std::deque<uint64_t> due;        // open loop: moments whose request has not left yet
  bool writable = true;
};

class Engine {
 public:
  Engine(Workload& workload, const Options& options) : options_(options), buffer_(kReadBytes) {
    poll_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (int i = 0; i < options.connections; ++i) {
      auto connection = std::make_unique<Connection>();
      connection->descriptor = connect_to(options.connect);
      ::fcntl(connection->descriptor, F_SETFL, O_NONBLOCK);
      connection->dialogue = workload.dialogue(i);
      epoll_event event{};
      event.events = EPOLLIN | EPOLLOUT | EPOLLET;
      event.data.ptr = connection.get();
      ::epoll_ctl(poll_, EPOLL_CTL_ADD, connection->descriptor, &event);
      connections_.push_back(std::move(connection));
    }
  }

  ~Engine() {
    for (const auto& connection : connections_) ::close(connection->descriptor);
    ::close(poll_);
  }

  Outcome run(void (*measured)(void*, bool), void* context) {
    const uint64_t start = now_ns();
    const uint64_t begin = start + static_cast<uint64_t>(options_.warmup_s * kSecond);
    const uint64_t end = begin + static_cast<uint64_t>(options_.seconds * kSecond);
    interval_ns_ = options_.rate > 0 ? static_cast<double>(kSecond) / options_.rate : 0;
    next_due_ns_ = static_cast<double>(start);
    last_reply_ns_ = start;
    uint64_t began_at = 0;
    for (const auto& connection : connections_) {
      if (interval_ns_ > 0 && connection->dialogue->paced()) paced_.push_back(connection.get());
      fill(*connection);
    }
    for (uint64_t now = now_ns(); now < end && !finished(); now = now_ns()) {
      if (!measuring_ && now >= begin) {
        measuring_ = true;
        measured(context, true);
        began_at = now;
      }
      if (now > last_reply_ns_ + kStallNs) fail_run("no reply for 20 s");
      if (interval_ns_ > 0) make_due(now);
      wait(now, end);
    }
    const uint64_t ended_at = now_ns();
    measured(context, false);
    outcome_.seconds = static_cast<double>(ended_at - began_at) / kSecond;
    return std::move(outcome_);
  }

 private:
  bool finished() const {
    if (options_.requests > 0 && answered_ >= options_.requests) return true;
    return std::ranges::all_of(connections_, [](const auto& connection) {
      return connection->dialogue->exhausted() && connection->under_way.empty();
    });
  }

  // Hands out every moment that has come, round robin.
  void make_due(uint64_t now) {
    while (next_due_ns_ <= static_cast<double>(now)) {
      Connection& connection = *paced_[next_connection_++ % paced_.size()];
      connection.due.push_back(static_cast<uint64_t>(next_due_ns_));
      next_due_ns_ += interval_ns_;
      fill(connection);
    }
  }

  void wait(uint64_t now, uint64_t end) {
    std::array<epoll_event, 256> events;
    uint64_t until = std::min(end, now + kSecond / 10);
    if (interval_ns_ > 0) until = std::min(until, static_cast<uint64_t>(next_due_ns_));
    const uint64_t rest = until > now ? until - now : 0;
    const timespec timeout{static_cast<time_t>(rest / kSecond), static_cast<long>(rest % kSecond)};
    const int count =
        ::epoll_pwait2(poll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    for (int i = 0; i < count; ++i) {
      Connection& connection = *static_cast<Connection*>(events[i].data.ptr);
      if ((events[i].events & EPOLLOUT) != 0) connection.writable = true;
      if ((events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive(connection);
      fill(connection);
    }
  }

  // Sends what may be under way.
  void fill(Connection& connection) {
    while (connection.under_way.size() < static_cast<size_t>(options_.depth)) {
      const bool paced = interval_ns_ > 0 && connection.dialogue->paced();
      if (paced && connection.due.empty()) break;
      const uint64_t due = paced ? connection.due.front() : now_ns();
      const Request request = connection.dialogue->next(connection.out, due);
      if (!request.sent) break;
      if (paced) connection.due.pop_front();
      connection.under_way.push_back(due);
    }
    flush(connection);
  }

  void flush(Connection& connection) {
    while (connection.writable && connection.out_sent < connection.out.size()) {
      const ssize_t count =
          ::send(connection.descriptor, connection.out.data() + connection.out_sent,
                 connection.out.size() - connection.out_sent, MSG_NOSIGNAL);
      if (count < 0) {
        if (errno != EAGAIN) fail_run(std::string("send: ") + std::strerror(errno));
        connection.writable = false;
        break;
      }
      connection.out_sent += static_cast<size_t>(count);
      if (measuring_) outcome_.bytes_out += static_cast<uint64_t>(count);
    }
    if (connection.out_sent == connection.out.size()) {
      connection.out.clear();
      connection.out_sent = 0;
    }
  }

  void receive(Connection& connection) {
    for (;;) {
      const ssize_t count = ::recv(connection.descriptor, buffer_.data(), buffer_.size(), 0);
      if (count == 0) fail_run("the server closed a connection");
      if (count < 0) {
        if (errno == EAGAIN) break;
        fail_run(std::string("receive: ") + std::strerror(errno));
      }
      connection.in.append(buffer_.data(), static_cast<size_t>(count));
      if (measuring_) outcome_.bytes_in += static_cast<uint64_t>(count);
      if (static_cast<size_t>(count) < buffer_.size()) break;
    }
    size_t used = 0;
    const uint64_t now = now_ns();
    while (!connection.under_way.empty()) {
      const Reply reply = connection.dialogue->take(std::string_view(connection.in).substr(used));
      if (reply.bytes == 0) break;
      used += reply.bytes;
      answer(connection, reply, now);
    }
    connection.in.erase(0, used);
  }

  void answer(Connection& connection, const Reply& reply, uint64_t now) {
    last_reply_ns_ = now;
    if (reply.counted) ++answered_;
    if (measuring_ && reply.failed) ++outcome_.failed;
    if (measuring_ && reply.counted) {
      ++outcome_.requests;
      outcome_.messages += reply.messages;
      outcome_.latency.add(now - connection.under_way.front());
    }
    connection.under_way.pop_front();
  }

  const Options& options_;
  int poll_ = -1;
  std::vector<std::unique_ptr<Connection>> connections_;
  std::vector<Connection*> paced_;  // those that an open loop serves in turn
  std::vector<char> buffer_;
  Outcome outcome_;
  bool measuring_ = false;
  uint64_t answered_ = 0;
  uint64_t last_reply_ns_ = 0;
  double interval_ns_ = 0;
  double next_due_ns_ = 0;
  size_t next_connection_ = 0;
};

}  // namespace

Outcome drive(Workload& workload,
              const Options& options,
              void (*measured)(void*, bool),
              void* context) {
  return Engine(workload, options).run(measured, context);
}

}  // namespace weir::load
