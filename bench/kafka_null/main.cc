// weir-kafka-null [PORT]: see README.md. One thread over epoll. Prints its address, ends with its
// standard input.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "bench/kafka_null/answers.h"

namespace {

using weir::Bytes;
using weir::ByteView;
using weir::bench::Answers;

constexpr size_t kFrameBytesMax = size_t{128} << 20;
constexpr size_t kBufferBytes = size_t{2} << 20;  // and as much more as a request needs

class Connection {
 public:
  explicit Connection(int descriptor) : descriptor_(descriptor), in_(kBufferBytes) {}
  ~Connection() { ::close(descriptor_); }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // False: it is over.
  bool on_ready(Answers& answers) {
    if (!flush()) return false;
    while (out_.empty()) {
      if (!take_requests(answers) || !flush()) return false;
      if (!out_.empty()) break;
      const ssize_t count = ::recv(descriptor_, in_.data() + have_, in_.size() - have_, 0);
      if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (count <= 0) return false;
      have_ += static_cast<size_t>(count);
    }
    return true;
  }

  bool wants_to_write() const { return !out_.empty(); }

 private:
  bool take_requests(Answers& answers) {
    size_t taken = 0;
    bool whole = true;
    while (whole) {
      const ByteView rest(in_.data() + taken, have_ - taken);
      const auto size = weir::kafka::frame_size(rest, kFrameBytesMax);
      if (!size) return complain(size.error());
      const size_t bytes = weir::kafka::kFrameSizeBytes + size->value_or(0);
      whole = size->has_value() && rest.size() >= bytes;
      if (!whole) {
        if (bytes > in_.size()) in_.resize(bytes);
        break;
      }
      auto answer = answers.answer(
          rest.substr(weir::kafka::kFrameSizeBytes, bytes - weir::kafka::kFrameSizeBytes));
      if (!answer) return complain(answer.error());
      out_.insert(out_.end(), answer->begin(), answer->end());
      taken += bytes;
    }
    have_ -= taken;
    if (taken > 0) std::memmove(in_.data(), in_.data() + taken, have_);
    return true;
  }

  static bool complain(const weir::Error& error) {
    std::fprintf(stderr, "weir-kafka-null: %s\n", error.message.c_str());
    return false;
  }

  bool flush() {
    while (!out_.empty()) {
      std::array<iovec, 64> vectors{};
      size_t count = 0;
      for (size_t skip = sent_; count < std::min(vectors.size(), out_.size()); ++count) {
        const Bytes& piece = out_[count];
        vectors[count] = {const_cast<char*>(piece.data()) + skip, piece.size() - skip};
        skip = 0;
      }
      msghdr message{};
      message.msg_iov = vectors.data();
      message.msg_iovlen = count;
      const ssize_t written = ::sendmsg(descriptor_, &message, MSG_NOSIGNAL);
      if (written < 0) return errno == EAGAIN || errno == EWOULDBLOCK;
      sent_ += static_cast<size_t>(written);
      while (!out_.empty() && sent_ >= out_.front().size()) {
        sent_ -= out_.front().size();
        out_.pop_front();
      }
    }
    return true;
  }

  int descriptor_;
  std::vector<char> in_;
  size_t have_ = 0;  // of in_
  std::deque<Bytes> out_;
  size_t sent_ = 0;  // of the first of out_
};

int listen_on(int port, int& bound) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener, 128) != 0) {
    std::perror("weir-kafka-null");
    std::exit(1);
  }
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  bound = ntohs(address.sin_port);
  return listener;
}

void watch(int poll, int descriptor, int how, uint32_t events) {
  epoll_event event{};
  event.events = events;
  event.data.fd = descriptor;
  ::epoll_ctl(poll, how, descriptor, &event);
}

using Connections = std::map<int, std::unique_ptr<Connection>>;

void accept_all(int poll, int listener, Connections& connections) {
  for (int peer;
       (peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0;) {
    const int on = 1;
    ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    connections[peer] = std::make_unique<Connection>(peer);
    watch(poll, peer, EPOLL_CTL_ADD, EPOLLIN);
  }
}

void serve(int poll, int peer, Connections& connections, Answers& answers) {
  const auto found = connections.find(peer);
  if (found == connections.end()) return;
  const bool wrote = found->second->wants_to_write();
  if (!found->second->on_ready(answers)) {
    connections.erase(found);
  } else if (found->second->wants_to_write() != wrote) {
    watch(poll, peer, EPOLL_CTL_MOD, wrote ? EPOLLIN : EPOLLOUT);
  }
}

}  // namespace

int main(int count, char** arguments) {
  int port = 0;
  const int listener = listen_on(count > 1 ? std::atoi(arguments[1]) : 0, port);
  std::printf("127.0.0.1:%d\n", port);
  std::fflush(stdout);
  Answers answers("127.0.0.1", port);
  Connections connections;
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  watch(poll, listener, EPOLL_CTL_ADD, EPOLLIN);
  watch(poll, STDIN_FILENO, EPOLL_CTL_ADD, EPOLLIN);
  for (std::array<epoll_event, 64> events;;) {
    const int ready = ::epoll_wait(poll, events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[i].data.fd;
      if (descriptor == listener) {
        accept_all(poll, listener, connections);
      } else if (descriptor == STDIN_FILENO) {
        if (char byte; ::read(STDIN_FILENO, &byte, 1) <= 0) return 0;
      } else {
        serve(poll, descriptor, connections, answers);
      }
    }
  }
}
