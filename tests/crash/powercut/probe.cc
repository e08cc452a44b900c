// powercut_probe SCENARIO DIR: makes a few file operations and kills itself, as the subject of the
// power-cut layer's own test. powercut_probe verify SCENARIO DIR: says whether the directory holds
// what the scenario must leave when nothing unsynced survives. What a scenario names "kept" was
// synced, what it names "lost" was not.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

std::string folder;

void require(bool condition, const char* what) {
  if (condition) return;
  std::perror(what);
  std::exit(1);
}

int open_file(const char* name, int flags = O_RDWR | O_CREAT) {
  const int descriptor = ::open((folder + "/" + name).c_str(), flags | O_CLOEXEC, 0644);
  require(descriptor >= 0, name);
  return descriptor;
}

void put(int descriptor, char letter, size_t length, off_t offset, bool synced = false) {
  const std::string bytes(length, letter);
  const iovec vector{const_cast<char*>(bytes.data()), bytes.size()};
  require(::pwritev2(descriptor, &vector, 1, offset, synced ? RWF_DSYNC : 0) ==
              static_cast<ssize_t>(length),
          "write");
}

void sync_folder() {
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY);
  require(descriptor >= 0 && ::fsync(descriptor) == 0, "sync of the folder");
  ::close(descriptor);
}

// A file whose name and bytes are durable.
int durable_file(const char* name, char letter, size_t length) {
  const int descriptor = open_file(name);
  put(descriptor, letter, length, 0);
  require(::fdatasync(descriptor) == 0, "sync");
  sync_folder();
  return descriptor;
}

std::string contents(const char* name) {
  std::ifstream in(folder + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string letters(std::initializer_list<std::pair<char, size_t>> parts) {
  std::string text;
  for (const auto& [letter, length] : parts) text.append(length, letter);
  return text;
}

struct Scenario {
  std::function<void()> run;
  std::function<bool()> verify;
};

const std::map<std::string, Scenario> scenarios = {
    {"unsynced-write-vanishes",
     {[] { put(durable_file("f", 'a', 8192), 'b', 1000, 100); },
      [] { return contents("f") == letters({{'a', 8192}}); }}},
    {"synced-write-stays",
     {[] {
        const int f = durable_file("f", 'a', 8192);
        put(f, 'b', 1000, 100);
        require(::fdatasync(f) == 0, "sync");
      },
      [] { return contents("f") == letters({{'a', 100}, {'b', 1000}, {'a', 7092}}); }}},
    {"range-sync-covers-its-range-only",
     {[] {
        const int f = durable_file("f", 'a', 8192);
        put(f, 'b', 4096, 0);
        put(f, 'c', 2048, 1024, true);
      },
      [] { return contents("f") == letters({{'a', 1024}, {'c', 2048}, {'a', 5120}}); }}},
    {"range-sync-covers-the-end-of-the-file",
     {[] {
        const int f = durable_file("f", 'a', 4096);
        put(f, 'b', 4096, 4096);
        put(f, 'c', 4096, 8192, true);
      },
      [] { return contents("f") == letters({{'a', 4096}, {'\0', 4096}, {'c', 4096}}); }}},
    {"the-end-stays-past-an-unsynced-write",
     {[] {
        const int f = durable_file("f", 'a', 4096);
        put(f, 'b', 1024, 0);
        put(f, 'c', 4096, 4096, true);
      },
      [] { return contents("f") == letters({{'a', 4096}, {'c', 4096}}); }}},
    {"range-sync-covers-the-end-that-an-allocation-made",
     {[] {
        const int f = durable_file("f", 'a', 4096);
        require(::posix_fallocate(f, 0, 16384) == 0, "allocate");
        put(f, 'c', 4096, 8192, true);
      },
      [] { return contents("f") == letters({{'a', 4096}, {'\0', 4096}, {'c', 4096}}); }}},
    {"a-longer-file-shrinks-back",
     {[] {
        const int f = durable_file("f", 'a', 4096);
        require(::posix_fallocate(f, 0, 65536) == 0, "allocate");
        put(f, 'b', 4096, 4096);
      },
      [] { return contents("f") == letters({{'a', 4096}}); }}},
    {"a-truncation-is-undone",
     {[] { require(::ftruncate(durable_file("f", 'a', 4096), 1000) == 0, "truncate"); },
      [] { return contents("f") == letters({{'a', 4096}}); }}},
    {"direct-writes-of-two-are-told-apart",
     {[] {
        const int made = durable_file("f", 'a', 16384);
        ::close(made);
        const int f = open_file("f", O_RDWR | O_DIRECT);
        void* page = std::aligned_alloc(4096, 4096);
        std::memset(page, 'b', 4096);
        const iovec vector{page, 4096};
        require(::pwritev2(f, &vector, 1, 4096, RWF_DSYNC) == 4096, "direct write");
        require(::pwritev2(f, &vector, 1, 8192, 0) == 4096, "direct write");
      },
      [] { return contents("f") == letters({{'a', 4096}, {'b', 4096}, {'a', 8192}}); }}},
    {"a-created-file-vanishes-with-its-synced-bytes",
     {[] {
        durable_file("kept", 'a', 10);
        const int f = open_file("lost");
        put(f, 'b', 100, 0);
        require(::fsync(f) == 0, "sync");
      },
      [] { return !fs::exists(folder + "/lost") && contents("kept") == letters({{'a', 10}}); }}},
    {"a-rename-over-another-is-undone",
     {[] {
        durable_file("current", 'a', 10);
        durable_file("current.new", 'b', 10);
        require(::rename((folder + "/current.new").c_str(), (folder + "/current").c_str()) == 0,
                "rename");
      },
      [] {
        return contents("current") == letters({{'a', 10}}) &&
               contents("current.new") == letters({{'b', 10}});
      }}},
    {"a-synced-rename-stays",
     {[] {
        durable_file("current", 'a', 10);
        durable_file("current.new", 'b', 10);
        require(::rename((folder + "/current.new").c_str(), (folder + "/current").c_str()) == 0,
                "rename");
        sync_folder();
      },
      [] {
        return contents("current") == letters({{'b', 10}}) && !fs::exists(folder + "/current.new");
      }}},
    {"a-removed-file-returns",
     {[] {
        durable_file("f", 'a', 10);
        require(::unlink((folder + "/f").c_str()) == 0, "unlink");
      },
      [] { return contents("f") == letters({{'a', 10}}); }}},
    {"a-synced-removal-stays",
     {[] {
        durable_file("f", 'a', 10);
        require(::unlink((folder + "/f").c_str()) == 0, "unlink");
        sync_folder();
        put(open_file("other"), 'b', 10, 0);
      },
      [] { return fs::is_empty(folder); }}},
    {"a-recycled-file-keeps-its-old-bytes",
     {[] {
        const int f = durable_file("old", 'a', 8192);
        require(::rename((folder + "/old").c_str(), (folder + "/new").c_str()) == 0, "rename");
        sync_folder();
        put(f, 'b', 4096, 0, true);
        put(f, 'c', 4096, 4096);
      },
      [] { return contents("new") == letters({{'b', 4096}, {'a', 4096}}); }}},
};

}  // namespace

int main(int count, char** arguments) {
  if (count == 2 && std::string(arguments[1]) == "list") {
    for (const auto& [name, scenario] : scenarios) std::puts(name.c_str());
    return 0;
  }
  const bool verify = count == 4 && std::string(arguments[1]) == "verify";
  if (!verify && count != 3) return 2;
  const auto scenario = scenarios.find(arguments[count - 2]);
  if (scenario == scenarios.end()) return 2;
  folder = arguments[count - 1];
  if (verify) return scenario->second.verify() ? 0 : 1;
  scenario->second.run();
  ::raise(SIGKILL);
}
