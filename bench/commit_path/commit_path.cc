// What a commit costs: a reactor reads requests of 128 bytes, submits each as a commit of its own
// and answers 16 bytes once the durable watermark has passed it; no connection waits for its reply
// before its next request is read. Beside it, the same server without storage (echo) and one bare 4
// KiB synced write into a file that was written before.
//
// bench_commit_path [--folder DIR] [--seconds S] [--rounds N] [--second-frame BYTES]; prints one
// JSON object.

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio.hpp>
#include <chrono>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "commit_path/client.h"
#include "runtime/shard.h"
#include "server/shard_executor.h"
#include "storage/local/local_journal.h"
#include "storage/local/real_disk.h"

namespace weir::bench {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

class Server;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(Server& server, tcp::socket socket) : server_(server), socket_(std::move(socket)) {}
  void read();
  void answer(size_t count);

 private:
  void parse();
  void write();

  Server& server_;
  tcp::socket socket_;
  std::string in_ = std::string(size_t{1} << 16, '\0');
  size_t have_ = 0;
  std::string out_;
  std::string writing_;
};

// Also the journal's owner: one cell without state.
class Server : public broker::JournalOwner {
 public:
  Server(runtime::Shard& shard, broker::Journal* journal)
      : journal_(journal),
        acceptor_(shard.reactor(), tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    accept();
  }
  uint16_t port() const { return acceptor_.local_endpoint().port(); }
  bool commits() const { return journal_ != nullptr; }

  Lsn commit(ByteView request) {
    const broker::Entry entry{
        .cell = CellId(1), .event = request, .payload_head = {}, .payload_rest = {}};
    broker::Extent extent;
    return journal_->submit({&entry, 1}, Durability::kFsync, Timestamp(1), {&extent, 1});
  }
  void park(Lsn lsn, std::shared_ptr<Connection> connection, size_t count) {
    parked_.push_back({lsn, std::move(connection), count});
  }

  Result<void> load_image(CellId, ByteView) override { return {}; }
  Result<void> replay(Lsn, Timestamp, CellId, ByteView, ByteView, const broker::Extent&) override {
    return {};
  }
  std::optional<broker::CellImage> image(CellId) override { return broker::CellImage{}; }
  void progressed(Lsn, Lsn durable) override {
    while (!parked_.empty() && parked_.front().lsn <= durable) {
      const Parked parked = std::move(parked_.front());
      parked_.pop_front();
      parked.connection->answer(parked.count);
    }
  }
  void storage_health(std::optional<Error> problem) override {
    if (problem) fmt::print(stderr, "storage: {}\n", problem->message);
  }
  broker::LiveSpans live_spans(FileId, size_t /*left*/) override { return {}; }
  Lsn moved(std::span<const broker::MovedSpan>) override { return {}; }

 private:
  struct Parked {
    Lsn lsn;
    std::shared_ptr<Connection> connection;
    size_t count;
  };

  void accept() {
    acceptor_.async_accept([this](boost::system::error_code code, tcp::socket socket) {
      if (code) return;
      socket.set_option(tcp::no_delay(true));
      socket.non_blocking(true);
      std::make_shared<Connection>(*this, std::move(socket))->read();
      accept();
    });
  }

  broker::Journal* journal_;
  tcp::acceptor acceptor_;
  std::deque<Parked> parked_;
};

void Connection::read() {
  socket_.async_read_some(
      asio::buffer(in_.data() + have_, in_.size() - have_),
      [self = shared_from_this()](boost::system::error_code code, size_t count) {
        if (code) return;
        self->have_ += count;
        self->parse();
        self->read();
      });
}

void Connection::parse() {
  size_t at = 0;
  size_t count = 0;
  Lsn last;
  for (; have_ - at >= kRequestBytes; at += kRequestBytes, ++count) {
    if (server_.commits()) last = server_.commit({in_.data() + at, kRequestBytes});
  }
  std::memmove(in_.data(), in_.data() + at, have_ - at);
  have_ -= at;
  if (count == 0) return;
  if (server_.commits()) {
    server_.park(last, shared_from_this(), count);
  } else {
    answer(count);
  }
}

void Connection::answer(size_t count) {
  out_.append(count * kReplyBytes, 'x');
  if (writing_.empty()) write();
}

void Connection::write() {
  boost::system::error_code code;
  const size_t written = socket_.write_some(asio::buffer(out_), code);
  out_.erase(0, code ? 0 : written);
  if (out_.empty()) return;
  writing_ = std::exchange(out_, {});
  asio::async_write(socket_, asio::buffer(writing_),
                    [self = shared_from_this()](boost::system::error_code failed, size_t) {
                      self->writing_.clear();
                      if (!failed && !self->out_.empty()) self->write();
                    });
}

double process_cpu() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Median of one synced 4 KiB write into a file that was written before.
double bare_write_us(const std::filesystem::path& folder, double seconds) {
  constexpr size_t kBytes = size_t{16} << 20;
  const std::string path = folder / "bare";
  storage::Buffer block(size_t{1} << 20);
  std::memset(block.data(), 1, block.size());
  const int plain = ::open(path.c_str(), O_RDWR | O_CREAT, 0644);
  for (size_t at = 0; at < kBytes; at += block.size()) {
    if (::pwrite(plain, block.data(), block.size(), static_cast<off_t>(at)) < 0) return 0;
  }
  ::fsync(plain);
  ::close(plain);
  const int fd = ::open(path.c_str(), O_RDWR | O_DIRECT);
  iovec vector{block.data(), storage::kBlock};
  std::vector<double> times;
  const auto began = std::chrono::steady_clock::now();
  for (size_t at = 0;; at = (at + storage::kBlock) % kBytes) {
    const auto before = std::chrono::steady_clock::now();
    if (std::chrono::duration<double>(before - began).count() > seconds) break;
    if (::pwritev2(fd, &vector, 1, static_cast<off_t>(at), RWF_DSYNC) < 0) return 0;
    const auto took = std::chrono::steady_clock::now() - before;
    times.push_back(std::chrono::duration<double, std::micro>(took).count());
  }
  ::close(fd);
  ::unlink(path.c_str());
  std::ranges::sort(times);
  return times[times.size() / 2];
}

struct Round {
  double bare_us, echo_us, commit_us;
  ClientResult deep;   // 50 connections, 16 requests deep
  double deep_cpu_us;  // of the server, per operation
  double deep_echo_ops;
  storage::JournalMetrics metrics;
};

ClientResult in_thread(uint16_t port, int connections, int depth, double seconds) {
  ClientResult result;
  std::thread([&] { result = run_client(port, connections, depth, seconds); }).join();
  return result;
}

Round run_round(const std::filesystem::path& folder, double seconds, size_t second_frame) {
  Round round{};
  round.bare_us = bare_write_us(folder, seconds);
  {
    runtime::Shard shard(0, "echo");
    Server server(shard, nullptr);
    shard.start();
    round.echo_us = in_thread(server.port(), 1, 1, seconds).p50_us;
    round.deep_echo_ops = in_thread(server.port(), 50, 16, seconds).operations_per_second;
    shard.stop();
  }
  storage::RealDisk disk(folder / "data");
  runtime::Shard shard(0, "commit");
  server::ShardExecutor executor(shard);
  storage::LocalJournal::Options options;
  options.seed = 1;
  options.second_frame_bytes = second_frame;
  storage::LocalJournal journal(options, disk, executor);
  Server server(shard, &journal);
  if (auto ok = journal.recover(server); !ok) {
    fmt::print(stderr, "{}\n", ok.error().message);
    std::exit(1);
  }
  shard.start();
  // Until the spare files are written in advance.
  std::this_thread::sleep_for(std::chrono::seconds(3));
  round.commit_us = in_thread(server.port(), 1, 1, seconds).p50_us;
  const double cpu = process_cpu();
  round.deep = in_thread(server.port(), 50, 16, seconds);
  const double used = process_cpu() - cpu - round.deep.cpu_seconds;
  round.deep_cpu_us = used * 1e6 / static_cast<double>(round.deep.operations);
  shard.run_and_wait([&] { round.metrics = journal.metrics(); });
  shard.stop();
  return round;
}

template <typename Value>
double median(const std::vector<Round>& rounds, Value value) {
  std::vector<double> values;
  for (const Round& round : rounds) values.push_back(value(round));
  std::ranges::sort(values);
  return values[values.size() / 2];
}

void report(const std::vector<Round>& rounds) {
  const double over =
      median(rounds, [](const Round& one) { return one.commit_us - one.echo_us - one.bare_us; });
  const double ops =
      median(rounds, [](const Round& one) { return one.deep.operations_per_second; });
  const double cpu = median(rounds, [](const Round& one) { return one.deep_cpu_us; });
  fmt::print("{{\n  \"benchmark\": \"commit_path\", \"durability\": \"fsync\",\n");
  fmt::print("  \"lone_over_echo_and_bare_write_us\": {{\"median\": {:.1f}, \"budget\": 40}},\n",
             over);
  fmt::print("  \"c50_p16_operations_per_second\": {{\"median\": {:.0f}, \"budget\": 700000}},\n",
             ops);
  fmt::print("  \"c50_p16_cpu_us_per_operation\": {{\"median\": {:.2f}, \"budget\": 0.9}},\n", cpu);
  fmt::print("  \"rounds\": [\n");
  for (size_t i = 0; i < rounds.size(); ++i) {
    const Round& one = rounds[i];
    fmt::print(
        "    {{\"bare_write_us\": {:.1f}, \"echo_us\": {:.1f}, \"commit_us\": {:.1f}, "
        "\"c50_p16_ops\": {:.0f}, \"c50_p16_echo_ops\": {:.0f}, \"c50_p16_p50_us\": {:.0f}, "
        "\"c50_p16_p99_us\": {:.0f}, \"cpu_us\": {:.2f}, \"commits_per_frame\": {:.1f}}}{}\n",
        one.bare_us, one.echo_us, one.commit_us, one.deep.operations_per_second, one.deep_echo_ops,
        one.deep.p50_us, one.deep.p99_us, one.deep_cpu_us,
        static_cast<double>(one.metrics.commits) /
            static_cast<double>(std::max<uint64_t>(one.metrics.frames, 1)),
        i + 1 < rounds.size() ? "," : "");
  }
  fmt::print("  ]\n}}\n");
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  std::filesystem::path folder = std::filesystem::temp_directory_path() / "weir-bench-commit-path";
  double seconds = 3;
  int rounds = 3;
  size_t second_frame = weir::storage::LocalJournal::Options().second_frame_bytes;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string name = argv[i];
    if (name == "--folder") folder = argv[i + 1];
    if (name == "--seconds") seconds = std::stod(argv[i + 1]);
    if (name == "--second-frame") second_frame = std::stoul(argv[i + 1]);
    if (name == "--rounds") rounds = std::stoi(argv[i + 1]);
  }
  std::vector<weir::bench::Round> results;
  for (int i = 0; i < rounds; ++i) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    results.push_back(weir::bench::run_round(folder, seconds, second_frame));
  }
  std::filesystem::remove_all(folder);
  weir::bench::report(results);
}
