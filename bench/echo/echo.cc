// weir-echo [PORT]: sends back whatever it receives, one thread over epoll. Prints its address,
// ends with its standard input.

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

int listen_on(int port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), length) != 0 ||
      ::listen(listener, 1024) != 0) {
    std::perror("weir-echo");
    std::exit(1);
  }
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  std::printf("127.0.0.1:%d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return listener;
}

void watch(int poll, int descriptor) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  ::epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event);
}

void accept_all(int poll, int listener) {
  for (int peer; (peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;) {
    const int on = 1;
    ::setsockopt(peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    watch(poll, peer);
  }
}

void echo(int peer, std::vector<char>& buffer) {
  const ssize_t count = ::recv(peer, buffer.data(), buffer.size(), 0);
  if (count <= 0) {
    ::close(peer);
    return;
  }
  for (ssize_t sent = 0; sent < count;) {
    const ssize_t more =
        ::send(peer, buffer.data() + sent, static_cast<size_t>(count - sent), MSG_NOSIGNAL);
    if (more <= 0) {
      ::close(peer);
      return;
    }
    sent += more;
  }
}

}  // namespace

int main(int count, char** arguments) {
  const int listener = listen_on(count > 1 ? std::atoi(arguments[1]) : 0);
  const int poll = ::epoll_create1(EPOLL_CLOEXEC);
  watch(poll, listener);
  watch(poll, STDIN_FILENO);
  std::vector<char> buffer(256 * 1024);
  for (std::array<epoll_event, 64> events;;) {
    const int ready = ::epoll_wait(poll, events.data(), events.size(), -1);
    for (int i = 0; i < ready; ++i) {
      const int descriptor = events[i].data.fd;
      if (descriptor == listener) {
        accept_all(poll, listener);
      } else if (descriptor == STDIN_FILENO) {
        if (char byte; ::read(STDIN_FILENO, &byte, 1) <= 0) return 0;
      } else {
        echo(descriptor, buffer);
      }
    }
  }
}
