// Runs the command line as a process: forked, so that exit codes, streams and signals are the real
// ones.
#include "cli/cli.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <vector>

#include "net/http_client.h"
#include "net/unique_fd.h"

namespace weir::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Process {
 public:
  explicit Process(std::vector<std::string> arguments, std::vector<std::string> environment = {}) {
    int out_ends[2];
    int err_ends[2];
    EXPECT_EQ(pipe(out_ends), 0);
    EXPECT_EQ(pipe(err_ends), 0);
    (void)std::fflush(nullptr);  // or the child would write it again
    pid_ = fork();
    if (pid_ == 0) {
      dup2(out_ends[1], STDOUT_FILENO);
      dup2(err_ends[1], STDERR_FILENO);
      for (const int end : {out_ends[0], out_ends[1], err_ends[0], err_ends[1]}) ::close(end);
      arguments.insert(arguments.begin(), "weir");
      std::vector<char*> argv = pointers(arguments);
      std::vector<char*> envp = pointers(environment);
      const int code = run(static_cast<int>(arguments.size()), argv.data(), envp.data());
      std::exit(code);
    }
    ::close(out_ends[1]);
    ::close(err_ends[1]);
    out_.reset(out_ends[0]);
    err_.reset(err_ends[0]);
  }
  ~Process() {
    if (!ended_) kill(pid_, SIGKILL);
    if (!ended_) waitpid(pid_, nullptr, 0);
  }

  // Waits for the end; the exit code, or minus the signal.
  int wait() {
    read_all(out_, out);
    read_all(err_, err);
    int status = 0;
    EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
    ended_ = true;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  }
  // Reads standard error until it holds `text`.
  void wait_for(const std::string& text) {
    while (err.find(text) == std::string::npos) {
      if (!read_some(err_, err)) break;
    }
    EXPECT_THAT(err, HasSubstr(text));
  }
  void signal(int number) const { kill(pid_, number); }

  std::string out;
  std::string err;

 private:
  static std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> pointers;
    for (std::string& text : texts) pointers.push_back(text.data());
    pointers.push_back(nullptr);
    return pointers;
  }
  static bool read_some(const net::UniqueFd& from, std::string& into) {
    pollfd waiting{.fd = from.get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, 20'000) != 1) return false;
    char buffer[4096];
    const ssize_t bytes = ::read(from.get(), buffer, sizeof buffer);
    if (bytes > 0) into.append(buffer, static_cast<size_t>(bytes));
    return bytes > 0;
  }
  static void read_all(const net::UniqueFd& from, std::string& into) {
    while (read_some(from, into)) {
    }
  }

  pid_t pid_ = 0;
  net::UniqueFd out_;
  net::UniqueFd err_;
  bool ended_ = false;
};

class Folder {
 public:
  Folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "weir-cli-XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ / name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
    return file(name);
  }

 private:
  std::filesystem::path path_;
};

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The admin port's address, from {"http":"127.0.0.1:1234"}.
std::string http_address(const std::string& ports) {
  const std::string key = "\"http\":\"";
  const size_t begin = ports.find(key) + key.size();
  return ports.substr(begin, ports.find('"', begin) - begin);
}

class RunningBroker {
 public:
  explicit RunningBroker(std::vector<std::string> more = {}) : process(arguments(std::move(more))) {
    process.wait_for("\"msg\":\"ready\"");
  }
  std::string url() const { return "http://" + http_address(content(ports_file())); }
  std::string ports_file() const { return folder.file("ports.json"); }

  Folder folder;
  Process process;

 private:
  std::vector<std::string> arguments(std::vector<std::string> more) const {
    std::vector<std::string> all = {"serve", "--data", folder.file("data"), "--ports-file",
                                    ports_file()};
    for (const char* port : {"--http-port", "--kafka-port", "--aws-port", "--redis-port"}) {
      all.insert(all.end(), {port, "0"});
    }
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
};

TEST(Cli, PrintsItsVersion) {
  Process plain({"version"});
  EXPECT_EQ(plain.wait(), 0);
  EXPECT_THAT(plain.out, StartsWith("weir "));
  Process json({"version", "--json"});
  EXPECT_EQ(json.wait(), 0);
  EXPECT_THAT(json.out, StartsWith("{\"version\":\""));
}

TEST(Cli, SuggestsTheCommandOrOptionThatWasMeant) {
  Process command({"serv"});
  EXPECT_EQ(command.wait(), 2);
  EXPECT_EQ(command.err, "weir: unknown command serv; did you mean serve?\nSee: weir --help\n");
  EXPECT_EQ(command.out, "");
  Process option({"serve", "--kafka-prot=1"});
  EXPECT_EQ(option.wait(), 2);
  EXPECT_EQ(
      option.err,
      "weir: unknown option --kafka-prot; did you mean --kafka-port?\nSee: weir serve --help\n");
}

TEST(Cli, HelpHasExamples) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"--help"},
                                                {"serve", "--help"},
                                                {"env", "--help"},
                                                {"config", "--help"}}) {
    Process help(words);
    EXPECT_EQ(help.wait(), 0);
    EXPECT_THAT(help.out, HasSubstr("Examples:\n  ")) << words.front();
  }
}

TEST(Cli, ChecksAConfigurationFile) {
  const Folder folder;
  Process good({"config", "check", folder.write("good.toml", "[kafka]\nport = 9092\n")});
  EXPECT_EQ(good.wait(), 0);
  EXPECT_THAT(good.out, HasSubstr("good.toml: ok"));
  Process bad({"config", "check", folder.write("bad.toml", "[kafka]\nprot = 9092\n")});
  EXPECT_EQ(bad.wait(), 1);
  EXPECT_THAT(bad.err, HasSubstr("bad.toml:2: unknown key kafka.prot; did you mean kafka.port?"));
  Process missing({"config", "check", folder.file("none.toml")});
  EXPECT_EQ(missing.wait(), 1);
}

TEST(Cli, ShowsSettingsWithTheirSources) {
  const Folder folder;
  const std::string file = folder.write("weir.toml", "data = '/somewhere'\n");
  Process show({"config", "show", "--config", file, "--redis-port", "off"}, {"WEIR_AWS_PORT=1234"});
  EXPECT_EQ(show.wait(), 0);
  EXPECT_THAT(show.out, testing::ContainsRegex("data +/somewhere +file\n"));
  EXPECT_THAT(show.out, testing::ContainsRegex("redis.port +off +flag\n"));
  EXPECT_THAT(show.out, testing::ContainsRegex("aws.port +1234 +environment\n"));
  EXPECT_THAT(show.out, testing::ContainsRegex("http.port +8080 +default\n"));
}

TEST(Serve, WritesThePortsFileAnswersAndStopsOnSigterm) {
  RunningBroker broker({"--stop-grace-ms", "120000"});
  auto client = net::HttpClient::to(broker.url());
  ASSERT_TRUE(client.has_value());
  const auto alive = client->request("GET", "/livez");
  ASSERT_TRUE(alive.has_value()) << alive.error().message;
  EXPECT_EQ(alive->status, 200);
  EXPECT_EQ(client->request("GET", "/readyz")->status, 200);
  // The client's connection stays open: a stop does not wait for quiet clients.
  const auto begin = std::chrono::steady_clock::now();
  broker.process.signal(SIGTERM);
  EXPECT_EQ(broker.process.wait(), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  EXPECT_FALSE(std::filesystem::exists(broker.ports_file()));
}

TEST(Serve, StopsOnInterrupt) {
  RunningBroker broker;
  broker.process.signal(SIGINT);
  EXPECT_EQ(broker.process.wait(), 0);
}

TEST(Serve, SeveralShardsStartAndStop) {
  RunningBroker broker({"--shards", "3"});
  for (int i = 0; i < 6; ++i) {
    auto client = net::HttpClient::to(broker.url());
    EXPECT_EQ(client->request("GET", "/livez")->status, 200);
  }
  broker.process.signal(SIGTERM);
  EXPECT_EQ(broker.process.wait(), 0);
}

TEST(Serve, ABusyPortIsAnErrorThatNamesItsOption) {
  RunningBroker broker;
  const std::string url = broker.url();
  const std::string port = url.substr(url.rfind(':') + 1);
  Process second({"serve", "--data", broker.folder.file("other"), "--http-port", port,
                  "--kafka-port", "off", "--aws-port", "off", "--redis-port", "off"});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_THAT(second.err,
              HasSubstr("weir: port " + port + " is in use; choose another with --http-port\n"));
}

TEST(Serve, AnOpenAddressNeedsInsecure) {
  Process process({"serve", "--address", "0.0.0.0"});
  EXPECT_EQ(process.wait(), 1);
  EXPECT_THAT(process.err, HasSubstr("--insecure"));
}

TEST(Serve, AnUnwritablePortsFileIsAnError) {
  const Folder folder;
  Process process({"serve", "--data", folder.file("data"), "--http-port", "0", "--kafka-port",
                   "off", "--aws-port", "off", "--redis-port", "off", "--ports-file",
                   folder.file("no/such/folder.json")});
  EXPECT_EQ(process.wait(), 1);
  EXPECT_THAT(process.err, HasSubstr("--ports-file"));
}

TEST(Env, PrintsWhatClientsNeed) {
  RunningBroker broker;
  Process env({"env", "--url", broker.url()});
  EXPECT_EQ(env.wait(), 0);
  EXPECT_THAT(env.out, HasSubstr("export WEIR_URL='" + broker.url() + "'\n"));
  Process inherited({"env", "--json"}, {"WEIR_URL=" + broker.url()});
  EXPECT_EQ(inherited.wait(), 0);
  EXPECT_THAT(inherited.out, HasSubstr("\"WEIR_URL\":\"" + broker.url() + "\""));
}

TEST(Env, SaysHowToNameABrokerThatIsNotThere) {
  Process env({"env", "--url", "http://127.0.0.1:1"});
  EXPECT_EQ(env.wait(), 1);
  EXPECT_THAT(env.err, HasSubstr("cannot connect to 127.0.0.1:1"));
  EXPECT_THAT(env.err, HasSubstr("--url or WEIR_URL"));
}

}  // namespace
}  // namespace weir::cli
